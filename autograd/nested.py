"""Nested containers whose arrays are taken out, so that an operation gets these alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from . import backend, tree
from .core import Array

__all__ = ["Nested"]


class Nested(NamedTuple):
    """Nested containers without their arrays.

    Attributes:
        leaves: All leaves, None in place of an array.
        structure: See `tree`.
        places: The positions of the arrays among the leaves.
    """

    leaves: list[Any]
    structure: tree.Structure
    places: list[int]

    @classmethod
    def of(cls, leaves: Sequence[Any], structure: tree.Structure) -> tuple[list[Any], Nested]:
        """The arrays among the leaves of containers with this structure, and the rest."""
        are_arrays = [isinstance(leaf, Array) or backend.is_array(leaf) for leaf in leaves]
        places = [i for i, is_array in enumerate(are_arrays) if is_array]
        others = [None if is_array else leaf for leaf, is_array in zip(leaves, are_arrays, strict=True)]
        return [leaves[i] for i in places], cls(others, structure, places)

    def whole(self, arrays: Iterable[Any], tangent: bool = False) -> Any:
        """The containers with these arrays; as a `tangent` they have 0 in place of numbers."""
        leaves = [_zero(x) if tangent else x for x in self.leaves]
        for i, x in zip(self.places, arrays, strict=True):
            leaves[i] = x
        return tree.unflatten(self.structure, leaves)

    def arrays(self, derivative: Any, of: str, wanted: Sequence[int] | None = None) -> list[Any]:
        """What a cotangent or tangent, nested in the same way, has in the places of the arrays; None for zero.

        Args:
            of: What it is nested as, for the error.
            wanted: Which of the arrays; None stands for all. In the places of others there may be anything.

        Raises:
            TypeError: If it is nested in another way.
        """
        leaves = tree.leaves_along(self.structure, derivative, none_for_all=True, lenient=True) or []
        found = [leaves[i] for i in self.places]
        found = found if wanted is None else [found[k] for k in wanted]
        if any(x is tree.MISSING for x in found):
            raise TypeError(f"expected a derivative in the structure of {of}.")
        return found


def _zero(x):
    """The tangent of a number, infinite ones included; anything else itself."""
    return 0j if isinstance(x, complex) else 0.0 if isinstance(x, int | float) else x

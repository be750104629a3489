"""Vector spaces under HIPS autograd's names: the shapes and dtypes of nested arrays, and what can be done to them.

>>> import numpy
>>> space = vspace((numpy.ones(2), numpy.ones(1)))
>>> space.size, space.zeros()
(3, (array([0., 0.]), array([0.])))
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as onp

from .. import backend, tree
from ..core import Array, library
from ..dtypes import is_inexact
from ..ops.elementwise import conj, real
from ..typing import Tree
from ._common import as_array

__all__ = ["ArrayVSpace", "ComplexArrayVSpace", "NestedVSpace", "VSpace", "vspace"]


class VSpace:
    """The vector space that a value belongs to. Spaces are equal if values of one can be added to values of the other.

    `zeros`, `ones` and `randn` make vectors of it, `standard_basis` a basis of real numbers; `add`, `mut_add`,
    `scalar_mul`, `inner_prod` and `covector` (the complex conjugate) can be differentiated.

    Args:
        value: An array, a number or nested ones.
    """

    mappings: ClassVar[dict[type, Callable[[Any], Any]]] = {}
    iscomplex: bool = False
    size: int

    def __init__(self, value: Any) -> None:
        pass

    @classmethod
    def register(cls, value_type: type, vspace_maker: Callable[[Any], Any] | None = None) -> None:
        """Makes `vspace` return `vspace_maker(value)`, by default `cls(value)`, for values of this type."""
        VSpace.mappings[value_type] = vspace_maker or cls

    def add(self, x: Tree, y: Tree) -> Tree:
        """The sum of two vectors."""
        return self._add(x, y)

    mut_add = add

    def scalar_mul(self, x: Tree, a: Any) -> Tree:
        """A vector multiplied by a number."""
        return self._scalar_mul(x, a)

    def inner_prod(self, x: Tree, y: Tree) -> Any:
        """The inner product of two vectors, a real number."""
        return self._inner_prod(x, y)

    def covector(self, x: Tree) -> Tree:
        """The complex conjugate."""
        return self._covector(x)

    def _add(self, x, y):
        return x + y

    def _scalar_mul(self, x, a):
        return x * a

    def _inner_prod(self, x, y):
        raise NotImplementedError(f"{type(self).__name__}: has no inner product. Define _inner_prod(x, y).")

    def _covector(self, x):
        return x

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}_{vars(self)}"


class ArrayVSpace(VSpace):
    """Arrays of real numbers of one shape and dtype; `size` is the number of elements."""

    _parts: ClassVar[tuple[complex, ...]] = (1,)  # of a number: real and imaginary
    shape: Any
    dtype: onp.dtype[Any]

    def __init__(self, value: Any) -> None:
        value = as_array(value)
        self.shape, self.dtype = value.shape, value.dtype
        self._library = library(value)

    @property
    def size(self) -> int:  # type: ignore[override]
        """The number of real numbers in a vector."""
        return math.prod(self.shape) * len(self._parts)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def zeros(self) -> Any:
        """The zero vector, a raw array."""
        return self._library.zeros(self.shape, self.dtype)[()]

    def ones(self) -> Any:
        """The vector of ones; 1 + 1j if it is complex."""
        return self._library.full(self.shape, sum(self._parts), self.dtype)[()]

    def randn(self) -> Any:
        """Normal random numbers, from NumPy's global generator."""
        numbers = sum(part * onp.random.normal(size=self.shape) for part in self._parts)  # noqa: NPY002
        return self._library.asarray(numbers, self.dtype)[()]

    def standard_basis(self) -> Iterator[Any]:
        """The vectors with a single 1, and with a single 1j if it is complex."""
        for index, part in itertools.product(onp.ndindex(*self.shape), self._parts):
            vector = self._library.zeros(self.shape, self.dtype)
            vector[index] = part
            yield vector

    def _inner_prod(self, x, y):
        return (as_array(x) * y).sum()

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and (self.shape, self.dtype) == (other.shape, other.dtype)

    __hash__ = VSpace.__hash__


class ComplexArrayVSpace(ArrayVSpace):
    """Arrays of complex numbers of one shape and dtype: `size` counts real and imaginary parts."""

    _parts: ClassVar[tuple[complex, ...]] = (1, 1j)
    iscomplex: bool = True

    def _inner_prod(self, x, y):
        return real(conj(as_array(x)) * y).sum()

    def _covector(self, x):
        return conj(as_array(x))


class NestedVSpace(VSpace):
    """Nested tuples, lists and dictionaries of arrays; `shape` has the spaces of the arrays in their places."""

    shape: Any

    def __init__(self, value: Any) -> None:
        leaves, self._structure = tree.flatten(value)
        self._spaces = [vspace(leaf) for leaf in leaves]
        self.shape = tree.unflatten(self._structure, self._spaces)

    @property
    def size(self) -> int:  # type: ignore[override]
        """The number of real numbers in a vector."""
        return sum(space.size for space in self._spaces)

    @property
    def iscomplex(self) -> bool:  # type: ignore[override]
        """Whether one of the arrays is complex."""
        return any(space.iscomplex for space in self._spaces)

    def _mapped(self, function, *vectors):
        """Nested results of a function of each space and the parts of vectors that are in it."""
        parts = [tree.leaves_along(self._structure, vector) for vector in vectors]
        if None in parts:
            raise TypeError(f"vspace: expected nested arrays like {self.shape}.")
        return tree.unflatten(self._structure, map(function, self._spaces, *parts))

    def zeros(self) -> Tree:
        """The zero vector."""
        return self._mapped(operator.methodcaller("zeros"))

    def ones(self) -> Tree:
        """The vector of ones; 1 + 1j where it is complex."""
        return self._mapped(operator.methodcaller("ones"))

    def randn(self) -> Tree:
        """Normal random numbers, from NumPy's global generator."""
        return self._mapped(operator.methodcaller("randn"))

    def standard_basis(self) -> Iterator[Tree]:
        """The vectors with a single 1, and with a single 1j where it is complex."""
        for i, space in enumerate(self._spaces):
            for vector in space.standard_basis():
                parts = [vector if k == i else other.zeros() for k, other in enumerate(self._spaces)]
                yield tree.unflatten(self._structure, parts)

    def _add(self, x, y):
        return self._mapped(lambda space, x, y: space.add(x, y), x, y)

    def _scalar_mul(self, x, a):
        return self._mapped(lambda space, x: space.scalar_mul(x, a), x)

    def _inner_prod(self, x, y):
        return sum(tree.flatten(self._mapped(lambda space, x, y: space.inner_prod(x, y), x, y))[0])

    def _covector(self, x):
        return self._mapped(lambda space, x: space.covector(x), x)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, NestedVSpace):
            return False
        return (self._structure, self._spaces) == (other._structure, other._spaces)

    __hash__ = VSpace.__hash__


def vspace(value: Tree) -> Any:
    """The vector space of an array or number of real or complex numbers, traced ones included, or of nested ones.

    Raises:
        TypeError: If there is something else in it.
    """
    maker = VSpace.mappings.get(type(value))
    if maker is not None:
        return maker(value)
    if isinstance(value, Array) or backend.is_array(value) or type(value) in (float, complex):
        value = as_array(value)
        if value.dtype.kind in "biu" or is_inexact(value.dtype):
            return ComplexArrayVSpace(value) if value.dtype.kind == "c" else ArrayVSpace(value)
    elif tree.flatten(value)[1] is not tree.flatten(0)[1]:
        return NestedVSpace(value)
    got = f"an array of dtype {value.dtype}" if hasattr(value, "dtype") else type(value).__name__
    raise TypeError(f"vspace: expected arrays and numbers, real or complex, or nested ones, got {got}.")

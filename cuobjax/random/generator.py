"""Generators: where random numbers come from."""

from collections.abc import Callable
from typing import Any, Self, TypeAlias

from autograd import Array, default_device, device_put

from ..absent import GENERATOR, declare
from ..core.collection import VarCollection
from ..core.module import Module
from ..core.random_state import RandomState, exclusive, random_key
from ..core.scope import outside
from ..util import class_name

__all__ = ["DEFAULT_GENERATOR", "Generator", "KeySource", "new_key", "seed"]

KeySource: TypeAlias = RandomState | Callable[[], Array]
"""A Generator, another function that returns a new key at each call, or a RandomState."""


class Generator(Module):
    """A source of random numbers: calling it returns a new key.

    A copy or an unpickled Generator goes on with the same numbers as the original, each for itself; one that is copied
    together with modules stays shared by their copies. But `DEFAULT_GENERATOR` is the same object in all copies, so
    that copies of a network draw numbers that differ and obey its seed.

    Args:
        seed: From 0 to 2**64 - 1.

    Attributes:
        initial_seed: The seed that it last began with.
    """

    initial_seed: int

    def __init__(self, seed: int = 0) -> None:
        self.seed(seed)

    def seed(self, seed: int = 0) -> None:
        """Starts anew from a seed, from 0 to 2**64 - 1; another number raises ValueError."""
        random_key(seed)
        with exclusive:
            if hasattr(self, "_key"):
                self._key.seed(seed)
            self.initial_seed = seed

    @property
    def key(self) -> RandomState:
        """The RandomState, made when it is first needed: importing the library touches no device."""
        if not hasattr(self, "_key"):
            with exclusive, outside():
                if not hasattr(self, "_key"):
                    kind = DefaultRandomState if self is DEFAULT_GENERATOR else RandomState
                    self._key = kind(self.initial_seed)
        return self._key

    def __call__(self) -> Array:
        """A new key, uint32 of shape (2,), on the default device."""
        return new_key(self.key)

    def vars(self, scope: str = "") -> VarCollection:
        """The RandomState: see `Module.vars`.

        Args:
            scope: What the names begin with.
        """
        self.key  # noqa: B018
        return super().vars(scope)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return "DEFAULT_GENERATOR" if self is DEFAULT_GENERATOR else super().__reduce_ex__(protocol)

    def __repr__(self) -> str:
        return f"{class_name(self)}(seed={self.initial_seed})"


class DefaultRandomState(RandomState):
    """The state of `DEFAULT_GENERATOR`, which is the same object in all copies."""

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> Any:
        return _default_state, ()


def _default_state():
    return DEFAULT_GENERATOR.key


declare(Generator, GENERATOR)

DEFAULT_GENERATOR: Generator = Generator(0)


def seed(seed: int = 0) -> None:
    """Starts `DEFAULT_GENERATOR` anew from a seed, from 0 to 2**64 - 1; another number raises ValueError.

    Generators that a program made itself have seeds of their own.
    """
    DEFAULT_GENERATOR.seed(seed)


def new_key(generator: KeySource) -> Array:
    """A new key of a generator, of any function that returns keys, or of a RandomState."""
    if isinstance(generator, RandomState):
        return device_put(generator.split(1)[0], default_device())
    if not callable(generator):
        raise TypeError(f"generator: expected a Generator, got {type(generator).__name__}. Make one of a seed.")
    return generator()

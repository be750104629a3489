"""Memory for time: modules whose intermediate results are computed again in the backward pass."""

from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

from autograd.checkpointing import checkpoint_unless
from autograd.core import Array
from autograd.errors import shortened

from ..core.call import call
from ..core.random_state import borrowing
from ..core.scope import Values, write
from ..core.training_mode import Modes, modes_read, override
from ..core.variable import BaseVar
from ..util import class_name, repr_function
from ..util.convert import require_functions
from .methods import Transform

__all__ = ["Remat"]

P = ParamSpec("P")
R = TypeVar("R")


class Remat(Transform, Generic[P, R]):
    """The module or function `f`, whose intermediate results are not stored for the backward pass but computed again.

    The second run sees every variable as the first one found it, random states and training modes included, and
    changes none. A call that makes variables which live on is not run again: its intermediate results are stored.

    Args:
        f: A function or module.
    """

    def __init__(self, f: Callable[P, R]) -> None:
        require_functions("Remat", f=f)
        self.f: Callable[P, R] = f

    def _function(self):
        return self.f

    def _bound(self, method):
        return Remat(method)

    @borrowing
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Calls `f`: the same arguments, outputs and gradients."""
        found: Values = {}
        written: list[BaseVar] = []
        modes: Modes = []
        made: list[BaseVar] = []

        def run(*args: Any, **kwargs: Any) -> tuple[Any, list[Array]]:
            with override(modes), modes_read() as read:
                output, changes, seen = call(self.f, args, kwargs, found, made=made)
            found.update(seen)
            written[:], modes[:] = changes, read
            return output, list(changes.values())

        try:
            output, values = checkpoint_unless(run, lambda: made)(*args, **kwargs)
            write(dict(zip(written, values, strict=True)))
            return output
        except Exception as error:
            shortened(error)
            raise

    def __repr__(self) -> str:
        return f"{class_name(self)}(f={repr_function(self.f)})"

"""The linear layer."""

from collections.abc import Callable

import cuobjax.numpy as jn
from autograd import Array

from ..core.module import Module
from ..core.variable import Tensor, TrainVar
from ..typing import ArrayLike
from ..util import class_name, repr_function
from ..util.convert import require_sizes
from ..util.signatures import explained
from .init import xavier_normal
from .inputs import as_input

__all__ = ["Linear", "weights"]


def weights(where: str, w_init: Callable[[tuple[int, ...]], Tensor], shape: tuple[int, ...]) -> TrainVar:
    """The weights of a layer, of which `where` is the name in errors."""
    if not callable(w_init):
        got = f"an array of shape {w_init.shape}" if hasattr(w_init, "shape") else repr(w_init)
        raise TypeError(
            f"{where}: expected w_init as a function of a shape, got {got}. Write lambda shape: w, for instance."
        )
    w = TrainVar(w_init(shape))
    if w.dtype.kind in "biu":
        raise TypeError(
            f"{where}: expected w_init to return floating-point numbers, got dtype {w.dtype}, which cannot be trained."
        )
    if w.shape != shape:
        raise ValueError(f"{where}: expected w_init to return shape {shape}, got {w.shape}.")
    return w


class Linear(Module):
    """y = x w + b: x (..., nin) to (..., nout).

    Args:
        nin, nout: The numbers of input and output features.
        use_bias: Whether there is b, zeros at first.
        w_init: Makes w from its shape (nin, nout).
    """

    b: TrainVar | None
    w: TrainVar

    @explained("Write Linear(nin, nout).", bias="Write use_bias=False.")
    def __init__(
        self,
        nin: int,
        nout: int,
        use_bias: bool = True,
        w_init: Callable[[tuple[int, ...]], Tensor] = xavier_normal,
    ) -> None:
        require_sizes("Linear", 0, nin=nin, nout=nout)
        self.b = TrainVar(jn.zeros(nout)) if use_bias else None
        self.w = weights("Linear", w_init, (nin, nout))
        self._w_init = w_init

    def __call__(self, x: ArrayLike) -> Array:
        """x (..., nin) to y (..., nout), in the dtype to which those of x and w promote.

        Raises:
            ValueError: If x has another last axis.
        """
        x = as_input(self, x)
        if x.shape[-1:] != self.w.shape[:1]:
            raise ValueError(f"Linear: expected x of shape (..., {self.w.shape[0]}), got {x.shape}.")
        y = jn.dot(x, self.w.value)  # `.value`: one step less than through the variable as an Array
        return y if self.b is None else y + self.b.value

    def __repr__(self) -> str:
        nin, nout = self.w.shape
        return (
            f"{class_name(self)}(nin={nin}, nout={nout}, use_bias={self.b is not None}, "
            f"w_init={repr_function(self._w_init)})"
        )

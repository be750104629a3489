"""Convolutions of images (N, C, H, W)."""

from collections.abc import Callable, Sequence

import cuobjax.numpy as jn
from autograd import Array

from .. import functional
from ..constants import ConvPadding
from ..core.module import Module
from ..core.variable import Tensor, TrainVar
from ..typing import ArrayLike, Padding
from ..util import class_name, repr_function, to_padding, to_tuple
from ..util.convert import require_sizes
from ..util.signatures import explained
from .init import kaiming_normal
from .inputs import as_input
from .linear import weights

__all__ = ["Conv2D"]


class Conv2D(Module):
    """Cross-correlation of images with learned kernels: x (N, nin, H, W) to (N, nout, out H, out W).

    Args:
        nin, nout: The numbers of input and output channels.
        k: The kernel's size, a number or (height, width).
        strides, dilations: A number, or one for each spatial axis.
        groups: The number of groups of channels that do not mix; divides nin and nout.
        padding: "SAME", "VALID", a number, a pair (before, after), or such a pair for each spatial axis.
        use_bias: Whether there is a bias of each output channel, zeros at first.
        w_init: Makes w from its shape (height, width, nin // groups, nout).
    """

    b: TrainVar | None
    w: TrainVar
    padding: str | tuple[tuple[int, int], ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    groups: int

    @explained(
        "Write Conv2D(nin, nout, k).",
        bias="Write use_bias=False.",
        stride="Write strides.",
        dilation="Write dilations.",
    )
    def __init__(
        self,
        nin: int,
        nout: int,
        k: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        dilations: int | Sequence[int] = 1,
        groups: int = 1,
        padding: Padding = ConvPadding.SAME,
        use_bias: bool = True,
        w_init: Callable[[tuple[int, ...]], Tensor] = kaiming_normal,
    ) -> None:
        require_sizes("Conv2D", 1, nin=nin, k=k, strides=strides, dilations=dilations)
        require_sizes("Conv2D", 0, nout=nout, groups=groups)
        if groups < 1 or nin % groups or nout % groups:
            raise ValueError(f"Conv2D: expected groups that divide nin and nout, got {groups} for {nin} and {nout}.")
        self.b = TrainVar(jn.zeros((nout, 1, 1))) if use_bias else None
        self.w = weights("Conv2D", w_init, (*to_tuple(k, 2), nin // groups, nout))
        self.padding = to_padding(padding, 2)
        self.strides, self.dilations, self.groups = to_tuple(strides, 2), to_tuple(dilations, 2), groups
        self._w_init = w_init

    def __call__(self, x: ArrayLike) -> Array:
        """x (N, nin, H, W) to (N, nout, out H, out W), in the dtype to which those of x and w promote.

        With padding "SAME", out H is H / stride, rounded up.

        Raises:
            ValueError: If x has another number of axes or channels.
        """
        x = as_input(self, x)
        nin = self.w.shape[2] * self.groups
        if x.ndim != 4 or x.shape[1] != nin:
            raise ValueError(f"Conv2D: expected x of shape (N, {nin}, H, W), got {x.shape}. Is the layout NCHW?")
        y = functional.conv(x, self.w.value, self.strides, self.padding, self.dilations, self.groups)
        return y if self.b is None else y + self.b.value

    def __repr__(self) -> str:
        *k, nin, nout = self.w.shape
        return (
            f"{class_name(self)}(nin={nin * self.groups}, nout={nout}, k={tuple(k)}, strides={self.strides}, "
            f"dilations={self.dilations}, groups={self.groups}, padding={self.padding!r}, "
            f"use_bias={self.b is not None}, w_init={repr_function(self._w_init)})"
        )

"""Convolutions of any number of spatial axes; the names with 1D, 2D and 3D fix it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cuobjax.numpy as jn
from autograd import Array

from .. import functional
from ..constants import ConvPadding
from ..core.module import Module
from ..core.variable import Tensor, TrainVar
from ..typing import ArrayLike, Padding
from ..util import to_padding
from ..util.convert import lengths_of_axes, require_lengths, require_sizes
from ..util.signatures import call_text, explained
from .init import kaiming_normal
from .inputs import as_input
from .linear import weights

__all__ = [
    "Conv", "Conv1D", "Conv2D", "Conv3D", "ConvTranspose", "ConvTranspose1D", "ConvTranspose2D", "ConvTranspose3D",
    "DepthwiseConv", "DepthwiseConv1D", "DepthwiseConv2D", "DepthwiseConv3D", "SeparableConv", "SeparableConv1D",
    "SeparableConv2D", "SeparableConv3D",
]  # fmt: skip

_AXES: dict[int, tuple[str, ...]] = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}
_explained = explained(
    "Write {name}(nin, nout, k), for instance.",
    bias="Write use_bias=False.",
    stride="Write strides.",
    dilation="Write dilations.",
)


def _image(layer: Module, x: ArrayLike, rank: int, nin: int) -> Array:
    """x as an Array, if it has `rank` spatial axes and `nin` channels; else ValueError with the layer's name."""
    image = as_input(layer, x)
    if image.ndim != rank + 2 or image.shape[1] != nin:
        axes = _AXES.get(rank, ("*spatial",))
        layout = f" Is the layout NC{''.join(axes)}?" if rank in _AXES else ""
        raise ValueError(
            f"{type(layer).__name__}: expected x of shape (N, {nin}, {', '.join(axes)}), got {image.shape}.{layout}"
        )
    return image


class _Convolution(Module):
    """What convolutions and their transposes share: variables, windows, checks.

    w is (*kernel, inputs, outputs) of a convolution, inputs counted per group; a transpose has that of the convolution
    which it transposes.
    """

    rank: int = 0
    b: TrainVar | None
    w: TrainVar
    padding: str | tuple[tuple[int, int], ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    groups: int

    def _set(self, nin, nout, k, strides, dilations, groups, padding, use_bias, w_init, transposed=False):
        name = type(self).__name__
        require_sizes(name, 1, nin=nin)
        require_lengths(name, 1, k=k)
        require_sizes(name, 0, nout=nout, groups=groups)
        if groups < 1 or nin % groups or nout % groups:
            raise ValueError(f"{name}: expected groups that divide nin and nout, got {groups} for {nin} and {nout}.")
        if not self.rank and not isinstance(k, tuple | list):
            raise TypeError(
                f"{name}: expected k as a tuple, a length for each spatial axis, got {k!r}. {name}1D, {name}2D and "
                f"{name}3D take a number."
            )
        self.rank = rank = self.rank or len(k)
        windows = lengths_of_axes(name, rank, k=k, strides=strides, dilations=dilations)
        channels = (nout // groups, nin) if transposed else (nin // groups, nout)
        self.b = TrainVar(jn.zeros((nout, *[1] * rank))) if use_bias else None
        self.w = weights(name, w_init, (*windows[0], *channels))
        self.padding = to_padding(padding, rank)
        self.strides, self.dilations, self.groups = *windows[1:], groups
        self._w_init = w_init

    def _with_bias(self, y):
        return y if self.b is None else y + self.b.value

    def _windows(self):
        """The arguments that all constructors have between the channels and the padding."""
        return {"k": self.w.shape[:-2], "strides": self.strides, "dilations": self.dilations}

    def _rest(self):
        """Those at their end."""
        return {"use_bias": self.b is not None, "w_init": self._w_init}


class Conv(_Convolution):
    """Cross-correlation with learned kernels: x (N, nin, *spatial) to (N, nout, *out).

    Args:
        nin, nout: The numbers of input and output channels.
        k: The kernel's size, a length for each spatial axis; of Conv1D to Conv3D also one number for all.
        strides, dilations: A number, or one for each spatial axis.
        groups: The number of groups of channels that do not mix; divides nin and nout.
        padding: "SAME", "VALID", a number, a pair (before, after), or such a pair for each spatial axis.
        use_bias: Whether there is a bias of each output channel, zeros at first.
        w_init: Makes w from its shape (*kernel, nin // groups, nout).
    """

    @_explained
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
        self._set(nin, nout, k, strides, dilations, groups, padding, use_bias, w_init)

    def __call__(self, x: ArrayLike) -> Array:
        """x (N, nin, *spatial) to (N, nout, *out), in the dtype to which those of x and w promote.

        With padding "SAME", a length of `out` is that of x divided by the stride, rounded up.

        Raises:
            ValueError: If x has another number of axes or channels.
        """
        image = _image(self, x, self.rank, self.w.shape[-2] * self.groups)
        y = functional.conv(image, self.w.value, self.strides, self.padding, self.dilations, self.groups)
        return self._with_bias(y)

    def __repr__(self) -> str:
        *_, nin, nout = self.w.shape
        sizes = {"nin": nin * self.groups, "nout": nout, **self._windows()}
        return call_text(self, **sizes, groups=self.groups, padding=self.padding, **self._rest())


class Conv1D(Conv):
    """`Conv` of sequences: x (N, nin, L) to (N, nout, out L)."""

    rank: int = 1


class Conv2D(Conv):
    """`Conv` of images: x (N, nin, H, W) to (N, nout, out H, out W)."""

    rank: int = 2


class Conv3D(Conv):
    """`Conv` of volumes: x (N, nin, D, H, W) to (N, nout, out D, out H, out W)."""

    rank: int = 3


class ConvTranspose(_Convolution):
    """The transpose of `Conv`, with learned kernels: x (N, nin, *spatial) to (N, nout, *out).

    As Objax's: it convolves x with zeros between its elements, strides - 1 of them, and the kernel reversed. With
    extent = (k - 1) * dilation + 1, the length n of an axis becomes n * stride for padding "SAME" and
    n * stride + max(extent - stride, 0) for "VALID". Numbers as padding are what the spread x is padded with: what
    PyTorch calls padding p and output padding q are (extent - 1 - p, extent - 1 - p + q) here.

    Args:
        nin, nout: The numbers of input and output channels.
        k: The kernel's size, a length for each spatial axis; of ConvTranspose1D to ConvTranspose3D also one number.
        strides, dilations: A number, or one for each spatial axis.
        padding: "SAME", "VALID", a number, a pair (before, after), or such a pair for each spatial axis.
        use_bias: Whether there is a bias of each output channel, zeros at first.
        w_init: Makes w from its shape (*kernel, nout // groups, nin), that of a convolution from nout to nin channels.
        groups: The number of groups of channels that do not mix; divides nin and nout.
    """

    @_explained
    def __init__(
        self,
        nin: int,
        nout: int,
        k: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        dilations: int | Sequence[int] = 1,
        padding: Padding = ConvPadding.SAME,
        use_bias: bool = True,
        w_init: Callable[[tuple[int, ...]], Tensor] = kaiming_normal,
        groups: int = 1,
    ) -> None:
        self._set(nin, nout, k, strides, dilations, groups, padding, use_bias, w_init, transposed=True)

    def __call__(self, x: ArrayLike) -> Array:
        """x (N, nin, *spatial) to (N, nout, *out), in the dtype to which those of x and w promote.

        Raises:
            ValueError: If x has another number of axes or channels.
        """
        image = _image(self, x, self.rank, self.w.shape[-1])
        y = functional.conv_transpose(image, self.w.value, self.strides, self.padding, self.dilations, self.groups)
        return self._with_bias(y)

    def __repr__(self) -> str:
        *_, nout, nin = self.w.shape
        sizes = {"nin": nin, "nout": nout * self.groups, **self._windows()}
        more = {"groups": self.groups} if self.groups > 1 else {}  # Objax has none
        return call_text(self, **sizes, padding=self.padding, **self._rest(), **more)


class ConvTranspose1D(ConvTranspose):
    """`ConvTranspose` of sequences: x (N, nin, L) to (N, nout, out L)."""

    rank: int = 1


class ConvTranspose2D(ConvTranspose):
    """`ConvTranspose` of images: x (N, nin, H, W) to (N, nout, out H, out W)."""

    rank: int = 2


class ConvTranspose3D(ConvTranspose):
    """`ConvTranspose` of volumes: x (N, nin, D, H, W) to (N, nout, out D, out H, out W)."""

    rank: int = 3


class DepthwiseConv(Conv):
    """`Conv` of each channel for itself: x (N, nin, *spatial) to (N, nin * multiplier, *out).

    Args:
        nin: The number of input channels.
        k, strides, dilations, padding, use_bias: See `Conv`.
        multiplier: The number of kernels, and of output channels, for each input channel.
        w_init: Makes w from its shape (*kernel, 1, nin * multiplier).
    """

    @explained("Write {name}(nin, k), for instance.", bias="Write use_bias=False.", stride="Write strides.")
    def __init__(
        self,
        nin: int,
        k: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        dilations: int | Sequence[int] = 1,
        padding: Padding = ConvPadding.SAME,
        multiplier: int = 1,
        use_bias: bool = True,
        w_init: Callable[[tuple[int, ...]], Tensor] = kaiming_normal,
    ) -> None:
        require_sizes(type(self).__name__, 1, nin=nin, multiplier=multiplier)
        self._set(nin, nin * multiplier, k, strides, dilations, nin, padding, use_bias, w_init)

    def __repr__(self) -> str:
        multiplier = self.w.shape[-1] // self.groups
        return call_text(
            self, nin=self.groups, **self._windows(), padding=self.padding, multiplier=multiplier, **self._rest()
        )


class DepthwiseConv1D(DepthwiseConv):
    """`DepthwiseConv` of sequences: x (N, nin, L) to (N, nin * multiplier, out L)."""

    rank: int = 1


class DepthwiseConv2D(DepthwiseConv):
    """`DepthwiseConv` of images: x (N, nin, H, W) to (N, nin * multiplier, out H, out W)."""

    rank: int = 2


class DepthwiseConv3D(DepthwiseConv):
    """`DepthwiseConv` of volumes: x (N, nin, D, H, W) to (N, nin * multiplier, out D, out H, out W)."""

    rank: int = 3


class SeparableConv(Module):
    """A `DepthwiseConv`, then a `Conv` with a kernel of one element that mixes channels. Source: Chollet 2017.

    Args:
        nin, nout: The numbers of input and output channels.
        k, strides, dilations, padding, multiplier: Of the first one: see `DepthwiseConv`.
        use_bias: Whether the second one has a bias; the first one has none.
        w_init: Makes the weights of both from their shapes.
    """

    rank: int = 0
    depthwise: DepthwiseConv
    pointwise: Conv

    @_explained
    def __init__(
        self,
        nin: int,
        nout: int,
        k: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        dilations: int | Sequence[int] = 1,
        padding: Padding = ConvPadding.SAME,
        multiplier: int = 1,
        use_bias: bool = True,
        w_init: Callable[[tuple[int, ...]], Tensor] = kaiming_normal,
    ) -> None:
        k = lengths_of_axes(type(self).__name__, self.rank, k=k)[0] if self.rank else k
        self.depthwise = DepthwiseConv(nin, k, strides, dilations, padding, multiplier, False, w_init)
        ones = (1,) * self.depthwise.rank
        self.pointwise = Conv(nin * multiplier, nout, ones, use_bias=use_bias, w_init=w_init)

    def __call__(self, x: ArrayLike) -> Array:
        """x (N, nin, *spatial) to (N, nout, *out), in the dtype to which those of x and the weights promote.

        Raises:
            ValueError: If x has another number of axes or channels.
        """
        return self.pointwise(self.depthwise(_image(self, x, self.depthwise.rank, self.depthwise.groups)))

    def __repr__(self) -> str:
        first, second = self.depthwise, self.pointwise
        sizes = {"nin": first.groups, "nout": second.w.shape[-1], **first._windows(), "padding": first.padding}
        return call_text(self, **sizes, multiplier=first.w.shape[-1] // first.groups, **second._rest())


class SeparableConv1D(SeparableConv):
    """`SeparableConv` of sequences: x (N, nin, L) to (N, nout, out L)."""

    rank: int = 1


class SeparableConv2D(SeparableConv):
    """`SeparableConv` of images: x (N, nin, H, W) to (N, nout, out H, out W)."""

    rank: int = 2


class SeparableConv3D(SeparableConv):
    """`SeparableConv` of volumes: x (N, nin, D, H, W) to (N, nout, out D, out H, out W)."""

    rank: int = 3

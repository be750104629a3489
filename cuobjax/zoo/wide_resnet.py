"""Wide residual networks for small images. Source: Zagoruyko & Komodakis 2016."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

from autograd import Array

from ..core.module import Module
from ..functional import global_average_pool, relu
from ..nn import BatchNorm2D, Conv2D, Linear, Sequential
from ..nn.init import xavier_truncated_normal
from ..typing import ArrayLike
from ..util.convert import require_functions, require_integers, require_lengths, require_reals, require_sizes
from .residual import convolution

__all__ = ["WRNBlock", "WideResNet", "WideResNetGeneral"]

BN_MOM = 0.9
BN_EPS = 1e-5
_norm = functools.partial(BatchNorm2D, momentum=BN_MOM, eps=BN_EPS)


class WRNBlock(Module):
    """A residual block with normalization first: x (N, nin, H, W) to (N, nout, H / stride, W / stride).

    Args:
        nin, nout: The numbers of input and output channels.
        stride: Of the first convolution, and of the one beside the block, which is there if sizes or channels change.
        bn: Makes a normalization layer from a number of channels.
    """

    proj_conv: Conv2D | None
    norm_1: Any
    conv_1: Conv2D
    norm_2: Any
    conv_2: Conv2D

    def __init__(self, nin: int, nout: int, stride: int = 1, bn: Callable[..., Any] = _norm) -> None:
        require_sizes("WRNBlock", 1, nin=nin, nout=nout, stride=stride)
        require_functions("WRNBlock", bn=bn)
        self.proj_conv = convolution(nin, nout, 1, stride) if nin != nout or stride > 1 else None
        self.norm_1 = bn(nin)
        self.conv_1 = convolution(nin, nout, 3, stride)
        self.norm_2 = bn(nout)
        self.conv_2 = convolution(nout, nout, 3)

    def __call__(self, x: ArrayLike, training: bool | None = None) -> Array:
        """x (N, nin, H, W) to (N, nout, H / stride, W / stride), rounded up; `training` is for the normalization."""
        first = relu(self.norm_1(x, training))
        y = self.conv_2(relu(self.norm_2(self.conv_1(first), training)))
        return y + (x if self.proj_conv is None else self.proj_conv(first))


class WideResNetGeneral(Sequential):
    """A convolution to 16 channels, groups of residual blocks, a linear layer: (N, nin, H, W) to logits (N, nclass).

    Args:
        nin: The number of channels of the images.
        nclass: The number of classes.
        blocks_per_group: The number of blocks of each group; from the second one on, a group halves the size.
        width: Group i has 16 * 2**i * width channels.
        bn: Makes a normalization layer from a number of channels.
    """

    def __init__(
        self, nin: int, nclass: int, blocks_per_group: Sequence[int], width: int, bn: Callable[..., Any] = _norm
    ) -> None:
        require_lengths("WideResNetGeneral", 1, blocks_per_group=blocks_per_group)
        if not isinstance(blocks_per_group, Sequence):
            raise TypeError(f"WideResNetGeneral: expected blocks_per_group as a list, got {blocks_per_group!r}.")
        require_reals("WideResNetGeneral", width=width)
        require_functions("WideResNetGeneral", bn=bn)
        if not width > 0:
            raise ValueError(f"WideResNetGeneral: expected width greater than 0, got {width}.")
        n = 16
        layers: list[Any] = [convolution(nin, n, 3)]
        for i, blocks in enumerate(blocks_per_group):
            channels = int(16 * 2**i * width)
            for block in range(blocks):
                layers.append(WRNBlock(n, channels, 2 if i and not block else 1, bn))
                n = channels
        super().__init__([*layers, bn(n), relu, global_average_pool, Linear(n, nclass, w_init=xavier_truncated_normal)])


class WideResNet(WideResNetGeneral):
    """A `WideResNetGeneral` of three groups: WRN-28-2 by default.

    Args:
        nin: The number of channels of the images.
        nclass: The number of classes.
        depth: The number of convolutions, 6 n + 4; else ValueError is raised.
        width: The multiplier of channels.
        bn: Makes a normalization layer from a number of channels.
    """

    def __init__(self, nin: int, nclass: int, depth: int = 28, width: int = 2, bn: Callable[..., Any] = _norm) -> None:
        require_integers("WideResNet", 0, depth=depth)
        if (depth - 4) % 6 or depth < 10:
            raise ValueError(f"WideResNet: expected a depth of 6n+4, such as 28, got {depth}.")
        super().__init__(nin, nclass, [(depth - 4) // 6] * 3, width, bn)

"""A small convolutional classifier."""

import functools
import itertools
from collections.abc import Callable
from typing import Any

from ..functional import global_average_pool, leaky_relu, max_pool_2d
from ..nn import Conv2D, Sequential
from ..util.convert import require_functions, require_sizes

__all__ = ["ConvNet"]


class ConvNet(Sequential):
    """Pairs of convolutions and pooling at several scales: images (N, nin, H, W) to logits (N, nclass).

    Args:
        nin: The number of channels of the images.
        nclass: The number of classes.
        scales: How often the images are pooled, to half their size each time; H and W are at least 2**scales.
        filters: The number of channels at the first scale; each further scale has twice as many.
        filters_max: The greatest number of channels.
        pooling: A function (x, size, strides).
        kwargs: Ignored, as in Objax.
    """

    def __init__(
        self,
        nin: int,
        nclass: int,
        scales: int,
        filters: int,
        filters_max: int,
        pooling: Callable[..., Any] = max_pool_2d,
        **kwargs: Any,
    ) -> None:
        require_sizes("ConvNet", 0, scales=scales)
        require_sizes("ConvNet", 1, nin=nin, nclass=nclass, filters=filters, filters_max=filters_max)
        require_functions("ConvNet", pooling=pooling)
        channels = [min(filters_max, filters << scale) for scale in range(scales + 1)]
        layers: list[Any] = [Conv2D(nin, channels[0], 3), leaky_relu]
        for before, after in itertools.pairwise(channels):
            layers += [Conv2D(before, before, 3), leaky_relu, Conv2D(before, after, 3), leaky_relu]
            layers.append(functools.partial(pooling, size=2, strides=2))
        super().__init__([*layers, Conv2D(channels[-1], nclass, 3), global_average_pool])

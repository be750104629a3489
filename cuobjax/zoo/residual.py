"""What residual networks share."""

import functools

from .. import random
from ..nn import Conv2D
from ..typing import Padding

__all__ = ["convolution"]


def convolution(nin: int, nout: int, k: int, strides: int = 1, padding: Padding = "SAME") -> Conv2D:
    """A convolution without bias, whose weights are normal with variance 2 / (k**2 * nout). Source: He et al. 2015."""
    stddev = (2 / (k * k * nout)) ** 0.5
    w_init = functools.partial(random.normal, stddev=stddev)
    return Conv2D(nin, nout, k, strides=strides, padding=padding, use_bias=False, w_init=w_init)

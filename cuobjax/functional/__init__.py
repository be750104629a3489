"""Functions without variables, on Arrays."""

# ruff: noqa: I001 (names stay in tables)
import typing as _typing

from autograd import stop_gradient

from ..absent import of_package as _of_package
from . import divergence, loss, parallel
from .activation import (
    celu, elu, leaky_relu, log_sigmoid, log_softmax, logsumexp, relu, rsqrt, selu, sigmoid, silu, softmax, softplus,
    swish, tanh,
)  # fmt: skip
from .convolution import conv
from .features import flatten, one_hot
from .pooling import average_pool_2d, max_pool_2d

__all__ = [
    "average_pool_2d", "celu", "conv", "divergence", "elu", "flatten", "leaky_relu", "log_sigmoid", "log_softmax",
    "logsumexp", "loss", "max_pool_2d", "one_hot", "parallel", "relu", "rsqrt", "selu", "sigmoid", "silu", "softmax",
    "softplus", "stop_gradient", "swish", "tanh",
]  # fmt: skip

if not _typing.TYPE_CHECKING:
    __getattr__ = _of_package(__name__)

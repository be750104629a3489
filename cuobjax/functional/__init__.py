"""Functions without variables, on Arrays."""

# ruff: noqa: I001 (names stay in tables)
from autograd import stop_gradient

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

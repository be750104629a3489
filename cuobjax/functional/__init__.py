"""Functions without variables, on Arrays."""

from autograd import stop_gradient

from . import divergence, loss, parallel
from .activation import (
    celu,
    elu,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    logsumexp,
    relu,
    rsqrt,
    selu,
    sigmoid,
    silu,
    softmax,
    softplus,
    swish,
    tanh,
)
from .window import average_pool_2d, conv, flatten, max_pool_2d, one_hot

__all__ = [
    "average_pool_2d",
    "celu",
    "conv",
    "divergence",
    "elu",
    "flatten",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "loss",
    "max_pool_2d",
    "one_hot",
    "parallel",
    "relu",
    "rsqrt",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "stop_gradient",
    "swish",
    "tanh",
]

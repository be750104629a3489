"""Functions without variables, on Arrays."""

# ruff: noqa: I001 (names stay in tables)
import typing as _typing

from autograd import stop_gradient

from ..absent import of_package as _of_package
from . import divergence, loss, parallel
from .activation import (
    celu, elu, gelu, glu, hard_shrink, hard_sigmoid, hard_swish, hard_tanh, leaky_relu, log_sigmoid, log_softmax,
    logsumexp, mish, prelu, relu, relu6, rsqrt, selu, sigmoid, silu, soft_shrink, soft_sign, softmax, softplus, swiglu,
    swish, tanh,
)  # fmt: skip
from .convolution import conv, conv_transpose, fold, unfold
from .features import cosine_similarity, dynamic_slice, flatten, normalize, one_hot, pad, scan, top_k
from .normalization import group_norm, instance_norm, layer_norm, rms_norm
from .pooling import (
    adaptive_average_pool, adaptive_max_pool, average_pool, average_pool_1d, average_pool_2d, average_pool_3d,
    global_average_pool, global_max_pool, max_pool, max_pool_1d, max_pool_2d, max_pool_3d,
)  # fmt: skip
from .resampling import (
    batch_to_space2d, channel_to_space2d, interpolate, space_to_batch2d, space_to_channel2d, upsample_2d, upscale_nn,
)  # fmt: skip
from .attention import attention, rotary_embedding, sinusoidal_embedding

__all__ = [
    "adaptive_average_pool", "adaptive_max_pool", "attention", "average_pool", "average_pool_1d", "average_pool_2d",
    "average_pool_3d", "batch_to_space2d", "celu", "channel_to_space2d", "conv", "conv_transpose", "cosine_similarity",
    "divergence", "dynamic_slice", "elu", "flatten", "fold", "gelu", "global_average_pool", "global_max_pool", "glu",
    "group_norm", "hard_shrink", "hard_sigmoid", "hard_swish", "hard_tanh", "instance_norm", "interpolate",
    "layer_norm", "leaky_relu", "log_sigmoid", "log_softmax", "logsumexp", "loss", "max_pool", "max_pool_1d",
    "max_pool_2d", "max_pool_3d", "mish", "normalize", "one_hot", "pad", "parallel", "prelu", "relu", "relu6",
    "rms_norm", "rotary_embedding", "rsqrt", "scan", "selu", "sigmoid", "silu", "sinusoidal_embedding", "soft_shrink",
    "soft_sign", "softmax", "softplus", "space_to_batch2d", "space_to_channel2d", "stop_gradient", "swiglu", "swish",
    "tanh", "top_k", "unfold", "upsample_2d", "upscale_nn",
]  # fmt: skip

if not _typing.TYPE_CHECKING:
    __getattr__ = _of_package(__name__)

"""Names, signatures and arguments of functions, small converters, images, and networks as models of ONNX.

`EasyDict`, `check`, `dummy_context_mgr`, `ilog2`, `map_to_device`, `multi_host_barrier`, `re_sign` and `to_interpolate`
are Objax's, for programs that come from there; nothing in cuobjax uses them.
"""

from . import check, image
from .convert import ilog2, to_interpolate, to_padding, to_positions, to_tuple
from .devices import get_local_devices, map_to_device, multi_host_barrier
from .onnx import to_onnx
from .signatures import (
    args_indexes,
    class_name,
    local_kwargs,
    override_args_kwargs,
    positional_args_names,
    re_sign,
    repr_function,
)
from .structures import EasyDict, Renamer, dummy_context_mgr

__all__ = [
    "EasyDict", "Renamer", "args_indexes", "check", "class_name", "dummy_context_mgr", "get_local_devices", "ilog2",
    "image", "local_kwargs", "map_to_device", "multi_host_barrier", "override_args_kwargs", "positional_args_names",
    "re_sign", "repr_function", "to_interpolate", "to_onnx", "to_padding", "to_positions", "to_tuple",
]  # fmt: skip

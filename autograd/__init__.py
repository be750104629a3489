"""A minimal tape: gradients of programs on NumPy and CuPy arrays.

>>> import autograd.numpy as np
>>> from autograd import grad
>>> grad(np.tanh)(1.0)
np.float64(0.41997434161402614)
"""

import typing as _typing

from . import array_methods as _array  # noqa: F401 (gives Array its operators)
from . import memory_attributes as _memory  # noqa: F401 (gives Array attributes of ndarrays)
from . import testing  # noqa: F401
from .backend import Device, DeviceError, default_device, device
from .checkpointing import checkpoint
from .control_flow import cond, scan, while_loop
from .control_flow import map as map  # not in __all__: it is the name of a built-in function
from .core import Array
from .core import library as get_array_module
from .custom import custom_jvp, custom_vjp
from .debugging import debug, debug_nans, trace_report
from .extend import defjvp, defvjp, primitive
from .gradients import elementwise_grad, flatten, grad, stop_gradient, value_and_grad, vjp
from .jacobians import hessian, hvp, jacfwd, jacobian, jacrev, jvp, linearize
from .kernels.scatter import deterministic
from .mapping import vmap
from .numpy._creation import device_put
from .printing import debug_print

__all__ = [
    "Array", "Device", "DeviceError", "checkpoint", "cond", "custom_jvp", "custom_vjp", "debug", "debug_nans",
    "debug_print", "default_device", "defjvp", "defvjp", "deterministic", "device", "device_put", "elementwise_grad",
    "flatten", "get_array_module", "grad", "hessian", "hvp", "jacfwd", "jacobian", "jacrev", "jvp", "linearize",
    "primitive", "scan", "stop_gradient", "trace_report", "value_and_grad", "vjp", "vmap", "while_loop",
]  # fmt: skip

if _typing.TYPE_CHECKING:
    __version__: str
else:

    def __getattr__(name):
        """`__version__`, looked up when it is used, as `importlib.metadata` takes long to import."""
        if name != "__version__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib.metadata

        try:
            return importlib.metadata.version("cuobjax")
        except importlib.metadata.PackageNotFoundError:
            return "0+unknown"  # a checkout that is not installed

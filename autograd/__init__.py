"""A minimal tape: gradients of programs on NumPy and CuPy arrays.

>>> import autograd.numpy as np
>>> from autograd import grad
>>> grad(np.tanh)(1.0)
np.float64(0.41997434161402614)
"""

import importlib as _importlib
import typing as _typing

from . import array_methods as _array  # noqa: F401 (gives Array its operators)
from . import core as _core
from . import differential_operators as _operators
from . import extend, tracer, wrap_util  # noqa: F401
from . import memory_attributes as _memory  # noqa: F401 (gives Array attributes of ndarrays)
from .backend import Device, DeviceError, default_device, device
from .builtins import dict, isinstance, list, tuple, type  # noqa: F401 (not in __all__, as `map`)
from .checkpointing import checkpoint
from .control_flow import cond, scan, while_loop
from .control_flow import map as map  # not in __all__: it is the name of a built-in function
from .core import Array
from .core import library as get_array_module
from .custom import custom_jvp, custom_vjp
from .debugging import debug, debug_nans
from .differential_operators import (
    deriv,
    grad_and_aux,
    grad_named,
    hessian_tensor_product,
    hessian_vector_product,
    holomorphic_grad,
    make_ggnvp,
    make_hvp,
    make_jvp,
    make_vjp,
    multigrad_dict,
    tensor_jacobian_product,
    vector_jacobian_product,
)  # fmt: skip
from .extend import defjvp, defvjp, primitive
from .gradients import elementwise_grad, flatten, grad, stop_gradient, value_and_grad, vjp
from .jacobians import hessian, jacfwd, jacobian, jacrev
from .kernels.scatter import deterministic
from .mapping import vmap
from .numpy._creation import device_put
from .ops import scipy_linalg as _scipy_linalg  # noqa: F401 (programs in files may have its operations)
from .printing import debug_print
from .tangents import hvp, jvp, linearize
from .tape_report import trace_report

__all__ = [
    "Array", "Device", "DeviceError", "checkpoint", "cond", "custom_jvp", "custom_vjp", "debug", "debug_nans",
    "debug_print", "default_device", "defjvp", "defvjp", "deriv", "deterministic", "device", "device_put",
    "elementwise_grad", "flatten", "get_array_module", "grad", "grad_and_aux", "grad_named", "hessian",
    "hessian_tensor_product", "hessian_vector_product", "holomorphic_grad", "hvp", "jacfwd", "jacobian", "jacrev",
    "jvp", "linearize", "make_ggnvp", "make_hvp", "make_jvp", "make_vjp", "multigrad_dict", "primitive", "scan",
    "stop_gradient", "tensor_jacobian_product", "trace_report", "value_and_grad", "vector_jacobian_product", "vjp",
    "vmap", "while_loop",
]  # fmt: skip

for _name, _value in {  # HIPS autograd has in `core` what stands above our core
    "make_vjp": _operators.reverse, "make_jvp": _operators.forward,
    **{name: getattr(extend, name) for name in extend.__all__ if not hasattr(_core, name)},
    **{name: getattr(tracer, name) for name in tracer.__all__ if not hasattr(_core, name)},
}.items():  # fmt: skip
    setattr(_core, _name, _value)

_LATER = ("misc", "test_util", "testing", "util")  # imported when they are first asked for

if _typing.TYPE_CHECKING:
    from . import misc as misc
    from . import test_util as test_util
    from . import testing as testing
    from . import util as util

    __version__: str
else:

    def __getattr__(name):
        """What is imported `_LATER`; `__version__`, as `importlib.metadata` takes long to import."""
        if name in _LATER:
            return _importlib.import_module(f"{__name__}.{name}")
        if name != "__version__":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib.metadata

        try:
            return importlib.metadata.version("cuobjax")
        except importlib.metadata.PackageNotFoundError:
            return "0+unknown"  # a checkout that is not installed

    def __dir__():
        return sorted({*globals(), *_LATER, "__version__"})

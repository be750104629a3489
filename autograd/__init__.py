"""A minimal tape: gradients of programs on NumPy and CuPy arrays.

    >>> import autograd.numpy as np
    >>> from autograd import grad
    >>> grad(np.tanh)(1.0)
    np.float64(0.41997434161402614)
"""

from . import array as _array  # noqa: F401 (gives Array its operators)
from .backend import Device, DeviceError, default_device, device
from .core import Array
from .derivatives import hessian, hvp, jacfwd, jacobian, jacrev, jvp, linearize
from .mapping import cond, map, scan, vmap, while_loop
from .numpy._creation import device_put
from .transforms import elementwise_grad, grad, stop_gradient, value_and_grad, vjp

__all__ = [
    "Array",
    "Device",
    "DeviceError",
    "cond",
    "default_device",
    "device",
    "device_put",
    "elementwise_grad",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "linearize",
    "map",
    "scan",
    "stop_gradient",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]

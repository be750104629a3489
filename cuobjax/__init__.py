"""Objax's variables and modules on CuPy arrays, with a tape of our own; on NumPy where there is no GPU."""
# ruff: noqa: E402

from .installation import check_autograd

check_autograd()  # before anything imports autograd

from autograd import Array, Device, DeviceError, default_device, device, device_put, stop_gradient

from . import constants, constraint, functional, io, nn, numpy, optimizer, random, typing, util
from .bridge import functional_call, merge, split
from .constants import ConvPadding
from .gradient import Grad, GradValues, Hessian, Jacobian
from .inspection import summary
from .jit import Jit
from .lifting import default_dtype, set_default_dtype
from .module import ForceArgs, Function, Module, ModuleList
from .parallel import Parallel
from .remat import Remat
from .surgery import FrozenVar, freeze, replace, unfreeze
from .variable import (
    BaseState,
    BaseVar,
    ConstrainedVar,
    RandomState,
    StateVar,
    TrainRef,
    TrainVar,
    VarCollection,
)
from .vectorize import Vectorize

__all__ = [
    "Array",
    "BaseState",
    "BaseVar",
    "ConstrainedVar",
    "ConvPadding",
    "Device",
    "DeviceError",
    "ForceArgs",
    "FrozenVar",
    "Function",
    "Grad",
    "GradValues",
    "Hessian",
    "Jacobian",
    "Jit",
    "Module",
    "ModuleList",
    "Parallel",
    "RandomState",
    "Remat",
    "StateVar",
    "TrainRef",
    "TrainVar",
    "VarCollection",
    "Vectorize",
    "constants",
    "constraint",
    "default_device",
    "default_dtype",
    "device",
    "device_put",
    "freeze",
    "functional",
    "functional_call",
    "io",
    "merge",
    "nn",
    "numpy",
    "optimizer",
    "random",
    "replace",
    "set_default_dtype",
    "split",
    "stop_gradient",
    "summary",
    "typing",
    "unfreeze",
    "util",
]

"""Objax's variables and modules on CuPy arrays, with a tape of our own; on NumPy where there is no GPU."""
# ruff: noqa: E402

from .installation import check_autograd

check_autograd()  # before anything imports autograd

from autograd import Array, Device, DeviceError, default_device, device, device_put, stop_gradient

from . import constants, functional, nn, numpy, optimizer, random, util
from .constants import ConvPadding
from .gradient import Grad, GradValues
from .lifting import default_dtype, set_default_dtype
from .module import Function, Module, ModuleList
from .remat import Remat
from .variable import BaseState, BaseVar, RandomState, StateVar, TrainRef, TrainVar, VarCollection

__all__ = [
    "Array",
    "BaseState",
    "BaseVar",
    "ConvPadding",
    "Device",
    "DeviceError",
    "Function",
    "Grad",
    "GradValues",
    "Module",
    "ModuleList",
    "RandomState",
    "Remat",
    "StateVar",
    "TrainRef",
    "TrainVar",
    "VarCollection",
    "constants",
    "default_device",
    "default_dtype",
    "device",
    "device_put",
    "functional",
    "nn",
    "numpy",
    "optimizer",
    "random",
    "set_default_dtype",
    "stop_gradient",
    "util",
]

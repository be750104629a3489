"""Objax's variables and modules on CuPy arrays, with a tape of our own; on NumPy where there is no GPU."""
# ruff: noqa: E402

import importlib as _importlib
import typing as _typing

from .installation import check_autograd as _check_autograd

_check_autograd()  # before anything imports autograd

import autograd as _autograd
from autograd import Array, Device, DeviceError, debug_print, default_device, device, device_put, stop_gradient

from . import (
    constants,
    constraint,
    functional,
    nn,
    numpy,
    optimizer,
    precision,
    random,
    typing,
    util,
)
from .absent import of_package as _of_package
from .constants import ConvPadding
from .core.collection import VarCollection
from .core.function import Function
from .core.module import ForceArgs, Module, ModuleList
from .core.module_dict import ModuleDict
from .core.random_state import RandomState
from .core.surgery import FrozenVar, freeze, replace, unfreeze
from .core.variable import BaseState, BaseVar, ConstrainedVar, StateVar, TrainRef, TrainVar
from .dtypes import default_dtype, set_default_dtype
from .transforms.functional_call import functional_call, merge, split
from .transforms.gradient import Grad, GradValues, Hessian, Jacobian
from .transforms.jit import Jit
from .transforms.parallel import Parallel
from .transforms.remat import Remat
from .transforms.vectorize import Vectorize

__all__ = [
    "Array", "BaseState", "BaseVar", "ConstrainedVar", "ConvPadding", "Device", "DeviceError", "EarlyStopping",
    "ForceArgs", "FrozenVar", "Function", "Grad", "GradValues", "Hessian", "Jacobian", "Jit", "Module",
    "ModuleDict", "ModuleList", "Parallel", "RandomState", "Remat", "StateVar", "TrainRef", "TrainVar",
    "VarCollection", "Vectorize", "constants", "constraint", "data", "debug", "debug_print", "default_device",
    "default_dtype", "device", "device_put", "distributed", "freeze", "functional", "functional_call", "io", "jaxboard",
    "make_graph", "merge", "metrics", "nn", "numpy", "optimizer", "plot", "precision", "privacy", "profile",
    "random", "replace", "set_default_dtype", "split", "stop_gradient", "summary", "typing", "unfreeze", "util",
]  # fmt: skip

_LATER = {  # imported when they are first asked for: parts that many programs do without
    **{name: f".{name}" for name in ("data", "debug", "distributed", "io", "jaxboard", "metrics", "plot", "privacy")},
    "EarlyStopping": ".tools.early_stopping",
    "make_graph": ".tools.graph",
    "profile": ".tools.profile",
    "summary": ".tools.summary",
}

if _typing.TYPE_CHECKING:
    from . import data, debug, distributed, io, jaxboard, metrics, plot, privacy
    from .tools.early_stopping import EarlyStopping
    from .tools.graph import make_graph
    from .tools.profile import profile
    from .tools.summary import summary

    __version__: str
else:
    _missing = _of_package(__name__)

    def __getattr__(name):
        """What is imported `_LATER`; `__version__`, that of the distribution, which `autograd` looks up."""
        if name in _LATER:
            module = _importlib.import_module(_LATER[name], __name__)
            globals()[name] = value = getattr(module, name, module)
            return value
        if name != "__version__":
            return _missing(name)
        return _autograd.__version__

    def __dir__():
        return sorted({*globals(), *_LATER, "__version__"})

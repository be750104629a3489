"""HIPS autograd's `misc`: nested arrays as vectors, optimizers, fixed points."""

from . import fixed_points, optimizers, tracers
from .flatten import flatten, flatten_func
from .tracers import const_graph

__all__ = ["const_graph", "fixed_points", "flatten", "flatten_func", "optimizers", "tracers"]


def __dir__() -> list[str]:
    return __all__

"""Linear algebra: the functions of `autograd.numpy.linalg` with Array results."""

from . import _array_results

__getattr__, __dir__ = _array_results.namespace(__name__, "autograd.numpy.linalg")

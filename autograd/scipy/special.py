"""Special functions under SciPy's names."""

from ..numpy._common import as_array, complete_axes
from ..ops import elementwise, reduction
from ..ops import softmax as softmax_ops

__all__ = ["erf", "erfc", "erfinv", "expit", "log_softmax", "logsumexp", "softmax"]


def erf(x):
    """The error function, 2 / sqrt(pi) times the integral of exp(-t**2) from 0 to `x`."""
    return elementwise.erf(as_array(x))


def erfc(x):
    """1 - erf(x), accurate where that difference would be 0."""
    return elementwise.erfc(as_array(x))


def erfinv(y):
    """The inverse of `erf`: infinite at -1 and 1, NaN beyond."""
    return elementwise.erfinv(as_array(y))


def expit(x):
    """The logistic function, 1 / (1 + exp(-x))."""
    return elementwise.sigmoid(as_array(x))


def _real(x):
    """`x` as an array of real or complex numbers."""
    x = as_array(x)
    return x * 1.0 if x.dtype.kind in "iub" else x


def logsumexp(a, axis=None, b=None, keepdims=False):
    """log(sum(b * exp(a))) over axes, computed so that exp cannot overflow; `b`, 1 by default, must not be negative."""
    a = _real(a)
    if b is not None:
        a = a + elementwise.log(b)
    return reduction.logsumexp(a, axis=complete_axes(axis, a.ndim), keepdims=bool(keepdims))


def softmax(x, axis=None):
    """exp(x) / sum(exp(x)) over axes, computed so that exp cannot overflow."""
    x = _real(x)
    return softmax_ops.softmax(x, axis=complete_axes(axis, x.ndim))


def log_softmax(x, axis=None):
    """log(softmax(x)) over axes."""
    x = _real(x)
    return softmax_ops.log_softmax(x, axis=complete_axes(axis, x.ndim))

"""Special functions under SciPy's names."""

from ..numpy._common import as_array, complete_axes, complete_axis
from ..ops import reduction
from ..ops import softmax as softmax_ops
from ..ops.elementwise import erf, erfc, erfinv, log, sigmoid

__all__ = ["erf", "erfc", "erfinv", "expit", "log_softmax", "logsumexp", "softmax"]

expit = sigmoid


def _real(x):
    """`x` as an array of real or complex numbers."""
    x = as_array(x)
    return x * 1.0 if x.dtype.kind in "iub" else x


def logsumexp(a, axis=None, b=None, keepdims=False):
    """log(sum(b * exp(a))) over axes, computed so that exp cannot overflow; `b`, 1 by default, must not be negative."""
    a = _real(a)
    if b is not None:
        a = a + log(b)
    return reduction.logsumexp(a, axis=complete_axes(axis, a.ndim), keepdims=bool(keepdims))


def softmax(x, axis=-1):
    """exp(x) / sum(exp(x)) along an axis, computed so that exp cannot overflow."""
    x = _real(x)
    return softmax_ops.softmax(x, axis=complete_axis(axis, x.ndim))


def log_softmax(x, axis=-1):
    """log(softmax(x)) along an axis."""
    x = _real(x)
    return softmax_ops.log_softmax(x, axis=complete_axis(axis, x.ndim))

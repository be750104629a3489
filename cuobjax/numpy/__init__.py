"""`jn`: the functions of autograd.numpy with Array results; new arrays are float32 or int32 unless a dtype is given.

Default dtypes belong to what is created: `zeros(3)`, `array([1, 2])`, `sqrt(2.0)`, `where(mask, 1.0, 0.0)`, that is
where no array of numbers among the arguments says which dtype. All else has NumPy's dtypes: an operation on float32
gives float32, a NumPy array of float64 stays float64. `array` and `asarray` put NumPy arrays on the default device.
Methods of Arrays are NumPy's throughout: of booleans, `jn.mean(x)` is float32 and `x.mean()` float64.
"""

from autograd import Array as ndarray  # noqa: F401 (the class of all its arrays)

from ..absent import of_package as _of_package
from . import _array_results
from . import fft as fft
from . import linalg as linalg

# Without NumPy's `random`: there is `cuobjax.random`.
__getattr__, __dir__ = _array_results.namespace(
    __name__, "autograd.numpy", without=("random",), missing=_of_package(__name__)
)

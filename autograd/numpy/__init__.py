"""NumPy's namespace, differentiable: NumPy's names and semantics on Arrays, traced values and raw arrays.

Functions given raw arrays alone return raw arrays; with an Array among the arguments they return an Array.
"""

# ruff: noqa: I001 (names stay in tables)
from numpy import (  # noqa: F401
    bool_, complex64, complex128, dtype, e, euler_gamma, finfo, float16, float32, float64, iinfo, inf, int8, int16,
    int32, int64, isscalar, issubdtype, nan, newaxis, pi, promote_types, uint8, uint16, uint32, uint64,
)

from ..core import Array as ndarray  # noqa: F401
from . import fft, linalg  # noqa: F401
from ._creation import (  # noqa: F401
    arange, array, asarray, astype, empty, empty_like, eye, full, full_like, identity, linspace, ones, ones_like,
    result_type, zeros, zeros_like,
)
from ._elementwise import (  # noqa: F401
    abs, absolute, acos, acosh, add, allclose, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, around,
    array_equal, asin, asinh, atan, atan2, atanh, bitwise_and, bitwise_invert, bitwise_not, bitwise_or, bitwise_xor,
    cbrt, ceil, clip, conj, conjugate, cos, cosh, deg2rad, degrees, divide, divmod, equal, exp, exp2, expm1, floor,
    floor_divide, fmax, fmin, fmod, gcd, greater, greater_equal, hypot, imag, invert, isclose, isfinite, isinf,
    isnan, lcm, left_shift, less, less_equal, log, log10, log1p, log2, logaddexp, logaddexp2, logical_and,
    logical_not, logical_or, logical_xor, maximum, minimum, mod, modf, multiply, nan_to_num, negative, nonzero,
    not_equal, positive, pow, power, rad2deg, radians, real, reciprocal, remainder, right_shift, rint, round, sign,
    signbit, sin, sinc, sinh, sqrt, square, subtract, tan, tanh, true_divide, trunc, where,
)
from ._indexing import (  # noqa: F401
    compress, diag, diagonal, take, take_along_axis, trace,
)
from ._product import (  # noqa: F401
    dot, einsum, inner, kron, matmul, outer, tensordot, vdot,
)
from ._reduction import (  # noqa: F401
    all, amax, amin, any, argmax, argmin, argsort, average, count_nonzero, cumprod, cumsum, max, mean,
    min, prod, ptp, sort, std, sum, var,
)
from ._shape import (  # noqa: F401
    append, array_split, atleast_1d, atleast_2d, broadcast_arrays, broadcast_shapes, broadcast_to, column_stack,
    concat, concatenate, expand_dims, flip, fliplr, flipud, hstack, matrix_transpose, moveaxis, ndim, pad,
    permute_dims, ravel, repeat, reshape, roll, rollaxis, rot90, shape, size, split, squeeze, stack, swapaxes, tile,
    transpose, tril, triu, vstack,
)

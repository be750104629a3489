"""NumPy's namespace, differentiable: NumPy's names and semantics on Arrays, traced values and raw arrays.

Functions given raw arrays alone return raw arrays; with an Array among the arguments they return an Array. Functions
whose results are integers or booleans have no gradient; those that look at the values of data say so, and raise for a
value that is traced by vmap or Jit. What NumPy has and this namespace has not is in `_passed.ABSENT`, with the reason.
"""

# ruff: noqa: I001 (names stay in tables)
import sys as _sys

import numpy as _numpy
from numpy import random
from numpy import (  # noqa: F401
    False_, ScalarType, True_, base_repr, binary_repr, bool, bool_, broadcast, byte, bytes_, cdouble, character,
    clongdouble, complex64, complex128, complexfloating, csingle, double, dtype, e, errstate, euler_gamma, finfo,
    flatiter, flexible, float16, float32, float64, floating, generic, get_include, get_printoptions, getbufsize,
    geterr, geterrcall, half, iinfo, index_exp, inexact, inf, info, int8, int16, int32, int64, int_, intc, integer,
    intp, isdtype, isscalar, issubdtype, iterable, little_endian, long, longdouble, longlong, mintypecode, nan,
    ndindex, nditer, nested_iters, newaxis, number, object_, pi, printoptions, promote_types, s_, sctypeDict,
    set_printoptions, setbufsize, seterr, seterrcall, short, show_config, show_runtime, signedinteger, single, str_,
    test, typecodes, typename, ubyte, ufunc, uint, uint8, uint16, uint32, uint64, uintc, uintp, ulong, ulonglong,
    unsignedinteger, ushort, void,
)

from ..core import Array as ndarray  # noqa: F401
from ..ops.special import i0  # noqa: F401
from . import fft, linalg  # noqa: F401
from ._bits import packbits, unpackbits  # noqa: F401
from ._calculus import (  # noqa: F401
    angle, convolve, correlate, cross, cumulative_prod, cumulative_sum, diff, ediff1d, gradient, interp, poly, polyadd,
    polyder, polyfit, polyint, polymul, polysub, polyval, roots, trapezoid, unwrap, vander,
)
from ._creation import (  # noqa: F401
    arange, array, asanyarray, asarray, asarray_chkfinite, ascontiguousarray, asfortranarray, astype, bartlett,
    blackman, copy, diag_indices, empty, empty_like, eye, frombuffer, fromfile, fromiter, fromregex, fromstring, full,
    full_like, genfromtxt, geomspace, hamming, hanning, identity, kaiser, linspace, load, loadtxt, logspace,
    mask_indices, ones, ones_like, require, tri, tril_indices, triu_indices, zeros, zeros_like,
)
from ._elementwise import (  # noqa: F401
    abs, absolute, acos, acosh, add, allclose, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, around,
    array_equal, array_equiv, asin, asinh, atan, atan2, atanh, bitwise_and, bitwise_count, bitwise_invert,
    bitwise_left_shift, bitwise_not, bitwise_or, bitwise_right_shift, bitwise_xor, cbrt, ceil, clip, conj, conjugate,
    copysign, cos, cosh, deg2rad, degrees, divide, divmod, equal, exp, exp2, expm1, fabs, fix, float_power, floor,
    floor_divide, fmax, fmin, fmod, frexp, gcd, greater, greater_equal, heaviside, hypot, imag, invert, isclose,
    iscomplex, isfinite, isinf, isnan, isneginf, isposinf, isreal, lcm, ldexp, left_shift, less, less_equal, log,
    log10, log1p, log2, logaddexp, logaddexp2, logical_and, logical_not, logical_or, logical_xor, maximum, minimum,
    mod, modf, multiply, nan_to_num, negative, nextafter, nonzero, not_equal, positive, pow, power, rad2deg, radians,
    real, real_if_close, reciprocal, remainder, right_shift, rint, round, sign, signbit, sin, sinc, sinh, spacing,
    sqrt, square, subtract, tan, tanh, true_divide, trunc, where,
)
from ._functional import (  # noqa: F401
    apply_along_axis, apply_over_axes, ndenumerate, piecewise, vectorize,
)
from ._grids import (  # noqa: F401
    c_, diag_indices_from, fromfunction, indices, ix_, meshgrid, mgrid, ogrid, r_, tril_indices_from,
    triu_indices_from,
)
from ._histogram import (  # noqa: F401
    histogram, histogram2d, histogram_bin_edges, histogramdd,
)
from ._indexing import (  # noqa: F401
    compress, diag, diagflat, diagonal, take, take_along_axis, trace,
)
from ._padding import pad  # noqa: F401
from ._passed import (  # noqa: F401
    array2string, array_repr, array_str, can_cast, common_type, format_float_positional, format_float_scientific,
    from_dlpack, iscomplexobj, isfortran, isrealobj, may_share_memory, min_scalar_type, result_type, save, savetxt,
    savez, savez_compressed, shares_memory,
)
from ._polynomial import polydiv  # noqa: F401
from ._product import (  # noqa: F401
    dot, einsum, einsum_path, inner, kron, matmul, matvec, outer, tensordot, vdot, vecdot, vecmat,
)
from ._reduction import (  # noqa: F401
    all, amax, amin, any, argmax, argmin, average, count_nonzero, cumprod, cumsum, max, mean, min, nanargmax,
    nanargmin, nancumprod, nancumsum, nanmax, nanmean, nanmin, nanprod, nanstd, nansum, nanvar, prod, ptp, std, sum,
    var,
)
from ._selection import (  # noqa: F401
    append, choose, copyto, delete, extract, fill_diagonal, insert, place, put, put_along_axis, putmask, resize,
    select, trim_zeros,
)
from ._sets import (  # noqa: F401
    intersect1d, setdiff1d, setxor1d, union1d, unique, unique_all, unique_counts, unique_inverse, unique_values,
)
from ._shape import (  # noqa: F401
    array_split, atleast_1d, atleast_2d, atleast_3d, block, broadcast_arrays, broadcast_shapes, broadcast_to,
    column_stack, concat, concatenate, dsplit, dstack, expand_dims, flip, fliplr, flipud, hsplit, hstack,
    matrix_transpose, moveaxis, ndim, permute_dims, ravel, repeat, reshape, roll, rollaxis, rot90, shape, size, split,
    squeeze, stack, swapaxes, tile, transpose, tril, triu, unstack, vsplit, vstack,
)
from ._sorting import (  # noqa: F401
    argpartition, argsort, argwhere, bincount, digitize, flatnonzero, isin, lexsort, partition, ravel_multi_index,
    searchsorted, sort, sort_complex, unravel_index,
)
from ._statistics import (  # noqa: F401
    corrcoef, cov, median, nanmedian, nanpercentile, nanquantile, percentile, quantile,
)

for _name in ("complex192", "complex256", "float96", "float128"):  # as the platform has them
    if hasattr(_numpy, _name):
        globals()[_name] = getattr(_numpy, _name)

_sys.modules[f"{__name__}.random"] = random  # host arrays, as programs for HIPS autograd expect

"""NumPy's namespace, differentiable: NumPy's names and semantics on Arrays, traced values and raw arrays.

Parameters are NumPy's and explained at https://numpy.org/doc/stable/reference; docstrings say what differs.
For all functions:

- Given raw arrays alone they return raw arrays, with an Array among the arguments an Array.
- `out` must be None, as arrays never change. `subok`, `casting` and `like` have no effect; `order` has for raw arrays.
- Results that are integers or booleans have no gradient.
- Functions whose result has a shape that depends on values, such as `nonzero`, raise under `vmap` and `Jit`.

What NumPy has and this namespace lacks is in `_host.ABSENT`, with the reason; it is NumPy's, as with HIPS autograd.
"""

# ruff: noqa: I001 (names stay in tables)
import importlib as _importlib
import typing as _typing

import numpy as _numpy
from numpy import (
    False_, ScalarType, True_, base_repr, binary_repr, bool, bool_, broadcast, byte, bytes_, cdouble, character,
    clongdouble, complex64, complex128, complexfloating, csingle, double, dtype, e, errstate, euler_gamma, finfo,
    flatiter, flexible, float16, float32, float64, floating, generic, get_include, get_printoptions, getbufsize,
    geterr, geterrcall, half, iinfo, index_exp, inexact, inf, info, int8, int16, int32, int64, int_, intc, integer,
    intp, isdtype, isscalar, issubdtype, iterable, little_endian, long, longdouble, longlong, mintypecode, nan, ndarray,
    ndindex, nditer, nested_iters, newaxis, number, object_, pi, printoptions, promote_types, s_,
    sctypeDict, set_printoptions, setbufsize, seterr, seterrcall, short, show_config, show_runtime, signedinteger,
    single, str_, test, typecodes, typename, ubyte, ufunc, uint, uint8, uint16, uint32, uint64, uintc, uintp, ulong,
    ulonglong, unsignedinteger, ushort, void,
)  # fmt: skip

from ..ops.special import i0
from . import fft, linalg
from ._bits import packbits, unpackbits
from ._calculus import (
    angle, convolve, correlate, cross, cumulative_prod, cumulative_sum, diff, ediff1d, gradient, interp, trapezoid,
    unwrap,
)  # fmt: skip
from ._creation import (
    array, asanyarray, asarray, asarray_chkfinite, ascontiguousarray, asfortranarray, astype, bartlett, blackman,
    copy, diag_indices, empty, empty_like, eye, frombuffer, fromfile, fromiter, fromregex, fromstring, full,
    full_like, genfromtxt, hamming, hanning, identity, kaiser, load, loadtxt, mask_indices, ones, ones_like,
    require, tri, tril_indices, triu_indices, zeros, zeros_like,
)  # fmt: skip
from ._elementwise import (
    abs, absolute, acos, acosh, add, allclose, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, around,
    array_equal, array_equiv, asin, asinh, atan, atan2, atanh, bitwise_and, bitwise_count, bitwise_invert,
    bitwise_left_shift, bitwise_not, bitwise_or, bitwise_right_shift, bitwise_xor, cbrt, ceil, clip, conj,
    conjugate, copysign, cos, cosh, deg2rad, degrees, divide, divmod, equal, exp, exp2, expm1, fabs, fix,
    float_power, floor, floor_divide, fmax, fmin, fmod, frexp, gcd, greater, greater_equal, heaviside, hypot, imag,
    invert, isclose, iscomplex, isfinite, isinf, isnan, isneginf, isposinf, isreal, lcm, ldexp, left_shift, less,
    less_equal, log, log1p, log2, log10, logaddexp, logaddexp2, logical_and, logical_not, logical_or, logical_xor,
    maximum, minimum, mod, modf, multiply, nan_to_num, negative, nextafter, nonzero, not_equal, positive, pow,
    power, rad2deg, radians, real, real_if_close, reciprocal, remainder, right_shift, rint, round, sign, signbit,
    sin, sinc, sinh, spacing, sqrt, square, subtract, tan, tanh, true_divide, trunc, where,
)  # fmt: skip
from ._functional import apply_along_axis, apply_over_axes, ndenumerate, piecewise, vectorize
from ._grids import (
    c_, diag_indices_from, fromfunction, indices, ix_, meshgrid, mgrid, ogrid, r_, tril_indices_from,
    triu_indices_from,
)  # fmt: skip
from ._histogram import histogram, histogram2d, histogram_bin_edges, histogramdd
from ._host import ABSENT as _ABSENT
from ._host import (
    array2string, array_repr, array_str, can_cast, common_type, format_float_positional, format_float_scientific,
    from_dlpack, iscomplexobj, isfortran, isrealobj, may_share_memory, min_scalar_type, result_type, save, savetxt,
    savez, savez_compressed, shares_memory,
)  # fmt: skip
from ._indexing import compress, diag, diagflat, diagonal, take, take_along_axis, trace
from ._nan import (
    nanargmax, nanargmin, nancumprod, nancumsum, nanmax, nanmean, nanmin, nanprod, nanstd, nansum, nanvar,
)  # fmt: skip
from ._padding import pad
from ._polynomial import (
    poly, polyadd, polyder, polydiv, polyfit, polyint, polymul, polysub, polyval, roots, vander,
)  # fmt: skip
from ._product import (
    dot, einsum, einsum_path, inner, kron, matmul, matvec, outer, tensordot, vdot, vecdot, vecmat,
)  # fmt: skip
from ._ranges import arange, geomspace, linspace, logspace
from ._reduction import (
    all, amax, amin, any, argmax, argmin, average, count_nonzero, cumprod, cumsum, max, mean, min, prod, ptp, std, sum,
    var,
)  # fmt: skip
from ._selection import (
    append, choose, copyto, delete, extract, fill_diagonal, insert, place, put, put_along_axis, putmask, resize,
    select, trim_zeros,
)  # fmt: skip
from ._sets import (
    intersect1d, setdiff1d, setxor1d, union1d, unique, unique_all, unique_counts, unique_inverse, unique_values,
)  # fmt: skip
from ._shape import (
    array_split, atleast_1d, atleast_2d, atleast_3d, block, broadcast_arrays, broadcast_shapes, broadcast_to,
    column_stack, concat, concatenate, dsplit, dstack, expand_dims, flip, fliplr, flipud, hsplit, hstack,
    matrix_transpose, moveaxis, ndim, permute_dims, ravel, repeat, reshape, roll, rollaxis, rot90, shape, size,
    split, squeeze, stack, swapaxes, tile, transpose, tril, triu, unstack, vsplit, vstack,
)  # fmt: skip
from ._sorting import (
    argpartition, argsort, argwhere, bincount, digitize, flatnonzero, isin, lexsort, partition, ravel_multi_index,
    searchsorted, sort, sort_complex, unravel_index,
)  # fmt: skip
from . import _ufunc_methods as _ufunc_methods
from ._statistics import (
    corrcoef, cov, median, nanmedian, nanpercentile, nanquantile, percentile, quantile,
)  # fmt: skip

__all__ = [
    "False_", "ScalarType", "True_", "abs", "absolute", "acos", "acosh", "add", "all", "allclose", "amax", "amin",
    "angle", "any", "append", "apply_along_axis", "apply_over_axes", "arange", "arccos", "arccosh", "arcsin",
    "arcsinh", "arctan", "arctan2", "arctanh", "argmax", "argmin", "argpartition", "argsort", "argwhere", "around",
    "array", "array2string", "array_equal", "array_equiv", "array_repr", "array_split", "array_str", "asanyarray",
    "asarray", "asarray_chkfinite", "ascontiguousarray", "asfortranarray", "asin", "asinh", "astype", "atan",
    "atan2", "atanh", "atleast_1d", "atleast_2d", "atleast_3d", "average", "bartlett", "base_repr", "binary_repr",
    "bincount", "bitwise_and", "bitwise_count", "bitwise_invert", "bitwise_left_shift", "bitwise_not", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "blackman", "block", "bool", "bool_", "broadcast", "broadcast_arrays",
    "broadcast_shapes", "broadcast_to", "byte", "bytes_", "c_", "can_cast", "cbrt", "cdouble", "ceil", "character",
    "choose", "clip", "clongdouble", "column_stack", "common_type", "complex64", "complex128", "complexfloating",
    "compress", "concat", "concatenate", "conj", "conjugate", "convolve", "copy", "copysign", "copyto", "corrcoef",
    "correlate", "cos", "cosh", "count_nonzero", "cov", "cross", "csingle", "cumprod", "cumsum", "cumulative_prod",
    "cumulative_sum", "deg2rad", "degrees", "delete", "diag", "diag_indices", "diag_indices_from", "diagflat",
    "diagonal", "diff", "digitize", "divide", "divmod", "dot", "double", "dsplit", "dstack", "dtype", "e",
    "ediff1d", "einsum", "einsum_path", "empty", "empty_like", "equal", "errstate", "euler_gamma", "exp", "exp2",
    "expand_dims", "expm1", "extract", "eye", "fabs", "fft", "fill_diagonal", "finfo", "fix", "flatiter",
    "flatnonzero", "flexible", "flip", "fliplr", "flipud", "float16", "float32", "float64", "float_power",
    "floating", "floor", "floor_divide", "fmax", "fmin", "fmod", "format_float_positional",
    "format_float_scientific", "frexp", "from_dlpack", "frombuffer", "fromfile", "fromfunction", "fromiter",
    "fromregex", "fromstring", "full", "full_like", "gcd", "generic", "genfromtxt", "geomspace", "get_include",
    "get_printoptions", "getbufsize", "geterr", "geterrcall", "gradient", "greater", "greater_equal", "half",
    "hamming", "hanning", "heaviside", "histogram", "histogram2d", "histogram_bin_edges", "histogramdd", "hsplit",
    "hstack", "hypot", "i0", "identity", "iinfo", "imag", "index_exp", "indices", "inexact", "inf", "info", "inner",
    "insert", "int8", "int16", "int32", "int64", "int_", "intc", "integer", "interp", "intersect1d", "intp",
    "invert", "isclose", "iscomplex", "iscomplexobj", "isdtype", "isfinite", "isfortran", "isin", "isinf", "isnan",
    "isneginf", "isposinf", "isreal", "isrealobj", "isscalar", "issubdtype", "iterable", "ix_", "kaiser", "kron",
    "lcm", "ldexp", "left_shift", "less", "less_equal", "lexsort", "linalg", "linspace", "little_endian", "load",
    "loadtxt", "log", "log1p", "log2", "log10", "logaddexp", "logaddexp2", "logical_and", "logical_not",
    "logical_or", "logical_xor", "logspace", "long", "longdouble", "longlong", "mask_indices", "matmul",
    "matrix_transpose", "matvec", "max", "maximum", "may_share_memory", "mean", "median", "meshgrid", "mgrid",
    "min", "min_scalar_type", "minimum", "mintypecode", "mod", "modf", "moveaxis", "multiply", "nan", "nan_to_num",
    "nanargmax", "nanargmin", "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmedian", "nanmin",
    "nanpercentile", "nanprod", "nanquantile", "nanstd", "nansum", "nanvar", "ndarray", "ndenumerate", "ndim",
    "ndindex", "nditer", "negative", "nested_iters", "newaxis", "nextafter", "nonzero", "not_equal", "number",
    "object_", "ogrid", "ones", "ones_like", "outer", "packbits", "pad", "partition", "percentile", "permute_dims",
    "pi", "piecewise", "place", "poly", "polyadd", "polyder", "polydiv", "polyfit", "polyint", "polymul", "polysub",
    "polyval", "positive", "pow", "power", "printoptions", "prod", "promote_types", "ptp", "put", "put_along_axis",
    "putmask", "quantile", "r_", "rad2deg", "radians", "random", "ravel", "ravel_multi_index", "real",
    "real_if_close", "reciprocal", "remainder", "repeat", "require", "reshape", "resize", "result_type",
    "right_shift", "rint", "roll", "rollaxis", "roots", "rot90", "round", "s_", "save", "savetxt", "savez",
    "savez_compressed", "sctypeDict", "searchsorted", "select", "set_printoptions", "setbufsize", "setdiff1d",
    "seterr", "seterrcall", "setxor1d", "shape", "shares_memory", "short", "show_config", "show_runtime", "sign",
    "signbit", "signedinteger", "sin", "sinc", "single", "sinh", "size", "sort", "sort_complex", "spacing", "split",
    "sqrt", "square", "squeeze", "stack", "std", "str_", "subtract", "sum", "swapaxes", "take", "take_along_axis",
    "tan", "tanh", "tensordot", "test", "tile", "trace", "transpose", "trapezoid", "tri", "tril", "tril_indices",
    "tril_indices_from", "trim_zeros", "triu", "triu_indices", "triu_indices_from", "true_divide", "trunc",
    "typecodes", "typename", "ubyte", "ufunc", "uint", "uint8", "uint16", "uint32", "uint64", "uintc", "uintp",
    "ulong", "ulonglong", "union1d", "unique", "unique_all", "unique_counts", "unique_inverse", "unique_values",
    "unpackbits", "unravel_index", "unsignedinteger", "unstack", "unwrap", "ushort", "vander", "var", "vdot",
    "vecdot", "vecmat", "vectorize", "void", "vsplit", "vstack", "where", "zeros", "zeros_like",
]  # fmt: skip

for _name in ("complex192", "complex256", "float96", "float128"):  # as the platform has them
    if hasattr(_numpy, _name):
        globals()[_name] = getattr(_numpy, _name)
        __all__.append(_name)


if _typing.TYPE_CHECKING:
    from numpy import random


def __getattr__(name: str) -> object:
    """HIPS autograd's names beside NumPy's, NumPy's own names that are `ABSENT` among them, such as `datetime64`."""
    if name == "__version__" or (name in _ABSENT and hasattr(_numpy, name)):
        return getattr(_numpy, name)
    if name == "random":
        return _importlib.import_module(f"{__name__}.random")
    if name in ("make_diagonal", "row_stack"):
        from . import numpy_wrapper

        return getattr(numpy_wrapper, name)
    reason = f". {_ABSENT[name][0].upper()}{_ABSENT[name][1:]}." if name in _ABSENT else ""
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{reason}")


def __dir__() -> list[str]:
    return sorted({*globals(), "random"})

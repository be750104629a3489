"""`jn`: the functions of autograd.numpy with Array results; new arrays are float32 or int32 unless a dtype is given.

Default dtypes belong to what is created: `zeros(3)`, `array([1, 2])`, `sqrt(2.0)`, `where(mask, 1.0, 0.0)`, that is
where no array of numbers among the arguments says which dtype. All else has NumPy's dtypes: an operation on float32
gives float32, a NumPy array of float64 stays float64. `array` and `asarray` put NumPy arrays on the default device.
Methods of Arrays are NumPy's throughout: of booleans, `jn.mean(x)` is float32 and `x.mean()` float64."""

# Written by `make stubs` from the functions of autograd.numpy: change these.
# fmt: off
# ruff: noqa: E501, I001
import builtins
import numpy
from . import fft, linalg
from autograd import Array, Array as ndarray
from autograd.numpy._sets import UniqueAllResult, UniqueCountsResult, UniqueInverseResult
from autograd.typing import ArrayLike, Axes, DTypeLike, DeviceLike, Integers, Shape
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from numpy import (
    False_, ScalarType, True_, base_repr, binary_repr, bool, bool_, broadcast, byte, bytes_, cdouble, character,
    clongdouble, complex128, complex64, complexfloating, csingle, double, dtype, e, errstate, euler_gamma, finfo,
    flatiter, flexible, float16, float32, float64, floating, generic, get_include, get_printoptions, getbufsize, geterr,
    geterrcall, half, iinfo, index_exp, inexact, inf, info, int16, int32, int64, int8, int_, intc, integer, intp,
    isdtype, isscalar, issubdtype, iterable, little_endian, long, longdouble, longlong, mintypecode, nan, ndindex,
    nditer, nested_iters, newaxis, number, object_, pi, printoptions, promote_types, s_, sctypeDict, set_printoptions,
    setbufsize, seterr, seterrcall, short, show_config, show_runtime, signedinteger, single, str_, test, typecodes,
    typename, ubyte, ufunc, uint, uint16, uint32, uint64, uint8, uintc, uintp, ulong, ulonglong, unsignedinteger,
    ushort, void,
)
from typing import Any, Literal, NoReturn, SupportsIndex, overload

__all__ = [
    "False_", "ScalarType", "True_", "abs", "absolute", "acos", "acosh", "add", "all", "allclose", "amax", "amin",
    "angle", "any", "append", "apply_along_axis", "apply_over_axes", "arange", "arccos", "arccosh", "arcsin", "arcsinh",
    "arctan", "arctan2", "arctanh", "argmax", "argmin", "argpartition", "argsort", "argwhere", "around", "array",
    "array2string", "array_equal", "array_equiv", "array_repr", "array_split", "array_str", "asanyarray", "asarray",
    "asarray_chkfinite", "ascontiguousarray", "asfortranarray", "asin", "asinh", "astype", "atan", "atan2", "atanh",
    "atleast_1d", "atleast_2d", "atleast_3d", "average", "bartlett", "base_repr", "binary_repr", "bincount",
    "bitwise_and", "bitwise_count", "bitwise_invert", "bitwise_left_shift", "bitwise_not", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "blackman", "block", "bool", "bool_", "broadcast", "broadcast_arrays",
    "broadcast_shapes", "broadcast_to", "byte", "bytes_", "c_", "can_cast", "cbrt", "cdouble", "ceil", "character",
    "choose", "clip", "clongdouble", "column_stack", "common_type", "complex64", "complex128", "complexfloating",
    "compress", "concat", "concatenate", "conj", "conjugate", "convolve", "copy", "copysign", "copyto", "corrcoef",
    "correlate", "cos", "cosh", "count_nonzero", "cov", "cross", "csingle", "cumprod", "cumsum", "cumulative_prod",
    "cumulative_sum", "deg2rad", "degrees", "delete", "diag", "diag_indices", "diag_indices_from", "diagflat",
    "diagonal", "diff", "digitize", "divide", "divmod", "dot", "double", "dsplit", "dstack", "dtype", "e", "ediff1d",
    "einsum", "einsum_path", "empty", "empty_like", "equal", "errstate", "euler_gamma", "exp", "exp2", "expand_dims",
    "expm1", "extract", "eye", "fabs", "fft", "fill_diagonal", "finfo", "fix", "flatiter", "flatnonzero", "flexible",
    "flip", "fliplr", "flipud", "float16", "float32", "float64", "float_power", "floating", "floor", "floor_divide",
    "fmax", "fmin", "fmod", "format_float_positional", "format_float_scientific", "frexp", "from_dlpack", "frombuffer",
    "fromfile", "fromfunction", "fromiter", "fromregex", "fromstring", "full", "full_like", "gcd", "generic",
    "genfromtxt", "geomspace", "get_include", "get_printoptions", "getbufsize", "geterr", "geterrcall", "gradient",
    "greater", "greater_equal", "half", "hamming", "hanning", "heaviside", "histogram", "histogram2d",
    "histogram_bin_edges", "histogramdd", "hsplit", "hstack", "hypot", "i0", "identity", "iinfo", "imag", "index_exp",
    "indices", "inexact", "inf", "info", "inner", "insert", "int8", "int16", "int32", "int64", "int_", "intc",
    "integer", "interp", "intersect1d", "intp", "invert", "isclose", "iscomplex", "iscomplexobj", "isdtype", "isfinite",
    "isfortran", "isin", "isinf", "isnan", "isneginf", "isposinf", "isreal", "isrealobj", "isscalar", "issubdtype",
    "iterable", "ix_", "kaiser", "kron", "lcm", "ldexp", "left_shift", "less", "less_equal", "lexsort", "linalg",
    "linspace", "little_endian", "load", "loadtxt", "log", "log1p", "log2", "log10", "logaddexp", "logaddexp2",
    "logical_and", "logical_not", "logical_or", "logical_xor", "logspace", "long", "longdouble", "longlong",
    "mask_indices", "matmul", "matrix_transpose", "matvec", "max", "maximum", "may_share_memory", "mean", "median",
    "meshgrid", "mgrid", "min", "min_scalar_type", "minimum", "mintypecode", "mod", "modf", "moveaxis", "multiply",
    "nan", "nan_to_num", "nanargmax", "nanargmin", "nancumprod", "nancumsum", "nanmax", "nanmean", "nanmedian",
    "nanmin", "nanpercentile", "nanprod", "nanquantile", "nanstd", "nansum", "nanvar", "ndarray", "ndenumerate", "ndim",
    "ndindex", "nditer", "negative", "nested_iters", "newaxis", "nextafter", "nonzero", "not_equal", "number",
    "object_", "ogrid", "ones", "ones_like", "outer", "packbits", "pad", "partition", "percentile", "permute_dims",
    "pi", "piecewise", "place", "poly", "polyadd", "polyder", "polydiv", "polyfit", "polyint", "polymul", "polysub",
    "polyval", "positive", "pow", "power", "printoptions", "prod", "promote_types", "ptp", "put", "put_along_axis",
    "putmask", "quantile", "r_", "rad2deg", "radians", "ravel", "ravel_multi_index", "real", "real_if_close",
    "reciprocal", "remainder", "repeat", "require", "reshape", "resize", "result_type", "right_shift", "rint", "roll",
    "rollaxis", "roots", "rot90", "round", "s_", "save", "savetxt", "savez", "savez_compressed", "sctypeDict",
    "searchsorted", "select", "set_printoptions", "setbufsize", "setdiff1d", "seterr", "seterrcall", "setxor1d",
    "shape", "shares_memory", "short", "show_config", "show_runtime", "sign", "signbit", "signedinteger", "sin", "sinc",
    "single", "sinh", "size", "sort", "sort_complex", "spacing", "split", "sqrt", "square", "squeeze", "stack", "std",
    "str_", "subtract", "sum", "swapaxes", "take", "take_along_axis", "tan", "tanh", "tensordot", "test", "tile",
    "trace", "transpose", "trapezoid", "tri", "tril", "tril_indices", "tril_indices_from", "trim_zeros", "triu",
    "triu_indices", "triu_indices_from", "true_divide", "trunc", "typecodes", "typename", "ubyte", "ufunc", "uint",
    "uint8", "uint16", "uint32", "uint64", "uintc", "uintp", "ulong", "ulonglong", "union1d", "unique", "unique_all",
    "unique_counts", "unique_inverse", "unique_values", "unpackbits", "unravel_index", "unsignedinteger", "unstack",
    "unwrap", "ushort", "vander", "var", "vdot", "vecdot", "vecmat", "vectorize", "void", "vsplit", "vstack", "where",
    "zeros", "zeros_like",
]

class _Indexed:
    def __getitem__(self, key: Any, /) -> Any: ...

def abs(x: ArrayLike) -> Array:
    """Calculate the absolute value element-wise."""
def absolute(x: ArrayLike) -> Array:
    """Calculate the absolute value element-wise."""
def acos(x: ArrayLike) -> Array:
    """Trigonometric inverse cosine, element-wise."""
def acosh(x: ArrayLike) -> Array:
    """Inverse hyperbolic cosine, element-wise."""
def add(a: ArrayLike, b: ArrayLike) -> Array:
    """Add arguments element-wise."""
def all(a: ArrayLike, axis: Axes=None, out: None=None, keepdims: builtins.bool=False, *, where: ArrayLike | None=None) -> Array:
    """Whether all elements over the axes, of those where `where` is true, are nonzero."""
def allclose(a: ArrayLike, b: ArrayLike, rtol: float=1e-05, atol: float=1e-08, equal_nan: builtins.bool=False) -> builtins.bool:
    """Whether all elements are equal within the tolerance of `isclose`, as a bool: it raises under `vmap` and `Jit`."""
def amax(a: ArrayLike, axis: Axes=None, out: None=None, keepdims: builtins.bool=False, initial: ArrayLike | None=None, where: ArrayLike | None=None) -> Array:
    """The greatest element over the axes, of those where `where` is true, and of `initial`."""
def amin(a: ArrayLike, axis: Axes=None, out: None=None, keepdims: builtins.bool=False, initial: ArrayLike | None=None, where: ArrayLike | None=None) -> Array:
    """The least element over the axes, of those where `where` is true, and of `initial`."""
def angle(z: ArrayLike, deg: builtins.bool=False) -> Array:
    """The angle of complex numbers, from -pi to pi, in degrees with `deg`."""
def any(a: ArrayLike, axis: Axes=None, out: None=None, keepdims: builtins.bool=False, *, where: ArrayLike | None=None) -> Array:
    """Whether any element over the axes, of those where `where` is true, is nonzero."""
def append(arr: ArrayLike, values: ArrayLike, axis: int | None=None) -> Array:
    """`values` joined to the end of `arr` along an axis; None for the flattened arrays."""
def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: ArrayLike, *args: Any, **kwargs: Any) -> Array:
    """The results of a function of vectors for each vector along an axis of `arr`, in place of that axis."""
def apply_over_axes(func: Callable[..., Any], a: ArrayLike, axes: int | Sequence[int]) -> Array:
    """Applies `func(a, axis)` for one axis after the other; an axis that it removes returns with length 1."""
def arange(*args: Any, start: ArrayLike=0, stop: ArrayLike | None=None, step: ArrayLike=1, dtype: DTypeLike=None, device: DeviceLike | None=None, like: Any=None) -> Array:
    """Evenly spaced numbers: `arange(stop)`, `arange(start, stop)` or `arange(start, stop, step)`, and `dtype`."""
def arccos(x: ArrayLike) -> Array:
    """Trigonometric inverse cosine, element-wise."""
def arccosh(x: ArrayLike) -> Array:
    """Inverse hyperbolic cosine, element-wise."""
def arcsin(x: ArrayLike) -> Array:
    """Inverse sine, element-wise."""
def arcsinh(x: ArrayLike) -> Array:
    """Inverse hyperbolic sine element-wise."""
def arctan(x: ArrayLike) -> Array:
    """Trigonometric inverse tangent, element-wise."""
def arctan2(a: ArrayLike, b: ArrayLike) -> Array:
    """Element-wise arc tangent of ``x1/x2`` choosing the quadrant correctly."""
def arctanh(x: ArrayLike) -> Array:
    """Inverse hyperbolic tangent element-wise."""
def argmax(a: ArrayLike, axis: int | None=None, out: None=None, *, keepdims: builtins.bool=False) -> Array:
    """The index of the greatest element along an axis, the first at a tie; None for the flattened array."""
def argmin(a: ArrayLike, axis: int | None=None, out: None=None, *, keepdims: builtins.bool=False) -> Array:
    """The index of the least element along an axis, the first at a tie; None for the flattened array."""
def argpartition(a: ArrayLike, kth: int | Sequence[int], axis: int | None=-1, kind: str | None='introselect', order: None=None) -> Array:
    """Indices that put the elements at `kth` of the sorted order in place, lesser ones before them."""
def argsort(a: ArrayLike, axis: int | None=-1, kind: str | None=None, order: None=None, *, stable: builtins.bool | None=None) -> Array:
    """The indices that sort along an axis; None for the flattened array."""
def argwhere(a: ArrayLike) -> Array:
    """The indices of the nonzero elements, as rows: it raises under `vmap` and `Jit`."""
def around(a: ArrayLike, decimals: int=0, out: None=None) -> Array:
    """Rounds to `decimals` places, halves to the even neighbour; the gradient is 0."""
def array(object: ArrayLike, dtype: DTypeLike=None, *, copy: builtins.bool=True, order: str | None='K', subok: builtins.bool=False, ndmin: int=0, ndmax: int=0, like: Any=None) -> Array:
    """A new array of an array, a number, or nested lists and tuples of them, traced ones included."""
def array2string(*args: Any, **kwargs: Any) -> str:
    """`numpy.array2string`, also of Arrays and of arrays on a GPU, which are copied to the host."""
def array_equal(a1: ArrayLike, a2: ArrayLike, equal_nan: builtins.bool=False) -> builtins.bool:
    """Whether two arrays have the same shape and elements, as a bool; NaN equals NaN with `equal_nan`."""
def array_equiv(a1: ArrayLike, a2: ArrayLike) -> builtins.bool:
    """Whether two arrays have the same elements after broadcasting, as a bool."""
def array_repr(*args: Any, **kwargs: Any) -> str:
    """`numpy.array_repr`, also of Arrays and of arrays on a GPU, which are copied to the host."""
def array_split(ary: ArrayLike, indices_or_sections: Integers, axis: int=0) -> list[Array]:
    """Splits an array into a number of nearly equal parts, or at indices, along an axis."""
def array_str(*args: Any, **kwargs: Any) -> str:
    """`numpy.array_str`, also of Arrays and of arrays on a GPU, which are copied to the host."""
def asanyarray(a: ArrayLike, dtype: DTypeLike=None, order: str | None=None, *, device: DeviceLike | None=None, copy: builtins.bool | None=None, like: Any=None) -> Array:
    """`a` itself if it is an array of that dtype, else an array of it; nested lists may hold traced values."""
def asarray(a: ArrayLike, dtype: DTypeLike=None, order: str | None=None, *, device: DeviceLike | None=None, copy: builtins.bool | None=None, like: Any=None) -> Array:
    """`a` itself if it is an array of that dtype, else an array of it; nested lists may hold traced values."""
def asarray_chkfinite(a: ArrayLike, dtype: DTypeLike=None, order: str | None=None) -> Array:
    """`a` as an array; ValueError if it holds NaN or infinity. It raises under `vmap` and `Jit`."""
def ascontiguousarray(a: ArrayLike, dtype: DTypeLike=None, *, like: Any=None) -> Array:
    """`a` as an array with at least one axis; contiguous in memory, last axis fastest, if it is raw."""
def asfortranarray(a: ArrayLike, dtype: DTypeLike=None, *, like: Any=None) -> Array:
    """`a` as an array; contiguous in memory, first axis fastest, if it is raw."""
def asin(x: ArrayLike) -> Array:
    """Inverse sine, element-wise."""
def asinh(x: ArrayLike) -> Array:
    """Inverse hyperbolic sine element-wise."""
def astype(x: ArrayLike, dtype: DTypeLike, *, copy: builtins.bool=True, device: DeviceLike | None=None) -> Array:
    """`x` with another dtype; without `copy`, `x` itself if it has that dtype."""
def atan(x: ArrayLike) -> Array:
    """Trigonometric inverse tangent, element-wise."""
def atan2(a: ArrayLike, b: ArrayLike) -> Array:
    """Element-wise arc tangent of ``x1/x2`` choosing the quadrant correctly."""
def atanh(x: ArrayLike) -> Array:
    """Inverse hyperbolic tangent element-wise."""
@overload
def atleast_1d(ary: ArrayLike, /) -> Array:
    """Each array with at least one axis; a tuple if there are several arrays."""
@overload
def atleast_1d(*arys: ArrayLike) -> Any:
    """Each array with at least one axis; a tuple if there are several arrays."""
@overload
def atleast_2d(ary: ArrayLike, /) -> Array:
    """Each array with at least two axes, new ones in front; a tuple if there are several arrays."""
@overload
def atleast_2d(*arys: ArrayLike) -> Any:
    """Each array with at least two axes, new ones in front; a tuple if there are several arrays."""
@overload
def atleast_3d(ary: ArrayLike, /) -> Array:
    """Each array with at least three axes; a tuple if there are several arrays."""
@overload
def atleast_3d(*arys: ArrayLike) -> Any:
    """Each array with at least three axes; a tuple if there are several arrays."""
@overload
def average(a: ArrayLike, axis: Axes=None, weights: ArrayLike | None=None, returned: Literal[False]=False, *, keepdims: builtins.bool=False) -> Array:
    """The mean weighted by `weights`, which have the shape of `a` or of `axis` alone."""
@overload
def average(a: ArrayLike, axis: Axes=None, weights: ArrayLike | None=None, returned: builtins.bool=False, *, keepdims: builtins.bool=False) -> Any:
    """The mean weighted by `weights`, which have the shape of `a` or of `axis` alone."""
def bartlett(M: int) -> Array:
    """The Bartlett window of `M` points, on the default device."""
def bincount(x: ArrayLike, weights: ArrayLike | None=None, minlength: int=0) -> Array:
    """How often each non-negative number occurs in the vector `x`, or the sums of their `weights`."""
def bitwise_and(a: ArrayLike, b: ArrayLike) -> Array:
    """Compute the bit-wise AND of two arrays element-wise."""
def bitwise_count(x: ArrayLike) -> Array:
    """Computes the number of 1-bits in the absolute value of ``x``. Analogous to the builtin `int.bit_count` or ``popcount`` in C++."""
def bitwise_invert(x: ArrayLike) -> Array:
    """Compute bit-wise inversion, or bit-wise NOT, element-wise."""
def bitwise_left_shift(a: ArrayLike, b: ArrayLike) -> Array:
    """Shift the bits of an integer to the left."""
def bitwise_not(x: ArrayLike) -> Array:
    """Compute bit-wise inversion, or bit-wise NOT, element-wise."""
def bitwise_or(a: ArrayLike, b: ArrayLike) -> Array:
    """Compute the bit-wise OR of two arrays element-wise."""
def bitwise_right_shift(a: ArrayLike, b: ArrayLike) -> Array:
    """Shift the bits of an integer to the right."""
def bitwise_xor(a: ArrayLike, b: ArrayLike) -> Array:
    """Compute the bit-wise XOR of two arrays element-wise."""
def blackman(M: int) -> Array:
    """The Blackman window of `M` points, on the default device."""
def block(arrays: Any) -> Array:
    """Joins nested lists of arrays: the innermost along the last axis, the lists around them along the one before."""
def broadcast_arrays(*args: ArrayLike, subok: builtins.bool=False) -> tuple[Array, ...]:
    """The arrays broadcast to their common shape. None and texts count as arrays of objects, which stay NumPy's."""
def broadcast_shapes(*args: Shape) -> tuple[int, ...]:
    """The shape to which arrays of these shapes broadcast."""
def broadcast_to(array: ArrayLike, shape: Shape, subok: builtins.bool=False) -> Array:
    """`array` broadcast to a shape."""
c_: _Indexed
def can_cast(*args: Any, **kwargs: Any) -> builtins.bool:
    """`numpy.can_cast`, also of Arrays and traced values: it looks at their dtypes only."""
def cbrt(x: ArrayLike) -> Array:
    """Return the cube-root of an array, element-wise."""
def ceil(x: ArrayLike) -> Array:
    """Return the ceiling of the input, element-wise."""
def choose(a: ArrayLike, choices: Sequence[ArrayLike] | Array | numpy.ndarray[Any, Any], out: None=None, mode: str='raise') -> Array:
    """For each element i of `a`, the element of `choices[i]` at the same position."""
def clip(a: ArrayLike, a_min: ArrayLike | None=None, a_max: ArrayLike | None=None, out: None=None, *, min: ArrayLike | None=None, max: ArrayLike | None=None) -> Array:
    """`a` limited to an interval, `a_min` to `a_max` or `min` to `max`; None leaves a side open."""
def column_stack(tup: Iterable[ArrayLike]) -> Array:
    """Joins vectors, as columns, and matrices along the second axis."""
def common_type(*args: Any, **kwargs: Any) -> type[Any]:
    """`numpy.common_type`, also of Arrays and traced values: it looks at their dtypes only."""
def compress(condition: ArrayLike, a: ArrayLike, axis: int | None=None, out: None=None) -> Array:
    """The slices of `a` along an axis where a vector of booleans is true: it raises under `vmap` and `Jit`."""
def concat(arrays: Iterable[ArrayLike], axis: int | None=0, out: None=None, *, dtype: DTypeLike=None, casting: str='same_kind') -> Array:
    """Joins arrays along an existing axis; flattens them first if it is None. A result of `dtype`, if it is given."""
def concatenate(arrays: Iterable[ArrayLike], axis: int | None=0, out: None=None, *, dtype: DTypeLike=None, casting: str='same_kind') -> Array:
    """Joins arrays along an existing axis; flattens them first if it is None. A result of `dtype`, if it is given."""
def conj(x: ArrayLike) -> Array:
    """Return the complex conjugate, element-wise."""
def conjugate(x: ArrayLike) -> Array:
    """Return the complex conjugate, element-wise."""
def convolve(a: ArrayLike, v: ArrayLike, mode: str='full') -> Array:
    """The convolution of two vectors: y[k] = sum over i of a[i] * v[k - i]."""
def copy(a: ArrayLike, order: str='K', subok: builtins.bool=False) -> Array:
    """A new array with the elements of `a`."""
def copysign(a: ArrayLike, b: ArrayLike) -> Array:
    """Change the sign of x1 to that of x2, element-wise."""
def copyto(*args: Any, **kwargs: Any) -> NoReturn:
    """Raises TypeError, as `numpy.copyto` writes into an array: write x = where(mask, values, x)."""
def corrcoef(x: ArrayLike, y: ArrayLike | None=None, rowvar: builtins.bool=True, *, dtype: DTypeLike=None) -> Array:
    """The correlation matrix of variables, as in `cov`, with elements limited to -1 to 1."""
def correlate(a: ArrayLike, v: ArrayLike, mode: str='valid') -> Array:
    """The cross-correlation of two vectors: y[k] = sum over i of a[i + k] * conj(v[i]); `mode` as in `convolve`."""
def cos(x: ArrayLike) -> Array:
    """Cosine element-wise."""
def cosh(x: ArrayLike) -> Array:
    """Hyperbolic cosine, element-wise."""
def count_nonzero(a: ArrayLike, axis: Axes=None, *, keepdims: builtins.bool=False) -> Array:
    """The number of nonzero elements over the axes."""
def cov(m: ArrayLike, y: ArrayLike | None=None, rowvar: builtins.bool=True, bias: builtins.bool=False, ddof: int | None=None, fweights: ArrayLike | None=None, aweights: ArrayLike | None=None, *, dtype: DTypeLike=None) -> Array:
    """The covariance matrix of variables, (variables, variables): rows of `m` and `y`, columns if not `rowvar`."""
def cross(a: ArrayLike, b: ArrayLike, axisa: int=-1, axisb: int=-1, axisc: int=-1, axis: int | None=None) -> Array:
    """The cross product of vectors of three components."""
def cumprod(a: ArrayLike, axis: int | None=None, dtype: DTypeLike=None, out: None=None) -> Array:
    """The cumulative products along an axis; None for the flattened array. The gradient is right at zeros."""
def cumsum(a: ArrayLike, axis: int | None=None, dtype: DTypeLike=None, out: None=None) -> Array:
    """The cumulative sums along an axis; None for the flattened array."""
def cumulative_prod(x: ArrayLike, /, *, axis: int | None=None, dtype: DTypeLike=None, include_initial: builtins.bool=False) -> Array:
    """Cumulative products along an axis, which only a vector may leave out; a 1 in front with `include_initial`."""
def cumulative_sum(x: ArrayLike, /, *, axis: int | None=None, dtype: DTypeLike=None, include_initial: builtins.bool=False) -> Array:
    """Cumulative sums along an axis, which only a vector may leave out; a 0 in front with `include_initial`."""
def deg2rad(x: ArrayLike) -> Array:
    """Convert angles from degrees to radians."""
def degrees(x: ArrayLike) -> Array:
    """Convert angles from radians to degrees."""
def delete(arr: ArrayLike, obj: ArrayLike | slice, axis: int | None=None) -> Array:
    """`arr` without the positions `obj` along an axis, or those where the vector of booleans `obj` is true."""
def diag(v: ArrayLike, k: int=0) -> Array:
    """The matrix with the vector `v` as its diagonal `k`, or the diagonal of the matrix `v`."""
def diag_indices(n: int, ndim: int=2) -> tuple[Array, ...]:
    """The index of the main diagonal of an array with `ndim` axes of length `n`: an array for each axis."""
def diag_indices_from(arr: ArrayLike) -> tuple[Array, ...]:
    """The index of the main diagonal of an array whose axes have the same length."""
def diagflat(v: ArrayLike, k: int=0) -> Array:
    """The matrix with the elements of `v` as its diagonal `k`."""
def diagonal(a: ArrayLike, offset: int=0, axis1: int=0, axis2: int=1) -> Array:
    """The diagonal of two axes, as a new last axis."""
def diff(a: ArrayLike, n: int=1, axis: int=-1, prepend: ArrayLike | None=None, append: ArrayLike | None=None) -> Array:
    """The n-th differences of neighbours along an axis, after joining `prepend` and `append` to its ends."""
def digitize(x: ArrayLike, bins: ArrayLike, right: builtins.bool=False) -> Array:
    """The number of the interval between `bins`, which rise or fall, that contains each element of `x`."""
def divide(a: ArrayLike, b: ArrayLike) -> Array:
    """Divide arguments element-wise."""
def divmod(x1: ArrayLike, x2: ArrayLike) -> tuple[Array, Array]:
    """The quotient rounded down, without a gradient, and the remainder, which has one."""
def dot(a: ArrayLike, b: ArrayLike, out: None=None) -> Array:
    """The sum of products over the last axis of `a` and the second to last of `b` (its only one if it is a vector)."""
def dsplit(ary: ArrayLike, indices_or_sections: Integers) -> list[Array]:
    """`split` along the third axis."""
def dstack(tup: Iterable[ArrayLike]) -> Array:
    """Joins arrays along the third axis, which vectors and matrices get with length 1."""
def ediff1d(ary: ArrayLike, to_end: ArrayLike | None=None, to_begin: ArrayLike | None=None) -> Array:
    """The differences of neighbours in the flattened array, between the numbers `to_begin` and `to_end`."""
def einsum(subscripts: str | ArrayLike, *operands: Any, out: None=None, dtype: DTypeLike=None, order: str='K', casting: str='safe', optimize: Any=True) -> Array:
    """The Einstein sum of `operands`, in NumPy's notation with `...` and optional output."""
def einsum_path(subscripts: Any, *operands: Any, optimize: Any='greedy', einsum_call: Any=False) -> tuple[list[Any], str]:
    """(order, text): the best order in which `einsum` contracts operands of these shapes, and its cost."""
def empty(shape: Shape, dtype: DTypeLike=None, order: str='C', *, device: DeviceLike | None=None, like: Any=None) -> Array:
    """An array of zeros: an immutable array is never filled in later."""
def empty_like(prototype: ArrayLike, dtype: DTypeLike=None, order: str='K', subok: builtins.bool=True, shape: Shape | None=None, *, device: DeviceLike | None=None) -> Array:
    """An array of zeros with the shape and dtype of `prototype`: an immutable array is never filled in later."""
def equal(a: ArrayLike, b: ArrayLike) -> Array:
    """Return (x1 == x2) element-wise."""
def exp(x: ArrayLike) -> Array:
    """Calculate the exponential of all elements in the input array."""
def exp2(x: ArrayLike) -> Array:
    """Calculate `2**p` for all `p` in the input array."""
def expand_dims(a: ArrayLike, axis: int | Sequence[int]) -> Array:
    """`a` with new axes of length 1 at the places `axis` of the result."""
def expm1(x: ArrayLike) -> Array:
    """Calculate ``exp(x) - 1`` for all elements in the array."""
def extract(condition: ArrayLike, arr: ArrayLike) -> Array:
    """The elements of `arr` where `condition` is true, as a vector: it raises under `vmap` and `Jit`."""
def eye(N: int, M: int | None=None, k: int=0, dtype: DTypeLike=..., order: str='C', *, device: DeviceLike | None=None, like: Any=None) -> Array:
    """The N x M matrix with ones on its diagonal `k`, zeros elsewhere; square without `M`."""
def fabs(x: ArrayLike) -> Array:
    """Compute the absolute values element-wise."""
def fill_diagonal(*args: Any, **kwargs: Any) -> NoReturn:
    """Raises TypeError, as `numpy.fill_diagonal` writes into an array: write x = x.at[diag_indices_from(x)].set(values)."""
def fix(x: ArrayLike) -> Array:
    """Return the truncated value of the input, element-wise."""
def flatnonzero(a: ArrayLike) -> Array:
    """The indices of the nonzero elements of the flattened array: it raises under `vmap` and `Jit`."""
def flip(m: ArrayLike, axis: Axes=None) -> Array:
    """`m` with the order of its elements reversed along axes, all by default."""
def fliplr(m: ArrayLike) -> Array:
    """`m` with its second axis reversed."""
def flipud(m: ArrayLike) -> Array:
    """`m` with its first axis reversed."""
def float_power(x1: ArrayLike, x2: ArrayLike) -> Array:
    """`x1 ** x2` in floating numbers: float64 or complex128 for raw arrays."""
def floor(x: ArrayLike) -> Array:
    """Return the floor of the input, element-wise."""
def floor_divide(a: ArrayLike, b: ArrayLike) -> Array:
    """Return the largest integer smaller or equal to the division of the inputs. It is equivalent to the Python ``//`` operator and pairs with the Python ``%`` (`remainder`), function so that ``a = a % b + b * (a // b)`` up to roundoff."""
def fmax(a: ArrayLike, b: ArrayLike) -> Array:
    """Element-wise maximum of array elements."""
def fmin(a: ArrayLike, b: ArrayLike) -> Array:
    """Element-wise minimum of array elements."""
def fmod(a: ArrayLike, b: ArrayLike) -> Array:
    """Returns the element-wise remainder of division."""
def format_float_positional(*args: Any, **kwargs: Any) -> str:
    """`numpy.format_float_positional`, also of Arrays and of arrays on a GPU, which are copied to the host."""
def format_float_scientific(*args: Any, **kwargs: Any) -> str:
    """`numpy.format_float_scientific`, also of Arrays and of arrays on a GPU, which are copied to the host."""
def frexp(x: ArrayLike) -> tuple[Array, Array]:
    """(mantissa, exponent) of x = mantissa * 2**exponent, 1/2 <= abs(mantissa) < 1; the mantissa has the gradient."""
def from_dlpack(x: Any, /, *, device: DeviceLike | None=None, copy: builtins.bool | None=None) -> Array:
    """The array of another library, handed over through DLPack, on its device."""
def frombuffer(*args: Any, **kwargs: Any) -> Array:
    """`numpy.frombuffer`, with the result on the default device."""
def fromfile(*args: Any, **kwargs: Any) -> Array:
    """`numpy.fromfile`, with the result on the default device."""
def fromfunction(function: Callable[..., Any], shape: Sequence[int], *, dtype: DTypeLike=..., like: Any=None, **kwargs: Any) -> Any:
    """`function(*indices(shape))`: the function gets an array of indices for each axis."""
def fromiter(*args: Any, **kwargs: Any) -> Array:
    """`numpy.fromiter`, with the result on the default device."""
def fromregex(*args: Any, **kwargs: Any) -> Array:
    """`numpy.fromregex`, with the result on the default device."""
def fromstring(*args: Any, **kwargs: Any) -> Array:
    """`numpy.fromstring`, with the result on the default device."""
def full(shape: Shape, fill_value: ArrayLike, dtype: DTypeLike=None, order: str='C', *, device: DeviceLike | None=None, like: Any=None) -> Array:
    """An array filled with `fill_value`, which may be traced."""
def full_like(a: ArrayLike, fill_value: ArrayLike, dtype: DTypeLike=None, order: str='K', subok: builtins.bool=True, shape: Shape | None=None, *, device: DeviceLike | None=None) -> Array:
    """An array with the shape and dtype of `a`, filled with `fill_value`, which may be traced."""
def gcd(a: ArrayLike, b: ArrayLike) -> Array:
    """Returns the greatest common divisor of ``|x1|`` and ``|x2|``"""
def genfromtxt(*args: Any, **kwargs: Any) -> Array:
    """`numpy.genfromtxt`, with the result on the default device."""
def geomspace(start: ArrayLike, stop: ArrayLike, num: int=50, endpoint: builtins.bool=True, dtype: DTypeLike=None, axis: int=0) -> Array:
    """`num` numbers from `start` to `stop` with a constant ratio; complex ones form a spiral."""
def gradient(f: ArrayLike, *varargs: ArrayLike, axis: Axes=None, edge_order: int=1) -> Any:
    """The derivatives of samples along each axis: of second order inside, of order `edge_order` at both ends."""
def greater(a: ArrayLike, b: ArrayLike) -> Array:
    """Return the truth value of (x1 > x2) element-wise."""
def greater_equal(a: ArrayLike, b: ArrayLike) -> Array:
    """Return the truth value of (x1 >= x2) element-wise."""
def hamming(M: int) -> Array:
    """The Hamming window of `M` points, on the default device."""
def hanning(M: int) -> Array:
    """The Hann window of `M` points, on the default device."""
def heaviside(a: ArrayLike, b: ArrayLike) -> Array:
    """Compute the Heaviside step function."""
def histogram(a: ArrayLike, bins: ArrayLike | str=10, range: tuple[ArrayLike, ArrayLike] | None=None, density: builtins.bool | None=None, weights: ArrayLike | None=None) -> tuple[Array, Array]:
    """(counts, edges): the number of elements in each interval, or the sum of their `weights`, and the edges."""
def histogram2d(x: ArrayLike, y: ArrayLike, bins: Any=10, range: Sequence[Any] | None=None, density: builtins.bool | None=None, weights: ArrayLike | None=None) -> tuple[Array, Array, Array]:
    """`histogramdd` of points (x, y): the counts (bins of x, bins of y), the edges along x and those along y."""
def histogram_bin_edges(a: ArrayLike, bins: ArrayLike | str=10, range: tuple[ArrayLike, ArrayLike] | None=None, weights: ArrayLike | None=None) -> Array:
    """The edges of `bins` intervals of equal width from the least to the greatest element, or over `range`."""
def histogramdd(sample: ArrayLike, bins: Any=10, range: Sequence[Any] | None=None, density: builtins.bool | None=None, weights: ArrayLike | None=None) -> tuple[Array, list[Array]]:
    """(counts, edges): the number of points in each cell of a grid, or the sum of their `weights`; edges for each axis."""
def hsplit(ary: ArrayLike, indices_or_sections: Integers) -> list[Array]:
    """`split` along the second axis, of a vector along its only one."""
def hstack(tup: Iterable[ArrayLike], *, dtype: DTypeLike=None, casting: str='same_kind') -> Array:
    """Joins arrays along the second axis, vectors along their only one."""
def hypot(a: ArrayLike, b: ArrayLike) -> Array:
    """Given the "legs" of a right triangle, return its hypotenuse."""
def i0(x: ArrayLike) -> Array:
    """`scipy.special.i0`, of Arrays, traced and raw arrays."""
def identity(n: int, dtype: DTypeLike=None, *, like: Any=None) -> Array:
    """The n x n unit matrix."""
def imag(val: ArrayLike) -> Array:
    """Return the imaginary part of the complex argument."""
def indices(dimensions: Sequence[int], dtype: DTypeLike=..., sparse: builtins.bool=False) -> Any:
    """The indices of an array of shape `dimensions`, (axes, *shape); with `sparse` a tuple of arrays that broadcast."""
def inner(a: ArrayLike, b: ArrayLike) -> Array:
    """The sum of products over the last axes."""
def insert(arr: ArrayLike, obj: ArrayLike | slice, values: ArrayLike, axis: int | None=None) -> Array:
    """`values` inserted before the positions `obj` along an axis; None for the flattened array."""
def interp(x: ArrayLike, xp: ArrayLike, fp: ArrayLike, left: ArrayLike | None=None, right: ArrayLike | None=None, period: float | None=None) -> Array:
    """The piecewise linear function through the points (`xp`, `fp`), at `x`; differentiable in all three."""
@overload
def intersect1d(ar1: ArrayLike, ar2: ArrayLike, assume_unique: builtins.bool=False, return_indices: Literal[False]=False) -> Array:
    """The elements that are in both, in ascending order; `assume_unique` has no effect."""
@overload
def intersect1d(ar1: ArrayLike, ar2: ArrayLike, assume_unique: builtins.bool=False, return_indices: builtins.bool=False) -> Any:
    """The elements that are in both, in ascending order; `assume_unique` has no effect."""
def invert(x: ArrayLike) -> Array:
    """Compute bit-wise inversion, or bit-wise NOT, element-wise."""
def isclose(a: ArrayLike, b: ArrayLike, rtol: float=1e-05, atol: float=1e-08, equal_nan: builtins.bool=False) -> Array:
    """Whether elements are equal within the tolerance atol + rtol * abs(b)."""
def iscomplex(x: ArrayLike) -> Array:
    """Whether elements have an imaginary part that is not 0."""
def iscomplexobj(*args: Any, **kwargs: Any) -> builtins.bool:
    """`numpy.iscomplexobj`, also of Arrays and traced values: it looks at their dtypes only."""
def isfinite(x: ArrayLike) -> Array:
    """Test element-wise for finiteness (not infinity and not Not a Number)."""
def isfortran(*args: Any, **kwargs: Any) -> builtins.bool:
    """`numpy.isfortran`, of arrays that are not traced."""
def isin(element: ArrayLike, test_elements: ArrayLike, assume_unique: builtins.bool=False, invert: builtins.bool=False, *, kind: str | None=None) -> Array:
    """Whether each element is among `test_elements`, or with `invert` is not."""
def isinf(x: ArrayLike) -> Array:
    """Test element-wise for positive or negative infinity."""
def isnan(x: ArrayLike) -> Array:
    """Test element-wise for NaN and return result as a boolean array."""
def isneginf(x: ArrayLike, out: None=None) -> Array:
    """Whether elements are minus infinity."""
def isposinf(x: ArrayLike, out: None=None) -> Array:
    """Whether elements are infinity."""
def isreal(x: ArrayLike) -> Array:
    """Whether elements have no imaginary part but 0."""
def isrealobj(*args: Any, **kwargs: Any) -> builtins.bool:
    """`numpy.isrealobj`, also of Arrays and traced values: it looks at their dtypes only."""
def ix_(*args: Any) -> tuple[Array, ...]:
    """The index of all combinations of vectors of indices or booleans: an array for each axis."""
def kaiser(M: int, beta: float) -> Array:
    """The Kaiser window of `M` points, on the default device; no gradient with respect to `beta`."""
def kron(a: ArrayLike, b: ArrayLike) -> Array:
    """The Kronecker product."""
def lcm(a: ArrayLike, b: ArrayLike) -> Array:
    """Returns the lowest common multiple of ``|x1|`` and ``|x2|``"""
def ldexp(a: ArrayLike, b: ArrayLike) -> Array:
    """Returns x1 * 2**x2, element-wise."""
def left_shift(a: ArrayLike, b: ArrayLike) -> Array:
    """Shift the bits of an integer to the left."""
def less(a: ArrayLike, b: ArrayLike) -> Array:
    """Return the truth value of (x1 < x2) element-wise."""
def less_equal(a: ArrayLike, b: ArrayLike) -> Array:
    """Return the truth value of (x1 <= x2) element-wise."""
def lexsort(keys: Iterable[ArrayLike], axis: int=-1) -> Array:
    """The indices that sort by the last key, where it is equal by the last but one, and so on."""
@overload
def linspace(start: ArrayLike, stop: ArrayLike, num: int=50, endpoint: builtins.bool=True, retstep: Literal[False]=False, dtype: DTypeLike=None, axis: int=0, *, device: DeviceLike | None=None) -> Array:
    """`num` evenly spaced numbers from `start` to `stop`, which may be arrays and traced, along a new axis."""
@overload
def linspace(start: ArrayLike, stop: ArrayLike, num: int=50, endpoint: builtins.bool=True, retstep: builtins.bool=False, dtype: DTypeLike=None, axis: int=0, *, device: DeviceLike | None=None) -> Any:
    """`num` evenly spaced numbers from `start` to `stop`, which may be arrays and traced, along a new axis."""
def load(*args: Any, **kwargs: Any) -> Any:
    """`numpy.load`, with the result on the default device."""
def loadtxt(*args: Any, **kwargs: Any) -> Array:
    """`numpy.loadtxt`, with the result on the default device."""
def log(x: ArrayLike) -> Array:
    """Natural logarithm, element-wise."""
def log1p(x: ArrayLike) -> Array:
    """Return the natural logarithm of one plus the input array, element-wise."""
def log2(x: ArrayLike) -> Array:
    """Base-2 logarithm of `x`."""
def log10(x: ArrayLike) -> Array:
    """Return the base 10 logarithm of the input array, element-wise."""
def logaddexp(a: ArrayLike, b: ArrayLike) -> Array:
    """Logarithm of the sum of exponentiations of the inputs."""
def logaddexp2(a: ArrayLike, b: ArrayLike) -> Array:
    """Logarithm of the sum of exponentiations of the inputs in base-2."""
def logical_and(a: ArrayLike, b: ArrayLike) -> Array:
    """Compute the truth value of x1 AND x2 element-wise."""
def logical_not(x: ArrayLike) -> Array:
    """Compute the truth value of NOT x element-wise."""
def logical_or(a: ArrayLike, b: ArrayLike) -> Array:
    """Compute the truth value of x1 OR x2 element-wise."""
def logical_xor(a: ArrayLike, b: ArrayLike) -> Array:
    """Compute the truth value of x1 XOR x2, element-wise."""
def logspace(start: ArrayLike, stop: ArrayLike, num: int=50, endpoint: builtins.bool=True, base: ArrayLike=10.0, dtype: DTypeLike=None, axis: int=0) -> Array:
    """`num` powers of `base`, their exponents evenly spaced from `start` to `stop`; all three may be traced."""
def mask_indices(n: int, mask_func: Callable[..., Any], k: int=0) -> tuple[Array, Array]:
    """The index of the elements of an n x n matrix that `mask_func(matrix, k)` keeps; it gets a NumPy array."""
def matmul(x1: ArrayLike, x2: ArrayLike) -> Array:
    """The matrix product of `x1` (..., n, k) and `x2` (..., k, m); a vector is a row on the left, else a column."""
def matrix_transpose(x: ArrayLike) -> Array:
    """`x` with its last two axes exchanged."""
def matvec(x1: ArrayLike, x2: ArrayLike) -> Array:
    """The products of matrices (..., n, m) and vectors (..., m)."""
def max(a: ArrayLike, axis: Axes=None, out: None=None, keepdims: builtins.bool=False, initial: ArrayLike | None=None, where: ArrayLike | None=None) -> Array:
    """The greatest element over the axes, of those where `where` is true, and of `initial`."""
def maximum(a: ArrayLike, b: ArrayLike) -> Array:
    """Element-wise maximum of array elements."""
def may_share_memory(*args: Any, **kwargs: Any) -> builtins.bool:
    """`numpy.may_share_memory`, of arrays that are not traced."""
def mean(a: ArrayLike, axis: Axes=None, dtype: DTypeLike=None, out: None=None, keepdims: builtins.bool=False, *, where: ArrayLike | None=None) -> Array:
    """The mean over the axes of the elements where `where` is true."""
def median(a: ArrayLike, axis: Axes=None, out: None=None, overwrite_input: builtins.bool=False, keepdims: builtins.bool=False) -> Array:
    """The median over the axes; NaN where an element is NaN. The gradient goes to the one or two middle elements."""
def meshgrid(*xi: ArrayLike, copy: builtins.bool=True, sparse: builtins.bool=False, indexing: str='xy') -> tuple[Array, ...]:
    """The coordinates of the points of a grid: for each vector an array with its elements along an axis of its own."""
mgrid: _Indexed
def min(a: ArrayLike, axis: Axes=None, out: None=None, keepdims: builtins.bool=False, initial: ArrayLike | None=None, where: ArrayLike | None=None) -> Array:
    """The least element over the axes, of those where `where` is true, and of `initial`."""
def min_scalar_type(*args: Any, **kwargs: Any) -> numpy.dtype[Any]:
    """`numpy.min_scalar_type`, also of Arrays and traced values: it looks at their dtypes only."""
def minimum(a: ArrayLike, b: ArrayLike) -> Array:
    """Element-wise minimum of array elements."""
def mod(a: ArrayLike, b: ArrayLike) -> Array:
    """Returns the element-wise remainder of division."""
def modf(x: ArrayLike) -> tuple[Array, Array]:
    """The fractional part, which has the gradient, and the integral part, without one."""
def moveaxis(a: ArrayLike, source: int | Sequence[int], destination: int | Sequence[int]) -> Array:
    """`a` with the axes `source` moved to the places `destination`; the others keep their order."""
def multiply(a: ArrayLike, b: ArrayLike) -> Array:
    """Multiply arguments element-wise."""
def nan_to_num(x: ArrayLike, copy: builtins.bool=True, nan: float=0.0, posinf: float | None=None, neginf: float | None=None) -> Array:
    """A new array with NaN replaced by `nan`, infinities by `posinf` and `neginf` (the largest numbers by default)."""
def nanargmax(a: ArrayLike, axis: int | None=None, out: None=None, *, keepdims: builtins.bool=False) -> Array:
    """`argmax` of the elements that are not NaN; -1 where there is none."""
def nanargmin(a: ArrayLike, axis: int | None=None, out: None=None, *, keepdims: builtins.bool=False) -> Array:
    """`argmin` of the elements that are not NaN; -1 where there is none."""
def nancumprod(a: ArrayLike, axis: int | None=None, dtype: DTypeLike=None, out: None=None) -> Array:
    """`cumprod` with NaN counted as 1."""
def nancumsum(a: ArrayLike, axis: int | None=None, dtype: DTypeLike=None, out: None=None) -> Array:
    """`cumsum` with NaN counted as 0."""
def nanmax(a: ArrayLike, axis: Axes=None, out: None=None, keepdims: builtins.bool=False, initial: ArrayLike | None=None, where: ArrayLike | None=None) -> Array:
    """`max` of the elements that are not NaN; NaN where there is none and no `initial`."""
def nanmean(a: ArrayLike, axis: Axes=None, dtype: DTypeLike=None, out: None=None, keepdims: builtins.bool=False, *, where: ArrayLike | None=None) -> Array:
    """`mean` of the elements that are not NaN; NaN where there is none."""
def nanmedian(a: ArrayLike, axis: Axes=None, out: None=None, overwrite_input: builtins.bool=False, keepdims: builtins.bool=False) -> Array:
    """`median` of the elements that are not NaN; NaN where there is none."""
def nanmin(a: ArrayLike, axis: Axes=None, out: None=None, keepdims: builtins.bool=False, initial: ArrayLike | None=None, where: ArrayLike | None=None) -> Array:
    """`min` of the elements that are not NaN; NaN where there is none and no `initial`."""
def nanpercentile(a: ArrayLike, q: ArrayLike, axis: Axes=None, out: None=None, overwrite_input: builtins.bool=False, method: str='linear', keepdims: builtins.bool=False, *, weights: ArrayLike | None=None) -> Array:
    """`percentile` of the elements that are not NaN; NaN where there is none."""
def nanprod(a: ArrayLike, axis: Axes=None, dtype: DTypeLike=None, out: None=None, keepdims: builtins.bool=False, initial: ArrayLike | None=None, where: ArrayLike | None=None) -> Array:
    """`prod` of the elements that are not NaN."""
def nanquantile(a: ArrayLike, q: ArrayLike, axis: Axes=None, out: None=None, overwrite_input: builtins.bool=False, method: str='linear', keepdims: builtins.bool=False, *, weights: ArrayLike | None=None) -> Array:
    """`quantile` of the elements that are not NaN; NaN where there is none."""
def nanstd(a: ArrayLike, axis: Axes=None, dtype: DTypeLike=None, out: None=None, ddof: float=0, keepdims: builtins.bool=False, *, where: ArrayLike | None=None, mean: ArrayLike | None=None, correction: float | None=None) -> Array:
    """`std` of the elements that are not NaN."""
def nansum(a: ArrayLike, axis: Axes=None, dtype: DTypeLike=None, out: None=None, keepdims: builtins.bool=False, initial: ArrayLike | None=None, where: ArrayLike | None=None) -> Array:
    """`sum` of the elements that are not NaN."""
def nanvar(a: ArrayLike, axis: Axes=None, dtype: DTypeLike=None, out: None=None, ddof: float=0, keepdims: builtins.bool=False, *, where: ArrayLike | None=None, mean: ArrayLike | None=None, correction: float | None=None) -> Array:
    """`var` of the elements that are not NaN."""
def ndenumerate(arr: ArrayLike) -> Iterator[tuple[tuple[int, ...], Array]]:
    """Yields (index, element) for each element."""
def ndim(a: ArrayLike) -> int:
    """The number of axes of an array or nested list."""
def negative(x: ArrayLike) -> Array:
    """Numerical negative, element-wise."""
def nextafter(a: ArrayLike, b: ArrayLike) -> Array:
    """Return the next floating-point value after x1 towards x2, element-wise."""
def nonzero(a: ArrayLike) -> tuple[Array, ...]:
    """The indices of the nonzero elements, one array for each axis."""
def not_equal(a: ArrayLike, b: ArrayLike) -> Array:
    """Return (x1 != x2) element-wise."""
ogrid: _Indexed
def ones(shape: Shape, dtype: DTypeLike=None, order: str='C', *, device: DeviceLike | None=None, like: Any=None) -> Array:
    """An array of ones."""
def ones_like(a: ArrayLike, dtype: DTypeLike=None, order: str='K', subok: builtins.bool=True, shape: Shape | None=None, *, device: DeviceLike | None=None) -> Array:
    """An array of ones with the shape and dtype of `a`, on its device."""
def outer(a: ArrayLike, b: ArrayLike, out: None=None) -> Array:
    """The products of all pairs of elements, (a.size, b.size)."""
def packbits(a: ArrayLike, axis: int | None=None, bitorder: str='big') -> Array:
    """Packs the elements along an axis, nonzero as 1, into bytes of eight bits; the last byte is filled up with zeros."""
def pad(array: ArrayLike, pad_width: ArrayLike | dict[int, int | tuple[int, int]], mode: str='constant', **options: Any) -> Array:
    """`array` with elements added before and after it along each axis."""
def partition(a: ArrayLike, kth: int | Sequence[int], axis: int | None=-1, kind: str | None='introselect', order: None=None) -> Array:
    """`a` with the elements at `kth` of the sorted order in place, lesser ones before them."""
def percentile(a: ArrayLike, q: ArrayLike, axis: Axes=None, out: None=None, overwrite_input: builtins.bool=False, method: str='linear', keepdims: builtins.bool=False, *, weights: ArrayLike | None=None) -> Array:
    """`quantile` with `q` in percent."""
def permute_dims(a: ArrayLike, axes: Sequence[SupportsIndex] | numpy.ndarray[Any, Any] | None=None) -> Array:
    """`a` with permuted axes, reversed by default."""
def piecewise(x: ArrayLike, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Array:
    """`funclist[i]`, a function of the elements or a number, where `condlist[i]` is true; the last true one counts."""
def place(*args: Any, **kwargs: Any) -> NoReturn:
    """Raises TypeError, as `numpy.place` writes into an array: write x = x.at[mask].set(values)."""
def poly(seq_of_zeros: ArrayLike) -> Array:
    """The polynomial with the given roots, or the characteristic polynomial of a matrix; its leading coefficient is 1."""
def polyadd(a1: ArrayLike, a2: ArrayLike) -> Array:
    """The sum of two polynomials."""
def polyder(p: ArrayLike, m: int=1) -> Array:
    """The m-th derivative of a polynomial."""
def polydiv(u: ArrayLike, v: ArrayLike) -> tuple[Array, Array]:
    """The quotient and the remainder of two polynomials."""
def polyfit(x: ArrayLike, y: ArrayLike, deg: int, rcond: float | None=None, full: builtins.bool=False, w: ArrayLike | None=None, cov: builtins.bool | str=False) -> Any:
    """The polynomial of degree `deg` with the least sum of squared errors."""
def polyint(p: ArrayLike, m: int=1, k: ArrayLike | None=0) -> Array:
    """The m-th antiderivative of a polynomial, with integration constants `k`: one for all, or m of them."""
def polymul(a1: ArrayLike, a2: ArrayLike) -> Array:
    """The product of two polynomials."""
def polysub(a1: ArrayLike, a2: ArrayLike) -> Array:
    """The difference of two polynomials."""
def polyval(p: ArrayLike, x: ArrayLike) -> Array:
    """The value of the polynomial `p` at `x`, of any shape. Source: Horner's rule."""
def positive(x: ArrayLike) -> Array:
    """Numerical positive, element-wise."""
def pow(x1: ArrayLike, x2: ArrayLike) -> Array:
    """`x1 ** x2`. At 0 the gradient of `x**0` is 0, and that of `0**p` with respect to p is 0."""
def power(x1: ArrayLike, x2: ArrayLike) -> Array:
    """`x1 ** x2`. At 0 the gradient of `x**0` is 0, and that of `0**p` with respect to p is 0."""
def prod(a: ArrayLike, axis: Axes=None, dtype: DTypeLike=None, out: None=None, keepdims: builtins.bool=False, initial: ArrayLike | None=None, where: ArrayLike | None=None) -> Array:
    """The product over the axes of the elements where `where` is true, times `initial`; the gradient is right at 0."""
def ptp(a: ArrayLike, axis: Axes=None, out: None=None, keepdims: builtins.bool=False) -> Array:
    """The greatest minus the least element over the axes."""
def put(*args: Any, **kwargs: Any) -> NoReturn:
    """Raises TypeError, as `numpy.put` writes into an array: write x = x.reshape(-1).at[indices].set(values).reshape(x.shape)."""
def put_along_axis(*args: Any, **kwargs: Any) -> NoReturn:
    """Raises TypeError, as `numpy.put_along_axis` writes into an array: write x = x.at[indices].set(values)."""
def putmask(*args: Any, **kwargs: Any) -> NoReturn:
    """Raises TypeError, as `numpy.putmask` writes into an array: write x = where(mask, values, x)."""
def quantile(a: ArrayLike, q: ArrayLike, axis: Axes=None, out: None=None, overwrite_input: builtins.bool=False, method: str='linear', keepdims: builtins.bool=False, *, weights: ArrayLike | None=None) -> Array:
    """Quantiles `q` (0 to 1) of the elements over the axes; NaN where one of them is NaN."""
r_: _Indexed
def rad2deg(x: ArrayLike) -> Array:
    """Convert angles from radians to degrees."""
def radians(x: ArrayLike) -> Array:
    """Convert angles from degrees to radians."""
def ravel(a: ArrayLike, order: str='C') -> Array:
    """`a` as a vector, in order "C" or "F"; "A" and "K" are those of a raw array in memory, "C" for an Array."""
def ravel_multi_index(multi_index: Sequence[ArrayLike], dims: Shape, mode: str='raise', order: str='C') -> Array:
    """The flat index of elements of an array with shape `dims`, from an array of indices for each axis."""
def real(val: ArrayLike) -> Array:
    """Return the real part of the complex argument."""
def real_if_close(a: ArrayLike, tol: float=100) -> Array:
    """The real part if all imaginary parts are less than `tol` (times the precision if above 1), else `a` itself."""
def reciprocal(x: ArrayLike) -> Array:
    """Return the reciprocal of the argument, element-wise."""
def remainder(a: ArrayLike, b: ArrayLike) -> Array:
    """Returns the element-wise remainder of division."""
def repeat(a: ArrayLike, repeats: ArrayLike, axis: int | None=None) -> Array:
    """Repeats each element `repeats` times, one number or one for each, along an axis; None for the flattened array."""
def require(a: ArrayLike, dtype: DTypeLike=None, requirements: str | Sequence[str] | None=None, *, like: Any=None) -> Array:
    """`a` as an array; a raw one meets `requirements` on its memory, of NumPy's "C", "F", "A", "W", "O"."""
def reshape(a: ArrayLike, shape: Shape, order: str='C', *, copy: builtins.bool | None=None) -> Array:
    """`a` with another shape of the same size; one -1 in it is computed. `copy` has no effect."""
def resize(a: ArrayLike, new_shape: Shape) -> Array:
    """`a` in another shape, its elements repeated as often as needed; zeros if it has none."""
def result_type(*arrays_and_dtypes: Any) -> numpy.dtype[Any]:
    """The dtype that an operation on arrays, Python numbers and dtypes gives."""
def right_shift(a: ArrayLike, b: ArrayLike) -> Array:
    """Shift the bits of an integer to the right."""
def rint(x: ArrayLike) -> Array:
    """Round elements of the array to the nearest integer."""
def roll(a: ArrayLike, shift: SupportsIndex | Sequence[SupportsIndex], axis: Axes=None) -> Array:
    """Shifts elements cyclically along axes; None for the flattened array."""
def rollaxis(a: ArrayLike, axis: int, start: int=0) -> Array:
    """`a` with an axis moved backwards until it stands before `start`."""
def roots(p: ArrayLike) -> Array:
    """The roots of a polynomial with a nonzero leading coefficient: real or complex as `linalg.eig` says."""
def rot90(m: ArrayLike, k: int=1, axes: tuple[int, int]=(0, 1)) -> Array:
    """`m` rotated `k` times by 90 degrees in the plane of two axes, from the first towards the second."""
def round(a: ArrayLike, decimals: int=0, out: None=None) -> Array:
    """Rounds to `decimals` places, halves to the even neighbour; the gradient is 0."""
def save(*args: Any, **kwargs: Any) -> None:
    """`numpy.save`, also of Arrays and of arrays on a GPU, which are copied to the host."""
def savetxt(*args: Any, **kwargs: Any) -> None:
    """`numpy.savetxt`, also of Arrays and of arrays on a GPU, which are copied to the host."""
def savez(*args: Any, **kwargs: Any) -> None:
    """`numpy.savez`, also of Arrays and of arrays on a GPU, which are copied to the host."""
def savez_compressed(*args: Any, **kwargs: Any) -> None:
    """`numpy.savez_compressed`, also of Arrays and of arrays on a GPU, which are copied to the host."""
def searchsorted(a: ArrayLike, v: ArrayLike, side: str='left', sorter: ArrayLike | None=None) -> Array:
    """The positions at which to insert `v` into the sorted vector `a`: before ("left") or after equal elements."""
def select(condlist: Sequence[ArrayLike], choicelist: Sequence[ArrayLike], default: ArrayLike=0) -> Array:
    """For each element, that of the first choice whose condition is true there, else `default`."""
def setdiff1d(ar1: ArrayLike, ar2: ArrayLike, assume_unique: builtins.bool=False) -> Array:
    """The elements of `ar1` that are not in `ar2`."""
def setxor1d(ar1: ArrayLike, ar2: ArrayLike, assume_unique: builtins.bool=False) -> Array:
    """The elements that are in exactly one of both, in ascending order."""
def shape(a: ArrayLike) -> tuple[int, ...]:
    """The shape of an array or nested list."""
def shares_memory(*args: Any, **kwargs: Any) -> builtins.bool:
    """`numpy.shares_memory`, of arrays that are not traced."""
def sign(x: ArrayLike) -> Array:
    """Returns an element-wise indication of the sign of a number."""
def signbit(x: ArrayLike) -> Array:
    """Returns element-wise True where signbit is set (less than zero)."""
def sin(x: ArrayLike) -> Array:
    """Trigonometric sine, element-wise."""
def sinc(x: ArrayLike) -> Array:
    """Return the normalized sinc function."""
def sinh(x: ArrayLike) -> Array:
    """Hyperbolic sine, element-wise."""
def size(a: ArrayLike, axis: Axes=None) -> int:
    """The number of elements, or of those along an axis or several."""
def sort(a: ArrayLike, axis: int | None=-1, kind: str | None=None, order: None=None, *, stable: builtins.bool | None=None) -> Array:
    """`a` sorted along an axis; None for the flattened array. Gradients return to where elements came from."""
def sort_complex(a: ArrayLike) -> Array:
    """`a` sorted along the last axis by real, then by imaginary part, as complex numbers."""
def spacing(x: ArrayLike) -> Array:
    """The distance to the next number away from 0."""
def split(ary: ArrayLike, indices_or_sections: Integers, axis: int=0) -> list[Array]:
    """Splits an array into a number of equal parts, or at indices, along an axis. ValueError if they are not equal."""
def sqrt(x: ArrayLike) -> Array:
    """Return the non-negative square-root of an array, element-wise."""
def square(x: ArrayLike) -> Array:
    """Return the element-wise square of the input."""
def squeeze(a: ArrayLike, axis: Axes=None) -> Array:
    """`a` without its axes of length 1, or without those in `axis`, whose lengths must be 1."""
def stack(arrays: Iterable[ArrayLike], axis: int=0, out: None=None, *, dtype: DTypeLike=None, casting: str='same_kind') -> Array:
    """Joins arrays of one shape along a new axis."""
def std(a: ArrayLike, axis: Axes=None, dtype: DTypeLike=None, out: None=None, ddof: float=0, keepdims: builtins.bool=False, *, where: ArrayLike | None=None, mean: ArrayLike | None=None, correction: float | None=None) -> Array:
    """The standard deviation over the axes, the square root of `var`; its gradient is 0 where it is 0."""
def subtract(a: ArrayLike, b: ArrayLike) -> Array:
    """Subtract arguments, element-wise."""
def sum(a: ArrayLike, axis: Axes=None, dtype: DTypeLike=None, out: None=None, keepdims: builtins.bool=False, initial: ArrayLike | None=None, where: ArrayLike | None=None) -> Array:
    """The sum over the axes of the elements where `where` is true, plus `initial`."""
def swapaxes(a: ArrayLike, axis1: int, axis2: int) -> Array:
    """`a` with two axes exchanged."""
def take(a: ArrayLike, indices: ArrayLike, axis: int | None=None, out: None=None, mode: str='raise') -> Array:
    """The elements of `a` at integer `indices` along an axis; None for the flattened array."""
def take_along_axis(arr: ArrayLike, indices: ArrayLike, axis: int | None=-1) -> Array:
    """The elements of `arr` at `indices` along an axis; all other axes are matched and broadcast."""
def tan(x: ArrayLike) -> Array:
    """Compute tangent element-wise."""
def tanh(x: ArrayLike) -> Array:
    """Compute hyperbolic tangent element-wise."""
def tensordot(a: ArrayLike, b: ArrayLike, axes: int | Sequence[Any]=2) -> Array:
    """The sum of products over pairs of axes."""
def tile(A: ArrayLike, reps: Integers) -> Array:
    """`A` repeated as a whole, `reps[i]` times along axis i."""
def trace(a: ArrayLike, offset: int=0, axis1: int=0, axis2: int=1, dtype: DTypeLike=None, out: None=None) -> Array:
    """The sum of the diagonal of two axes."""
def transpose(a: ArrayLike, axes: Sequence[SupportsIndex] | numpy.ndarray[Any, Any] | None=None) -> Array:
    """`a` with permuted axes, reversed by default."""
def trapezoid(y: ArrayLike, x: ArrayLike | None=None, dx: ArrayLike=1.0, axis: int=-1) -> Array:
    """The integral along an axis by the trapezoidal rule, of samples at `x` (a vector or like `y`) or `dx` apart."""
def tri(N: int, M: int | None=None, k: int=0, dtype: DTypeLike=..., *, like: Any=None) -> Array:
    """The N x M matrix with ones on its diagonal `k` and below it, zeros elsewhere; square without `M`."""
def tril(m: ArrayLike, k: int=0) -> Array:
    """The lower triangle of matrices (..., n, m), up to diagonal `k`, zeros elsewhere."""
def tril_indices(n: int, k: int=0, m: int | None=None) -> tuple[Array, Array]:
    """The index of the lower triangle of an n x m matrix, up to its diagonal `k`."""
def tril_indices_from(arr: ArrayLike, k: int=0) -> tuple[Array, Array]:
    """The index of the lower triangle of a matrix, up to its diagonal `k`."""
def trim_zeros(filt: ArrayLike, trim: str='fb', axis: Axes=None) -> Array:
    """`filt` without the zeros at its front ("f") and back ("b"), along some or all axes."""
def triu(m: ArrayLike, k: int=0) -> Array:
    """The upper triangle of matrices (..., n, m), from diagonal `k` on, zeros elsewhere."""
def triu_indices(n: int, k: int=0, m: int | None=None) -> tuple[Array, Array]:
    """The index of the upper triangle of an n x m matrix, from its diagonal `k` on."""
def triu_indices_from(arr: ArrayLike, k: int=0) -> tuple[Array, Array]:
    """The index of the upper triangle of a matrix, from its diagonal `k` on."""
def true_divide(a: ArrayLike, b: ArrayLike) -> Array:
    """Divide arguments element-wise."""
def trunc(x: ArrayLike) -> Array:
    """Return the truncated value of the input, element-wise."""
def union1d(ar1: ArrayLike, ar2: ArrayLike) -> Array:
    """The distinct elements of both, in ascending order."""
@overload
def unique(ar: ArrayLike, return_index: Literal[False]=False, return_inverse: Literal[False]=False, return_counts: Literal[False]=False, axis: int | None=None, *, equal_nan: builtins.bool=True, sorted: builtins.bool=True) -> Array:
    """The distinct elements in ascending order, of the flattened array or slices along an axis."""
@overload
def unique(ar: ArrayLike, return_index: builtins.bool=False, return_inverse: builtins.bool=False, return_counts: builtins.bool=False, axis: int | None=None, *, equal_nan: builtins.bool=True, sorted: builtins.bool=True) -> Any:
    """The distinct elements in ascending order, of the flattened array or slices along an axis."""
def unique_all(x: ArrayLike) -> UniqueAllResult:
    """The distinct elements, where each occurs first, the position of every element among them, and their counts."""
def unique_counts(x: ArrayLike) -> UniqueCountsResult:
    """The distinct elements and how often each occurs; NaN differs from NaN."""
def unique_inverse(x: ArrayLike) -> UniqueInverseResult:
    """The distinct elements and the position of every element among them; NaN differs from NaN."""
def unique_values(x: ArrayLike) -> Array:
    """The distinct elements; NaN differs from NaN."""
def unpackbits(a: ArrayLike, axis: int | None=None, count: int | None=None, bitorder: str='big') -> Array:
    """Unpacks bytes along an axis into bits, 0 or 1 as uint8; without an axis the array is flattened."""
def unravel_index(indices: ArrayLike, shape: Shape, order: str='C') -> tuple[Array, ...]:
    """The index, an array for each axis, of elements of an array with `shape`, from their flat index."""
def unstack(x: ArrayLike, /, *, axis: int=0) -> tuple[Array, ...]:
    """The parts of `x` along an axis: a tuple of arrays without it."""
def unwrap(p: ArrayLike, discont: float | None=None, axis: int=-1, *, period: float=...) -> Array:
    """Adds multiples of `period` along an axis so that no step is greater than max(discont, period / 2)."""
def vander(x: ArrayLike, N: int | None=None, increasing: builtins.bool=False) -> Array:
    """The matrix (x.size, N) of powers of a vector, from N - 1 down to 0, or up from 0 with `increasing`."""
def var(a: ArrayLike, axis: Axes=None, dtype: DTypeLike=None, out: None=None, ddof: float=0, keepdims: builtins.bool=False, *, where: ArrayLike | None=None, mean: ArrayLike | None=None, correction: float | None=None) -> Array:
    """The variance over the axes: the sum of squared deviations divided by (count - ddof)."""
def vdot(a: ArrayLike, b: ArrayLike) -> Array:
    """The sum of products of all elements, those of `a` conjugated."""
def vecdot(x1: ArrayLike, x2: ArrayLike, axis: int=-1) -> Array:
    """The sum of products of vectors along an axis, those of `x1` conjugated."""
def vecmat(x1: ArrayLike, x2: ArrayLike) -> Array:
    """The products of vectors (..., n), conjugated, and matrices (..., n, m)."""
def vectorize(pyfunc: Callable[..., Any] | None=None, otypes: Sequence[DTypeLike] | str | None=None, doc: str | None=None, excluded: Collection[int | str] | None=None, cache: builtins.bool=False, signature: str | None=None) -> Callable[..., Any]:
    """A function of arrays that calls `pyfunc` for each of their elements, or parts, after broadcasting."""
def vsplit(ary: ArrayLike, indices_or_sections: Integers) -> list[Array]:
    """`split` along the first axis."""
def vstack(tup: Iterable[ArrayLike], *, dtype: DTypeLike=None, casting: str='same_kind') -> Array:
    """Joins arrays along the first axis; vectors are rows."""
@overload
def where(condition: ArrayLike) -> tuple[Array, ...]:
    """Elements of `x` where `condition` is true, else of `y`; with `condition` alone, `nonzero(condition)`."""
@overload
def where(condition: ArrayLike, x: ArrayLike, y: ArrayLike) -> Array:
    """Elements of `x` where `condition` is true, else of `y`; with `condition` alone, `nonzero(condition)`."""
def zeros(shape: Shape, dtype: DTypeLike=None, order: str='C', *, device: DeviceLike | None=None, like: Any=None) -> Array:
    """An array of zeros."""
def zeros_like(a: ArrayLike, dtype: DTypeLike=None, order: str='K', subok: builtins.bool=True, shape: Shape | None=None, *, device: DeviceLike | None=None) -> Array:
    """An array of zeros with the shape and dtype of `a`, on its device."""

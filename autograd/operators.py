"""The operators and methods of `Array`, declared in one place; `autograd.array_methods` implements them.

Each declaration is replaced by its implementation when `autograd` is imported. A method without an implementation of
its own is the function of `autograd.numpy` that has its name.
"""
# mypy: disable-error-code="empty-body"

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

__all__ = ["Operators"]

if TYPE_CHECKING:
    from numpy import ndarray

    from .core import Array
    from .numpy._indexing import IndexUpdate
    from .typing import ArrayLike, Axes, DeviceLike, DTypeLike, Integers, Shape


class Operators:
    """The operators, methods and protocols of `Array`."""

    __slots__ = ()
    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # comparing gives an Array
    __array_priority__: ClassVar[int] = 1000  # CuPy defers to an operand with more than 100

    # fmt: off
    # Operators, with raw arrays, numbers and nested lists on either side.
    def __add__(self, other: ArrayLike, /) -> Array: ...
    def __sub__(self, other: ArrayLike, /) -> Array: ...
    def __mul__(self, other: ArrayLike, /) -> Array: ...
    def __truediv__(self, other: ArrayLike, /) -> Array: ...
    def __floordiv__(self, other: ArrayLike, /) -> Array: ...
    def __mod__(self, other: ArrayLike, /) -> Array: ...
    def __pow__(self, other: ArrayLike, /) -> Array: ...
    def __matmul__(self, other: ArrayLike, /) -> Array: ...
    def __divmod__(self, other: ArrayLike, /) -> tuple[Array, Array]: ...
    def __and__(self, other: ArrayLike, /) -> Array: ...
    def __or__(self, other: ArrayLike, /) -> Array: ...
    def __xor__(self, other: ArrayLike, /) -> Array: ...
    def __lshift__(self, other: ArrayLike, /) -> Array: ...
    def __rshift__(self, other: ArrayLike, /) -> Array: ...
    def __radd__(self, other: ArrayLike, /) -> Array: ...
    def __rsub__(self, other: ArrayLike, /) -> Array: ...
    def __rmul__(self, other: ArrayLike, /) -> Array: ...
    def __rtruediv__(self, other: ArrayLike, /) -> Array: ...
    def __rfloordiv__(self, other: ArrayLike, /) -> Array: ...
    def __rmod__(self, other: ArrayLike, /) -> Array: ...
    def __rpow__(self, other: ArrayLike, /) -> Array: ...
    def __rmatmul__(self, other: ArrayLike, /) -> Array: ...
    def __rdivmod__(self, other: ArrayLike, /) -> tuple[Array, Array]: ...
    def __rand__(self, other: ArrayLike, /) -> Array: ...
    def __ror__(self, other: ArrayLike, /) -> Array: ...
    def __rxor__(self, other: ArrayLike, /) -> Array: ...
    def __rlshift__(self, other: ArrayLike, /) -> Array: ...
    def __rrshift__(self, other: ArrayLike, /) -> Array: ...
    def __eq__(self, other: ArrayLike, /) -> Array: ...  # type: ignore[override]
    def __ne__(self, other: ArrayLike, /) -> Array: ...  # type: ignore[override]
    def __lt__(self, other: ArrayLike, /) -> Array: ...
    def __le__(self, other: ArrayLike, /) -> Array: ...
    def __gt__(self, other: ArrayLike, /) -> Array: ...
    def __ge__(self, other: ArrayLike, /) -> Array: ...
    def __neg__(self) -> Array: ...
    def __pos__(self) -> Array: ...
    def __abs__(self) -> Array: ...
    def __invert__(self) -> Array: ...
    def __round__(self, decimals: int = 0, /) -> Array: ...

    # Elements. Slices and arrays of indices as NumPy has them.
    def __getitem__(self, index: Any, /) -> Array: ...
    def __setitem__(self, index: Any, value: Any, /) -> None: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Array]: ...
    def __contains__(self, value: ArrayLike, /) -> bool: ...
    @property
    def at(self) -> IndexUpdate:
        """`x.at[index]`: its methods, such as `set` and `add`, return a changed copy."""

    # Python numbers, text and NumPy arrays of plain Arrays; a traced one raises, as its gradient would be lost.
    def __bool__(self) -> bool: ...
    def __int__(self) -> int: ...
    def __float__(self) -> float: ...
    def __complex__(self) -> complex: ...
    def __index__(self) -> int: ...
    def item(self, *index: int) -> Any:
        """One element as a Python number: the only one, or that at `index`."""
    def tobytes(self, order: str = "C") -> bytes:
        """The bytes of the elements."""
    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
    def __repr__(self) -> str: ...
    def __str__(self) -> str: ...
    def __format__(self, specification: str, /) -> str: ...
    def __array__(self, dtype: DTypeLike = None, copy: bool | None = None) -> ndarray[Any, Any]: ...
    def __dlpack__(self, **kwargs: Any) -> Any: ...
    if TYPE_CHECKING:  # computed by `autograd.memory_attributes`
        @property
        def __array_interface__(self) -> dict[str, Any]: ...
        @property
        def __cuda_array_interface__(self) -> dict[str, Any]: ...
        @property
        def strides(self) -> tuple[int, ...]: ...
    def __dlpack_device__(self) -> tuple[int, int]: ...
    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any: ...
    def __array_function__(self, function: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any: ...
    def __cupy_override_elementwise_kernel__(self, kernel: Any, *args: Any, **kwargs: Any) -> Any: ...
    def __cupy_override_reduction_kernel__(self, kernel: Any, *args: Any) -> Any: ...

    # Reductions over axes of the elements where `where` is true. `out` exists for calls that NumPy and CuPy make.
    def all(self, axis: Axes = None, out: None = None, keepdims: bool = False, *,
            where: ArrayLike | None = None) -> Array:
        """Whether all elements along the axes are true."""
    def any(self, axis: Axes = None, out: None = None, keepdims: bool = False, *,
            where: ArrayLike | None = None) -> Array:
        """Whether any element along the axes is true."""
    def sum(self, axis: Axes = None, dtype: DTypeLike = None, out: None = None, keepdims: bool = False,
            initial: ArrayLike | None = None, where: ArrayLike | None = None) -> Array:
        """The sum over the axes, beginning with `initial`."""
    def prod(self, axis: Axes = None, dtype: DTypeLike = None, out: None = None, keepdims: bool = False,
             initial: ArrayLike | None = None, where: ArrayLike | None = None) -> Array:
        """The product over the axes, beginning with `initial`."""
    def mean(self, axis: Axes = None, dtype: DTypeLike = None, out: None = None, keepdims: bool = False, *,
             where: ArrayLike | None = None) -> Array:
        """The mean over the axes."""
    def var(self, axis: Axes = None, dtype: DTypeLike = None, out: None = None, ddof: float = 0,
            keepdims: bool = False, *, where: ArrayLike | None = None, mean: ArrayLike | None = None,
            correction: float | None = None) -> Array:
        """The variance over the axes, with the divisor `n - ddof` (`n - correction`)."""
    def std(self, axis: Axes = None, dtype: DTypeLike = None, out: None = None, ddof: float = 0,
            keepdims: bool = False, *, where: ArrayLike | None = None, mean: ArrayLike | None = None,
            correction: float | None = None) -> Array:
        """The standard deviation over the axes, with the divisor `n - ddof` (`n - correction`)."""
    def max(self, axis: Axes = None, out: None = None, keepdims: bool = False, initial: ArrayLike | None = None,
            where: ArrayLike | None = None) -> Array:
        """The greatest element along the axes, and of `initial`."""
    def min(self, axis: Axes = None, out: None = None, keepdims: bool = False, initial: ArrayLike | None = None,
            where: ArrayLike | None = None) -> Array:
        """The smallest element along the axes, and of `initial`."""
    def ptp(self, axis: Axes = None, out: None = None, keepdims: bool = False) -> Array:
        """The greatest minus the smallest element along the axes."""
    def argmax(self, axis: int | None = None, out: None = None, *, keepdims: bool = False) -> Array:
        """The index of the first greatest element along an axis; None for the index in the flattened array."""
    def argmin(self, axis: int | None = None, out: None = None, *, keepdims: bool = False) -> Array:
        """The index of the first smallest element along an axis; None for the index in the flattened array."""
    def cumsum(self, axis: int | None = None, dtype: DTypeLike = None, out: None = None) -> Array:
        """The sums of all first elements along an axis; None for the flattened array."""
    def cumprod(self, axis: int | None = None, dtype: DTypeLike = None, out: None = None) -> Array:
        """The products of all first elements along an axis; None for the flattened array."""
    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: DTypeLike = None,
              out: None = None) -> Array:
        """The sum of a diagonal of the matrices in two axes."""

    # Elements, one by one or chosen.
    def astype(self, dtype: DTypeLike, *, copy: bool = True, device: DeviceLike | None = None) -> Array:
        """The array in another dtype."""
    def clip(self, a_min: ArrayLike | None = None, a_max: ArrayLike | None = None, out: None = None, *,
             min: ArrayLike | None = None, max: ArrayLike | None = None) -> Array:
        """The elements, limited to the interval from `a_min` (`min`) to `a_max` (`max`)."""
    def round(self, decimals: int = 0, out: None = None) -> Array:
        """The elements, rounded to this number of decimals."""
    def conj(self) -> Array:
        """The complex conjugate."""
    def conjugate(self) -> Array:
        """The complex conjugate."""
    def dot(self, b: ArrayLike, out: None = None) -> Array:
        """The dot product: see `autograd.numpy.dot`."""
    def take(self, indices: ArrayLike, axis: int | None = None, out: None = None, mode: str = "raise") -> Array:
        """The elements at `indices` along an axis; None for the flattened array."""
    def compress(self, condition: ArrayLike, axis: int | None = None) -> Array:
        """The slices along an axis at which the vector `condition` is true."""
    def nonzero(self) -> tuple[Array, ...]:
        """The indices of elements that are not zero, a vector for each axis."""
    def argsort(self, axis: int | None = -1, kind: str | None = None, order: None = None, *,
                stable: bool | None = None) -> Array:
        """The indices that sort the array along an axis; None for the flattened array."""
    def searchsorted(self, v: ArrayLike, side: str = "left", sorter: ArrayLike | None = None) -> Array:
        """The indices at which elements of `v` keep a sorted vector sorted."""
    def argpartition(self, kth: Integers, axis: int | None = -1, kind: str = "introselect",
                     order: None = None) -> Array:
        """Indices with that of the element in sorted place `kth` at its place, smaller ones before it."""
    def choose(self, choices: Sequence[ArrayLike], out: None = None, mode: str = "raise") -> Array:
        """From each of the `choices`, the elements where this array has its number."""
    @property
    def flat(self) -> Array:
        """The elements as a vector."""
    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
        """A diagonal of the matrices in two axes, as the last axis."""
    @property
    def real(self) -> Array:
        """The real part."""
    @property
    def imag(self) -> Array:
        """The imaginary part."""

    # Shapes.
    def reshape(self, *shape: Shape, order: str = "C", copy: bool | None = None) -> Array:
        """The array with another shape: `x.reshape(2, 3)` or `x.reshape((2, 3))`; one length may be -1."""
    def transpose(self, *axes: int | Sequence[int] | None) -> Array:
        """The array with permuted axes: `x.transpose(1, 0)` or `x.transpose((1, 0))`; reversed by default."""
    def flatten(self, order: str = "C") -> Array:
        """The array as a vector."""
    def ravel(self, order: str = "C") -> Array:
        """The array as a vector."""
    def squeeze(self, axis: Axes = None) -> Array:
        """The array without these axes, or all axes, of length 1."""
    def swapaxes(self, axis1: int, axis2: int) -> Array:
        """The array with two axes exchanged."""
    def repeat(self, repeats: ArrayLike, axis: int | None = None) -> Array:
        """The array with each element along an axis repeated; None for the flattened array."""
    def copy(self) -> Array:
        """The array itself, as it never changes."""
    @property
    def T(self) -> Array:
        """The array with all axes reversed."""
    @property
    def mT(self) -> Array:
        """The array with its last two axes exchanged."""

    # Methods that would change an array; each raises TypeError with a remedy.
    def sort(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises TypeError: write `x = np.sort(x)`."""
    def partition(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises TypeError: write `x = np.partition(x, kth)`."""
    def fill(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises TypeError: write `x = np.full_like(x, value)`."""
    def put(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises TypeError: write `x = x.at[index].set(values)`."""
    def itemset(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises TypeError: write `x = x.at[index].set(value)`."""
    def resize(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raises TypeError: write `x = np.resize(x, shape)`."""
    # fmt: on

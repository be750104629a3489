"""Arrays as features for layers and losses, parts of arrays, and loops over them."""

import math
import numbers
from collections.abc import Callable, Sequence
from typing import Any

import autograd
import cuobjax.numpy as jn
from autograd import Array, device
from autograd.axes import complete_axis

from ..dtypes import default_dtype
from ..typing import ArrayLike, DTypeLike, Tree
from ..util.convert import refuse_complex, require_lengths, require_sizes, to_inexact
from .half_precision import single, wide, with_precision_of
from .normalization import require_eps

__all__ = ["cosine_similarity", "dynamic_slice", "flatten", "normalize", "one_hot", "pad", "scan", "top_k"]


def flatten(x: ArrayLike) -> Array:
    """x (N, ...) as (N, size of the rest)."""
    x = jn.asarray(x)
    if not x.ndim:
        raise ValueError("flatten: expected x of shape (N, ...), got ().")
    return x.reshape((x.shape[0], math.prod(x.shape[1:])))


def one_hot(x: ArrayLike, num_classes: int, dtype: DTypeLike = None, axis: int = -1) -> Array:
    """Integers as vectors along a new axis, with a 1 at their place; zeros only if out of range. Has no gradient.

    Args:
        x: The integers; an array of other numbers raises TypeError.
        num_classes: The length of the vectors.
        dtype: The dtype of the result; None: that of new arrays.
        axis: The new axis.
    """
    x = jn.asarray(x)
    if x.dtype.kind not in "iu":
        raise TypeError(f"one_hot: expected integers, got dtype {x.dtype}.")
    require_sizes("one_hot", 0, num_classes=num_classes)
    with device(x.device):
        classes = jn.arange(num_classes)
    axis = complete_axis(axis, x.ndim + 1)
    places = classes.reshape([num_classes if i == axis else 1 for i in range(x.ndim + 1)])
    return (jn.expand_dims(x, axis) == places).astype(dtype or default_dtype())


def dynamic_slice(
    operand: ArrayLike, start_indices: ArrayLike | Sequence[int | ArrayLike], slice_sizes: Sequence[int]
) -> Array:
    """The part of an array that has fixed sizes and begins at indices, which may be computed and traced.

    An index below 0 counts from the end, as in JAX. Then it is moved so that the part lies within the array: it is
    clipped to [0, n - size].

    Args:
        operand: An array of any shape.
        start_indices: An integer for each axis, in a sequence or an array.
        slice_sizes: The shape of the result.

    Raises:
        ValueError: If there are not as many indices and sizes as axes, or a size is longer than its axis.
        TypeError: If indices or sizes are no sequences, or not of integers.

    Example:
        >>> dynamic_slice(jn.arange(5), [4], [2])  # clipped
        Array([3, 4], dtype=int32)
    """
    x = jn.asarray(operand)
    try:
        slice_sizes, given = tuple(slice_sizes), [start_indices[i] for i in range(len(start_indices))]  # type: ignore[arg-type,index]
    except TypeError:
        raise TypeError(
            "dynamic_slice: expected start_indices and slice_sizes as sequences, a number for each axis, got "
            f"{start_indices!r} and {slice_sizes!r}."
        ) from None
    require_lengths("dynamic_slice", 0, slice_sizes=slice_sizes)
    starts: list[Any] = [
        i if isinstance(i, numbers.Integral) and not isinstance(i, bool) else jn.asarray(i) for i in given
    ]
    if floating := [i.dtype for i in starts if isinstance(i, Array) and i.dtype.kind not in "iu"]:
        raise TypeError(f"dynamic_slice: expected start_indices of integers, got dtype {floating[0]}.")
    if not len(starts) == len(slice_sizes) == x.ndim:
        raise ValueError(
            f"dynamic_slice: expected {x.ndim} start_indices and slice_sizes, got {len(starts)} and {len(slice_sizes)}."
        )
    if any(size > n for size, n in zip(slice_sizes, x.shape, strict=True)):
        raise ValueError(f"dynamic_slice: expected slice_sizes within the shape {x.shape}, got {tuple(slice_sizes)}.")
    for axis, (start, size) in enumerate(zip(starts, slice_sizes, strict=True)):
        if size < x.shape[axis]:
            n, last = x.shape[axis], x.shape[axis] - size
            if isinstance(start, numbers.Integral):
                first = min(max(int(start) + n * (start < 0), 0), last)
                x = x[(slice(None),) * axis + (slice(first, first + size),)]
            else:
                index = start.astype("int64")
                index = jn.clip(jn.where(index < 0, index + n, index), 0, last)
                x = jn.take(x, index + jn.arange(size), axis)
    return x


def pad(
    array: ArrayLike,
    pad_width: ArrayLike,
    mode: str = "constant",
    *,
    stat_length: Any = None,
    constant_values: Any = None,
    end_values: Any = None,
    reflect_type: str | None = None,
) -> Array:
    """An array with elements added around it: `cuobjax.numpy.pad`, in a form that Sequential takes.

    Args:
        array: An array of any shape.
        pad_width: How many elements: a number, a pair (before, after), or such a pair for each axis.
        mode: What they are, "constant" or another one of NumPy's modes.
        stat_length, constant_values, end_values, reflect_type: See NumPy; None where the mode takes none or for 0.
    """
    given = {
        "stat_length": stat_length, "constant_values": constant_values, "end_values": end_values,
        "reflect_type": reflect_type,
    }  # fmt: skip
    return jn.pad(array, pad_width, mode, **{name: value for name, value in given.items() if value is not None})


def top_k(operand: ArrayLike, k: int) -> list[Array]:
    """The `k` largest elements along the last axis, in falling order, and where they are: [values, indices].

    Of equal elements the first one comes first. Gradients return to where the elements came from.

    Args:
        operand: An array (..., n) of real numbers.
        k: At most n; else ValueError is raised.
    """
    x = jn.asarray(operand)
    refuse_complex("top_k", x)
    require_sizes("top_k", 0, k=k)
    if not x.ndim or k > x.shape[-1]:
        raise ValueError(f"top_k: expected an array (..., n) with n of at least k = {k}, got shape {x.shape}.")
    last = x.shape[-1] - 1
    indices = last - jn.flip(jn.argsort(jn.flip(single(x), -1), -1, stable=True), -1)[..., :k]
    return [jn.take_along_axis(x, indices, -1), indices]


def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: Tree,
    xs: Tree,
    length: int | None = None,
    reverse: bool = False,
    unroll: int = 1,
) -> tuple[Any, Any]:
    """A loop with a state, `carry, y = f(carry, x)`: see `autograd.scan`. It may read and write variables.

    `unroll` has no effect: every step is run, or recorded by Jit, one after the other.
    """
    return autograd.scan(f, init, xs, length, reverse)


def normalize(x: ArrayLike, axis: int = -1, ord: float = 2, eps: float = 1e-12) -> Array:
    """x divided by its norms along an axis, or by `eps` where they are less.

    Args:
        x: An array of numbers.
        axis: The axis of the vectors.
        ord: The kind of norm: 2 of Euclid, 1 for the sum of absolute values, `jn.inf` for the greatest one.
        eps: The least norm.

    Example:
        >>> normalize([3.0, 4.0])
        Array([0.6, 0.8], dtype=float32)
    """
    x = to_inexact(jn.asarray(x))
    y = single(x)
    norm = jn.linalg.vector_norm(y, axis=axis, keepdims=True, ord=ord)
    return with_precision_of(y / jn.maximum(norm, eps), x)


def cosine_similarity(x: ArrayLike, y: ArrayLike, axis: int = -1, eps: float = 1e-8) -> Array:
    """The cosine of the angle between x and y along an axis, of one shape or shapes that broadcast; 0 of zeros.

    Args:
        x, y: Arrays of real numbers.
        axis: The axis of the features, which the result has not.
        eps: The least length of each.
    """
    x, y = jn.asarray(x), jn.asarray(y)
    refuse_complex("cosine_similarity", x, y)
    require_eps("cosine_similarity", eps)
    if any(n != m and 1 not in (n, m) for n, m in zip(reversed(x.shape), reversed(y.shape), strict=False)):
        raise ValueError(f"cosine_similarity: expected x and y whose shapes broadcast, got {x.shape} and {y.shape}.")
    a, b = wide(x), wide(y)
    lengths = (jn.maximum(jn.linalg.norm(v, axis=axis), eps) for v in (a, b))
    return with_precision_of((a * b).sum(axis) / math.prod(lengths), x, y)

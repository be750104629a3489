"""Functions that call functions of the user, and differentiate through them."""

from __future__ import annotations

import functools
import itertools
import operator
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from ..axes import complete_axis
from ..typing import ArrayLike, DTypeLike, Result
from ._common import as_array, together
from ._creation import zeros_like
from ._indexing import IndexUpdate
from ._placement import device_of_first, placed_like
from ._shape import broadcast_shapes, broadcast_to, expand_dims, moveaxis, reshape, stack


def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: ArrayLike, *args: Any, **kwargs: Any) -> Result:
    """The results of a function of vectors for each vector along an axis of `arr`, in place of that axis."""
    arr = as_array(arr)
    axis = complete_axis(axis, arr.ndim)
    vectors = moveaxis(arr, axis, -1)
    rest = vectors.shape[:-1]
    if 0 in rest:
        raise ValueError(f"apply_along_axis: expected at least one vector along axis {axis}, got shape {arr.shape}.")
    places = itertools.product(*map(range, rest))
    results = stack([placed_like(arr, func1d(vectors[place], *args, **kwargs)) for place in places])
    results = reshape(results, rest + results.shape[1:])
    added = range(len(rest), results.ndim)
    return moveaxis(results, tuple(added), tuple(i - len(rest) + axis for i in added))


def apply_over_axes(func: Callable[..., Any], a: ArrayLike, axes: int | Sequence[int]) -> Result:
    """Applies `func(a, axis)` for one axis after the other; an axis that it removes returns with length 1."""
    a = as_array(a)
    for axis in axes if isinstance(axes, list | tuple) else [axes]:
        result = as_array(func(a, axis))
        a = result if result.ndim == a.ndim else expand_dims(result, axis)
    return a


def piecewise(x: ArrayLike, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Result:
    """`funclist[i]`, a function of the elements or a number, where `condlist[i]` is true; the last true one counts.

    A further function is for all other elements, which are 0 without one. A function gets its elements as a vector,
    whose length depends on values: it raises under `vmap` and `Jit`.
    """
    x = as_array(x)
    several = isinstance(condlist, list | tuple) and not (x.ndim and isinstance(condlist[0], bool))
    conditions = [broadcast_to(placed_like(x, c), x.shape) for c in (condlist if several else [condlist])]
    if len(funclist) == len(conditions) + 1:
        conditions.append(~functools.reduce(operator.or_, conditions))
    if len(funclist) != len(conditions):
        raise ValueError(f"piecewise: expected {len(conditions)} functions, or one more, got {len(funclist)}.")
    y = zeros_like(x)
    for condition, function in zip(conditions, funclist, strict=True):
        values = function(x[condition], *args, **kw) if callable(function) else function
        y = IndexUpdate(y, condition).set(values)
    return y


_SIGNATURE = re.compile(r"\((.*?)\)")


def vectorize(
    pyfunc: Callable[..., Any] | None = None,
    otypes: Sequence[DTypeLike] | str | None = None,
    doc: str | None = None,
    excluded: Collection[int | str] | None = None,
    cache: bool = False,
    signature: str | None = None,
) -> Callable[..., Any]:
    """A function of arrays that calls `pyfunc` for each of their elements, or parts, after broadcasting.

    It is a loop in Python; `autograd.vmap` is not. Without `pyfunc`, a decorator.

    Args:
        otypes: The dtypes of the results.
        doc: The docstring of the function.
        excluded: Positions and names of arguments that are passed unchanged.
        cache: No effect.
        signature: Which trailing axes `pyfunc` gets, such as "(n),(n,m)->(m)".
    """
    if pyfunc is None:
        return functools.partial(vectorize, otypes=otypes, doc=doc, excluded=excluded, cache=cache, signature=signature)
    ndims = signature and [
        len(names.split(",")) if names else 0
        for names in _SIGNATURE.findall(signature.replace(" ", "").partition("->")[0])
    ]

    @functools.wraps(pyfunc)
    def vectorized(*args, **kwargs):
        given = dict([*enumerate(args), *kwargs.items()])
        chosen = {key: value for key, value in given.items() if key not in (excluded or ())}
        with device_of_first(chosen.values()):
            arrays = dict(zip(chosen, together(*chosen.values()), strict=True))
        counts = dict(zip(arrays, ndims or (0,) * len(arrays), strict=True))
        return _looped(pyfunc, given, arrays, counts, otypes)

    vectorized.__doc__ = doc or pyfunc.__doc__
    return vectorized


def _looped(function, given, arrays, counts, otypes):
    """The results of a function at each index of the leading axes of arrays; it gets `counts` trailing axes of each."""
    lead = {key: a.shape[: a.ndim - counts[key]] for key, a in arrays.items()}
    shape = broadcast_shapes(*lead.values())
    if 0 in shape:
        raise ValueError(f"vectorize: expected at least one element, got shape {shape}.")
    arrays = {key: broadcast_to(a, shape + a.shape[len(lead[key]) :]) for key, a in arrays.items()}
    results = []
    for place in itertools.product(*map(range, shape)):
        values = {key: arrays[key][place] if key in arrays else value for key, value in given.items()}
        named = {key: value for key, value in values.items() if isinstance(key, str)}
        results.append(function(*[value for key, value in values.items() if not isinstance(key, str)], **named))
    several = isinstance(results[0], tuple)
    parts = [list(part) for part in zip(*results, strict=True)] if several else [results]
    with device_of_first(arrays.values()):
        joined = [stack([as_array(y) for y in part], dtype=otypes and otypes[i]) for i, part in enumerate(parts)]
    joined = [reshape(part, shape + part.shape[1:]) for part in joined]
    return tuple(joined) if several else joined[0]


def ndenumerate(arr: ArrayLike) -> Iterator[tuple[tuple[int, ...], Result]]:
    """Yields (index, element) for each element."""
    arr = as_array(arr)
    return ((place, arr[place]) for place in itertools.product(*map(range, arr.shape)))

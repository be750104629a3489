"""Operations of all devices together, in a function under `Parallel`: on arrays in any containers.

`axis_name` is that of the `Parallel`. Each device gets the result, in containers such as those that it gave; arrays of
one dtype travel together. Without a `Parallel` of that name, these raise an error.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import cuobjax.numpy as jn
from autograd import tree
from autograd.core import Array
from autograd.ops import collective
from autograd.thread_group import current

from ..typing import Tree
from .half_precision import wide, with_precision_of

__all__ = ["all_gather", "axis_index", "pmax", "pmean", "pmin", "ppermute", "psum", "reduce_scatter"]


def psum(x: Tree, axis_name: str = "device") -> Tree:
    """The sum of `x` over the devices of `axis_name`; of booleans, how many are true. Sums of integers are exact.

    Its derivative is that of the sum of all devices' outputs: each device receives the sum of the cotangents.
    """
    return _alike("psum", lambda leaves: _sums(leaves, axis_name), x, axis_name)


def pmean(x: Tree, axis_name: str = "device") -> Tree:
    """The mean of `x` over the devices of `axis_name`: see `psum`."""
    size = current(axis_name).group.size

    def means(leaves):
        sums = _sums([wide(leaf) for leaf in leaves], axis_name)
        return [with_precision_of(y / size, leaf) for y, leaf in zip(sums, leaves, strict=True)]

    return _alike("pmean", means, x, axis_name)


def pmax(x: Tree, axis_name: str = "device") -> Tree:
    """The largest of the elements of `x` on the devices of `axis_name`; equal ones share the gradient."""
    return _alike("pmax", lambda leaves: _together(collective.pmax, leaves, axis_name=axis_name), x, axis_name)


def pmin(x: Tree, axis_name: str = "device") -> Tree:
    """The smallest of the elements of `x` on the devices of `axis_name`; equal ones share the gradient."""
    return _alike("pmin", lambda leaves: _together(collective.pmin, leaves, axis_name=axis_name), x, axis_name)


def all_gather(x: Tree, axis_name: str = "device", axis: int = 0) -> Tree:
    """The arrays `x` of all devices of `axis_name`, stacked along a new axis: `axis` of the result."""

    def gathered(leaves):
        return [jn.moveaxis(y, 0, axis) for y in _together(collective.all_gather, leaves, axis_name=axis_name)]

    return _of_leaves(gathered, x)


def reduce_scatter(x: Tree, axis_name: str = "device", axis: int = 0) -> Tree:
    """The sum of `x` over the devices of `axis_name`, of which each device gets one part.

    It is `psum(x)` at position `axis_index()` of the axis `axis`, but only that part travels to a device: the way back
    of `all_gather`.

    Args:
        x: Arrays; the length of their axis `axis` is the number of devices.
        axis_name: See above.
        axis: The axis, which the result does not have.

    Raises:
        ValueError: If that axis has another length.
    """
    size = current(axis_name).group.size

    def scattered(leaves):
        for leaf in leaves:
            if not -leaf.ndim <= axis < leaf.ndim or leaf.shape[axis] != size:
                raise ValueError(
                    f"reduce_scatter: expected an axis {axis} of length {size}, a part for each device, got shape "
                    f"{leaf.shape}. Reshape it, such as x.reshape(({size}, -1))."
                )
        leaves = [jn.moveaxis(_countable(leaf), axis, 0) for leaf in leaves]
        return _together(collective.reduce_scatter, leaves, kept=1, axis_name=axis_name)

    return _of_leaves(scattered, x)


def ppermute(x: Tree, perm: Iterable[tuple[int, int]], axis_name: str = "device") -> Tree:
    """The arrays `x` of other devices of `axis_name`.

    Args:
        x: Arrays.
        perm: Pairs `(source, target)` of numbers of devices; each number is a source at most once, and a target at most
            once. A device that is no target gets zeros.
        axis_name: See above.

    Raises:
        ValueError: If there is no such device or one comes twice.
    """
    try:
        pairs = [(int(source), int(target)) for source, target in perm]
    except (TypeError, ValueError):
        raise TypeError(f"ppermute: expected perm as pairs (source, target) of integers, got {perm!r}.") from None
    sources = _sources(pairs, current(axis_name).group.size)
    return _of_leaves(lambda xs: _together(collective.ppermute, xs, axis_name=axis_name, sources=sources), x)


def axis_index(axis_name: str = "device") -> int:
    """The number of this device among those of `axis_name`, from 0 on, as an int."""
    return current(axis_name).rank


def _sources(perm, size):
    """The source for each device; None for one that is no target."""
    for numbers in zip(*perm, strict=True):
        if len(set(numbers)) < len(numbers) or not all(0 <= number < size for number in numbers):
            raise ValueError(
                f"ppermute: expected pairs (source, target) of different devices from 0 to {size - 1}, got {perm}."
            )
    found = {target: source for source, target in perm}
    return tuple([found.get(target) for target in range(size)])


def _of_leaves(function: Callable[[list[Array]], list[Array]], x: Tree) -> Tree:
    leaves, structure = tree.flatten(x)
    return tree.unflatten(structure, function([jn.asarray(leaf) for leaf in leaves]))


def _alike(name, function, x, axis_name):
    """`_of_leaves` for a `function` whose results are the same on all devices that give it arrays of the same kinds."""

    def noted(leaves):
        kinds = [(leaf.dtype, leaf.shape) for leaf in leaves]
        results = function(leaves)
        for k, y in enumerate(results):
            current(axis_name).note(y, (name, kinds, k))
        return results

    return _of_leaves(noted, x)


def _countable(x):
    return x.astype("int32") if x.dtype == bool else x


def _sums(leaves, axis_name):
    return _together(collective.psum, list(map(_countable, leaves)), axis_name=axis_name)


def _together(operation: Any, leaves: Sequence[Array], kept: int = 0, **params: Any) -> list[Array]:
    """`operation` of each array, in one call for all arrays of a dtype.

    Args:
        kept: How many first axes all arrays have alike; the operation takes no notice of the others.
    """
    results = dict[int, Array]()
    for dtype in dict.fromkeys(leaf.dtype for leaf in leaves):
        numbers = [i for i, leaf in enumerate(leaves) if leaf.dtype == dtype]
        if len(numbers) == 1:
            results[numbers[0]] = operation(leaves[numbers[0]], **params)
            continue
        shapes = [leaves[i].shape for i in numbers]
        flat = [
            leaves[i].reshape((*shape[:kept], math.prod(shape[kept:])))
            for i, shape in zip(numbers, shapes, strict=True)
        ]
        y, end = operation(jn.concatenate(flat, axis=kept), **params), 0
        for i, shape in zip(numbers, shapes, strict=True):
            begin, end = end, end + math.prod(shape[kept:])
            results[i] = y[..., begin:end].reshape((*y.shape[:-1], *shape[kept:]))
    return [results[i] for i in range(len(leaves))]


def __dir__() -> list[str]:
    return __all__

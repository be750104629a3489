"""Operations of all devices together, in a function under `Parallel`: on arrays in any containers.

`axis_name` is that of the `Parallel`. Each device gets the result, in containers such as those that it gave. Without a
`Parallel` of that name, these raise an error.
"""

import cuobjax.numpy as jn
from autograd import tree
from autograd.ops import collective
from autograd.thread_group import current

from ..typing import Tree
from .half_precision import single, with_precision_of

__all__ = ["all_gather", "axis_index", "pmax", "pmean", "pmin", "psum"]


def _each(operation, x, axis_name):
    return tree.tree_map(lambda leaf: operation(jn.asarray(leaf), axis_name=axis_name), x)


def psum(x: Tree, axis_name: str = "device") -> Tree:
    """The sum of `x` over the devices of `axis_name`; of booleans, how many are true.

    Its derivative is that of the sum of all devices' outputs: each device receives the sum of the cotangents.
    """
    return tree.tree_map(lambda leaf: _sum(jn.asarray(leaf), axis_name), x)


def _sum(x, axis_name):
    return collective.psum(x.astype("int32") if x.dtype == bool else x, axis_name=axis_name)


def pmean(x: Tree, axis_name: str = "device") -> Tree:
    """The mean of `x` over the devices of `axis_name`: see `psum`."""
    size = current(axis_name).group.size

    def mean(leaf):
        leaf = jn.asarray(leaf)
        wide = leaf / 1 if leaf.dtype.kind in "iu" else single(leaf)  # narrow dtypes may not hold the sum
        return with_precision_of(_sum(wide, axis_name) / size, leaf)

    return tree.tree_map(mean, x)


def pmax(x: Tree, axis_name: str = "device") -> Tree:
    """The largest of the elements of `x` on the devices of `axis_name`; equal ones share the gradient."""
    return _each(collective.pmax, x, axis_name)


def pmin(x: Tree, axis_name: str = "device") -> Tree:
    """The smallest of the elements of `x` on the devices of `axis_name`; equal ones share the gradient."""
    return _each(collective.pmin, x, axis_name)


def all_gather(x: Tree, axis_name: str = "device", axis: int = 0) -> Tree:
    """The arrays `x` of all devices of `axis_name`, stacked along a new axis: `axis` of the result."""
    gathered = _each(collective.all_gather, x, axis_name)
    return tree.tree_map(lambda leaf: jn.moveaxis(leaf, 0, axis), gathered) if axis else gathered


def axis_index(axis_name: str = "device") -> int:
    """The number of this device among those of `axis_name`, from 0 on, as an int."""
    return current(axis_name).rank


def __dir__() -> list[str]:
    return __all__

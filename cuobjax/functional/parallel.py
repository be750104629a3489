"""What devices do together, in a function under `Parallel`: on arrays in any containers."""

import cuobjax.numpy as jn
from autograd import tree
from autograd.ops import collective
from autograd.thread_group import current


def _each(operation, x, axis_name):
    return tree.tree_map(lambda leaf: operation(jn.asarray(leaf), axis_name=axis_name), x)


def psum(x, axis_name="device"):
    """The sum over the devices; of booleans, how many are true.

    Its derivative is that of the sum of all devices' outputs: each device receives the sum of the cotangents.
    """
    return tree.tree_map(lambda leaf: _sum(jn.asarray(leaf), axis_name), x)


def _sum(x, axis_name):
    return collective.psum(x.astype("int32") if x.dtype == bool else x, axis_name=axis_name)


def pmean(x, axis_name="device"):
    """The mean over the devices: see `psum`."""
    size = current(axis_name).group.size
    return tree.tree_map(lambda leaf: leaf / size, psum(x, axis_name))


def pmax(x, axis_name="device"):
    """The largest of the elements on all devices; equal ones share the gradient."""
    return _each(collective.pmax, x, axis_name)


def pmin(x, axis_name="device"):
    """The smallest of the elements on all devices; equal ones share the gradient."""
    return _each(collective.pmin, x, axis_name)


def all_gather(x, axis_name="device", axis=0):
    """The arrays of all devices, stacked along a new axis."""
    gathered = _each(collective.all_gather, x, axis_name)
    return tree.tree_map(lambda leaf: jn.moveaxis(leaf, 0, axis), gathered) if axis else gathered


def axis_index(axis_name="device"):
    """The number of this device, from 0 on, as an int."""
    return current(axis_name).rank

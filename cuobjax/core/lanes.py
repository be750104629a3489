"""Variables in several lanes: `Vectorize`'s elements of a batch, or `Parallel`'s devices.

A call in lanes finds one value in each variable, but a key of its own for each lane in a RandomState; afterwards, every
variable has one value again.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as onp

from autograd.core import Array
from autograd.numpy import astype, rint
from autograd.ops.random import split

from .variable import BaseVar, as_value, reduce_first, reduce_mean

__all__ = ["differing", "in_dtype", "joined", "keeps", "keys_of_lanes", "reduced"]


def keys_of_lanes(key: Array, n: int) -> tuple[Array, Array]:
    """A key for each lane out of that of a RandomState, and the key that the RandomState has afterwards.

    Args:
        key: uint32[2].
        n: The number of lanes.

    Returns:
        (keys, after): shapes (n, 2) and (2,).
    """
    keys = split(key, n=n)
    return keys[1:], keys[0]


def in_dtype(value: Array, dtype: onp.dtype[Any]) -> Array:
    """What a reduction gave in the dtype of its variable: the nearest integer of a mean of integers."""
    if value.dtype == dtype:
        return value
    exact = dtype.kind in "iub" and value.dtype.kind == "f"
    return astype(rint(value) if exact else value, dtype)


def reduced(variable: BaseVar, values: Array, before: Array) -> Array:
    """The value of a variable that its reduction makes of those of all lanes: see `BaseVar.joined`."""
    value = as_value(variable.joined(values, before), f"{type(variable).__name__}.reduce")
    return in_dtype(value, variable.dtype)


def keeps(variable: BaseVar) -> bool:
    """Whether a value that is the same in all lanes stays what it is."""
    return variable.reduction in (None, reduce_mean, reduce_first)


def joined(
    variable: BaseVar,
    same: Array | None,
    stacked: Callable[[], Array],
    where: tuple[str, str],
    names: Mapping[str, BaseVar],
) -> Array:
    """The value of a variable after a call in lanes that may have left different values in it.

    Args:
        same: The value, if it is the same in all lanes, else None.
        stacked: A function that gives the values of all lanes along a new first axis.
        where: The name of the transform and the word for its lanes, for the error.
        names: Variables by name, for the error.

    Raises:
        ValueError: If the values differ and the variable has no `reduce`.
    """
    if same is not None and keeps(variable):
        return same
    if variable.reduction is None:
        raise differing(variable, where, names)
    return reduced(variable, stacked(), variable.value)


def differing(variable: BaseVar, where: tuple[str, str], names: Mapping[str, BaseVar]) -> ValueError:
    """The error for values that differ of a variable without `reduce`: see `joined`."""
    (transform, lanes), shape = where, variable.shape
    name = next((name for name, v in names.items() if v is variable), f"a {type(variable).__name__} of shape {shape}")
    return ValueError(
        f"{transform}: {name} has no reduce and differs {lanes}. Give it one, such as StateVar(x, reduce=lambda x: "
        "x[0]), or return the value as an output."
    )

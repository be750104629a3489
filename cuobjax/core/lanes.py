"""Variables in several lanes: `Vectorize`'s elements of a batch, or `Parallel`'s devices.

A call in lanes finds one value in each variable, but a key of its own for each lane in a RandomState; afterwards, every
variable has one value again.
"""

from autograd.numpy import astype, rint
from autograd.ops.random import split

from .variable import as_value, reduce_mean


def keys_of_lanes(key, n):
    """A key for each lane out of that of a RandomState, and the key that the RandomState has afterwards.

    Args:
        key: uint32[2].
        n: The number of lanes.

    Returns:
        (keys, after): shapes (n, 2) and (2,).
    """
    keys = split(key, n=n)
    return keys[1:], keys[0]


def reduced(variable, stacked):
    """What the `reduce` of a variable makes of its values in lanes, stacked along a first axis.

    It has the variable's dtype; of means of integers that is the nearest integer.
    """
    value = as_value(variable._reduce(stacked), f"{type(variable).__name__}.reduce")
    if value.dtype == variable.dtype:
        return value
    exact = variable.dtype.kind in "iub" and value.dtype.kind == "f"
    return astype(rint(value) if exact else value, variable.dtype)


def joined(variable, same, stacked, where, vc):
    """The value of a variable after a call in lanes that may have left different values in it.

    Args:
        same: The value, if it is the same in all lanes, else None.
        stacked: A function that gives the values of all lanes along a new first axis.
        where: The name of the transform and the word for its lanes, for the error.
        vc: The VarCollection that may know a name of the variable, for the error.

    Raises:
        ValueError: If the values differ and the variable has no `reduce`.
    """
    if same is not None and variable._reduce in (None, reduce_mean):
        return same
    if variable._reduce is not None:
        return reduced(variable, stacked())
    (transform, lanes), shape = where, variable.shape
    name = next((name for name, v in vc.items() if v is variable), f"a {type(variable).__name__} of shape {shape}")
    raise ValueError(
        f"{transform}: {name} has no reduce and differs {lanes}. Give it one, such as StateVar(x, reduce=lambda x: "
        "x[0]), or return the value as an output."
    )

"""Variables: objects that store arrays."""

import copy
import operator
import re

import numpy as onp

import autograd.numpy as anp
from autograd.backend import DeviceError, default_device, device_of, is_array, is_cupy
from autograd.core import Array, Reference, TracedNumber, Tracer, bare, library, resolved
from autograd.ops.random import split as split_key

from ..util import class_name, repr_function
from . import scope


def reduce_mean(x):
    """The mean over the first axis: how a variable's values of several devices or lanes become one."""
    return x.mean(0)


def as_value(x, where, beside=None):
    """What a variable may store: an Array as it is, a raw array as an Array of a copy.

    Args:
        beside: An Array to whose device NumPy arrays go; to the default device without one.

    Raises:
        TypeError: If `x` is no array.
    """
    if isinstance(x, Array) and not isinstance(x, TracedNumber):
        return resolved(x)
    if not is_array(x):
        raise TypeError(f"{where}: expected an array, got {type(x).__name__}. Convert it with cuobjax.numpy.array(x).")
    if is_cupy(x):
        return Array(x.copy())
    return Array((default_device() if beside is None else beside.device).put(x))


def require_same_library(x, beside, where):
    """Raises DeviceError if one of two arrays is on the CPU and the other one is not; `beside` is an Array."""
    if library(x) is not library(beside):
        found, device = x.device if isinstance(x, Array) else device_of(x), beside.device
        raise DeviceError(
            f"{where}: expected an array on {device}, got one on {found}. Move it with device_put(x, {device.kind!r})."
        )


class BaseVar(Reference):
    """An object that has a value and is used like it in computations: the base of all variables.

    Args:
        reduce: How the values of several devices or lanes, stacked along a first axis, become one; None if they do not.
    """

    __hash__ = object.__hash__

    def __init__(self, reduce):
        self._reduce = reduce

    @property
    def value(self):
        """The value, an Array."""
        raise NotImplementedError

    @property
    def _value(self):
        return self.value

    def assign(self, tensor, check=True):
        """Replaces the value.

        Args:
            check: Require the shape, dtype and device that the value has; a NumPy array is copied to that device.

        Raises:
            TypeError: If `tensor` is no array or has another dtype, DeviceError if it is an Array of another device.
            ValueError: If it has another shape.
        """
        raise NotImplementedError

    def reduce(self, tensors):
        """Assigns the reduction of values that are stacked along the first axis; does nothing without a `reduce`."""
        if self._reduce is not None:
            self.assign(self._reduce(tensors), check=False)

    def checked(self, tensor, where=None):
        """`tensor` as a value that this variable may be assigned: see `assign`."""
        where = where or f"{type(self).__name__}.assign"
        old = self.value
        value = as_value(tensor, where, old)
        if value.shape != old.shape:
            raise ValueError(f"{where}: expected shape {old.shape}, got {value.shape}. A variable keeps its shape.")
        if value.dtype != old.dtype:
            raise TypeError(
                f"{where}: expected dtype {old.dtype}, got {value.dtype}. Convert: x.astype({str(old.dtype)!r})."
            )
        require_same_library(value, old, where)
        return value

    def __bool__(self):
        raise TypeError(
            "To prevent accidental errors variables can not be used as Python bool. To check if a variable is `None` "
            "use `is None` or `is not None` instead; for its truth use `bool(v.value)`."
        )

    def __repr__(self):
        value = re.sub("\n+", "\n", repr(self.value))
        reduce = f", reduce={repr_function(self._reduce)}" if self._reduce else ""
        return f"{class_name(self)}({value}{reduce})"

    def __str__(self):
        return repr(self)

    def __getstate__(self):
        return self.__dict__

    def __setstate__(self, state):
        self.__dict__.update(state)


class _StoredVar(BaseVar):
    """A variable with a value of its own."""

    def __init__(self, tensor, reduce):
        super().__init__(reduce)
        value = as_value(tensor, type(self).__name__)
        self.stored = constant(value)
        if isinstance(value, Tracer):  # created in a differentiated call, which sees the traced value
            scope.write({self: value})

    @property
    def value(self):
        return scope.read(self)

    @value.setter
    def value(self, tensor):
        self.assign(tensor)

    def assign(self, tensor, check=True):
        value = self.checked(tensor) if check else as_value(tensor, f"{type(self).__name__}.assign", self.value)
        scope.write({self: value})

    def __getstate__(self):
        return self.__dict__ | {"stored": constant(self.value)}

    def __copy__(self):
        return self._copied(lambda state, new: state)

    def __deepcopy__(self, memo):
        def copied(state, new):
            memo[id(self)] = new
            return copy.deepcopy(state, memo)

        return self._copied(copied)

    def _copied(self, copied):
        """A variable of the same value, traced where this one's is, so that gradients flow back to this one."""
        new = object.__new__(type(self))
        new.__setstate__(copied(self.__getstate__(), new))
        if isinstance(self.value, Tracer):
            scope.write({new: self.value})
        return new


def constant(x):
    """The plain Array under a traced one; of many lanes that of the first."""
    if not isinstance(x, Tracer):
        return x
    raw = bare(x)
    return Array(raw[(0,) * (raw.ndim - x.ndim) + (...,)])


class TrainVar(_StoredVar):
    """A trainable variable: gradient modules differentiate with respect to it.

    Its value is assigned with `assign` or through a `TrainRef`, not by accident: `v.value = x` raises ValueError.
    Assigning an expression of the old value keeps it differentiable with respect to that.

    Args:
        tensor: The initial value; a raw array is copied.
        reduce: See `BaseVar`.
        constraint: A function that makes the value out of what is trained; it makes this a `ConstrainedVar`.
    """

    def __init__(self, tensor, reduce=reduce_mean, constraint=None):
        if constraint is None:
            super().__init__(tensor, reduce)
        elif type(self) is not TrainVar:
            raise TypeError(f"{type(self).__name__}: expected no constraint in a subclass. Use TrainVar itself.")
        else:
            self.__class__ = ConstrainedVar
            self.__init__(tensor, reduce, constraint)  # type: ignore[misc]

    @property
    def value(self):
        return scope.read(self)

    @value.setter
    def value(self, tensor):
        raise ValueError("Direct assignment not allowed, use TrainRef to update a TrainVar.")


class ConstrainedVar(TrainVar):
    """A variable whose value is a function of a free TrainVar: what `TrainVar(tensor, constraint=...)` makes.

    In computations, it is its value, through which gradients flow to `free`. A VarCollection holds `free` in its place,
    and so does a TrainRef: the free tensor is what is differentiated, trained, averaged and saved.

    Args:
        tensor: The initial value if the constraint has an inverse, else what `free` begins with.
        reduce: See `BaseVar`.
        constraint: A differentiable function that keeps dtypes, such as those of `cuobjax.constraint`. Its attribute
            `inverse`, if there is one, finds a free tensor for a value.
    """

    def __init__(self, tensor, reduce, constraint):
        BaseVar.__init__(self, None)
        self.constraint = constraint
        value = as_value(tensor, "TrainVar")
        if value.dtype.kind in "iub":
            raise TypeError(f"TrainVar: expected real or complex numbers to constrain, got dtype {value.dtype}.")
        with onp.errstate(divide="ignore", invalid="ignore"):  # what is out of range is said below
            first = None if hasattr(constraint, "inverse") else constraint(value)
        if first is not None and not isinstance(first, Array):
            raise TypeError(
                f"TrainVar: expected a constraint that gives an array of an array, got {repr_function(constraint)}. "
                "Some are made by a call: unit_norm(), interval(0, 1)."
            )
        if first is not None and not isinstance(first, Tracer) and not anp.isfinite(first).all():
            raise ValueError(f"TrainVar: expected values that {repr_function(constraint)} can have, got {value!r}.")
        self.free = TrainVar(self._free(value, "TrainVar") if hasattr(constraint, "inverse") else value, reduce)

    @property
    def value(self):
        return self.constraint(self.free.value)

    @value.setter
    def value(self, tensor):
        raise ValueError("Direct assignment not allowed, use assign to update a TrainVar with a constraint.")

    def assign(self, tensor, check=True):
        """Finds a free tensor for a value; a constraint without an inverse raises TypeError: assign to `free`."""
        if not hasattr(self.constraint, "inverse"):
            raise TypeError("TrainVar.assign: expected a constraint with an inverse. Assign to v.free what it is of.")
        value = self.checked(tensor) if check else as_value(tensor, "TrainVar.assign", self.free.value)
        self.free.assign(self._free(value, "TrainVar.assign"), check)

    def _free(self, value, where):
        with onp.errstate(divide="ignore", invalid="ignore"):  # a value out of range is found below
            free = self.constraint.inverse(value)
        known = not isinstance(value, Tracer)
        if known and not (anp.isfinite(free).all() and anp.allclose(self.constraint(free), value, 1e-2, 1e-4)):
            raise ValueError(f"{where}: expected values that {repr_function(self.constraint)} can have, got {value!r}.")
        return free

    def __repr__(self):
        text = BaseVar.__repr__(self.free).partition("(")[2]
        return f"{class_name(TrainVar)}(free={text[:-1]}, constraint={repr_function(self.constraint)})"

    def __getstate__(self):
        return self.__dict__


class BaseState(BaseVar):
    """A variable that gradient modules ignore."""


class TrainRef(BaseState):
    """A state that reads and writes a TrainVar: how optimizers refer to what they train.

    Args:
        ref: The TrainVar.
    """

    def __init__(self, ref):
        super().__init__(None)
        if not isinstance(ref, TrainVar):
            raise TypeError(f"TrainRef: expected a TrainVar, got {type(ref).__name__}.")
        self.ref = ref.free if isinstance(ref, ConstrainedVar) else ref

    @property
    def value(self):
        return self.ref.value

    @value.setter
    def value(self, tensor):
        self.assign(tensor)

    def assign(self, tensor, check=True):
        self.ref.assign(tensor, check)

    def __repr__(self):
        return f"{class_name(self)}(ref={self.ref!r})"


class StateVar(_StoredVar, BaseState):
    """A variable that programs write, such as a running mean: `v.value = x` and `v.value += x` work.

    Args:
        tensor: The initial value; a raw array is copied.
        reduce: See `BaseVar`.
    """

    def __init__(self, tensor, reduce=reduce_mean):
        super().__init__(tensor, reduce)


class RandomState(StateVar):
    """The state of a random number generator: a key of two uint32 words, the seed's high and low one at first.

    Args:
        seed: From 0 to 2**64 - 1.
    """

    def __init__(self, seed):
        super().__init__(key_of(seed), None)

    def seed(self, seed):
        """Starts anew from a seed."""
        self.value = key_of(seed)

    def split(self, n):
        """Draws `n` new keys, (n, 2) uint32; the state becomes another one, independent of them."""
        if operator.index(n) < 0:
            raise ValueError(f"RandomState.split: expected a number of keys, got {n}.")
        keys = split_key(self.value, n=n)
        self.value = keys[0]
        return keys[1:]


def key_of(seed):
    """The key of a seed: its high and low word."""
    number = operator.index(seed)
    if not 0 <= number < 2**64:
        raise ValueError(f"RandomState: expected a seed from 0 to 2**64 - 1, got {seed}.")
    return onp.array([number >> 32, number & 0xFFFFFFFF], onp.uint32)

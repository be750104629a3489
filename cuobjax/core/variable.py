"""Variables: objects that store arrays."""

from __future__ import annotations

import copy
import re
from abc import ABCMeta
from collections.abc import Callable, Iterable
from typing import Any, NoReturn, Self, TypeAlias

import numpy as onp

import autograd.numpy as anp
from autograd.backend import is_array
from autograd.boundary import require_same_library
from autograd.core import Array, Reference, Tracer, bare, dereferenced
from autograd.dtypes import is_inexact, promoted, undecided

from ..absent import VARIABLE, declare
from ..util import class_name, repr_function
from ..util.convert import require_functions
from . import scope
from .elsewhere import marked
from .value import KEEPS_ITS_DTYPE, as_value

__all__ = [
    "BaseState", "BaseVar", "ConstrainedVar", "Reduction", "StateVar", "StoredVar", "Tensor", "TrainRef",
    "TrainVar", "as_value", "common_dtype", "constant", "reduce_first", "reduce_mean", "referred", "unconstrained",
]  # fmt: skip

Tensor: TypeAlias = Array | onp.ndarray[Any, Any] | onp.generic
"""What a variable stores: an Array, or a raw array, which is copied."""
Reduction: TypeAlias = Callable[[Array], Array]
"""Combines the values of lanes or devices, stacked along axis 0, into one."""


def reduce_mean(x: Array) -> Array:
    """The mean over the first axis: how most variables' values of several devices or lanes become one.

    That of integers is float64, as float32 does not hold large ones.
    """
    return x.mean(0, dtype="float64") if x.dtype.kind in "iu" else x.mean(0)


def reduce_first(x: Array) -> Array:
    """The first along the first axis: for values of several devices or lanes that are all the same."""
    return x[0]


def short_text(value: Array) -> str:
    """An array as its repr, of a large one the corners and the shape."""
    if value.size <= 100:
        return re.sub("\n+", "\n", repr(value))
    with onp.printoptions(threshold=0, edgeitems=2):
        start, _, end = re.sub("\n+", "\n", repr(value)).rpartition("dtype=")
    return f"{start}shape={value.shape}, dtype={end}"


class BaseVar(Reference):
    """An object that has a value and is used like it in computations: the base of all variables.

    Args:
        reduce: Combines the values of devices or lanes, stacked along axis 0, into one; None: they must agree.

    Attributes:
        reduction: The argument `reduce`.
        member: The number of the only device of `Parallel` that uses it; None for all.
    """

    member: int | None = None
    __hash__ = object.__hash__  # type: ignore[assignment]
    stored: Array  # see StoredVar

    def __init__(self, reduce: Reduction | None) -> None:
        if reduce is not None and not callable(reduce):
            raise TypeError(f"{type(self).__name__}: expected reduce as a function or None, got {reduce!r}.")
        self.reduction = reduce
        scope.made(self)

    @property
    def value(self) -> Array:
        """The value, an Array."""
        raise NotImplementedError

    @value.setter
    def value(self, tensor: Tensor) -> None:
        raise NotImplementedError

    @property
    def _value(self) -> Array:
        return self.value

    def storing(self) -> tuple[BaseVar, ...]:
        """The variables that store its value: itself, if it does not refer to others."""
        return (self,)

    def lent(self) -> Array:
        """The value with which a call begins that opens the outermost scope."""
        return self.read_elsewhere() if scope.running else self.stored

    def read_elsewhere(self) -> Array:
        """The value outside of scopes, marked if this variable has another one in a call elsewhere."""
        value, own = self.stored, scope.loan.get()
        for call in list(scope.running):
            if scope.is_in(call) or not self.differs_in(call):
                continue
            if own is None or own.ended:
                value = marked(value, call)
            else:
                own.elsewhere.append(call)  # its results will be marked
        return value

    def differs_in(self, call: scope.Scope) -> bool:
        """Whether a call sees, or in another run may see, another value than this variable stores."""
        return call.recorded or self in call.values or self in call.traced

    def assign(self, tensor: Tensor, check: bool = True) -> None:
        """Replaces the value.

        Args:
            tensor: The new value, an Array or a raw array, which is copied.
            check: Require the shape, dtype and device that the value has; a NumPy array is copied to that device.

        Raises:
            TypeError: If `tensor` is no array or has another dtype, DeviceError if it is an Array of another device.
            ValueError: If it has another shape.
        """
        raise NotImplementedError

    def reduce(self, tensors: Array) -> None:
        """Assigns the reduction of `tensors`, values stacked along axis 0; does nothing without a reduction."""
        if self.reduction is not None:
            self.assign(self.reduction(tensors), check=False)

    def joined(self, values: Array, before: Array) -> Array:
        """One value of those of all devices or lanes, stacked along axis 0, each of which began with `before`.

        It is for variables with a reduction.
        """
        return self.reduction(values)  # type: ignore[misc]

    def checked(self, tensor: Any, where: str | None = None) -> Array:
        """`tensor` as a value that may be assigned to this variable; raises as `assign` does, naming `where`."""
        old = self.value
        if type(tensor) is type(old) is Array:  # the common case
            x, y = tensor._value, old._value
            same = type(x) is type(y) and (type(x) is onp.ndarray or x.device == y.device)
            if same and x.dtype is y.dtype and x.shape == y.shape:
                return tensor
        where = where or f"{type(self).__name__}.assign"
        if is_array(tensor) and undecided(tensor.dtype) and is_inexact(old.dtype):
            tensor = tensor.astype(old.dtype) if tensor.dtype.kind != "c" or old.dtype.kind == "c" else tensor
        value = as_value(tensor, where, old)
        if value.shape != old.shape:
            raise ValueError(
                f"{where}: expected shape {old.shape}, got {value.shape}. A variable keeps its shape. "
                "For another one, make a new variable."
            )
        if value.dtype != old.dtype:
            exact = onp.can_cast(value.dtype, old.dtype, "same_kind")  # such as float64 to float32
            remedy = f"Convert: x.astype({str(old.dtype)!r})." if exact else KEEPS_ITS_DTYPE
            raise TypeError(f"{where}: expected dtype {old.dtype}, got {value.dtype}. {remedy}")
        require_same_library(value, old, where)
        return value

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "To prevent accidental errors variables can not be used as Python bool. To check if a variable is `None` "
            "use `is None` or `is not None` instead; for its truth use `bool(v.value)`."
        )

    def __repr__(self) -> str:
        value = short_text(self.value)
        reduce = f", reduce={repr_function(self.reduction)}" if self.reduction else ""
        return f"{class_name(self)}({value}{reduce})"

    def __str__(self) -> str:
        return repr(self)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        scope.made(self)


def _refused(sign: str) -> Callable[[Any, Any], NoReturn]:
    """An in-place operator, which would bind its name to an array and leave the variable as it was."""

    def refused(self: BaseVar, other: Any) -> NoReturn:
        kind = type(self).__name__
        raise TypeError(f"{kind}: {sign}= does not change a variable. Write v.assign(v.value {sign} x).")

    return refused


for _name, _sign in zip(
    "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split(),
    "+ - * / // % ** @ & | ^ << >>".split(),
    strict=True,
):
    setattr(BaseVar, f"__i{_name}__", _refused(_sign))
declare(BaseVar, VARIABLE, refused="data requires_grad trainable")


class StoredVar(BaseVar):
    """A variable with a value of its own.

    Attributes:
        stored: The value outside of all scopes, a plain Array.
    """

    def __init__(self, tensor: Tensor, reduce: Reduction | None) -> None:
        super().__init__(reduce)
        value = as_value(tensor, type(self).__name__)
        self.stored: Array = constant(value)
        if isinstance(value, Tracer):  # created in a differentiated call, which sees the traced value
            scope.write({self: value})

    @property
    def value(self) -> Array:
        """The value, an Array."""
        return scope.read(self)

    @value.setter
    def value(self, tensor: Tensor) -> None:
        self.assign(tensor)

    def assign(self, tensor: Tensor, check: bool = True) -> None:
        value = self.checked(tensor) if check else as_value(tensor, f"{type(self).__name__}.assign", self.value)
        scope.write({self: value})

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"stored": constant(self.value)}

    def __copy__(self) -> Self:
        return self._copied(lambda state, new: state)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        def copied(state: dict[str, Any], new: Any) -> dict[str, Any]:
            memo[id(self)] = new
            return copy.deepcopy(state, memo)

        return self._copied(copied)

    def _copied(self, copied: Callable[[dict[str, Any], Any], dict[str, Any]]) -> Self:
        """A variable of the same value, traced where this one's is, so that gradients flow back to this one."""
        new = object.__new__(type(self))
        new.__setstate__(copied(self.__getstate__(), new))
        if isinstance(self.value, Tracer):
            scope.write({new: self.value})
        return new


def constant(x: Array) -> Array:
    """The plain Array under a traced one: its value in this run, in the first lane of a batch."""
    if not isinstance(x, Tracer):
        return dereferenced(x)
    raw = bare(x)
    return Array(raw[(0,) * (raw.ndim - x.ndim) + (...,)])


class _Trained(ABCMeta):
    """The class of TrainVar: variables that are frozen are none, those of a subclass keep that class all the same."""

    def __instancecheck__(cls, x: Any) -> bool:
        return type.__instancecheck__(cls, x) and not (cls is TrainVar and hasattr(type(x), "thawed"))


class TrainVar(StoredVar, metaclass=_Trained):
    """A trainable variable: gradient modules differentiate with respect to it.

    Its value is assigned with `assign` or through a `TrainRef`, not by accident: `v.value = x` raises ValueError.
    Assigning an expression of the old value keeps it differentiable with respect to that.

    Args:
        tensor: The initial value; a raw array is copied.
        reduce: See `BaseVar`.
        constraint: A function that makes the value out of what is trained; it makes this a `ConstrainedVar`.
    """

    def __init__(
        self,
        tensor: Tensor,
        reduce: Reduction | None = reduce_mean,
        constraint: Callable[[Array], Array] | None = None,
    ) -> None:
        if constraint is None:
            super().__init__(tensor, reduce)
        elif type(self) is not TrainVar:
            raise TypeError(f"{type(self).__name__}: only TrainVar itself takes a constraint, not a subclass of it.")
        else:
            self.__class__ = ConstrainedVar  # so that users write TrainVar(x, constraint=...)
            self.__init__(tensor, reduce, constraint)  # type: ignore[misc]

    @property
    def value(self) -> Array:
        """The value, an Array."""
        return scope.read(self)

    @value.setter
    def value(self, tensor: Tensor) -> None:
        error = ValueError("Direct assignment not allowed, use TrainRef to update a TrainVar.")
        error.add_note("To give it a value in another way than by training, write v.assign(x).")
        raise error


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

    def __init__(self, tensor: Tensor, reduce: Reduction | None, constraint: Callable[[Array], Array]) -> None:
        require_functions("TrainVar", constraint=constraint)
        BaseVar.__init__(self, None)
        self.constraint = constraint
        value = as_value(tensor, "TrainVar")
        if value.dtype.kind in "iub":
            raise TypeError(f"TrainVar: expected real or complex numbers to constrain, got dtype {value.dtype}.")
        free = self._free(value, "TrainVar") if hasattr(constraint, "inverse") else self._as_free(value)
        self.free: TrainVar = TrainVar(free, reduce)

    @property
    def value(self) -> Array:
        """The value, an Array: the constraint of `free`."""
        return self.constraint(self.free.value)

    @value.setter
    def value(self, tensor: Tensor) -> None:
        raise ValueError("Direct assignment not allowed, use assign to update a TrainVar with a constraint.")

    def assign(self, tensor: Tensor, check: bool = True) -> None:
        """Finds a free tensor for a value, with the checks of `BaseVar.assign` if `check` is true.

        A constraint without an inverse raises TypeError: assign to `free`.
        """
        if not hasattr(self.constraint, "inverse"):
            raise TypeError(
                "TrainVar.assign: this constraint has no inverse. Assign the free tensor: v.free.assign(x)."
            )
        where = "TrainVar.assign"
        value = self.checked(tensor, where) if check else as_value(tensor, where, self.free.value)
        self.free.assign(self._free(value, where), check)

    def _as_free(self, value: Array) -> Array:
        """A free tensor, if the constraint makes a value of it."""
        with onp.errstate(divide="ignore", invalid="ignore"):  # values out of range raise below
            first: Any = self.constraint(value)
        if not isinstance(first, Array):
            raise TypeError(
                "TrainVar: expected a constraint that gives an array of an array, got "
                f"{repr_function(self.constraint)}. Some are made by a call: unit_norm(), interval(0, 1)."
            )
        if not isinstance(first, Tracer) and not anp.isfinite(first).all():
            raise ValueError(
                f"TrainVar: expected values that {repr_function(self.constraint)} can have, got {value!r}."
            )
        return value

    def _free(self, value: Array, where: str) -> Array:
        with onp.errstate(divide="ignore", invalid="ignore"):  # a value out of range raises below
            free: Array = self.constraint.inverse(value)  # type: ignore[attr-defined]
        known = not isinstance(value, Tracer)
        if known and not (anp.isfinite(free).all() and anp.allclose(self.constraint(free), value, 1e-2, 1e-4)):
            raise ValueError(f"{where}: expected values that {repr_function(self.constraint)} can have, got {value!r}.")
        return free

    def __repr__(self) -> str:
        text = BaseVar.__repr__(self.free).partition("(")[2]
        return f"{class_name(TrainVar)}(free={text[:-1]}, constraint={repr_function(self.constraint)})"

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__


def unconstrained(x: Any) -> Any:
    """What is trained and stored in the place of a variable with a constraint: `free`; anything else itself."""
    return x.free if type(x) is ConstrainedVar else x


class BaseState(BaseVar):
    """A variable that gradient modules ignore."""


class TrainRef(BaseState):
    """A state that reads and writes a TrainVar: how optimizers refer to what they train.

    Args:
        ref: The TrainVar.
    """

    def __init__(self, ref: TrainVar) -> None:
        super().__init__(None)
        if not isinstance(ref, TrainVar):
            raise TypeError(f"TrainRef: expected a TrainVar, got {type(ref).__name__}.")
        self.ref: TrainVar = unconstrained(ref)

    @property
    def value(self) -> Array:
        """The value of the TrainVar."""
        return self.ref.value

    @value.setter
    def value(self, tensor: Tensor) -> None:
        self.assign(tensor)

    def storing(self) -> tuple[BaseVar, ...]:
        """The TrainVar."""
        return (self.ref,)

    def assign(self, tensor: Tensor, check: bool = True) -> None:
        self.ref.assign(tensor, check)

    def __repr__(self) -> str:
        return f"{class_name(self)}(ref={self.ref!r})"


def common_dtype(variables: Iterable[BaseVar]) -> onp.dtype[Any] | None:
    """The dtype of the floating ones together, None without any; not by their values, to read which is to use them."""
    return promoted([part.stored.dtype for v in variables for part in v.storing()])


def referred(variable: BaseVar) -> BaseVar:
    """The variable that a TrainRef refers to; any other one itself."""
    return variable.ref if isinstance(variable, TrainRef) else variable


class StateVar(StoredVar, BaseState):
    """A variable that programs write, such as a running mean: `v.value = x` and `v.value += x` work.

    Args:
        tensor: The initial value; a raw array is copied.
        reduce: See `BaseVar`.
    """

    def __init__(self, tensor: Tensor, reduce: Reduction | None = reduce_mean) -> None:
        super().__init__(tensor, reduce)

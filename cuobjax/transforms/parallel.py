"""`Parallel`: a function on all devices of this machine at once."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import cuobjax.numpy as jn
from autograd import device_put, processes, tree
from autograd.backend import CPU, default_device, is_array, is_cupy, local_devices
from autograd.boundary import require_container
from autograd.copies import know_copies, on_device
from autograd.core import Array, Tracer, kind_of, library
from autograd.errors import shortened
from autograd.foreign import argument, holds_numbers
from autograd.kernels.fingerprint import fingerprints
from autograd.reverse import live_tapes
from autograd.thread_group import Group
from autograd.typing import DTypeLike

from ..core import everywhere
from ..core.call import call
from ..core.collection import VarCollection, Variables
from ..core.function import Function
from ..core.lanes import joined, keeps, keys_of_lanes, needs_all
from ..core.module import Module
from ..core.random_state import RandomState, borrowing
from ..core.replication import forget_replicas, replicated
from ..core.scope import is_open, write
from ..core.variable import BaseVar, as_value
from ..util import class_name, repr_function, to_positions
from ..util.signatures import explained
from .methods import Transform, without_self

__all__ = ["Parallel", "concatenate"]


def concatenate(arrays: Sequence[Array], axis: int = 0, dtype: DTypeLike = None) -> Array:
    """Arrays one after the other along an axis: how `Parallel` joins outputs by default."""
    return jn.concatenate(arrays, axis, dtype=dtype)


class Parallel(Transform):
    """The module or function `f` on all devices at once, each of which gets its share of the batch.

    Arrays in the arguments are split along their first axis; numbers and arrays without axes go to every device. On
    every device the variables have the values from before the call, but a RandomState has key i of `split(devices)` on
    device i; after the call it has the state that this split leaves. The values that `f` wrote to any other variable
    are combined by its `reduce`, in its dtype. After an exception no variable has changed.

    `f` runs in a thread for each device, where `functional.parallel` combines values of all devices. Devices are the
    GPUs, or the CPU as often as the environment variable CUOBJAX_CPU_DEVICES says. All of them must reach the same
    operations of `functional.parallel` in the same order.

    Args:
        f: A function or module.
        vc: The variables that it uses. They need not be listed.
        reduce: Makes one output of those of all devices, stacked along a new first axis; they are concatenated by
            default.
        axis_name: What `functional.parallel` calls the devices.
        static_argnums: Positions of arguments, one or several, that every device gets unchanged.

    Raises:
        ValueError: If a batch cannot be split equally, outputs do not fit together, or a variable without `reduce`
            differs from device to device.
        RuntimeError: If devices reach different operations of `functional.parallel`.
    """

    @explained("To decorate with options, write @functools.partial(cuobjax.Parallel, reduce=f).")
    def __init__(
        self,
        f: Callable[..., Any],
        vc: Variables | None = None,
        reduce: Callable[[Any], Array] = concatenate,
        axis_name: str = "device",
        static_argnums: int | Sequence[int] | None = None,
    ) -> None:
        self.__wrapped__: Module = f if isinstance(f, Module) else Function(f, vc or ())
        self.vc: VarCollection = VarCollection(vc or ()) or self.__wrapped__.vars()
        self.reduce = reduce
        self.axis_name = axis_name
        positions = () if static_argnums is None else to_positions(static_argnums, "Parallel.static_argnums")
        self.static_argnums: tuple[int, ...] = tuple(sorted(positions))

    @property
    def ndevices(self) -> int:
        """The number of devices, of all processes together."""
        return processes.current().devices(len(local_devices()))

    def device_reshape(self, x: Any) -> Array:
        """An array (batch, ...) as (devices, batch / devices, ...); one without axes is repeated, (devices)."""
        x = argument(x, "Parallel")
        if not isinstance(x, Array) and not is_array(x):
            raise TypeError(f"Parallel: expected an array, got {type(x).__name__}. Convert it with jn.array(x).")
        n = len(local_devices())
        if not x.ndim:
            return jn.broadcast_to(x, (n,))
        if x.shape[0] % n:
            raise ValueError(
                f"Must be able to equally divide batch {tuple(x.shape)} among {n} devices, but does not go equally."
            )
        return x.reshape((n, x.shape[0] // n, *x.shape[1:]))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls `f` on all devices.

        Args:
            args, kwargs: Those of `f`; arrays have the batch as their first axis, which the number of devices divides.

        Returns:
            The outputs of all devices, joined by `reduce`.
        """
        try:
            return self._on_devices(args, kwargs)
        except Exception as error:
            shortened(error)
            raise

    @borrowing
    def _on_devices(self, args, kwargs):
        devices = local_devices()
        group = Group(devices, self.axis_name, any(not tape.ended for tape in live_tapes()) or is_open())
        lanes = self._split(args, kwargs, devices)
        states, replicas = {}, replicated()
        made: list[BaseVar] = []

        def first_read(i, variable, value):
            if variable in replicas:
                value = value[i]
            elif isinstance(variable, RandomState):
                with value.device.current():
                    keys, states[variable] = keys_of_lanes(value, group.size)
                value = keys[group.first + i]
            return on_device(value, devices[i]) if type(value) is Array else device_put(value, devices[i])

        def run(rank):
            forget_replicas()
            i = rank - group.first
            args, kwargs = lanes[i]
            found = call(self.__wrapped__, args, kwargs, first_read=lambda *read: first_read(i, *read), made=made)
            return *found, _prints(found[1]) if len(set(devices)) > 1 else {}

        results = group.run(run)
        if made and group.size > 1:
            raise ValueError(
                f"Parallel: the function made a {type(made[0]).__name__} of shape {made[0].shape} that lives on, one "
                "for each device. Call the function once without Parallel to make its variables."
            )
        outputs = self._joined_outputs([outputs for outputs, _, _, _ in results])
        for i, (_, changes, _, _) in enumerate(results):
            states |= {v: x for v, x in changes.items() if v.member == group.first + i}
        changed = dict.fromkeys(v for _, changes, _, _ in results for v in changes if v not in states)
        found = {v: [changes.get(v, seen.get(v)) for _, changes, seen, _ in results] for v in changed}
        prints = {v: [known.get(v) for _, _, _, known in results] for v in changed}
        write(states | self._joined(found, prints))
        return outputs

    def _bound(self, method):
        static = without_self(self.static_argnums)
        return Parallel(method, self.vc, self.reduce, self.axis_name, static)

    def _split(self, args, kwargs, devices):
        """(args, kwargs) for each device."""
        static = {i % len(args) for i in self.static_argnums if -len(args) <= i < len(args)}
        leaves, structure = tree.flatten(([a for i, a in enumerate(args) if i not in static], kwargs))
        shares = zip(*[self._shares(x, devices) for x in leaves], strict=True) if leaves else [()] * len(devices)
        lanes = []
        for share in shares:
            split, own_kwargs = tree.unflatten(structure, share)
            rest = iter(split)
            lanes.append(([a if i in static else next(rest) for i, a in enumerate(args)], own_kwargs))
        return lanes

    def _shares(self, x, devices):
        """What each device gets of a leaf of the arguments."""
        x = argument(x, "Parallel")
        if kind_of(x) is not None or not (isinstance(x, Array) or (is_array(x) and holds_numbers(x))):
            return [x] * len(devices)
        parts = self.device_reshape(x) if x.ndim else [x] * len(devices)
        return [
            device_put(parts[i], device) if isinstance(x, Array) else as_value(device.put(parts[i]), "Parallel")
            for i, device in enumerate(devices)
        ]

    def _joined_outputs(self, outputs):
        """One tree of outputs, on the default device, given those of all devices."""
        structures = [tree.flatten(output)[1] for output in outputs]
        if any(structure != structures[0] for structure in structures):
            raise ValueError("Parallel: expected outputs of one structure from all devices.")
        columns = [tree.leaves_along(structures[0], output) for output in outputs]
        joined = [self._joined_output(parts) for parts in zip(*columns, strict=True)]
        return tree.unflatten(structures[0], joined)

    def _joined_output(self, parts):
        if not all(isinstance(x, Array | int | float | complex) or is_array(x) for x in parts):
            for x in parts:
                require_container(x, "Parallel", lambda part: isinstance(part, Array) or is_array(part), "an array")
            comparable = "__eq__" in {name for c in type(parts[0]).__mro__[:-1] for name in vars(c)}
            if any(type(x) is not type(parts[0]) or (comparable and x != parts[0]) for x in parts):
                raise ValueError(f"Parallel: expected outputs that are no arrays to be the same, got {parts}.")
            return parts[0]
        parts = [device_put(jn.asarray(x), default_device()) for x in parts]
        joins = self.reduce in (concatenate, jn.concatenate)
        if joins and parts[0].ndim:
            return jn.concatenate(parts)
        if joins:
            raise ValueError(
                "Parallel: expected outputs with a batch axis to concatenate, got shape (). Say how the devices' "
                "outputs become one, such as reduce=lambda x: x.mean(0)."
            )
        return self.reduce(_stacked(parts, "outputs"))

    def _joined(self, found, prints):
        """The values of variables after the call, given those on all devices; None stands for what it was before.

        Args:
            found: {variable: values}.
            prints: {variable: fingerprints of them}; None for a value that has none.
        """
        held = {v: self._values(v, values) for v, values in found.items()}
        single = [v for v in found if v not in replicated()]
        alike = [_alike(v, held[v], prints[v]) for v in single]
        same = dict(zip(single, everywhere.same(alike, "the variables that Parallel has changed"), strict=True))
        reduced = [v for v in single if needs_all(v, same[v])]
        own = [_stacked(_beside(v, held[v]), "values of a variable") for v in reduced]
        stacks = dict(zip(reduced, everywhere.gathered(own, "variables that differ after Parallel"), strict=True))
        where = ("Parallel", "from device to device")
        return {
            v: joined(v, same[v], functools.partial(stacks.__getitem__, v), where, self.vc)
            if v in same
            else _stacked(_beside(v, values), "values of a variable")
            for v, values in held.items()
        }

    def _values(self, variable, values):
        before, replicas = variable.value, variable in replicated()
        return [(before[i] if replicas else before) if x is None else x for i, x in enumerate(values)]

    def __repr__(self) -> str:
        return (
            f"{class_name(self)}(f={repr_function(self.__wrapped__)}, reduce={repr_function(self.reduce)}, "
            f"axis_name={self.axis_name!r}, static_argnums={self.static_argnums or None})"
        )


def _stacked(parts, what):
    if len({x.shape for x in parts}) > 1:
        raise ValueError(
            f"Parallel: expected {what} of one shape on all devices, got {', '.join(str(x.shape) for x in parts)}."
        )
    return jn.stack(parts)


def _prints(changes):
    """Fingerprints of the values that this thread's device has of variables, {variable: number}; it waits for them."""
    variables = [v for v, x in changes.items() if _is_shared(v, x)]
    if not variables:
        return {}
    arrays = [changes[v]._value for v in variables]
    return dict(zip(variables, fingerprints(library(changes[variables[0]]), arrays).get().tolist(), strict=True))


def _is_shared(variable, x):
    return keeps(variable) and variable.member is None and type(x) is Array and is_cupy(x._value)


def _alike(variable, values, prints):
    """The value, on the device of the variable, if it is the same on all devices, else None."""
    if keeps(variable) and _same_bits(values, prints):
        return _kept(values, variable.value.device)
    values = _beside(variable, values) if variable.reduction is None else ()
    return values[0] if values and _all_equal(values) else None


def _beside(variable, values):
    """The values on the device of the variable."""
    return [device_put(x, variable.value.device) for x in values]


def _same_bits(values, prints):
    """Whether plain values have the same bits: they are one object, are beside one another, or have one fingerprint."""
    first = values[0]
    if all(x is first for x in values):
        return True
    if any(type(x) is not Array or (x.shape, x.dtype) != (first.shape, first.dtype) for x in values):
        return False
    if None not in prints:
        return len(set(prints)) == 1
    return all(x.device == CPU and np.array_equal(_bits(x), _bits(first)) for x in values)


def _bits(x):
    return np.ascontiguousarray(x._value).reshape(-1).view("u1")


def _kept(values, device):
    """The value on a device, of values that are the same, each on one; the others are known as its copies."""
    copies = {x.device: x for x in values if type(x) is Array}
    value = copies.pop(device, None)
    if value is None:
        return device_put(values[0], device)
    know_copies(value, copies)
    return value


def _all_equal(values):
    """Whether plain values on one device are equal."""
    return not any(isinstance(x, Tracer) for x in values) and all(_equal(x, values[0]) for x in values)


def _equal(a, b):
    return jn.array_equal(a, b, equal_nan=a.dtype.kind not in "iub")

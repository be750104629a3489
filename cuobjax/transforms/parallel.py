"""`Parallel`: a function on all devices of this machine at once."""

from collections.abc import Callable, Sequence
from typing import Any

import cuobjax.numpy as jn
from autograd import device_put, processes, tree
from autograd.backend import default_device, is_array, local_devices
from autograd.boundary import require_container
from autograd.copies import know_copies, on_device, plain_in_runs
from autograd.core import Array, kind_of
from autograd.errors import shortened
from autograd.foreign import argument, holds_numbers
from autograd.reverse import live_tapes
from autograd.thread_group import Group
from autograd.typing import DTypeLike

from ..core.agreement import REDUCTIONS, Differs, agreed, beside, stacked
from ..core.call import call
from ..core.collection import VarCollection, Variables
from ..core.everywhere import gathered
from ..core.function import Function
from ..core.lanes import differing, keeps, keys_of_lanes, reduced
from ..core.module import Module
from ..core.random_state import RandomState, borrowing
from ..core.replication import forget_replicas, replicated
from ..core.scope import is_open, write
from ..core.variable import BaseVar, as_value
from ..util import class_name, repr_function, to_positions
from ..util.convert import require_functions
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

    @explained(
        "To decorate with options, write @functools.partial(cuobjax.Parallel, reduce=f).",
        devices="It takes all: CUDA_VISIBLE_DEVICES says which GPUs a program sees.",
    )
    def __init__(
        self,
        f: Callable[..., Any],
        vc: Variables | None = None,
        reduce: Callable[[Any], Array] = concatenate,
        axis_name: str = "device",
        static_argnums: int | Sequence[int] | None = None,
    ) -> None:
        require_functions("Parallel", reduce=reduce)
        if not isinstance(axis_name, str):
            raise TypeError(f"Parallel: expected axis_name as a text, got {axis_name!r}.")
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
            return on_device(value, devices[i])

        def run(rank):
            forget_replicas()
            i = rank - group.first
            args, kwargs = lanes[i]
            return call(self.__wrapped__, args, kwargs, first_read=lambda *read: first_read(i, *read), made=made)

        results = group.run(run)
        if made and group.size > 1:
            raise ValueError(
                f"Parallel: the function made a {type(made[0]).__name__} of shape {made[0].shape} that lives on, one "
                "for each device. Call the function once without Parallel to make its variables."
            )
        outputs = self._joined_outputs([outputs for outputs, _, _ in results], group)
        for i, (_, changes, _) in enumerate(results):
            states |= {v: x for v, x in changes.items() if v.member == group.first + i}
        changed = dict.fromkeys(v for _, changes, _ in results for v in changes if v not in states)
        found = {v: [changes.get(v, seen.get(v)) for _, changes, seen in results] for v in changed}
        write(states | self._joined(found, [*dict.fromkeys(devices)]))
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

    def _joined_outputs(self, outputs, group):
        """One tree of outputs, on the default device, given those of all devices."""
        structures = [tree.flatten(output)[1] for output in outputs]
        if any(structure != structures[0] for structure in structures):
            raise ValueError("Parallel: expected outputs of one structure from all devices.")
        columns = [tree.leaves_along(structures[0], output) for output in outputs]
        joined = [self._joined_output(parts, group) for parts in zip(*columns, strict=True)]
        return tree.unflatten(structures[0], joined)

    def _joined_output(self, parts, group):
        if not all(isinstance(x, Array | int | float | complex) or is_array(x) for x in parts):
            for x in parts:
                require_container(x, "Parallel", lambda part: isinstance(part, Array) or is_array(part), "an array")
            comparable = "__eq__" in {name for c in type(parts[0]).__mro__[:-1] for name in vars(c)}
            if any(type(x) is not type(parts[0]) or (comparable and x != parts[0]) for x in parts):
                raise ValueError(f"Parallel: expected outputs that are no arrays to be the same, got {parts}.")
            return parts[0]
        if group.are_alike(parts):
            parts = [device_put(parts[0], default_device())] * len(parts)
        parts = [device_put(jn.asarray(x), default_device()) for x in parts]
        joins = self.reduce in (concatenate, jn.concatenate)
        if joins and parts[0].ndim:
            return jn.concatenate(parts)
        if joins:
            raise ValueError(
                "Parallel: expected outputs with a batch axis to concatenate, got shape (). Say how the devices' "
                "outputs become one, such as reduce=lambda x: x.mean(0)."
            )
        return self.reduce(stacked(parts, "outputs"))

    def _joined(self, found, devices):
        """The values of variables after the call, {variable: value}.

        Args:
            found: {variable: values on all devices}; None stands for what it was before.
            devices: The devices, each once.
        """
        held = {v: self._values(v, values) for v, values in found.items()}
        after = {v: _together(v, values) for v, values in held.items() if v in replicated()}
        kept = [v for v in held if v not in after and keeps(v)]
        after |= zip(kept, self._agreed(kept, [held[v] for v in kept], devices), strict=True)
        others = [v for v in held if v not in after]
        stacks = gathered([_together(v, held[v]) for v in others], "variables that Parallel reduces")
        for v, stack in zip(others, stacks, strict=True):
            after[v] = reduced(v, stack, v.value)
        return {v: after[v] for v in found}

    def _agreed(self, variables, columns, devices):
        """The values after the call of variables that keep what is the same on all devices."""
        kinds = tuple([REDUCTIONS.index(v.reduction) for v in variables])
        values = [x for column in columns for x in column]
        try:
            found = agreed(*values, size=len(columns[0]), reductions=kinds, targets=tuple(devices)) if values else ()
        except Differs as error:
            raise differing(variables[error.number], ("Parallel", "from device to device"), self.vc) from None
        n = len(devices)
        return [_known(found[k * n : (k + 1) * n], v.value.device) for k, v in enumerate(variables)]

    def _values(self, variable, values):
        before, replicas = variable.value, variable in replicated()
        return [(before[i] if replicas else before) if x is None else x for i, x in enumerate(values)]

    def __repr__(self) -> str:
        return (
            f"{class_name(self)}(f={repr_function(self.__wrapped__)}, reduce={repr_function(self.reduce)}, "
            f"axis_name={self.axis_name!r}, static_argnums={self.static_argnums or None})"
        )


def _together(variable, values):
    """The values of a variable along a new first axis, on its device."""
    return stacked(beside(values, variable.value.device), "values of a variable")


def _known(values, device):
    """The one of these on a device, if there is one; the others, the same on other devices, are known as its copies."""
    copies = {x.device: x for x in values}
    value = copies.pop(device, None)
    if value is None:
        return device_put(values[0], device)
    if copies and plain_in_runs(value):
        know_copies(value, copies)
    return value

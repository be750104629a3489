"""The states of an optimizer shared out among the devices of `Parallel`."""

from collections.abc import Callable, Sequence

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array, processes
from autograd.backend import device, local_devices
from autograd.thread_group import Member, current

from ..core.collection import VarCollection, Variables
from ..core.module import ModuleList
from ..core.parted import PartedVar, in_rows
from ..core.scope import scope, write
from ..core.variable import BaseVar, TrainRef, TrainVar
from ..functional import parallel
from ..functional.half_precision import single
from ..util import class_name
from ..util.convert import require_functions
from .base import Optimizer, States
from .gradients import Gradients, fitting
from .hyperparameters import Hyperparameter

__all__ = ["Sharded"]


class Sharded(Optimizer):
    """An optimizer whose states are shared out: each device of `Parallel` has those of its part of every variable.

    A step takes the mean of all devices' gradients, of which each device gets its part (`reduce_scatter`), updates this
    part of the variables, and gathers the others' parts (`all_gather`). It is that of the optimizer alone, up to
    rounding, sends as much as `pmean` of the gradients, and needs the memory of the states once in all.

    >>> import cuobjax
    >>> import cuobjax.numpy as jn
    >>> net = cuobjax.nn.Linear(3, 1)
    >>> gradients = cuobjax.GradValues(lambda x: (net(x) ** 2).mean(), net.vars())
    >>> optimizer = cuobjax.optimizer.Sharded(net.vars(), cuobjax.optimizer.Adam)
    >>> train = cuobjax.Parallel(lambda x: optimizer(0.1, gradients(x)[0]))  # no pmean
    >>> train(jn.ones((8, 3)))

    Source: Rajbhandari et al. 2020, ZeRO, stage 1. Deviation: every variable is cut in parts, not all of them together,
    so that hyperparameters may be given by name.

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
        make: A function that makes an optimizer of a VarCollection. It must do the same with each element, whatever the
            others are: not LARS, LAMB, Muon and other optimizers that look at whole variables.
        axis_name: That of the `Parallel`.

    Attributes:
        parts: The optimizers of the devices of this process, which train flat parts of the variables.

    Raises:
        TypeError: If the optimizer looks at whole variables, or has states that `Optimizer.zeros` did not make.
    """

    parts: ModuleList

    def __init__(self, vc: Variables, make: Callable[[VarCollection], Optimizer], axis_name: str = "device") -> None:
        if isinstance(make, Optimizer):
            remedy = f"Pass what makes one: Sharded(vc, {type(make).__name__})"
            raise TypeError(f"Sharded: expected make as a function of variables, got {class_name(make)}. {remedy}.")
        require_functions("Sharded", make=make)
        super().__init__(vc)
        self.axis_name = axis_name
        names = self.train_vars.names
        _require_elementwise(make, names)
        devices, group = local_devices(), processes.current()
        size = group.devices(len(devices))
        self.parts = ModuleList()
        for rank, place in enumerate(devices, group.first()):
            with device(place):
                self.parts.append(make(_named([_part(p.value, size) for p in self.train_vars], names)))
            for v in self.parts[-1].vars():
                for stored in v.storing():
                    stored.member = rank
        first = self.parts[0]
        of = {
            v: p
            for states in vars(first).values()
            if isinstance(states, States)
            for v, p in zip(states, self.train_vars, strict=True)
        }
        columns = zip(*[opt.vars() for opt in self.parts], strict=True)
        self._whole = {own[0]: self._together(own, of.get(own[0])) for own in columns}

    def _together(self, own: Sequence[BaseVar], p: TrainRef | None) -> BaseVar:
        """The variable that stands for those of all devices; `p` is the one that they belong to, if they do."""
        if p is not None:
            return p if isinstance(own[0], TrainRef) else PartedVar(own, p.shape)
        if own[0].shape:
            raise _refused(self.parts[0], f"which has a state of shape {own[0].shape} that `zeros` did not make")
        return PartedVar(own, ())

    def vars(self, scope: str = "") -> VarCollection:
        """The variables and the states, under the names and in the shapes that they have in the optimizer alone.

        So files fit both, and any number of devices: see `cuobjax.core.parted.PartedVar`.
        """
        return VarCollection((name, self._whole[v]) for name, v in self.parts[0].vars(scope).items())

    def __call__(self, lr: Hyperparameter, grads: Gradients) -> None:
        """Makes a step, in a function under `Parallel`.

        Args:
            lr: A rate as for any optimizer.
            grads: The gradients of this device: see `Optimizer.__call__` for the errors.

        Raises:
            NameError: If this is not in a function under `Parallel`.
            ValueError: If `Parallel` has another number of devices than there were in the beginning.
        """
        member = current(self.axis_name)
        size = member.group.size
        here = len(member.group.devices)
        if here != len(self.parts):
            raise ValueError(f"Sharded: expected {len(self.parts)} devices, as when it was made, got {here}.")
        gradients = fitting(grads, self.train_vars, self.train_vars.names, "Sharded", conjugated=False)
        sums = parallel.reduce_scatter([in_rows(single(g), size) for g in gradients], self.axis_name)
        means = [(x / size).astype(g.dtype) for x, g in zip(sums, gradients, strict=True)]
        own = self._updated(member, lr, means)
        for p, rows in zip(self.train_vars, parallel.all_gather(own, self.axis_name), strict=True):
            p.value = rows.reshape(-1)[: p.value.size].reshape(p.value.shape)

    def _updated(self, member: Member, lr: Hyperparameter, gradients: Sequence[Array]) -> list[Array]:
        """This device's parts of the variables after a step with these gradients, which changes its states."""
        opt, size = self.parts[member.rank - member.group.first], member.group.size
        own = {v.ref: in_rows(p.value, size)[member.rank] for v, p in zip(opt.train_vars, self.train_vars, strict=True)}
        with scope(own) as opened:
            opt(lr, gradients)
            after = [v.value for v in own]
        write({v: x for v, x in opened.changes().items() if v not in own})
        return after


def _part(x, n):
    """A variable in place of one of n parts of an array: without memory, as in a step its value is that part."""
    return TrainVar(jn.broadcast_to(jn.zeros(1, x.dtype), (-(-x.size // n),)))


def _named(variables, names):
    return VarCollection((name, v) for v, known in zip(variables, names, strict=True) for name in known)


def _require_elementwise(make, names):
    """Raises if two steps with the halves of variables of these names are not those with the whole variables."""
    x = onp.linspace(-2, 3, 8).astype("f4")

    def trained(place):
        variables = [TrainVar(x[place]) for _ in names]
        opt = make(_named(variables, names))
        if not isinstance(opt, Optimizer) or not opt.elementwise:
            raise _refused(opt)
        for _ in range(2):
            opt(0.125, [jn.array(onp.cos(3 * x[place])) for _ in names])
        return jn.stack([v.value for v in variables]), opt

    with device("cpu"):
        whole, opt = trained(slice(None))
        halves = jn.concatenate([trained(place)[0] for place in (slice(4), slice(4, None))], 1)
        if not jn.allclose(whole, halves, rtol=1e-5, atol=1e-6):
            raise _refused(opt)


def _refused(opt, reason="which looks at whole variables"):
    return TypeError(
        f"Sharded: expected an optimizer that does the same with each element, such as Adam, got {class_name(opt)}, "
        f"{reason}. Take it as it is, with parallel.pmean(gradients)."
    )

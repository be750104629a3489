"""The states of an optimizer shared out among the devices of `Parallel`."""

from collections.abc import Callable, Sequence

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array, processes
from autograd.backend import device, local_devices
from autograd.thread_group import current

from ..core.collection import VarCollection, Variables
from ..core.module import ModuleList
from ..core.scope import scope, write
from ..core.variable import TrainRef, TrainVar
from ..functional import parallel
from ..functional.half_precision import single
from ..util import class_name
from .base import Optimizer
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
        parts: The optimizer of each device, which trains flat parts of the variables.

    Raises:
        TypeError: If the optimizer looks at whole variables.
        NotImplementedError: If there are several processes.
    """

    parts: ModuleList

    def __init__(self, vc: Variables, make: Callable[[VarCollection], Optimizer], axis_name: str = "device") -> None:
        super().__init__(vc)
        if processes.current().size > 1:
            raise NotImplementedError("Sharded: expected one process, got several. Take the optimizer as it is.")
        self.axis_name = axis_name
        names = self.train_vars.names
        _require_elementwise(make, names)
        devices = local_devices()
        self.parts = ModuleList()
        for rank, place in enumerate(devices):
            with device(place):
                self.parts.append(make(_named([_part(p.value, len(devices)) for p in self.train_vars], names)))
            for v in self.parts[rank].vars():
                (v.ref if isinstance(v, TrainRef) else v).member = rank

    def vars(self, scope: str = "") -> VarCollection:
        """The variables and the states of all devices, without the parts of the variables, which a step cuts anew."""
        parts = {p.ref for opt in self.parts for p in opt.train_vars}
        pairs = super().vars(scope).items()
        return VarCollection((name, v) for name, v in pairs if not (isinstance(v, TrainRef) and v.ref in parts))

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
        if size != len(self.parts):
            raise ValueError(f"Sharded: expected {len(self.parts)} devices, as when it was made, got {size}.")
        gradients = fitting(grads, self.train_vars, self.train_vars.names, "Sharded", conjugated=False)
        sums = parallel.reduce_scatter([_in_rows(single(g), size) for g in gradients], self.axis_name)
        means = [(x / size).astype(g.dtype) for x, g in zip(sums, gradients, strict=True)]
        own = self._updated(self.parts[member.rank], member.rank, lr, means)
        for p, rows in zip(self.train_vars, parallel.all_gather(own, self.axis_name), strict=True):
            p.value = rows.reshape(-1)[: p.value.size].reshape(p.value.shape)

    def _updated(self, opt: Optimizer, rank: int, lr: Hyperparameter, gradients: Sequence[Array]) -> list[Array]:
        """This device's parts of the variables after a step with these gradients, which changes its states."""
        own = {
            v.ref: _in_rows(p.value, len(self.parts))[rank]
            for v, p in zip(opt.train_vars, self.train_vars, strict=True)
        }
        with scope(own) as opened:
            opt(lr, gradients)
            after = [v.value for v in own]
        write({v: x for v, x in opened.changes().items() if v not in own})
        return after


def _part(x, n):
    """A variable in place of one of n parts of an array: without memory, as in a step its value is that part."""
    return TrainVar(jn.broadcast_to(jn.zeros(1, x.dtype), (-(-x.size // n),)))


def _in_rows(x, n):
    """An array as n rows of equal length, the last ones of which end in zeros."""
    row = -(-x.size // n)
    flat = x.reshape(-1)
    if flat.size < n * row:
        flat = jn.concatenate([flat, jn.zeros(n * row - flat.size, flat.dtype)])
    return flat.reshape((n, row))


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


def _refused(opt):
    return TypeError(
        f"Sharded: expected an optimizer that does the same with each element, such as Adam, got {class_name(opt)}, "
        "which looks at whole variables. Take it as it is, with parallel.pmean(gradients)."
    )

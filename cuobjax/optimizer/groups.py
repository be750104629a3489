"""Other optimizers for other variables."""

from collections.abc import Callable, Sequence
from typing import Any

from autograd import Array

from ..core.collection import Selector, VarCollection, Variables
from ..core.module import ModuleList
from ..typing import ArrayLike
from ..util import class_name
from .base import Optimizer
from .gradients import Gradients, fitting
from .hyperparameters import Hyperparameter, PerVariable

__all__ = ["Groups"]


class Groups(Optimizer):
    """Several optimizers as one, each for some of the variables.

    For other rates or hyperparameters of one optimizer, this is not needed: `AdamW(vc, weight_decay={"*.w": 0.1, "*":
    0})` and `opt({"*.b": 0.2, "*": 0.1}, gradients)`.

    >>> import cuobjax
    >>> from cuobjax.optimizer import AdamW, Groups, Muon
    >>> net = cuobjax.nn.Linear(3, 2)
    >>> opt = Groups(net.vars(), [(lambda name, v: v.ndim > 1, Muon), ("*", AdamW)])
    >>> opt([0.02, 0.001], [v.value for v in net.vars()])

    Args:
        vc: The VarCollection with the variables to train; other variables in it are ignored.
        groups: Pairs of a selector, a pattern of names or a function of a name and a variable, and a function that
            makes an optimizer of a VarCollection. A variable is in the first group whose selector takes it.

    Attributes:
        groups: The optimizers.

    Raises:
        ValueError: If a variable is in no group, or a group has no variable.
    """

    groups: ModuleList

    def __init__(self, vc: Variables, groups: Sequence[tuple[Selector, Callable[[VarCollection], Optimizer]]]) -> None:
        super().__init__(vc)
        _require_pairs(groups)
        self._places = _places(self.train_vars, self.train_vars.names, [selector for selector, _ in groups])
        refs, names = self.train_vars, self.train_vars.names
        self.groups = ModuleList()
        for places, (_, make) in zip(self._places, groups, strict=True):
            opt = make(VarCollection((name, refs[i].ref) for i in places for name in names[i]))
            if not isinstance(opt, Optimizer) or len(opt.train_vars) != len(places):
                raise TypeError(f"Groups: expected an optimizer of the variables of its group, got {class_name(opt)}.")
            self.groups.append(opt)

    def __call__(self, lr: Hyperparameter | Sequence[ArrayLike], grads: Gradients) -> None:
        """Makes a step of all optimizers: see `Optimizer.__call__` for the errors.

        Args:
            lr: A rate as for any optimizer; or a list with a rate for each group.
            grads: The gradients of all variables.
        """
        rates = self._rates(lr)
        gradients = fitting(grads, self.train_vars, self.train_vars.names, "Groups", conjugated=False)
        for opt, rate, places in zip(self.groups, rates, self._places, strict=True):
            own: list[Array] = [gradients[i] for i in places]
            opt(rate, own)

    def _rates(self, lr):
        if isinstance(lr, list | tuple):
            if len(lr) != len(self.groups):
                raise ValueError(f"Groups: expected a rate for each of {len(self.groups)} groups, got {len(lr)}.")
            return [opt.rate(x) for opt, x in zip(self.groups, lr, strict=True)]
        rate = self.rate(lr)
        return [PerVariable(rate[i] for i in p) if isinstance(rate, PerVariable) else rate for p in self._places]

    def __repr__(self) -> str:
        return f"{class_name(self)}({', '.join(map(repr, self.groups))})"


def _require_pairs(groups: Any) -> None:
    remedy = "Write [('*.w', cuobjax.optimizer.SGD), ('*', cuobjax.optimizer.Adam)]"
    for pair in groups:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            got = type(pair).__name__
            raise TypeError(f"Groups: expected pairs of a selector and an optimizer's class, got {got}. {remedy}.")
        if isinstance(pair[1], Optimizer) or not callable(pair[1]):
            raise TypeError(
                "Groups: expected an optimizer's class, or a function that makes one of a VarCollection, "
                f"got {pair[1]!r}. {remedy}."
            )


def _places(refs: Any, names: Any, selectors: Sequence[Selector]) -> list[list[int]]:
    """The positions of the variables of each group."""
    left = dict(enumerate(names))
    found = []
    for n, selector in enumerate(selectors):
        pairs = VarCollection((name, refs[i].ref) for i, known in left.items() for name in known)
        chosen = {id(v) for v in pairs.filter(selector)}
        found.append([i for i in left if id(refs[i].ref) in chosen])
        if not found[-1]:
            shown = ", ".join(known[0] for known in [*left.values()][:3])
            rest = f"Left for it: {shown}" if left else "Earlier groups have all variables"
            raise ValueError(f"Groups: no variable is in group {n}, {selector!r}. {rest}.")
        left = {i: known for i, known in left.items() if i not in found[-1]}
    if left:
        shown = ", ".join(known[0] for known in [*left.values()][:3])
        raise ValueError(f"Groups: {shown} is in no group. Add one for the others: ('*', cuobjax.optimizer.SGD).")
    return found

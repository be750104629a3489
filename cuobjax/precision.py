"""Networks in half precision: which dtypes their modules compute in, and losses scaled so that gradients do not vanish.

Variables stay float32. A module with a policy sees them, and its arguments, in the policy's dtype while it is called.
"""

from __future__ import annotations

import copyreg
import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as onp

import cuobjax.numpy as jn
from autograd import Array, tree
from autograd.backend import is_array
from autograd.core import kind_of
from autograd.dtypes import complete_dtype, is_inexact
from autograd.numpy import asarray

from .absent import LOSS_SCALE, declare, of_package
from .core.module import Module, module_changes, parts, walk
from .core.random_state import borrowing
from .core.scope import at_once, scope, write
from .core.surgery import FrozenVar
from .core.variable import BaseVar, StateVar, TrainVar, reduce_first, unconstrained
from .functional.half_precision import single
from .optimizer.gradients import Gradients, unpacked
from .optimizer.hyperparameters import Hyperparameter, in_range, number
from .optimizer.lists import over_lists, summed_over_lists
from .typing import ArrayLike, DTypeLike
from .util.convert import require_sizes
from .util.signatures import call_text, explained

__all__ = ["LossScale", "Modules", "Policy", "is_normalization", "mixed", "set_policy"]

M = TypeVar("M", bound=Module)
Modules: TypeAlias = type[Module] | tuple[type[Module], ...] | Callable[[str, Module], Any]
"""Which modules: a class, several, or a function of the path of a module, such as `.layers[0]`, and the module."""

_NORMALIZATION = re.compile("(Batch|Group|Instance|Layer|RMS)Norm")


class Policy:
    """The dtypes of a module; None leaves them as they are. Only real numbers are converted.

    The TrainVars that are meant are those of the module, and of the modules in it that have no policy, or one with the
    same `compute`; frozen ones, too. States are not converted.

    Args:
        compute: That of its arguments and of its TrainVars in its calls.
        params: That of its TrainVars as they are stored.
        output: That of what it returns.
    """

    __slots__ = ("compute", "output", "params")

    def __init__(
        self, compute: DTypeLike | None = None, params: DTypeLike | None = None, output: DTypeLike | None = None
    ) -> None:
        self.compute, self.params, self.output = _checked(compute), _checked(params), _checked(output)

    def __repr__(self) -> str:
        shown = [f"{name}='{x}'" for name in ("compute", "params", "output") if (x := getattr(self, name)) is not None]
        return f"cuobjax.precision.Policy({', '.join(shown)})"


def _checked(dtype: Any) -> onp.dtype[Any] | None:
    if dtype is None:
        return None
    found = complete_dtype("Policy", dtype)
    if not is_inexact(found) or found.kind == "c":
        raise TypeError(f"Policy: expected a dtype of real numbers, got {found}.")
    return found


def is_normalization(path: str, module: Module) -> bool:
    """Whether a module is a normalization: its class, or one of which that is derived, is called `...LayerNorm...`, or
    so with Batch, Group, Instance or RMS."""
    return any(_NORMALIZATION.search(kind.__name__) for kind in type(module).__mro__)


def mixed(module: M, compute: DTypeLike = "bfloat16", *, float32: Modules = is_normalization) -> M:
    """Lets a network compute in half precision, in place: see `set_policy`. Its variables and its output are float32.

    Modules with TrainVars, in them or in modules in them, get the policy: call a network first whose layers make their
    variables in the first call. What is computed between them has the dtype of its arguments.

    >>> import cuobjax
    >>> import cuobjax.numpy as jn
    >>> net = mixed(cuobjax.nn.Sequential([cuobjax.nn.Linear(2, 8), cuobjax.nn.Linear(8, 1)]), "float16")
    >>> x = jn.ones((3, 2))
    >>> net[0](x).dtype, net(x).dtype, net[0].w.dtype
    (dtype('float16'), dtype('float32'), dtype('float32'))

    Args:
        module: The network.
        compute: "bfloat16" or "float16". float16 needs a `LossScale`.
        float32: Which modules compute in float32 all the same, with all modules in them.

    Returns:
        The network.
    """
    _require_module(module, "mixed")
    half, selected = _checked(compute), _selector(float32, "mixed")
    wide = [part for path, part in walk(module) if selected(path, part)]
    within = {id(inner) for part in wide for _, inner in walk(part) if inner is not part}
    for _, part in list(walk(module)):
        if any(_own_weights(inner) for _, inner in walk(part)):
            computes = "float32" if id(part) in within or any(part is x for x in wide) else half
            _set(part, Policy(computes, output="float32" if id(part) in within or part is module else half))
    module_changes.changed()
    return module


def set_policy(module: Module, policy: Policy | None, select: Modules | None = None) -> Module:
    """Gives modules other dtypes, in place, or with None takes policies back. Names, texts and files stay the same.

    Gradients are those of the variables as they are stored, in their dtype. Optimizers are to be made after a change of
    `params`.

    >>> import cuobjax
    >>> import cuobjax.numpy as jn
    >>> net = cuobjax.nn.Sequential([cuobjax.nn.Linear(2, 3), cuobjax.nn.BatchNorm0D(3)])
    >>> net = set_policy(net, Policy("float16"), cuobjax.nn.Linear)
    >>> net[0](jn.ones((1, 2))).dtype, net[1](jn.ones((1, 3)), training=False).dtype
    (dtype('float16'), dtype('float32'))

    Args:
        module: A module. A method that it has besides `__call__` is not affected when it is called by itself.
        policy: The dtypes.
        select: Which modules in it, itself included; None: itself alone. A policy replaces an earlier one.

    Returns:
        The module.

    Raises:
        ValueError: If there is no such module.
    """
    _require_module(module, "set_policy")
    if not isinstance(policy, Policy | None):
        got = type(policy).__name__
        raise TypeError(f"set_policy: expected a Policy or None, got {got}. Write Policy('float16').")
    chosen = _selector((lambda path, part: part is module) if select is None else select, "set_policy")
    found = [part for path, part in walk(module) if chosen(path, part)]
    if not found:
        raise ValueError(f"set_policy: no module in {type(module).__name__} is selected. print(net) shows the modules.")
    for part in found:
        _set(part, policy)
    module_changes.changed()
    return module


def _require_module(module: Any, where: str) -> None:
    if not isinstance(module, Module):
        raise TypeError(f"{where}: expected a module, got {type(module).__name__}.")


def _selector(select: Any, where: str) -> Callable[[str, Module], Any]:
    if isinstance(select, type | tuple):
        return lambda path, part: isinstance(part, select)
    if not callable(select):
        raise TypeError(f"{where}: expected classes of modules or a function of path and module, got {select!r}.")
    return select


def _own_weights(module: Module) -> list[BaseVar]:
    """The TrainVars in the attributes and items of a module itself, frozen ones too, of real numbers."""
    found = [unconstrained(part) for part in parts(module).values()]
    return [v for v in found if isinstance(v, TrainVar | FrozenVar) and _is_real(v.dtype)]


def _weights(module: Module, policy: Policy) -> list[BaseVar]:
    """The TrainVars that a policy of a module is for: layers may use those of modules in them without calling these."""
    found: dict[BaseVar, bool] = {}
    for _, part in walk(module):
        own = part.__dict__.get("_precision")
        if part is module or own is None or own.compute == policy.compute:
            found |= dict.fromkeys(_own_weights(part), True)
    return list(found)


def _is_real(dtype):
    return is_inexact(dtype) and dtype.kind != "c"


def _set(module: Module, policy: Policy | None) -> None:
    plain: Any = getattr(type(module), "_plain_class", type(module))
    if policy is None:
        module.__dict__.pop("_precision", None)
        object.__setattr__(module, "__class__", plain)  # which Module.__setattr__ refuses
        return
    if policy.params is not None:
        for v in _weights(module, policy):
            v.assign(v.value.astype(policy.params), check=False)
    module.__dict__["_precision"] = policy
    object.__setattr__(module, "__class__", _with_policy(plain))


@functools.cache
def _with_policy(plain: Any) -> Any:
    """The class of modules of a class that have a policy: its call is another one, all else the same."""

    @functools.wraps(plain.__call__)
    def called(self: Any, *args: Any, **kwargs: Any) -> Any:
        return _call(plain, self, args, kwargs)

    members = {
        "__slots__": (), "__module__": plain.__module__, "__qualname__": plain.__qualname__, "__doc__": plain.__doc__,
        "__call__": called, "__reduce_ex__": _reduced, "_plain_class": plain,
    }  # fmt: skip
    return type(plain)(plain.__name__, (plain,), members)


def _reduced(module, protocol):
    """How a module is pickled and copied: as one of its plain class, whose class is set again."""
    make, arguments, *rest = super(type(module), module).__reduce_ex__(max(protocol, 2))
    if make in (copyreg.__newobj__, copyreg.__newobj_ex__):  # type: ignore[attr-defined]
        arguments = (module._plain_class, *arguments[1:])
    return _restored, (module.__dict__["_precision"], make, arguments), *rest


def _restored(policy, make, arguments):
    module = make(*arguments)
    plain: Any = type(module)
    module.__dict__["_precision"] = policy
    object.__setattr__(module, "__class__", _with_policy(plain))
    return module


@borrowing
def _call(plain: Any, module: Module, args: Any, kwargs: Any) -> Any:
    policy: Policy = module.__dict__["_precision"]
    compute = policy.compute
    weights: dict[BaseVar, Array] = {}
    if compute is not None:
        args, kwargs = _converted((args, kwargs), compute)
        weights = {v: asarray(v.value, compute) for v in _weights(module, policy) if v.dtype != compute}
    with scope(weights) as opened:
        output = plain.__call__(module, *args, **kwargs)
    write({v: asarray(x, v.dtype) if v in weights else x for v, x in opened.changes().items()})
    return output if policy.output is None else _converted(output, policy.output)


def _converted(nested, dtype):
    """Nested values with arrays of real numbers in a dtype."""

    def converted(x):
        is_one = (isinstance(x, Array) and kind_of(x) is None) or is_array(x)
        return jn.asarray(x, dtype) if is_one and _is_real(x.dtype) and x.dtype != dtype else x

    return tree.tree_map(converted, nested)


class LossScale(Module):
    """Scales losses, so that gradients do not vanish in float16, and finds the scale: steps with gradients that are not
    finite are skipped and make it smaller; a number of good steps makes it greater.

    >>> import cuobjax
    >>> import cuobjax.numpy as jn
    >>> net = cuobjax.precision.mixed(cuobjax.nn.Linear(2, 1), "float16")
    >>> opt, scaling = cuobjax.optimizer.SGD(net.vars()), cuobjax.precision.LossScale(1024.0)
    >>> loss = lambda x: (net(x) ** 2).mean()
    >>> gradients = cuobjax.Grad(lambda x: scaling.scaled(loss(x)), net.vars())
    >>> bool(scaling.step(opt, 0.1, gradients(jn.ones((4, 2)))))
    True

    Nothing waits for the device: a step is computed in any case, and its values are taken or not. Under `Parallel`,
    combine the gradients of the devices first. Source: Micikevicius et al. 2018, section 3.2.

    Args:
        scale: The scale at first.
        growth: Its factor after `interval` good steps in a row.
        backoff: Its factor after a step that is skipped.
        interval: See `growth`.
        least, most: The bounds of the scale.
    """

    growth: float
    backoff: float
    interval: int
    least: float
    most: float
    scale: StateVar
    good: StateVar

    def __init__(
        self,
        scale: float = 2.0**15,
        growth: float = 2.0,
        backoff: float = 0.5,
        interval: int = 2000,
        least: float = 1.0,
        most: float = 2.0**24,
    ) -> None:
        for name, x in zip(
            ("scale", "growth", "backoff", "least", "most"), (scale, growth, backoff, least, most), strict=True
        ):
            in_range("LossScale", name, number(x))
        require_sizes("LossScale", 1, interval=interval)
        wanted = "0 < backoff <= 1 <= growth, interval >= 1 and 0 < least <= scale <= most"
        if not (0 < backoff <= 1 <= growth and interval >= 1 and 0 < least <= scale <= most):
            got = f"scale={scale}, growth={growth}, backoff={backoff}, interval={interval}, least={least}, most={most}"
            raise ValueError(f"LossScale: expected {wanted}, got {got}.")
        self.growth, self.backoff, self.interval, self.least, self.most = growth, backoff, interval, least, most
        self._first = float(scale)
        self.scale = StateVar(jn.array(scale, dtype="float32"), reduce=reduce_first)
        self.good = StateVar(jn.array(0, dtype="float32"), reduce=reduce_first)

    def scaled(self, loss: ArrayLike) -> Array:
        """The loss times the scale, in float32 if it is of half precision: what to differentiate."""
        return single(jn.asarray(loss)) * self.scale.value

    def unscaled(self, grads: Gradients) -> Any:
        """The gradients of the scaled loss divided by the scale, in float32 if they are of half precision.

        Args:
            grads: A list of gradients, or a dictionary of them.
        """
        arrays, packed = unpacked(grads, "LossScale")
        return packed([x for (x,) in over_lists(_unscaled, [(g,) for g in arrays], jn.array(True), self.scale.value)])

    @explained("Write step(opt, lr, gradients), with the gradients of the scaled loss.")
    def step(self, optimizer: Callable[..., Any], lr: Hyperparameter, grads: Gradients, **kwargs: Any) -> Array:
        """Divides the gradients by the scale and makes a step of the optimizer, if all of them are finite.

        Args:
            optimizer: An optimizer, or a function of a rate and gradients that clips them first, for instance.
            lr, kwargs: Its other arguments.
            grads: The gradients of the scaled loss.

        Returns:
            Whether the step was made, an Array of shape ().
        """
        if not callable(optimizer):
            got = type(optimizer).__name__
            raise TypeError(f"LossScale.step: expected an optimizer, got {got}. Write step(opt, lr, gradients).")
        return at_once(self._step, optimizer, lr, grads, kwargs)

    def _step(self, optimizer, lr, grads, kwargs):
        arrays, packed = unpacked(grads, "LossScale")
        finite = summed_over_lists(_not_finite, [(g,) for g in arrays]) == 0 if arrays else jn.array(True)
        unscaled = over_lists(_unscaled, [(g,) for g in arrays], finite, self.scale.value)
        with scope() as opened:
            optimizer(lr, packed([x for (x,) in unscaled]), **kwargs)
        changes = opened.changes()
        kept = over_lists(_chosen, [(x, v.value) for v, x in changes.items()], finite)
        write({v: x for v, (x,) in zip(changes, kept, strict=True)})
        old = [(self.scale.value, self.good.value)]
        bounds = self.interval, self.growth, self.most, self.backoff, self.least
        ((self.scale.value, self.good.value),) = over_lists(_next_scale, old, finite, *bounds)
        return finite

    def __repr__(self) -> str:
        names = ("growth", "backoff", "interval", "least", "most")
        return call_text(self, scale=self._first, **{name: getattr(self, name) for name in names})


declare(LossScale, LOSS_SCALE)


def _not_finite(g: Array) -> tuple[Array, ...]:
    """0 if all numbers are finite."""
    return (jn.where(jn.isfinite(g), 0.0, abs(single(g))).sum(),)


def _unscaled(g: Array, finite: Array, scale: Array) -> tuple[Array, ...]:
    """Zeros where not all gradients are finite: arithmetic with inf and NaN would warn."""
    wide = single(g)
    return (jn.where(finite, wide, 0.0) / asarray(scale, wide.real.dtype),)


def _next_scale(
    scale: Array, good: Array, finite: Array, interval: float, growth: float, most: float, backoff: float, least: float
) -> tuple[Array, ...]:
    """The scale for the next step, and the number of good steps in a row."""
    enough = good + 1 >= interval
    grown = jn.where(enough, jn.minimum(scale * growth, most), scale)
    smaller = jn.maximum(scale * backoff, least)
    return jn.where(finite, grown, smaller), jn.where(finite, jn.where(enough, 0.0, good + 1), 0.0)


def _chosen(new: Array, old: Array, finite: Array) -> tuple[Array, ...]:
    return (jn.where(finite, new, old),)


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:
    __getattr__ = of_package(__name__)

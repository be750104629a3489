"""Modules as functions of their variables' values: for `autograd.grad`, `vjp`, `jvp`, `hvp`, `vmap` and the like."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from autograd.core import Array
from autograd.errors import shortened
from autograd.typing import ArrayLike

from ..core.call import call
from ..core.collection import require_classes
from ..core.module import Module
from ..core.random_state import borrowing
from ..core.scope import write
from ..core.variable import BaseVar, as_value, referred

__all__ = ["Merged", "Values", "functional_call", "merge", "split"]

Values: TypeAlias = Mapping[str, ArrayLike] | Sequence[ArrayLike]
"""Values for the variables of a module: by name, or one for each in their order."""


@borrowing
def functional_call(
    module: Callable[..., Any], values: Values, /, *args: Any, with_changes: bool = False, **kwargs: Any
) -> Any:
    """Calls a module with other values in its variables: a function of `values`, which does not change the module.

    Variables of the module that are not in `values` have their own values. None of its variables is written to, random
    states included: pass on what `with_changes` returns. Variables that are not the module's are read and written as in
    any call.

    Args:
        module: A module, or a method of one.
        values: {name: value} with names of `module.vars()`, or a list of a value for each variable in that order. A
            value has the shape of its variable; it may have another dtype.
        args, kwargs: The arguments of the module.
        with_changes: Return (output, changes) with the values of those variables that were written to, {name: value}.

    Raises:
        ValueError: If a value is not for a variable of the module, or has another shape.

    Example:
        >>> import autograd, cuobjax, cuobjax.numpy as jn
        >>> net = cuobjax.nn.Sequential([cuobjax.nn.Linear(3, 1), jn.sum])
        >>> values = {"(Sequential)[0](Linear).w": jn.ones((3, 1))}
        >>> autograd.grad(lambda values: functional_call(net, values, jn.array([1.0, 2.0, 3.0])))(values)
        {'(Sequential)[0](Linear).w': Array([[1.],
               [2.],
               [3.]], dtype=float32)}
    """
    try:
        overlay, names = _overlay(module, values, "functional_call")
        output, changes, _ = call(module, args, kwargs, overlay)
        write({v: x for v, x in changes.items() if v not in names})
        changes = {names[v]: x for v, x in changes.items() if v in names}
        return (output, changes) if with_changes else output
    except Exception as error:
        shortened(error)
        raise


def split(module: Module | Merged, *kinds: type[BaseVar]) -> tuple[Any, ...]:
    """A module as a structure and values, which `merge` puts together again.

    Args:
        module: A module, or what `merge` returned.
        kinds: Classes of variables, such as `TrainVar, BaseState`. There is a dictionary for each, of the variables
            that are of no earlier kind. Those of no kind stay in the structure. Without kinds, there is one dictionary
            of all variables.

    Returns:
        (structure, values, ...): the structure is the module itself; values are {name: value}, each variable once.

    Example:
        >>> import autograd, cuobjax, cuobjax.numpy as jn
        >>> net = cuobjax.nn.Sequential([cuobjax.nn.Linear(3, 1), jn.sum])
        >>> structure, values = split(net, cuobjax.TrainVar)
        >>> gradients = autograd.grad(lambda values, x: merge(structure, values)(x))(values, jn.ones(3))
        >>> [(name, g.shape) for name, g in gradients.items()]
        [('(Sequential)[0](Linear).b', (1,)), ('(Sequential)[0](Linear).w', (3, 1))]
    """
    structure, known = (module.structure, module.values) if isinstance(module, Merged) else (module, {})
    require_classes("split", **{f"kinds[{i}]": kind for i, kind in enumerate(kinds)})
    kinds = kinds or (BaseVar,)
    parts = [{} for _ in kinds]
    _, names = _variables(structure, "split")
    for v, name in names.items():
        part = next((part for part, kind in zip(parts, kinds, strict=True) if isinstance(v, kind)), None)
        if part is not None:  # only then is it read: in a lane of Vectorize, reading a RandomState splits it
            value = known.get(name)
            part[name] = v.value if value is None else value
    return structure, *parts


def merge(structure: Module, *values: Mapping[str, ArrayLike]) -> Merged:
    """The structure with values, to be called like the module: see `Merged`."""
    for part in values:
        if not isinstance(part, Mapping):
            raise TypeError(f"merge: expected values as dictionaries, as split gives them, got {type(part).__name__}.")
    return Merged(structure, {name: x for part in values for name, x in part.items()})


class Merged:
    """A module with values of its own, which may be traced: no variable stores them.

    Calling it calls the module. What the module writes to its variables is in `values` afterwards.

    Args:
        structure: The module. Its variables that have no value in `values` have the values that they hold.
        values: {name: value}.
    """

    def __init__(self, structure: Module, values: Values) -> None:
        overlay, names = _overlay(structure, values, "merge")
        self.structure = structure
        self.values: dict[str, Array] = {names[v]: x for v, x in overlay.items()}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the module with its arguments; `values` becomes what the module wrote."""
        output, changes = functional_call(self.structure, self.values, *args, with_changes=True, **kwargs)
        self.values = self.values | changes
        return output


def _variables(module, where):
    """The variables of a module or of that of a method, as `vars` has them, and {variable that stores: first name}."""
    owner = getattr(module, "__self__", module)
    if not isinstance(owner, Module):
        raise TypeError(
            f"{where}: expected a module or a method of one, got {type(module).__name__}. "
            "Give a function its variables: cuobjax.Function(f, vc)."
        )
    variables, names = owner.vars(), {}
    for name, v in variables.items():
        names.setdefault(referred(v), name)
    return variables, names


def _overlay(module, values, where):
    """The values as {variable: value}, and the names of the module's variables."""
    variables, names = _variables(module, where)
    if not isinstance(values, Mapping):
        if not hasattr(values, "__len__"):
            got = type(values).__name__
            raise TypeError(f"{where}: expected a value for each variable, by name or in a list, got {got}.")
        if len(values) != len(list(variables)):
            raise ValueError(f"{where}: expected {len(list(variables))} values or a dictionary, got {len(values)}.")
        first = {v: name for name, v in reversed(variables.items())}
        values = {first[v]: x for v, x in zip(variables, values, strict=True)}
    overlay = {}
    for name, x in values.items():
        if name not in variables:
            raise ValueError(f"{where}: expected names of the module's variables, got {name!r}.")
        variable = referred(variables[name])
        like = variable.stored  # not the value, which it would be a use of the variable to read
        value = as_value(x, f"{where}: {name}", like)
        if value.shape != like.shape:
            raise ValueError(f"{where}: expected {name} of shape {like.shape}, got {value.shape}.")
        if overlay.setdefault(variable, value) is not value:
            raise ValueError(f"{where}: expected one value for each variable, got another one as {name}.")
    return overlay, names

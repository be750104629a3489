"""Changing networks in place: replacing a part by its path, freezing variables."""

import ast
import functools
import re
from typing import Any, ClassVar

from ..util import class_name
from .collection import Selector, VarCollection
from .module import Module, module_changes, parts, put, walk
from .variable import BaseState, BaseVar, StoredVar, TrainRef, TrainVar, unconstrained

__all__ = ["FrozenVar", "freeze", "replace", "unfreeze"]

_STEP = re.compile(r"""(\.\w+|\[(?:\d+|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")\])|\((\w+)\)""")


def replace(module: Module, path: str, new: Any) -> Any:
    """Replaces a variable or module in `module` by another one, and returns the old one.

    What is shared stays shared: the old one is replaced wherever it is in `module`, TrainRefs included. Gradient
    modules, optimizers and a Jit with a `vc` that were made before still have the old variables: make new ones.

    Args:
        module: The module to change.
        path: `layers[0].w`, `heads['cat'].w`, or as `vars` names it: `(Net).layers(ModuleList)[0](Linear).w`.
        new: A variable for a variable, a module or function for a module; or None.

    Raises:
        ValueError: If the path leads nowhere.
        TypeError: If `new` is of another kind.
    """
    if not isinstance(module, Module) or not isinstance(path, str):
        raise TypeError(f"replace: expected a module and a path, got {type(module).__name__}, {type(path).__name__}.")
    old = _at(module, path)
    if new is not None and not (isinstance(new, BaseVar) if isinstance(old, BaseVar) else callable(new)):
        raise TypeError(f"replace: expected something in place of {class_name(old)}, got {class_name(new)}.")
    trained = unconstrained(old)
    places = [
        (owner, where, part)
        for _, owner in walk(module)
        for where, part in parts(owner).items()
        if part is old or (isinstance(part, TrainRef) and part.ref is trained)
    ]
    for owner, where, part in places:
        if part is old:
            put(owner, where, new)
        elif isinstance(new, TrainVar):
            part.ref = TrainRef(new).ref
    module_changes.changed()
    return old


def _at(module, path):
    """What a path leads to in a module."""
    text = path if path[:1] in (".", "[", "(") else f".{path}"
    steps = list(_STEP.finditer(text))
    found = module
    if "".join(step[0] for step in steps) != text or not any(step[1] for step in steps):
        raise ValueError(f"replace: expected a path such as 'layers[0].w', got {path!r}.")
    for where, name in (step.groups() for step in steps):
        where = f"[{ast.literal_eval(where[1:-1])!r}]" if where and where[0] == "[" else where
        while not _leads_on(found, where, name) and ".__wrapped__" in _parts(found):
            found = _parts(found)[".__wrapped__"]
        if not _leads_on(found, where, name):
            there = f"a {type(found).__name__} with {', '.join(_parts(found)) or 'nothing'}"
            step = name or where
            raise ValueError(f"replace: expected a path in the module, got {path!r}: {step} is not in {there}.")
        found = _parts(found)[where] if where else found
    return found


def _parts(x):
    return parts(x) if isinstance(x, Module) else {}


def _leads_on(module, where, name):
    """Whether a step of a path fits: a part, or the name of the class."""
    return where in _parts(module) if where else name == type(module).__name__


class FrozenVar(StoredVar, BaseState):
    """A TrainVar after `freeze`: the same object, under the same names, but a state, which is not trained.

    Like a TrainVar it is assigned with `assign`, by a checkpoint for instance, not by accident. A variable of a class
    derived from TrainVar keeps the methods of that class.

    Args:
        tensor, reduce: As for `TrainVar`.

    Attributes:
        thawed: The class that `unfreeze` gives back.
    """

    thawed: ClassVar[type[TrainVar]] = TrainVar
    value = TrainVar.value  # type: ignore[override]


@functools.cache
def _frozen(kind: Any) -> type[BaseVar]:
    """The class of frozen variables of a class."""
    if kind is TrainVar:
        return FrozenVar
    members = {"__slots__": (), "__module__": kind.__module__, "thawed": kind, "__reduce_ex__": _reduced}
    make: Any = type(kind)
    return make(f"Frozen{kind.__name__}", (kind, FrozenVar), members)


def _reduced(variable, protocol):
    return _restored, (variable.thawed,), variable.__getstate__()


def _restored(kind):
    return object.__new__(_frozen(kind))


def _become(classes: dict[Any, type[BaseVar]]) -> None:
    """Gives variables other classes, {variable: class}: all of them or, after an exception, none."""
    before = {variable: type(variable) for variable in classes}
    try:
        for variable, kind in classes.items():
            variable.__class__ = kind
    except BaseException:
        for variable, kind in before.items():
            variable.__class__ = kind
        raise
    module_changes.changed()


def freeze(module: Module | VarCollection, selector: Selector = "*") -> VarCollection:
    """Turns TrainVars into states, in place: gradient modules and optimizers that are made afterwards ignore them.

    Args:
        module: A module or VarCollection.
        selector: Which ones, a pattern of names or a function: see `VarCollection.filter`.

    Returns:
        The VarCollection of the variables that were frozen.

    Raises:
        ValueError: If no name matches a pattern.
    """
    chosen = _chosen(module, "freeze", TrainVar, selector)
    kinds: dict[Any, Any] = {v: type(v) for v in chosen}
    _become({v: _frozen(kind) for v, kind in kinds.items()})
    return chosen


def unfreeze(module: Module | VarCollection, selector: Selector = "*") -> VarCollection:
    """Turns frozen variables into TrainVars again: the inverse of `freeze`.

    Args:
        module: A module, or a VarCollection of it.
        selector: Which ones of its frozen variables, as for `freeze`; all without it.

    Returns:
        The VarCollection of the variables that are no longer frozen.

    Raises:
        ValueError: If no name matches a pattern.
    """
    chosen = _chosen(module, "unfreeze", FrozenVar, selector)
    _become({v: v.thawed for v in chosen})
    return chosen


def _chosen(module, where, kind, selector):
    """The variables of a kind that a selector chooses; ValueError if it is a pattern other than "*" and fits none."""
    if not isinstance(module, Module | VarCollection):
        raise TypeError(f"{where}: expected a module or VarCollection, got {type(module).__name__}.")
    there = (module if isinstance(module, VarCollection) else module.vars()).subset(kind)
    chosen = there.filter(selector)
    if not chosen and isinstance(selector, str) and selector != "*":
        names = ", ".join(list(there.keys())[:3]) or "none"
        raise ValueError(f"{where}: no {kind.__name__} matches {selector!r}. Names: {names}.")
    return chosen

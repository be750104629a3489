"""Modules: objects with variables and methods that use them."""

from __future__ import annotations

import ast
import functools
import numbers
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Self, TypeVar

import numpy as onp

from autograd import tree
from autograd.backend import is_array
from autograd.core import Array

from ..absent import MODULE, declare
from ..util import class_name, override_args_kwargs, repr_function
from .changes import module_changes
from .collection import VarCollection
from .module_text import module_html, tree_text
from .naming import Naming
from .training_mode import Training, adopt, checked, override
from .unsearched import is_container, refuse, refuse_items
from .variable import BaseVar, as_value

M = TypeVar("M", bound="Module")
__all__ = ["PARTS", "ForceArgs", "Module", "ModuleList", "changing", "module_changes", "parts", "put", "shown", "walk"]


class Module:
    """A container of variables and other modules, which are found in its attributes.

    Attributes:
        training: The mode that `train`, `eval` or `mode` set, for layers that are called without an argument
            `training`; None if none did.
    """

    training: Any = Training()

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        made_by = super().__new__
        if made_by is not object.__new__:
            module = made_by(cls, *args, **kwargs)
        elif (args or kwargs) and cls.__init__ is object.__init__:
            raise TypeError(f"{cls.__name__}() takes no arguments")
        else:
            module = made_by(cls)
        module_changes.young.add(id(module))
        return module

    _has_mode: bool = True  # whether it may compute something else in training
    _slots: tuple[str, ...] = ()
    _of_class: tuple[str, ...] = ()  # attributes of the class that are modules, variables or containers

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        adopt(cls)
        own = cls.__dict__.get("__slots__", ())
        cls._slots = (*cls._slots, *((own,) if isinstance(own, str) else own))
        held = [name for name, x in vars(cls).items() if name[:1] != "_" and (isinstance(x, PARTS) or is_container(x))]
        cls._of_class = (*cls._of_class, *held)

    def __setattr__(self, name: str, value: Any) -> None:
        before = getattr(self, name, None) if name in self._slots else self.__dict__.get(name)
        if isinstance(before, BaseVar) or isinstance(value, type):
            refuse(f"{type(self).__name__}.{name}", PARTS, before, value)
        super().__setattr__(name, value)
        if isinstance(value, PARTS) or isinstance(before, PARTS):
            module_changes.changed(self)

    def __delattr__(self, name: str) -> None:
        before = self.__dict__.get(name)
        super().__delattr__(name)
        if isinstance(before, PARTS):
            module_changes.changed(self)

    def vars(self, scope: str = "") -> VarCollection:
        """The variables of the module and of its submodules, named by the attributes that lead to them.

        Only attributes that are variables or modules are looked at (and the items of a `ModuleList` or `ModuleDict`).
        A UserWarning names plain lists, dictionaries and the like with layers or variables that are found nowhere else.
        A circle of modules is cut where it closes. A module that is found at several places has all its names at the
        first one, at the others one for each of its variables.

        Args:
            scope: What the names begin with.
        """
        return VarCollection(_naming.names(self, f"{scope}({type(self).__name__})"))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; subclasses define it."""
        remedy = (
            "Call forward, or name it __call__" if hasattr(self, "forward") else "Define it, or call another method"
        )
        raise NotImplementedError(f"{type(self).__name__}: has no __call__. {remedy}.")

    def train(self, mode: bool = True) -> Self:
        """Sets the mode of the module and of all modules in it to training, for good and in all threads.

        Layers that are called without an argument `training`, such as `Dropout` and `BatchNorm`, go by it. Within a
        context of `mode`, it counts at once, too, and the context does not take it back.

        Args:
            mode: False for evaluation.

        Returns:
            The module, so that `net.eval()(x)` can be written. It is no context manager: see `mode`.

        Raises:
            TypeError: If the mode is neither True nor False.
        """
        checked(mode)
        for _, module in walk(self):
            attribute = adopt(type(module))
            if attribute is not None:
                attribute.__set__(module, mode)
        return self

    def eval(self) -> Self:
        """Sets the mode of the module and of all modules in it to evaluation: `train(False)`."""
        return self.train(False)

    def mode(self, *, training: bool) -> AbstractContextManager[Self]:
        """A context in which the module and all modules in it have another mode: `with net.mode(training=False): ...`.

        It counts in this thread, in the threads of `Parallel`, and in asyncio tasks that begin within it. Contexts
        nest, and one that closes, in whatever order or thread, takes back only what it itself set. A copy of the module
        has the mode that `train` or `eval` set. While a generator pauses inside the block, its mode counts for the code
        that consumes it.

        Args:
            training: Whether the modules are in training. Modules in plain lists and dictionaries are not found.

        Returns:
            The context manager; it gives the module.

        Raises:
            TypeError: If `training` is neither True nor False.
        """
        return _in_mode(self, checked(training))

    def _parts_by_key(self) -> dict[str, Any]:
        """The parts of the module that are no attributes, {place: part}: see `parts`."""
        return {}

    def __setstate__(self, state: Any) -> None:  # as without it, but found before a `__getattr__` is asked for it
        inherited = getattr(super(), "__setstate__", None)
        if inherited is not None:
            return inherited(state)
        attributes, slots = state if isinstance(state, tuple) else (state, None)
        self.__dict__.update(attributes or {})
        for name, value in (slots or {}).items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        inherited = super().__repr__
        if getattr(inherited, "__objclass__", None) is not object:  # that of another base class
            return inherited()
        return tree_text(self, self._name(), shown(self)).replace("(\n\n)", "()")

    def _name(self) -> str:
        return class_name(self) if type(self).__module__.startswith("cuobjax.") else type(self).__name__

    def _repr_html_(self) -> str:
        return module_html(
            walk(self), lambda module: {w: v for w, v in parts(module).items() if isinstance(v, BaseVar)}
        )


_SOUGHT_FIRST = "__exit__" if sys.version_info >= (3, 14) else "__enter__"  # by a `with` block


def _context(module):
    found = getattr(super(Module, module), _SOUGHT_FIRST, None)  # of another base class
    if found is not None:
        return found
    raise AttributeError(
        f"{type(module).__name__} is no context manager; train() and eval() set the mode for good. For a mode that "
        "ends with the block, write `with net.mode(training=False):`."
    )


setattr(Module, _SOUGHT_FIRST, property(_context))


@contextmanager
def _in_mode(module: M, training: bool) -> Iterator[M]:
    with override([(part, training) for _, part in walk(module)]):
        yield module


declare(Module, MODULE)
PARTS = (Module, BaseVar)


def parts(module: Module) -> dict[str, Any]:
    """The parts of a module, {place: part}: `.name` is an attribute, `[i]` or `['key']` an item."""
    found = {f".{name}": value for name, value in list(module.__dict__.items())}
    if module._slots:
        found |= {f".{name}": getattr(module, name) for name in module._slots if hasattr(module, name)}
    return found | module._parts_by_key()


def put(module: Module, where: str, value: Any) -> None:
    """Replaces the part of a module at the place `where` by `value`: see `parts`."""
    if where[0] == ".":
        setattr(module, where[1:], value)
    else:
        module[ast.literal_eval(where[1:-1])] = value  # type: ignore[index]


def shown(module: Module) -> dict[str, Any]:
    """The parts that the text of a module shows: modules and variables in attributes, and all items."""
    return {where: part for where, part in parts(module).items() if where[0] != "." or isinstance(part, PARTS)}


def walk(module: Module, path: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Module]]:
    """The module and all modules in it, each one once, as pairs (path, module): `.layers[0]`."""
    seen = set() if seen is None else seen
    if id(module) not in seen:
        seen.add(id(module))
        yield path, module
        for where, part in parts(module).items():
            if isinstance(part, Module):
                yield from walk(part, path + where, seen)


_naming = Naming(Module, parts)


class ModuleList(Module, list[Any]):
    """A list whose modules and variables are found by `vars`; everything else in it is ignored."""

    def __init__(self, items: Iterable[Any] = (), /, *others: Any, **kwargs: Any) -> None:
        if others or kwargs:
            name, n = type(self).__name__, 1 + len(others) + len(kwargs)
            raise TypeError(f"{name}: expected one list, got {n} arguments. Write {name}([a, b]).")
        self[:] = items

    def __getitem__(self, key: Any) -> Any:
        value = list.__getitem__(self, key)
        return self._like(value) if isinstance(key, slice) else value

    def __setitem__(self, key: Any, value: Any) -> None:
        name = type(self).__name__
        if not isinstance(key, slice):
            refuse(f"{name}[{key}]", PARTS, self[key], value)
        else:
            refuse_items(name, value)
            value, places = list(value), range(len(self))[key]
            for i, item in enumerate(value):
                place = places[i] if i < len(places) else len(self) + i - len(places)
                before = list.__getitem__(self, place) if i < len(places) else None
                refuse(f"{name}[{place}]", PARTS, before, item)
        list.__setitem__(self, key, value)
        module_changes.changed(self)

    def append(self, item: Any) -> None:
        """Adds an item to the end."""
        self[len(self) :] = [item]

    def extend(self, items: Iterable[Any]) -> None:
        """Adds items to the end."""
        self[len(self) :] = items

    def insert(self, index: Any, item: Any) -> None:
        """Adds an item before the one at `index`."""
        self[index:index] = [item]

    def __iadd__(self, items: Iterable[Any]) -> Self:
        self.extend(items)
        return self

    def __add__(self, other: list[Any]) -> Any:
        return self._like(list.__add__(self, other))

    def __mul__(self, number: Any) -> Any:
        return self._like(list.__mul__(self, number))

    def __rmul__(self, number: Any) -> Any:
        return self * number

    def __radd__(self, other: Any) -> Any:
        return self._like(list.__add__(other, self)) if isinstance(other, list) else NotImplemented

    def copy(self) -> Any:
        """A list of the same items."""
        return self._like(self)

    def _like(self, items: Iterable[Any]) -> Any:
        """Items in a list of this class, or of the nearest base class whose constructor takes nothing but items."""
        return next(kind for kind in type(self).__mro__ if kind.__init__ is ModuleList.__init__)(items)  # type: ignore[misc]

    def _parts_by_key(self) -> dict[str, Any]:
        return {f"[{i}]": value for i, value in enumerate(self)}

    def __repr__(self) -> str:
        return tree_text(self, class_name(self), shown(self))


def changing(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method that changes the items of a module."""

    @functools.wraps(method)
    def changed(self, *args, **kwargs):
        try:
            return method(self, *args, **kwargs)
        finally:
            module_changes.changed(self)

    return changed


for _name in "remove pop clear reverse sort __delitem__ __imul__".split():
    setattr(ModuleList, _name, changing(getattr(list, _name)))


class ForceArgs(Module):
    """A module that is called with fixed values for some arguments: `ForceArgs(net, training=True)`.

    Args:
        module: The module to call.
        kwargs: The arguments, which replace those given by position or by name.
    """

    class ANY:
        """In `undo`, stands for any value."""

    def __init__(self, module: Module, **kwargs: Any) -> None:
        self.__wrapped__ = module
        self.forced_kwargs: dict[str, Any] = kwargs

    def vars(self, scope: str = "") -> VarCollection:
        """The variables of the module, under its own names, behind `scope`."""
        return self.__wrapped__.vars(scope)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the module, with the forced arguments in place of those that are given."""
        forced, named = override_args_kwargs(self.__wrapped__, args, kwargs, self.forced_kwargs)
        return self.__wrapped__(*forced, **named)

    @staticmethod
    def undo(module: Module, **kwargs: Any) -> None:
        """Removes forced arguments from every ForceArgs in a module, in place; one without any left is removed, too.

        A ForceArgs that is `module` itself stays, as no module holds it.

        Args:
            module: Where to look for ForceArgs, through all modules in it.
            kwargs: The arguments to remove, if they have this value, or any value for `ForceArgs.ANY`; all by default.
        """
        modules = [part for _, part in walk(module)]
        for forcing in modules:
            if isinstance(forcing, ForceArgs):
                forcing.forced_kwargs = {
                    name: value
                    for name, value in forcing.forced_kwargs.items()
                    if kwargs and not (name in kwargs and (kwargs[name] is ForceArgs.ANY or _same(kwargs[name], value)))
                }
        for owner in modules:
            for where, part in parts(owner).items():
                while isinstance(part, ForceArgs) and not part.forced_kwargs:
                    part = part.__wrapped__
                    put(owner, where, part)
        module_changes.changed()

    def __repr__(self) -> str:
        forced = "".join(f", {name}={value!r}" for name, value in self.forced_kwargs.items())
        return f"{class_name(self)}(module={repr_function(self.__wrapped__)}{forced})"


def _same(a, b):
    """Whether two values are equal, arrays with all their elements."""
    (a_leaves, a_structure), (b_leaves, b_structure) = tree.flatten(a), tree.flatten(b)
    return a_structure == b_structure and all(map(_same_leaf, a_leaves, b_leaves))


def _same_leaf(a, b):
    are_numbers = [isinstance(x, numbers.Number | Array) or is_array(x) for x in (a, b)]
    if all(are_numbers):
        a, b = (onp.asarray(as_value(x, "") if hasattr(x, "shape") else x) for x in (a, b))
        return onp.array_equal(a, b)
    return a is b or (not any(are_numbers) and bool(a == b))

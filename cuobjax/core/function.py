"""Functions as modules: with the variables that are given, or with those that their code can reach."""

from __future__ import annotations

import functools
import importlib.util
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..util import class_name, repr_function
from .bytecode import Step, steps
from .collection import VarCollection, Variables
from .contents import NOTHING, attribute, defaults, held, is_of_a_library, item, special_methods
from .module import Module, parts, walk
from .variable import BaseVar

__all__ = ["AutoFunction", "Function", "find_used_variables"]

_Known = Mapping[str, tuple[Any, str]]
"""What local variables are: {variable: (object, the expression that leads to it)}."""
_OF_CLASSES = ("__dict__", "__weakref__")  # attributes that every class has


class Function(Module):
    """A function together with the variables that it uses, as a module.

    Args:
        f: The function.
        vc: The variables.
    """

    _has_mode = False

    def __init__(self, f: Callable[..., Any], vc: Variables) -> None:
        if not callable(f):
            raise TypeError(f"{type(self).__name__}: expected a function or module, got {type(f).__name__}.")
        self.f = f
        prefix = f"{{{f.__name__}}}" if hasattr(f, "__name__") else ""
        self.vc: VarCollection = VarCollection((prefix + name, v) for name, v in VarCollection(vc).items())
        functools.update_wrapper(self, f, updated=())

    def vars(self, scope: str = "") -> VarCollection:
        """The variables, named `{function}` and their own names, with the text `scope` before each name."""
        return VarCollection((scope + name, v) for name, v in self.vc.items())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the function with its arguments."""
        return self.f(*args, **kwargs)

    @staticmethod
    def with_vars(vc: Variables) -> Callable[[Callable[..., Any]], Function]:
        """A decorator that makes a function a `Function` with the variables `vc`."""
        return lambda f: Function(f, vc)

    @staticmethod
    def auto_vars(f: Callable[..., Any]) -> AutoFunction:
        """A decorator that makes a function `f` a `Function` with the variables that it can reach.

        They are read from its code whenever `vars` is called (see `find_used_variables`), so that a network may be
        made, or changed, after the function.
        """
        return AutoFunction(f)

    def __repr__(self) -> str:
        return f"{class_name(self)}(f={repr_function(self.f)})"


class AutoFunction(Function):
    """A function `f` with the variables that it can reach; they are searched for at each call of `vars`."""

    def __init__(self, f: Callable[..., Any]) -> None:
        super().__init__(f, ())
        del self.vc

    def vars(self, scope: str = "") -> VarCollection:
        """The variables that the function can reach now, named `{function}` and the expressions that lead to them.

        Args:
            scope: A text before each name.
        """
        return Function(self.f, find_used_variables(self.f)).vars(scope)

    def __repr__(self) -> str:
        return super().__repr__().replace(class_name(self), class_name(Function), 1)


def find_used_variables(fn: Callable[..., Any]) -> VarCollection:
    """The variables that a function `fn` can reach, named by the expressions that lead to them: `net.(Linear).w`.

    The search goes through the globals and closures that its code names, attributes, constant subscripts, default
    arguments, everything that holds objects (containers, partial functions, iterators, weak references, objects with
    attributes), bound methods, nested functions, modules such as `Jit(f)`, classes that it makes objects of, and the
    functions that it calls. Where the code passes on an object as a whole (`helper(net)`, `layers[i]`), all its
    variables are taken: rather one too many than one too few. Where a `Function` was given its variables, these are
    all. Variables that only an argument leads to are not found, nor are names that are looked up as text
    (`globals()["net"]`), nor those that libraries keep for themselves.
    """
    search = _Search()
    search.visit(fn, "", "")
    return search.found


class _Search:
    """A walk through what code can reach.

    Attributes:
        found: The variables so far, each one under the first name that led to it.
        seen: The objects that were looked into, by identity, so that they live as long.
    """

    def __init__(self) -> None:
        self.found = VarCollection()
        self.seen: dict[Any, Any] = {}

    def add(self, name: str, variable: BaseVar) -> None:
        known = list(map(id, self.found.values()))
        while name in self.found:
            if self.found[name] is variable:
                return
            name += "'"
        added = VarCollection({name: variable})
        if id(added[name]) not in known:
            self.found.update(added)

    def visit(self, x: Any, name: str, prefix: str) -> None:
        """Looks into an object that an expression `name` leads to, in a function of which names begin with `prefix`."""
        waiting = [(x, name)]
        while waiting:
            x, name = waiting.pop()
            if isinstance(x, BaseVar):
                self.add(prefix + name, x)
            elif isinstance(x, types.FunctionType):
                self.function(x, prefix + f"{{{x.__name__}}}" if name else "", {})
            elif isinstance(x, types.MethodType):
                self.method(x, name.rpartition(".")[0], prefix)
            elif id(x) not in self.seen:
                self.seen[id(x)] = x
                inside = [*(self.module(x, name, prefix) if isinstance(x, Module) else held(x)), *_methods(x)]
                waiting += [(part, (name + where).lstrip(".")) for where, part in inside][::-1]

    def module(self, x: Module, name: str, prefix: str) -> Iterator[tuple[str, Any]]:
        """Takes the variables of a module; what else is in it, as pairs (where, part)."""
        if not isinstance(x, AutoFunction):
            for variable_name, variable in x.vars(prefix + name + "." * bool(name)).items():
                self.add(variable_name, variable)
        for path, module in walk(x):
            if isinstance(module, Function):
                if isinstance(module, AutoFunction) or not module.vc:
                    yield path, module.f
                continue
            private = is_of_a_library(type(module))
            for where, part in parts(module).items():
                if not isinstance(part, Module) and not (private and where.startswith("._")):
                    yield path + where, part
            if module is not x:
                yield from ((path + where, part) for where, part in _methods(module))

    def method(self, x: types.MethodType, name: str, prefix: str) -> None:
        code = getattr(x.__func__, "__code__", None)
        if code is None or not code.co_varnames or is_of_a_library(x.__func__):
            return self.visit(x.__self__, name or "self", prefix)
        own = code.co_varnames[0]
        self.function(x.__func__, prefix, {own: (x.__self__, name or own)})

    def function(self, f: Any, prefix: str, known: _Known) -> None:
        """Looks into a function; `known` says what some of its parameters are."""
        key = (f, *(id(x) for x, _ in known.values()))
        if key in self.seen:
            return
        self.seen[key] = known
        for name, default in defaults(f).items():
            self.visit(default, name, prefix)
        cells = {}
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            try:
                cells[name] = (cell.cell_contents, name)
            except ValueError:  # an empty cell: not assigned yet
                continue
        if not is_of_a_library(f):
            return self.code(f.__code__, {**known, **cells}, f.__globals__, prefix)
        cells.pop("__class__", None)
        for x, name in cells.values():
            self.visit(x, name, prefix)

    def code(self, code: types.CodeType, known: _Known, names: Mapping[str, Any], prefix: str) -> None:
        known, all_steps, imported, module = dict(known), steps(code), None, ""
        for i, (kind, value) in enumerate(all_steps):
            following = all_steps[i + 1 :]
            if kind == "local" and value in known and value != "__class__":
                self.expression(*known[value], following, prefix)
            elif kind == "global" and value in names:
                self.expression(names[value], value, following, prefix)
            elif kind == "global" and value == "super":
                self.inherited(code, known, following, prefix)
            elif kind == "import":
                module = _absolute(value, all_steps[max(i - 2, 0)].value, names)
                imported = sys.modules.get(module.partition(".")[0])
            elif kind == "from":
                imported = _imported(module, value)
            elif kind == "store" and imported is not None:
                known[value], imported = (imported, value), None
        for nested in code.co_consts:
            if isinstance(nested, types.CodeType) and nested.co_name != "__annotate__":
                inner = {name: known[name] for name in nested.co_freevars if name in known}
                self.code(nested, inner, names, prefix)

    def expression(self, x: Any, name: str, following: Sequence[Step], prefix: str) -> None:
        """Follows attributes and constant subscripts of an object as far as the code says which."""
        while following and not isinstance(x, BaseVar):
            kind, value = following[0]
            if kind in ("assign", "super"):
                return
            if kind == "attribute":
                getter = _getter(x, value)
                if getter:
                    return self.visit(types.MethodType(getter, x), f"{name}.{value}", prefix)
                part, where = attribute(x, value), f".{value}"
                if isinstance(part, types.BuiltinMethodType) and part.__self__ is x:  # such as values() of a dictionary
                    break
                if part is NOTHING:
                    self.visit(getattr(type(x), "__dict__", {}).get(value), f"{name}.{value}", prefix)
            elif kind == "constant" and len(following) > 1 and following[1].kind == "item":
                part, where = item(x, value), f"[{value!r}]"
                following = following[1:]
            else:
                break
            if part is NOTHING:
                break
            x, name, following = part, name + where, following[1:]
        self.visit(x, name, prefix)

    def inherited(self, code: types.CodeType, known: _Known, following: Sequence[Step], prefix: str) -> None:
        """Looks into what `super().name` is, or into all of the object if that is not known."""
        (owner, _), (x, name) = known.get("__class__", (None, "")), known.get(code.co_varnames[:1][0], (None, ""))
        attribute_name = next((value for kind, value in following if kind in ("attribute", "super")), "")
        if isinstance(owner, type) and isinstance(x, owner):
            part = getattr(super(owner, x), attribute_name, x)
            self.visit(part if isinstance(part, types.MethodType) else x, f"{name}.{attribute_name}", prefix)


def _methods(x):
    """The methods that an operator or a call of an object runs, or all of a class, as pairs (where, method)."""
    if isinstance(x, type):
        for kind in () if is_of_a_library(x) else x.__mro__:
            if not is_of_a_library(kind):
                yield from ((f".{name}", part) for name, part in list(vars(kind).items()) if name not in _OF_CLASSES)
    else:
        yield from ((f".{name}", types.MethodType(method, x)) for name, method in special_methods(x))


def _getter(x, name):
    """The function that computes an attribute, unless its value is in the object."""
    computed = getattr(type(x), name, None)
    if isinstance(computed, property):
        return computed.fget
    if isinstance(computed, functools.cached_property) and name not in getattr(x, "__dict__", {}):
        return computed.func
    return None


def _absolute(module, level, names):
    """The name of a module that an import statement names, `level` dots before it."""
    try:
        return importlib.util.resolve_name("." * (level or 0) + module, names.get("__package__"))
    except (ImportError, TypeError):
        return module


def _imported(module, name):
    """What `from module import name` gives if the module is loaded; also for `import module.name as x`."""
    loaded = sys.modules.get(module)
    return getattr(loaded, name, sys.modules.get(f"{module}.{name}", loaded))

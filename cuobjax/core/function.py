"""Functions as modules: with the variables that are given, or with those that their code can reach."""

from __future__ import annotations

import dis
import functools
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any

from autograd.core import Array

from ..util import class_name, repr_function
from .collection import VarCollection, Variables
from .module import Module, parts, walk
from .variable import BaseVar

__all__ = ["AutoFunction", "Function", "find_used_variables"]

_NOT_READ = {"autograd", "cupy", "numpy", "scipy", "cuobjax", *sys.stdlib_module_names} - {"__main__"}
_FUNCTIONS = (types.FunctionType, types.MethodType, functools.partial)
_NOTHING = object()


class Function(Module):
    """A function together with the variables that it uses, as a module.

    Args:
        f: The function.
        vc: The variables.
    """

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
    arguments, containers, partial functions, bound methods, nested functions, and the functions that it calls. Where
    the code passes on an object as a whole (`helper(net)`, `layers[i]`), all its variables are taken: rather one too
    many than one too few. Variables that only an argument leads to are not found, nor are names that are looked up as
    text (`globals()["net"]`).
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

    def __init__(self):
        self.found = VarCollection()
        self.seen = {}

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
        if isinstance(x, BaseVar):
            self.add(prefix + name, x)
        elif isinstance(x, types.FunctionType):
            self.function(x, prefix + f"{{{x.__name__}}}" if name else "", {})
        elif isinstance(x, types.MethodType):
            self.method(x, name.rpartition(".")[0], prefix)
        elif not isinstance(x, Array | type | types.ModuleType) and id(x) not in self.seen:
            self.seen[id(x)] = x
            if isinstance(x, Module):
                self.module(x, name, prefix)
            else:
                for where, part in _inside(x):
                    self.visit(part, (name + where).lstrip("."), prefix)

    def module(self, x: Module, name: str, prefix: str) -> None:
        if isinstance(x, AutoFunction):
            return self.visit(x.f, name, prefix)
        for variable_name, variable in x.vars(prefix + name + "." * bool(name)).items():
            self.add(variable_name, variable)
        for path, module in walk(x):
            for where, part in () if isinstance(module, Function) else parts(module).items():
                if isinstance(part, _FUNCTIONS) and not where.startswith("._"):
                    self.visit(part, (name + path + where).lstrip("."), prefix)

    def method(self, x: types.MethodType, name: str, prefix: str) -> None:
        code = getattr(x.__func__, "__code__", None)
        if code is None or not code.co_varnames or _foreign(x.__func__):
            return self.visit(x.__self__, name or "self", prefix)
        own = code.co_varnames[0]
        self.function(x.__func__, prefix, {own: (x.__self__, name or own)})

    def function(self, f: Callable[..., Any], prefix: str, known: Mapping[str, tuple[Any, str]]) -> None:
        """Looks into a function; `known` says what some of its parameters are, {parameter: (object, name)}."""
        key = (f, *(id(x) for x, _ in known.values()))
        if key in self.seen:
            return
        self.seen[key] = known
        for name, default in _defaults(f).items():
            self.visit(default, name, prefix)
        if _foreign(f):
            return
        known = dict(known)
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            try:
                known[name] = (cell.cell_contents, name)
            except ValueError:  # an empty cell: not assigned yet
                continue
        self.code(f.__code__, known, f.__globals__, prefix)

    def code(
        self, code: types.CodeType, known: Mapping[str, tuple[Any, str]], names: Mapping[str, Any], prefix: str
    ) -> None:
        instructions = list(dis.get_instructions(code))
        for i, instruction in enumerate(instructions):
            base = _loaded(instruction, known, names)
            for x, name in base[:-1]:
                self.visit(x, name, prefix)
            if base and base[-1] is not None:
                x, name = base[-1]
                self.expression(x, name, instructions[i + 1 :], prefix)
        for nested in code.co_consts:
            if isinstance(nested, types.CodeType):
                inner = {name: known[name] for name in nested.co_freevars if name in known}
                self.code(nested, inner, names, prefix)

    def expression(self, x: Any, name: str, following: list[dis.Instruction], prefix: str) -> None:
        """Follows attributes and constant subscripts of an object as far as the code says which."""
        while following and not isinstance(x, BaseVar):
            kind, attribute = following[0].opname, following[0].argval
            if kind in ("STORE_ATTR", "DELETE_ATTR"):
                return
            if kind in ("LOAD_ATTR", "LOAD_METHOD"):
                computed = getattr(type(x), attribute, None)
                getter = getattr(computed, "fget", None) or getattr(computed, "func", None)
                if getter and isinstance(computed, property | functools.cached_property):
                    return self.visit(types.MethodType(getter, x), f"{name}.{attribute}", prefix)
                part, where = getattr(x, attribute, _NOTHING), f".{attribute}"
                if isinstance(part, types.BuiltinMethodType) and part.__self__ is x:  # such as values() of a dictionary
                    break
            elif len(following) > 1 and kind in ("LOAD_CONST", "LOAD_SMALL_INT") and _subscribes(following[1]):
                part, where = _item(x, attribute), f"[{attribute!r}]"
                following = following[1:]
            else:
                break
            if part is _NOTHING:
                break
            x, name, following = part, name + where, following[1:]
        self.visit(x, name, prefix)


def _loaded(instruction, known, names):
    """What an instruction loads, as pairs (object, name); the last one is None if it is not known."""
    kind, loaded = instruction.opname, instruction.argval
    if kind in ("LOAD_GLOBAL", "LOAD_NAME") and loaded in names:
        return [(names[loaded], loaded)]
    if kind == "STORE_FAST_LOAD_FAST":
        return [known.get(loaded[1])]
    if kind.startswith(("LOAD_FAST", "LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF")):
        loaded = loaded if isinstance(loaded, tuple) else (loaded,)
        *others, last = [known.get(name) for name in loaded]
        return [*filter(None, others), last]
    return []


def _subscribes(instruction):
    return instruction.opname == "BINARY_SUBSCR" or (
        instruction.opname == "BINARY_OP" and str(instruction.argrepr).startswith("[")
    )


def _item(x, key):
    try:
        return x[key] if isinstance(x, list | tuple | dict) else _NOTHING
    except (LookupError, TypeError):
        return _NOTHING


def _inside(x):
    """What a container, a partial function or an object of a user's class holds, as pairs (where, part)."""
    if isinstance(x, functools.partial):
        yield "", x.func
        yield from ((f"[{i}]", part) for i, part in enumerate(x.args))
        yield from ((f".{key}", part) for key, part in x.keywords.items())
    elif isinstance(x, dict):
        yield from ((f"[{key!r}]", part) for key, part in x.items())
    elif isinstance(x, list | tuple | set | frozenset):
        yield from ((f"[{i}]", part) for i, part in enumerate(x))
    elif hasattr(x, "__wrapped__"):
        yield "", x.__wrapped__
    elif not _foreign(type(x)) and hasattr(x, "__dict__"):
        yield from ((f".{key}", part) for key, part in vars(x).items())
        if callable(x):
            yield ".__call__", x.__call__


def _foreign(x):
    """Whether a function or class is of a library that is not looked into."""
    return (getattr(x, "__module__", None) or "").partition(".")[0] in _NOT_READ


def _defaults(f):
    """The default values of a function, {parameter: value}."""
    values = f.__defaults__ or ()
    names = f.__code__.co_varnames[: f.__code__.co_argcount]
    return dict(zip(names[len(names) - len(values) :], values, strict=True)) | (f.__kwdefaults__ or {})

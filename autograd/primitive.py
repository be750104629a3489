"""Primitives: operations with their derivatives and their batch rules."""

import functools
import inspect
import sys
from typing import Any

import numpy

from . import backend
from .core import Array, concrete

PRIMITIVES = {}  # every primitive by its name


class Primitive:
    """An operation: a name, a forward function and the rules that transformations need.

    Calling it applies it: arrays are positional, parameters keyword; raw arrays give raw arrays. `autograd.families`
    declares primitives.

    Attributes:
        forward: `(xp, *arrays, **params)`, or the name of a function that NumPy and CuPy share, called `(*arrays)`.
        arguments, rest: Names of the array arguments, and of the tuple of further ones (`*args` in `forward`).
        rules: Reverse-mode rules, one per argument (the last one serves all further arguments); None for an argument
            that has no gradient. Empty if the result has none.
        kind: What forward mode derives from it: "elementwise", "linear" (in all arguments that have rules together),
            "multilinear" (in each of them) or "" (none of these).
        batch: How vmap applies it: see `autograd.families`; None if it calls it in a loop.
        tangents: The forward-mode rule where it is spelled, `(moving, y, args, tangents, params)` with the positions of
            the arguments that have tangents; else None.
    """

    tangents: Any = None

    def __init__(self, forward, rules=(), *, name=None, arguments=None, kind="", batch=None):
        name = name or (forward if isinstance(forward, str) else forward.__name__.lstrip("_"))
        self.__name__ = self.__qualname__ = self.name = name
        self.forward = forward
        self.kind, self.batch = kind, batch
        self.arguments, self.rest, self.parameters = arguments, None, frozenset()
        if not isinstance(forward, str):
            self.arguments, self.rest, self.parameters = _parameters(forward)
        self.rules = tuple(rule and Rule(rule, self) for rule in rules)
        documented = not isinstance(forward, str) and forward.__doc__
        self.__doc__ = documented or f"`numpy.{name}`, of Arrays, traced and raw arrays."
        self.__signature__ = _signature(self)
        self.__module__ = getattr(forward, "__module__", None) or __name__
        if self.__module__.startswith("autograd.") and PRIMITIVES.setdefault(name, self) is not self:
            raise ValueError(f"Primitive: expected a new name, got {name!r}.")
        self._kernels = {}
        self.host = self._kernel(numpy)

    def __repr__(self):
        return f"<primitive {self.name}>"

    def __reduce__(self):
        return (_named, (self.name,)) if PRIMITIVES.get(self.name) is self else self.__qualname__

    def __call__(self, *args, **params):
        trace, lists = None, False
        for name in params:
            if isinstance(params[name], Array):
                params[name] = concrete(params[name], f"{name} of {self.name}")
        for a in args:
            if isinstance(a, Array):
                t = a._trace
                if trace is None or (t is not trace and t.level > trace.level):
                    trace = t
            elif type(a) is list or type(a) is tuple:
                lists = True
        if trace is not None:
            if len(args) != len(self.arguments) and self.rest is None:
                raise TypeError(f"{self.name}: expected {len(self.arguments)} arrays, got {len(args)}.")
            if lists:
                args = tuple([backend.from_list(a) if type(a) in (list, tuple) else a for a in args])
            if params and not self.parameters >= params.keys():
                raise self._unknown(params)
            return trace.apply(self, args, params)
        return self.run(args, params)

    def run(self, args, params):
        """Applies it to raw arrays."""
        if "cupy" not in sys.modules:
            return self.host(*args, **params)
        return self._kernel(backend.library(args, self.name))(*args, **params)

    def rules_of(self, args):
        """The reverse-mode rule for each of `args`, None for one that has no gradient."""
        rules = self.rules
        missing = len(args) - len(rules)
        return rules if missing <= 0 else rules + (rules[-1] if rules else None,) * missing

    def _kernel(self, xp):
        """The forward function bound to an array library."""
        kernel = self._kernels.get(xp)
        if kernel is None:
            forward = self.forward
            kernel = getattr(xp, forward) if isinstance(forward, str) else functools.partial(forward, xp)
            self._kernels[xp] = kernel
        return kernel

    def _unknown(self, params):
        names = ", ".join(sorted(params.keys() - self.parameters))
        remedy = "Arrays never change: bind the result to a name." if "out" in params else "Raw arrays may have it."
        return TypeError(f"{self.name}: expected no argument {names} with an Array or a traced value. {remedy}")


class Rule:
    """A reverse-mode rule `(g, ...) -> cotangent`; its parameter names say what the tape keeps for it.

    `g` is the cotangent of the result. After it, a rule may name

    - `y`, the result; an argument of the forward function, such as `x`; `x_shape`, the shape of argument `x`,
    - parameters of the forward function,
    - for an operation on any number of arguments `*args`: `i`, the position of the argument that the rule is for;
      `args` or `others`, all or all other arguments; `args_shapes`.

    What it does not name is free to be released. `keep(y, args, params, i)` collects what it names, as a tuple; it is
    None if that is nothing.
    """

    __slots__ = ("function", "keep")

    def __init__(self, function, primitive):
        self.function = function
        count, rest = len(primitive.arguments), primitive.rest
        sources = {"y": "y", "i": "i", "others": "(*args[:i], *args[i + 1:])", rest: f"tuple(args[{count}:])"}
        sources[f"{rest}_shapes"] = f"tuple([a.shape for a in args[{count}:]])"
        for i, name in enumerate(primitive.arguments):
            sources.update({name: f"args[{i}]", f"{name}_shape": f"args[{i}].shape"})
        names = list(inspect.signature(function).parameters)[1:]
        kept = "".join(sources.get(name, f"params[{name!r}]") + ", " for name in names)
        self.keep = eval(f"lambda y, args, params, i: ({kept})") if kept else None

    def applied(self, g, y, args, params, i):
        """The rule, applied to a cotangent or tangent `g` for argument `i`."""
        return self.function(g, *(self.keep(y, args, params, i) if self.keep else ()))


def _named(name):
    return PRIMITIVES[name]


def _parameters(forward):
    """Names of the array arguments, of the tuple of further ones and of the parameters of a forward function."""
    parameters = list(inspect.signature(forward).parameters.values())[1:]
    arrays = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)
    rest = [p.name for p in parameters if p.kind is p.VAR_POSITIONAL]
    return arrays, rest[0] if rest else None, frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)


def _signature(primitive):
    """What `inspect.signature` and `help` show."""
    kind = inspect.Parameter
    parameters = [kind(name, kind.POSITIONAL_ONLY) for name in primitive.arguments or ()]
    parameters += [kind(primitive.rest, kind.VAR_POSITIONAL)] if primitive.rest else []
    parameters += [kind(name, kind.KEYWORD_ONLY) for name in sorted(primitive.parameters)]
    return inspect.Signature(parameters)

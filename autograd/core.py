"""Arrays, primitives and their dispatch: knows no operation, no transformation.

An operation applied to plain arrays runs at once. As soon as one argument is a `Tracer`, the transformation that made
the tracer (its `Interpreter`) decides what the operation means. Where several transformations are active, the youngest
handles the call, unwraps its own tracers only and applies the operation again to what it found inside, so that
transformations nest in any order.
"""

import contextlib
import functools
import inspect
import itertools
import math
import sys
import types
from typing import Any

import numpy

from . import backend

_activations = itertools.count(1)
_new = object.__new__
_KINDS = (bool, int, float, complex)
_PACKAGES = ("autograd", "contextlib", "cuobjax", "functools")
PRIMITIVES = {}  # every primitive by its name


class Interpreter:
    """Gives primitives a meaning; one instance per activation of a transformation.

    Attributes:
        level: The order in which activations began. An inner activation always begins later, so that it has the higher
            level in any thread, and an exception leaves nothing behind that would have to be reset.
        ended: Whether the activation is over: its values are of no use any more.
    """

    __slots__ = ("ended", "level")
    level: float

    def __init__(self):
        self.level = next(_activations)
        self.ended = False

    def apply(self, primitive, args, params):
        """Applies `primitive` to arguments of which at least one belongs to this interpreter."""
        raise NotImplementedError


def escaped(primitive):
    """What an interpreter raises for a value of an activation that has ended."""
    return TypeError(
        f"{primitive.name}: got a traced value whose transformation has ended. A function under grad, vjp, jvp or vmap "
        "returns its results and does not store them; store stop_gradient(x) to look at a value later."
    )


class _Eager(Interpreter):
    """Runs primitives at once: the interpreter of plain Arrays."""

    __slots__ = ()

    def __init__(self):
        self.level = 0

    def apply(self, primitive, args, params):
        y = primitive.run([a._value if isinstance(a, Array) else a for a in args], params)
        return tuple(map(_wrap, y)) if type(y) is tuple else _wrap(y)


class Array:
    """An immutable n-d array: a handle of one `numpy.ndarray` or `cupy.ndarray`.

    Operators, methods and NumPy's functions act on it as on an ndarray, except that nothing changes it: `x += 1` binds
    the name `x` to a new Array, and `x.at[index].set(value)` returns a changed copy. `raw` is the array under it.

    Args:
        raw: The array to stand for, which is not copied: leave it as it is from now on. `numpy.array(x)` copies.
    """

    __slots__ = ("__weakref__", "_value")
    _trace: Interpreter = _Eager()

    def __init__(self, raw):
        if not backend.is_array(raw):
            got = type(raw).__name__
            raise TypeError(f"Array: expected a numpy.ndarray or cupy.ndarray, got {got}. Use cuobjax.numpy.array(x).")
        self._value = raw

    @property
    def shape(self):
        return self._value.shape

    @property
    def dtype(self):
        return self._value.dtype

    @property
    def ndim(self):
        return self._value.ndim

    @property
    def size(self):
        return math.prod(self.shape)

    @property
    def nbytes(self):
        return self.size * self.dtype.itemsize

    @property
    def device(self):
        """Where the elements are, a `Device`."""
        value = self._value
        return value.device if isinstance(value, Array) else backend.device_of(value)

    @property
    def raw(self):
        """The array under this one: read it, or hand it to CuPy and to kernels of your own, but do not write to it."""
        return self._value


class Tracer(Array):
    """An array inside a transformation: `_trace` is its interpreter, `_value` what is known of it one level below."""

    __slots__ = ("_trace",)

    def __init__(self, trace, value):
        self._trace = trace
        self._value = value

    @property
    def raw(self):
        raise TypeError(
            "Array.raw: expected a plain Array, got one that is being traced. Use functions of autograd.numpy or "
            "cuobjax.numpy on it, or autograd.stop_gradient(x).raw where its gradient is not wanted."
        )


class TracedNumber(Tracer):
    """A Python number inside a transformation: Python's operators make such numbers of it, functions arrays.

    As every Python number it takes the dtype of an array beside it. Its interpreter has `compute(function, numbers)`,
    which applies an operator of Python, and `array(number, dtype)`.
    """

    __slots__ = ()
    _trace: Any
    shape = ()
    ndim = 0

    @property
    def kind(self):
        """Its type: bool, int, float or complex."""
        raise NotImplementedError

    @property
    def dtype(self):
        return numpy.result_type(self.kind)

    @property
    def device(self):
        return backend.default_device()

    def array(self, dtype=None):
        """The number as an array, of the dtype that NumPy gives it if none is said."""
        return self._trace.array(self, self.dtype if dtype is None else numpy.dtype(dtype))


class _Dereference(Interpreter):
    """Applies primitives to what references stand for."""

    __slots__ = ()

    def __init__(self):
        self.level = float("inf")

    def apply(self, primitive, args, params):
        return lift(primitive(*[a._value if isinstance(a, Reference) else a for a in args], **params))


class Reference(Array):
    """An Array that stands for another one and looks it up whenever it is used: subclasses define `_value`."""

    __slots__ = ()
    _trace = _Dereference()

    @property
    def raw(self):
        return self._value.raw


def kind_of(x):
    """The type of a Python number, traced or not; None of all else."""
    return x.kind if isinstance(x, TracedNumber) else type(x) if type(x) in _KINDS else None


def settled(x):
    """The Array that a Reference or a traced number stands for; all else as it is."""
    while isinstance(x, Reference):
        x = x._value
    return x.array() if isinstance(x, TracedNumber) else x


def concrete(x, use):
    """The raw array under a plain Array; a traced one would lose its gradient there."""
    while isinstance(x, Reference):
        x = x._value
    if isinstance(x, Tracer):
        forced = getattr(x._trace, "forced", None)  # what is being recorded says more
        if forced is not None:
            raise forced(x, use)
        raise TypeError(
            f"Array: expected a plain Array for {use}, got one that is being traced; its gradient would be lost. Write "
            "the computation with functions of autograd.numpy (cuobjax.numpy), where its gradient is not wanted use "
            "stop_gradient(x)."
        )
    return x._value


def lift(value):
    """Raw arrays and NumPy scalars in `value`, a tuple of them included, as Arrays; all else as it is."""
    if isinstance(value, Array):
        return value._value if isinstance(value, Reference) else value
    if type(value) is tuple:
        return tuple(map(lift, value))
    return _wrap(value) if backend.is_array(value) else value


def _wrap(raw):
    """An Array of what is known to be a raw array."""
    array = _new(Array)
    array._value = raw
    return array


@contextlib.contextmanager
def noted(text):
    """Adds a note to what is raised within the context."""
    try:
        yield
    except Exception as error:
        error.add_note(text)
        raise


def line_of_user():
    """The innermost line on the stack that is not of this library, as text."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _PACKAGES:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}" if frame else "an unknown line"


def bare(x):
    """What stands under an Array, traced or not: the raw array that is computed with; all else as it is."""
    while isinstance(x, Array):
        x = x._value
    return x


def library(x):
    """The array library, `numpy` or `cupy`, under an Array, a traced or a raw array."""
    return backend.library((bare(x),))


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

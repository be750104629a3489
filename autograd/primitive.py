"""Primitives: an operation, its derivatives and all else that is known of it, in one statement."""

from __future__ import annotations

import contextlib
import functools
import inspect
import operator
import re
import sys
import types
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy

from . import backend
from .core import Array, Interpreter, TracedNumber, concrete, kind_of, wrapped
from .dtypes import default_dtype, entering, follows_numpy, is_inexact, limited, promoted, real_dtype
from .foreign import PLAIN, holds_numbers, is_labelled, operand
from .residuals import Vjp

if TYPE_CHECKING:
    from .typing import ArrayLike, Result

__all__ = ["PRIMITIVES", "Primitive"]

PRIMITIVES: dict[str, Primitive] = {}  # every primitive of this package, by its name
_ndarray = numpy.ndarray
_PLACES = frozenset([tuple, int, bool, type(None), str, float])  # types of most parameters, such as `axis`
_OF_PLACES = frozenset(["axis", "keepdims", "index", "shape", "axes", "n"])  # parameters that say nothing of dtypes
_eager = Array._trace
_CHOSEN = (numpy.dtype("float32").num, numpy.dtype("complex64").num)  # no raw array has them by default
_VARIABLES = float("inf")  # the level of the interpreter of variables, which applies a primitive again
_Memory: TypeAlias = str | Callable[..., str]


class _Signature:
    """What `inspect.signature` and `help` show of a primitive, made when they ask for it: most are never asked."""

    def __get__(self, instance: Any, owner: type) -> inspect.Signature:
        if instance is None:
            raise AttributeError(f"type object {owner.__name__!r} has no attribute '__signature__'")
        kind = inspect.Parameter
        parameters = [kind(name, kind.POSITIONAL_OR_KEYWORD) for name in instance.arguments or ()]
        parameters += [kind(instance.variadic, kind.VAR_POSITIONAL)] if instance.variadic else []
        parameters += [kind(name, kind.KEYWORD_ONLY) for name in sorted(instance.parameters)]
        return inspect.Signature(parameters)


class Primitive:
    """An operation: a name, a forward function, and what transformations, the compiler and tools know of it.

    Calling it applies it: arrays are positional, parameters keyword; raw arrays give raw arrays. The functions of
    `autograd.families` make primitives; those of `autograd.ops` are all there are.

    Attributes:
        forward: `(xp, *arrays, **params)`, or the name of a function that NumPy and CuPy share, called `(*arrays)`.
        arguments, variadic: Names of the array arguments, and of the tuple of further ones (`*args` in `forward`).
        vjps: A `Vjp` for each argument (the last one serves all further arguments); None for an argument that has no
            gradient. Empty if the result has none.
        parameters: Names of the keyword parameters of `forward`.
        kind: What forward mode derives from it: "elementwise", "linear" (in all arguments that have a vjp together),
            "multilinear" (in each of them) or "" (none of these).
        batch: How vmap applies it: see `autograd.families`; None if it calls it in a loop.
        jvp: The forward-mode rule if it has one of its own, `(active, y, args, tangents, params)` with the positions
            of the arguments that have tangents; else None.
        flops: The number of floating-point operations, `(args, params, y)`; None for one per element.
        memory: "new" if no result shares memory with an argument, "view" if the result is a view of its first argument,
            "" if either may be; or a function of the arguments' shapes and dtypes and the parameters, `(*args,
            **params)`, that gives one of these. The compiler writes over results that are "new".
        ufunc: The name of the ufunc whose `reduce` over `axis` it is; else "".
        index_ranges: `(*args, **params)` gives (array of integers, smallest allowed, first too large) for each argument
            that holds indices, which `debug` checks.
        shape_from: `(*args)` gives the arguments whose values decide the shape of the result, such as a boolean index;
            `Jit` refuses traced ones.
        cuda: Its formula in CUDA C++, in the names of its arguments and numbers among its parameters, all of one
            floating type `T`, to which a formula of several steps rounds each of them; "" if it is not fused. `Real` is
            the type in which half precision is computed; numbers have it in a formula that names it. It may be a
            function of the parameters that gives this text. A forward function of one formula has it as its attribute.
        has_effect: Whether a pass over a program must keep an application although nothing uses its result.
        host: `forward` bound to NumPy.

    `flops` to `cuda` may be given to the constructor, by name.
    """

    name: str
    forward: Any  # a method in some subclasses
    arguments: Any  # None for a function of NumPy without derivatives
    variadic: str | None
    parameters: frozenset[str]
    kind: str
    vjps: tuple[Vjp | None, ...]
    batch: Any
    jvp: Any = None
    flops: Callable[..., int] | None = None
    memory: _Memory = ""
    ufunc: str = ""
    index_ranges: Callable[..., Any] | None = None
    shape_from: Callable[..., Any] | None = None
    cuda: str | Callable[..., str] = ""
    has_effect: bool = False
    host: Callable[..., Any]
    __signature__: _Signature = _Signature()
    _count: int = 0  # of `arguments`
    _ours: bool = False  # whether it has a name in PRIMITIVES
    _numbers: slice | None = None  # the arguments that have a derivative; None for all

    def __init__(
        self,
        forward: Callable[..., Any] | str,
        vjps: Sequence[Callable[..., Any] | None] = (),
        *,
        name: str | None = None,
        arguments: tuple[str, ...] | None = None,
        kind: str = "",
        batch: Any = None,
        flops: Callable[..., int] | None = None,
        memory: _Memory = "",
        ufunc: str = "",
        index_ranges: Callable[..., Any] | None = None,
        shape_from: Callable[..., Any] | None = None,
        cuda: str | Callable[..., str] = "",
    ) -> None:
        name = name or (forward if isinstance(forward, str) else forward.__name__.lstrip("_"))
        self.__name__ = self.__qualname__ = self.name = name
        self.forward = forward
        self.kind, self.batch = kind, batch
        self.arguments, self.variadic, self.parameters = arguments, None, frozenset()
        if not isinstance(forward, str):
            self.arguments, self.variadic, self.parameters = _parameters(forward)
        self._count = -1 if self.variadic else len(self.arguments or ())
        self.vjps = tuple(vjp and Vjp(vjp, self) for vjp in vjps)
        if not callable(memory) and memory not in ("", "new", "view"):
            raise ValueError(f"Primitive: expected memory 'new', 'view' or '', got {memory!r}.")
        active = [i for i, vjp in enumerate(self.vjps) if vjp is not None]
        if kind and active and len(active) < len(self.vjps):
            self._numbers = slice(active[0], active[-1] + 1)
        self.flops, self.memory, self.ufunc = flops, memory, ufunc
        self.index_ranges, self.shape_from = index_ranges, shape_from
        self.cuda = cuda or getattr(forward, "cuda", "")
        documented = not isinstance(forward, str) and forward.__doc__
        self.__doc__ = documented or _numpys_summary(name) or f"The operation {name}."
        self.__annotations__: dict[str, Any] = {}  # of the function, not of this class, for those who wrap it
        self.__module__ = getattr(forward, "__module__", None) or __name__
        self._ours = self.__module__.startswith("autograd.")
        if self._ours and PRIMITIVES.setdefault(name, self) is not self:
            raise ValueError(f"Primitive: expected a new name, got {name!r}.")
        self._kernels = {}
        self._floats: dict[Any, bool] = {}  # see _makes_floats
        self._as_numpy: set[Any] = set()  # dtypes of arguments for which NumPy's rules are those of `autograd.dtypes`
        self.host = self.kernel(numpy)

    def __get__(self, instance: Any, owner: Any = None) -> Primitive:
        """The primitive itself. With this method it is a routine to `help`, which then shows its own text, not that of
        the class; like any function it is then no member of an Enum in whose body it stands."""
        return self

    def __repr__(self) -> str:
        return f"<primitive {self.name}>"

    def __reduce__(self) -> Any:
        return (_named, (self.name,)) if PRIMITIVES.get(self.name) is self else self.__qualname__

    def __call__(self, *args: ArrayLike, **params: Any) -> Result:
        """Applies the operation.

        Args:
            args: Its array arguments: Arrays, traced or not, raw arrays, numbers or nested lists.
            params: Its parameters; array arguments may be given by name, too.

        Returns:
            An Array, a tuple of them if the operation gives several; raw arrays if no argument is an Array. Shape and
            dtype are NumPy's.

        Raises:
            TypeError: If it has not that many arguments or no such parameter.
            DeviceError: If arrays of several devices are mixed.
        """
        if not params and len(args) == self._count:  # what follows for Arrays of one dtype, at half the cost
            if self._count == 1:
                a = args[0]
                if type(a) is _ndarray:
                    return self.run(args, params)
                if isinstance(a, Array) and not a._looks_up and 10 < a._value.dtype.num < 17:  # see `_plain`
                    return a._trace.apply(self, args, params)
            values, common, highest = [], None, _eager
            for a in args:
                if not isinstance(a, Array) or a._looks_up:
                    break
                x = a._value
                if x.dtype is not common:
                    if common is not None or not 10 < x.dtype.num < 17:
                        break
                    common = x.dtype
                t = a._trace
                if t is not highest and t.level > highest.level:
                    highest = t
                values.append(x)
            else:
                if highest is not _eager:
                    return highest.apply(self, args, params)
                y = self.run(values, params)
                return tuple(map(wrapped, y)) if type(y) is tuple else wrapped(y)
        trace, raw, odd, plain = None, False, False, True
        if params:
            if len(args) < self._count:
                args = self._positional(args, params)
            for name in params:
                value = params[name]
                if isinstance(value, Array):
                    params[name] = value = concrete(value, f"{name} of {self.name}")
                if type(value) not in _PLACES and backend.is_array(value):
                    plain = False
        for a in args:
            if isinstance(a, Array):
                t = a._trace
                if trace is None or (t is not trace and t.level > trace.level):
                    trace = t
            elif type(a) is _ndarray:
                raw = True
            elif type(a) not in PLAIN:
                odd = True
        if odd and any(map(is_labelled, args)) and hasattr(numpy, self.name):
            return getattr(numpy, self.name)(*args, **params)
        if trace is not None:
            if len(args) != len(self.arguments) and self.variadic is None:
                raise TypeError(f"{self.name}: expected {len(self.arguments)} arrays, got {len(args)}.")
            if raw:
                for a in args:
                    if type(a) is _ndarray and (16 < a.dtype.num < 23 or not a.ndim):  # objects, texts; numbers
                        odd = True
            if odd:
                args = self._operands(args, trace)
            if params and not self.parameters >= params.keys():
                raise self._unknown(params)
            if plain and trace.level != _VARIABLES and self._has_plain(args):
                return trace.apply(self, args, params)
            return self.applied_by_rules(trace, args, params)
        if odd:
            args = self._raw_operands(args)
        return self.run(args, params)

    def _has_plain(self, args):
        """Whether the arguments that count as numbers are `_plain`."""
        if len(args) == 1 and not isinstance(args[0], TracedNumber):
            return 10 < args[0]._value.dtype.num < 17
        return _plain(args if self._numbers is None else args[self._numbers])

    def _operands(self, args, trace):
        """The arguments, of which one is an Array, with raw arrays in place of lists and other libraries' arrays."""
        context: Any = contextlib.nullcontext()
        if backend.gpu_in_use():  # lists come to the device of the Arrays
            near = [a.device for a in args if isinstance(a, Array) and not isinstance(a, TracedNumber)]
            context = backend.device(near[0]) if near else context
        with context:
            return tuple([a if isinstance(a, Array) else operand(a, self.name, trace.level > 0) for a in args])

    def _raw_operands(self, args):
        """The arguments, none of which is an Array, as NumPy or CuPy take them."""
        taken = (_ndarray, list, tuple)
        return [a if type(a) in taken else operand(a, self.name, False) for a in args]

    def applied_by_rules(self, trace: Interpreter, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """Applies it to arguments of which one belongs to the interpreter `trace`, as `autograd.dtypes` says."""
        if not self._ours or trace.level == _VARIABLES or follows_numpy():
            return trace.apply(self, args, params)
        key = _dtypes_of(args, params)
        if key in self._as_numpy:
            return trace.apply(self, args, params)
        given = args
        common = promoted([a.dtype for a in args if isinstance(a, Array) and kind_of(a) is None])
        args = [entering(a, common) if _is_floating(a) else a for a in args]
        if params:
            params = {name: entering(x, common) if _is_floating(x) else x for name, x in params.items()}
        common = promoted([a.dtype for a in args if hasattr(a, "dtype") and kind_of(a) is None])
        wanted = common
        if common is None and self.kind == "elementwise" and self._makes_floats(args, params):
            wanted = default_dtype()
        vjps = self.vjps_of(args) if self.kind else (None,) * len(args)
        makes_floats = wanted is not common and not any(vjps)  # as `rint`, whose result is no condition or index
        args = [
            _in_dtype(a, wanted, vjp is not None or makes_floats, self.name) for a, vjp in zip(args, vjps, strict=False)
        ]
        found = trace.apply(self, args, params)
        if params.get("dtype") is not None:
            return found
        y = tuple([_limited(part, common) for part in found]) if type(found) is tuple else _limited(found, common)
        if key is not None and type(y) is not tuple and y is found and all(map(operator.is_, args, given)):
            self._as_numpy.add(key)
        return y

    def _makes_floats(self, args, params):
        """Whether it makes floating numbers of these integers; False if that depends on parameters."""
        if params:
            return False
        kinds = tuple([a.dtype if backend.is_array(a) or isinstance(a, Array) else type(a) for a in args])
        known = self._floats.get(kinds)
        if known is None:
            examples = [numpy.ones(0, kind) if isinstance(kind, numpy.dtype) else kind(1) for kind in kinds]
            known = self._floats[kinds] = is_inexact(self.host(*examples).dtype)
        return known

    def _positional(self, args, params):
        """The array arguments, given those by position; takes out of `params` those that are given by name."""
        for name in self.arguments[len(args) :]:
            if name not in params:
                break
            args = (*args, params.pop(name))
        return args

    def run(self, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """Applies it to raw arrays; `autograd.debugging` replaces this method in its contexts."""
        try:
            if "cupy" not in sys.modules:
                return self.host(*args, **params)
            xp = backend.library(args, self.name)
            if xp is not numpy:
                numbers = backend.beside_gpu(args)
                if isinstance(args, list):
                    args[:] = numbers  # so that they are residuals as well
                if not backend.several_gpus():
                    return self.kernel(xp)(*numbers, **params)
                with backend.on_gpu_of(*numbers, *params.values(), where=self.name):
                    return self.kernel(xp)(*numbers, **params)
            y = self.host(*args, **params)
        except ValueError as error:  # NumPy's and CuPy's
            shapes = [str(numpy.shape(a)) for a in args if backend.is_array(a)]
            if len(shapes) > 1:
                error.add_note(f"in {self.name} of arrays of shapes {' and '.join(shapes)}")
            raise
        return y[()] if type(y) is _ndarray and not y.ndim else y  # scalars go with arrays of a GPU

    def vjps_of(self, args: Sequence[Any]) -> tuple[Vjp | None, ...]:
        """The `Vjp` for each of `args`, None for one that has no gradient."""
        vjps = self.vjps
        missing = len(args) - len(vjps)
        return vjps if missing <= 0 else vjps + (vjps[-1] if vjps else None,) * missing

    def memory_of(self, args: Sequence[Any], params: dict[str, Any]) -> str:
        """`memory` for arguments of these shapes and dtypes, and these parameters: "new", "view" or ""."""
        return self.memory(*args, **params) if callable(self.memory) else self.memory

    def kernel(self, xp: Any) -> Callable[..., Any]:
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
        return TypeError(f"{self.name}: has no argument {names} for Arrays and traced values. {remedy}")


def _dtypes_of(args, params):
    """What decides which dtypes arguments and result get; None if values or parameters decide as well."""
    kinds: list[Any] = [default_dtype()]
    for a in args:
        if isinstance(a, TracedNumber) or backend.is_array(a):
            return None
        kind = a._value.dtype if isinstance(a, Array) else type(a)
        if isinstance(a, Array) and kind.num > 16:  # with bfloat16, scalars promote in another way than arrays
            return None
        kinds.append(kind)
    for name in params:
        if name not in _OF_PLACES:
            return None
    return tuple(kinds)


def _is_floating(x):
    return backend.is_array(x) and x.dtype.kind in "fc"


def _plain(args):
    """Whether the arrays all have one dtype, float32 or wider: then NumPy's rules are those of `autograd.dtypes`.

    NumPy's numbers of these dtypes are 11 to 16, complex ones included.
    """
    common = None
    for a in args:
        if isinstance(a, Array) and not isinstance(a, TracedNumber):
            dtype = a._value.dtype
        elif type(a) is _ndarray and a.dtype.num in _CHOSEN:
            dtype = a.dtype
        elif type(a) is float or type(a) is int:
            continue
        else:
            return False
        if dtype is not common:
            if common is not None or not 10 < dtype.num < 17:
                return False
            common = dtype
    return common is not None


def _in_dtype(x, common, as_number, where):
    """An argument in the precision of the floating ones together, whose dtype is `common`, None if there are none.

    Integers and booleans become floating numbers where they count as numbers, not as indices or conditions.
    """
    if not hasattr(x, "dtype") or kind_of(x) is not None:
        return x
    if x.dtype.kind in "iub":
        if not as_number:
            return x
        if common is None:
            return entering(x, None) if backend.is_array(x) else x
        wanted = real_dtype(common)
    else:
        if not holds_numbers(x):  # Jit traces arrays of texts and records, too
            got = f"an array of dtype {x.dtype} among the arguments of Jit"
            raise TypeError(f"{where}: expected numbers, got {got}. Convert it, or take one of its fields, before.")
        wanted = common if x.dtype.kind == "c" else real_dtype(common)
    return x if x.dtype == wanted else PRIMITIVES["astype"](x, dtype=wanted)


def _limited(y, common):
    """A result that is not wider than the dtype `common` of the floating arguments, None if there are none."""
    dtype = limited(y.dtype, common or default_dtype())
    return y if dtype == y.dtype else PRIMITIVES["astype"](y, dtype=dtype)


def _tells(function):
    return hasattr(function, "__signature__")


def _named(name):
    return PRIMITIVES[name]


def _parameters(forward):
    """Names of the array arguments, of the tuple of further ones and of the parameters of a forward function."""
    function = inspect.unwrap(forward, stop=_tells)
    if type(function) is types.FunctionType and not _tells(function):  # what follows, in a fraction of its time
        code = function.__code__
        count, last = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
        variadic = code.co_varnames[last] if code.co_flags & inspect.CO_VARARGS else None
        arrays = code.co_varnames[max(1, code.co_posonlyargcount) : count]
        return arrays, variadic, frozenset(code.co_varnames[count:last])
    parameters = list(inspect.signature(forward).parameters.values())[1:]
    arrays = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)
    rest = [p.name for p in parameters if p.kind is p.VAR_POSITIONAL]
    return arrays, rest[0] if rest else None, frozenset(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)


def _numpys_summary(name):
    """The first paragraph of NumPy's documentation of a function; "" if NumPy has no such function."""
    function = getattr(numpy, name, None)
    paragraphs = (function.__doc__ or "").strip().split("\n\n", 2) if callable(function) else [""]
    has_signature = re.match(r"\w+\(", paragraphs[0]) and len(paragraphs) > 1
    return " ".join(paragraphs[bool(has_signature)].split())

"""Operations of your own: a function of raw arrays as a primitive. `autograd.rules` gives it derivatives."""

from __future__ import annotations

import functools
import types
import warnings
from collections.abc import Callable, Collection, Sequence
from typing import Any, overload

from . import backend, tree
from .batch import BatchTracer
from .core import Array, Interpreter, NeedsValue, Tracer, bare, levels, library
from .errors import line_of_user, noted
from .forward import total, zeros_like
from .fused import Together
from .gradients import copied, vjp
from .nested import Nested
from .numpy._common import as_array
from .numpy.numpy_vspaces import vspace
from .primitive import Primitive
from .reverse import TapeTracer, generic, in_rule, without_value

__all__ = ["UndefinedDerivative", "UserPrimitive", "primitive"]


class UndefinedDerivative(TypeError, NotImplementedError):
    """A derivative is needed that is not defined; a NotImplementedError, too, as in HIPS autograd."""


class UserPrimitive(Primitive):
    """A primitive whose arguments and parameters are those of its function: what `primitive` returns.

    Attributes:
        makers: What `defvjp` gave, {position: maker}; None for an argument that has no derivative.
        joint: What `defvjp_argnums` gave in place of them, for all arguments together.
        push: What `defjvp_argnums` gave, or what `defjvp` gave as such a rule; None if forward mode follows.
        linear: The positions of arguments whose forward rule is the operation itself.
        traced: False if its results have no derivative at all.
    """

    makers: dict[int, Callable[..., Any] | None]
    joint: Callable[..., Any] | None = None
    push: Callable[..., Any] | None = None
    linear: Collection[int] = ()
    traced: bool = True

    def __init__(self, function: Callable[..., Any], contiguous: bool) -> None:
        self.forward, self._contiguous = function, contiguous
        self.name = getattr(function, "__name__", type(function).__name__)
        functools.update_wrapper(self, function, updated=())
        self.kind, self.batch, self.vjps, self.makers = "", None, (), {}
        self.arguments, self.variadic = (), "args"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Functions in a class are methods, as without the decorator: their first argument is the instance."""
        if instance is None or type(self.forward) is not types.FunctionType:
            return self
        return types.MethodType(self, instance)

    def __call__(self, *args: Any, **params: Any) -> Any:
        given = [_taken(a, alone=True) for a in args]
        if any(isinstance(x, Tracer) for x in tree.flatten(params)[0]):
            raise TypeError(f"{self.name}: got a traced value by name. Pass it by position.")
        arrays = [x for each, _ in given for x in each]
        if not any(isinstance(x, Array) for x in arrays):
            return self.applied(args, params)
        call = _Call(self, [nested for _, nested in given])
        y = call(*arrays, **params)
        return call.result_of(y)

    def applied(self, args: Sequence[Any], params: dict[str, Any]) -> Any:
        """What the function returns for raw arrays, which are copied first where they are not contiguous."""
        arrays = tree.flatten([*args])[0] if backend.several_gpus() else ()
        with backend.on_gpu_of(*arrays, where=self.name):
            if self._contiguous:
                args = [_mapped(backend.contiguous, x) for x in args]
                params = {name: _mapped(backend.contiguous, x) for name, x in params.items()}
            return self.forward(*args, **params)

    def defgrad(self, maker: Callable[..., Any], argnum: int = 0) -> None:
        """Defines the derivative with respect to one argument, as before 2017: use `defvjp(operation, ...)`.

        Args:
            maker: `maker(y, *args, **params)` returns the function from the cotangent of the result to that of the
                argument.
            argnum: Its position.
        """
        warnings.warn(f"{self.name}: use defvjp({self.name}, ...)", DeprecationWarning, stacklevel=2)
        self.joint, self.makers = None, {**self.makers, argnum: maker}

    def defvjp(self, rule: Callable[..., Any], argnum: int = 0) -> None:
        """Defines the derivative with respect to one argument, as before 2017: use `defvjp(operation, ...)`.

        Args:
            rule: `rule(g, y, vs, gvs, *args, **params)` returns the cotangent of the argument; `vs` and `gvs` are the
                vector spaces of the argument and of `g`.
            argnum: Its position.
        """

        def maker(y, *args, **params):
            return lambda g: rule(g, y, vspace(args[argnum]), vspace(g), *args, **params)

        self.defgrad(maker, argnum)

    def defvjp_is_zero(self, argnums: Sequence[int] = (0,)) -> None:
        """Says that there is no derivative with respect to these arguments, as before 2017: use `defvjp`.

        Args:
            argnums: Their positions.
        """
        for i in argnums:
            self.defgrad(None, i)  # type: ignore[arg-type]

    def maker(self, i: int) -> Callable[..., Any]:
        """The maker for argument `i`; that of the transposed forward rule if there are no others."""
        if i in self.makers:
            return self.makers[i]  # type: ignore[return-value]
        if self.makers or self.push is None or i in self.linear:
            raise UndefinedDerivative(
                f"{self.name}: has no derivative with respect to argument {i}. Define one: defvjp({self.name}, ...)."
            )
        return functools.partial(_transposing, self.push, i)


def _taken(x, alone=False):
    """The arrays in `x`, and the rest; with `alone` a container in which there is no Array is itself a leaf."""
    if isinstance(x, Array) or backend.is_array(x):
        return Nested.of([x], _LEAF)
    leaves, structure = tree.flatten(x)
    if alone and not any(isinstance(leaf, Array) for leaf in leaves):
        return [], Nested([x], _LEAF, [])
    return Nested.of(leaves, structure)


_LEAF = tree.flatten(0)[1]


class _Call(Primitive):
    """One call of an operation: a primitive of all arrays in its arguments, with those of the result as its results.

    Attributes:
        given: The arguments without their arrays.
        output: The result without its arrays, once it has run.
        argument_of: The position of the argument that each array is in.
    """

    output: Nested

    def __init__(self, operation, given):
        self.operation, self.given = operation, given
        self.name = self.__name__ = operation.name
        self.kind, self.vjps, self.batch = "", (), operation.batch
        self.arguments, self.variadic = (), "args"
        self.argument_of = [i for i, nested in enumerate(given) for _ in nested.places]

    def __call__(self, *arrays, **params):
        traces = [x._trace for x in arrays if isinstance(x, Array)]
        if not traces:
            return self.run(arrays, params)
        return max(traces, key=_level).apply(self, arrays, params)

    def run(self, args, params):
        y = self.operation.applied(self.arguments_of(args), params)
        arrays, self.output = _taken(tree.tree_map(_number_as_array, y))
        return arrays[0] if len(arrays) == 1 else tuple(arrays)

    def arguments_of(self, arrays, tangent=False):
        """The arguments of the operation with these arrays."""
        arrays = iter(arrays)
        return [nested.whole([next(arrays) for _ in nested.places], tangent) for nested in self.given]

    def result_of(self, y, tangent=False):
        """The result of the operation with these arrays, of which a single one is no tuple."""
        return self.output.whole(y if type(y) is tuple else (y,), tangent)

    def vjps_of(self, args):
        pull = _Pull(self)
        without = {i for i, maker in self.operation.makers.items() if maker is None}
        if not self.operation.traced:
            without = set(self.argument_of)
        return tuple([None if i in without else _Vjp(pull, k) for k, i in enumerate(self.argument_of)])

    @property
    def jvp(self):
        return self.operation.push and self._tangents

    def _tangents(self, active, y, values, directions, params):
        directions = [zeros_like(x) if t is None else t for x, t in zip(values, directions, strict=True)]
        directions = self.arguments_of(directions, tangent=True)
        positions = list(dict.fromkeys([self.argument_of[k] for k in active]))
        result, args = self.result_of(y), self.arguments_of(values)
        t = self.operation.push(positions, [directions[i] for i in positions], result, args, params)
        parts = self.output.arrays(t, f"the result of {self.name}")
        pairs = zip(parts, y if type(y) is tuple else (y,), strict=True)
        fitted = [zeros_like(of) if part is None else total(of, [part]) for part, of in pairs]
        return tuple(fitted) if type(y) is tuple else fitted[0]


def _number_as_array(x):
    return as_array(x) if isinstance(x, (bool, int, float, complex)) else x


def _level(trace: Interpreter) -> float:
    return trace.level


class _Vjp:
    """What stands for the `Vjp` of array `k` in one application of a call."""

    __slots__ = ("k", "pull")

    def __init__(self, pull, k):
        self.pull, self.k = pull, k

    def residuals(self, y: Any, args: Any, params: Any, i: int) -> Any:
        return self.pull.asked(y, args, params, self.k), self.k

    @staticmethod
    def function(g, pull, k):
        return pull(g, k)

    def applied(self, g: Any, y: Any, args: Any, params: Any, i: int) -> Any:
        return _Pull(self.pull.call).asked(y, args, params, self.k)(g, self.k)


class _Pull:
    """Pulls cotangents back through one application of a call: what serves several arrays is computed once."""

    def __init__(self, call):
        self.call = call
        self._known: Any = None  # what makers get: the result, the arguments, the parameters
        self._pulls: dict[int, Any] = {}  # {position of a wanted argument: what its maker returned}
        self._wanted: dict[int, Any] = {}  # {array: (library, shape, dtype)}
        self._together = Together()

    def asked(self, y: Any, args: Any, params: Any, k: int) -> _Pull:
        """Itself; from now on the cotangent of array `k` is wanted."""
        operation, i = self.call.operation, self.call.argument_of[k]
        if self._known is None:
            self._line = line_of_user()
            whole = [x if backend.is_array(x) else _mapped(copied, x) for x in self.call.arguments_of(args)]
            self._known = self.call.result_of(y), whole, {name: _mapped(copied, x) for name, x in params.items()}
        self._wanted[k] = library(args[k]), args[k].shape, args[k].dtype
        if i not in self._pulls:
            result, whole, params = self._known
            self._pulls[i] = operation.maker(i)(result, *whole, **params) if operation.joint is None else None
        return self

    def __call__(self, g: Any, k: int) -> Any:
        """The cotangent of array `k` for that of the result."""
        c = self._together.taken(g, k, functools.partial(self._cotangents, g))
        if c is None:
            xp, shape, dtype = self._wanted[k]
            return xp.zeros(shape, dtype)
        while isinstance(c, TapeTracer) and c._trace.ended:
            c = c._value
        return as_array(c)

    def _cotangents(self, g):
        """The cotangents of all arrays that are wanted, {array: cotangent}."""
        with noted(f"called at {self._line}"):
            return self._pulled(tree.tree_map(generic, self.call.result_of(g, tangent=True)))

    def _pulled(self, g):
        call, positions = self.call, list(self._pulls)
        unknown = next((x for x in map(_without_one_value, tree.flatten(g)[0]) if x is not None), None)
        try:
            with in_rule():
                if call.operation.joint is None:
                    of_arguments = [pull(g) for pull in self._pulls.values()]
                else:
                    of_arguments = list(call.operation.joint(positions, *self._known)(g))
            found = self._found_in(of_arguments)
        except Exception as error:
            if unknown is None or isinstance(error, NeedsValue):
                raise
            raise self._needed(unknown) from error  # it may come from the shape of a `_value`
        if unknown is not None and any(_is_constant(c, unknown._trace) for c in found.values()):
            raise self._needed(unknown)
        return found

    def _found_in(self, of_arguments):
        """The cotangents of the wanted arrays, {array: cotangent}, in those of arguments."""
        call, found = self.call, {}
        for i, c in zip(self._pulls, of_arguments, strict=True):
            of = [k for k, position in enumerate(call.argument_of) if position == i]
            wanted = [k for k in of if k in self._wanted]
            arrays = call.given[i].arrays(c, f"argument {i} of {call.name}", [k - of[0] for k in wanted])
            found.update(zip(wanted, arrays, strict=True))
        return found

    def _needed(self, unknown):
        """The error for a cotangent without one value, which a rule needs."""
        return unknown._trace.forced(unknown, f"the derivative of {self.call.name}")


def _without_one_value(x):
    """The tracer in a cotangent that has many values, or none; None for others."""
    return x if isinstance(x, BatchTracer) else without_value(x)


def _is_constant(c, trace):
    """Whether a cotangent is not 0 and yet no value of `trace`: a rule has made it of the `_value` of its cotangent."""
    if any(t._trace is trace for t in levels(c)):
        return False
    raw = bare(c)
    return backend.is_array(raw) and bool(raw.any())


def _transposing(push, i, y, *args, **params):
    """The maker for argument `i` that follows from a forward rule, which is linear in the tangent."""
    arrays, nested = _taken(args[i])

    def pushed(*arrays):
        return push([i], [nested.whole(arrays, tangent=True)], y, args, params)

    pull = vjp(pushed, *map(zeros_like, arrays))[1]
    return lambda g: nested.whole(pull(g))


def _mapped(function, x):
    """`x` with the function applied to its raw arrays, also within tuples, lists and dictionaries."""
    if type(x) in (tuple, list, dict):
        return tree.tree_map(lambda leaf: _mapped(function, leaf), x)
    return function(x) if backend.is_array(x) else x


@overload
def primitive(function: Callable[..., Any], *, contiguous: bool = True) -> UserPrimitive: ...
@overload
def primitive(function: None = None, *, contiguous: bool = True) -> Callable[[Callable[..., Any]], UserPrimitive]: ...
def primitive(function: Callable[..., Any] | None = None, *, contiguous: bool = True) -> Any:
    """An operation of a function of raw arrays (NumPy's or CuPy's), whose inside is not differentiated.

    Give it derivatives by `defvjp` (forward mode follows from it), or by `defjvp`. vmap runs it in a loop unless its
    attribute `batch` is set to a batching rule: see `autograd.families`.

    Args:
        function: It gets raw arrays, also in place of those in nested tuples, lists and dictionaries, and everything
            else as it is. It returns an array or a number, or nested ones.
        contiguous: Whether views are copied, so that the function gets C-contiguous arrays: a RawKernel ignores
            strides. False for a function that follows them: `@primitive(contiguous=False)`.

    Returns:
        The operation, a function with the same arguments. It raises TypeError where a derivative is needed that is not
        defined, and for a traced value that is given by name.

    Example:
        >>> from autograd import defvjp
        >>> @primitive
        ... def cube(x):
        ...     return x**3
        >>> defvjp(cube, lambda y, x: lambda g: g * 3 * x**2)
        >>> from autograd import grad
        >>> grad(cube)(2.0)
        np.float64(12.0)
    """
    if function is None:
        return functools.partial(primitive, contiguous=contiguous)
    if not callable(function):
        raise TypeError(f"primitive: expected a function of arrays, got {function!r}.")
    return UserPrimitive(function, contiguous)


def __dir__() -> list[str]:
    return __all__

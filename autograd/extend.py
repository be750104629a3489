"""Operations and derivatives of your own.

Three ways, from the nearest to NumPy to the nearest to this library:

- `custom_vjp` and `custom_jvp` give a function of Arrays a derivative of its own, whatever it consists of;
- `primitive` makes an operation of a function of raw arrays (a kernel of your own), `defvjp` and `defjvp` give it
  derivatives, in HIPS autograd's spelling;
- the families `elementwise`, `linear`, `multilinear` and `irregular` declare an operation as this library does, with
  every rule that its kind implies.
"""

from __future__ import annotations

import functools
import itertools
import types
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from . import backend, tree
from .core import Array, Tracer
from .custom import custom_jvp, custom_vjp
from .errors import line_of_user, noted
from .families import Composition, elementwise, irregular, jointly_linear, linear, multilinear, nondifferentiable
from .forward import total, zeros_like
from .gradients import copied, vjp
from .numpy._common import as_array
from .primitive import Primitive, Vjp

if TYPE_CHECKING:
    from .typing import Result

__all__ = [
    "Composition", "custom_jvp", "custom_vjp", "defjvp", "defvjp", "elementwise", "irregular",
    "jointly_linear", "linear", "multilinear", "nondifferentiable", "primitive",
]  # fmt: skip


class _Operation(Primitive):
    """A primitive whose arguments and parameters are those of its function."""

    def __init__(self, function: Callable[..., Any], contiguous: bool) -> None:
        self.forward, self._contiguous = function, contiguous
        self.name = getattr(function, "__name__", type(function).__name__)
        functools.update_wrapper(self, function, updated=())
        self.kind, self.batch, self.vjps = "", None, ()
        self.arguments, self.variadic = (), "args"

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Functions in a class are methods, as without the decorator: their first argument is the instance."""
        if instance is None or type(self.forward) is not types.FunctionType:
            return self
        return types.MethodType(self, instance)

    def __call__(self, *args: Any, **params: Any) -> Result:
        for nested in (params, [a for a in args if isinstance(a, (tuple, list, dict))]):
            if any(isinstance(leaf, Tracer) for leaf in tree.flatten(nested)[0]):
                raise TypeError(
                    f"{self.name}: got a traced value by name or within a list, tuple or dictionary. Pass it as a "
                    "positional argument of its own."
                )
        traces = [a._trace for a in args if isinstance(a, Array)]
        if not traces:
            return self.run(args, params)
        return max(traces, key=lambda trace: trace.level).apply(self, args, params)

    def run(self, args, params):
        if self._contiguous:
            args = [_mapped(backend.contiguous, x) for x in args]
            params = {name: _mapped(backend.contiguous, x) for name, x in params.items()}
        y = self.forward(*args, **params)
        return as_array(y) if isinstance(y, (bool, int, float, complex)) else y

    def vjps_of(self, args: Any) -> Any:
        return self.vjps + (_Undefined(self),) * (len(args) - len(self.vjps))


class _TwoStageVjp:
    """A vjp in two stages, `maker(y, *args, **params)(g)`; stands for a `Vjp`."""

    def __init__(self, maker):
        self._maker = maker

    def residuals(self, y: Any, args: Any, params: Any, i: int) -> Any:
        args = [x if backend.is_array(x) else _mapped(copied, x) for x in args]  # the tape keeps arrays as they are
        params = {name: _mapped(copied, x) for name, x in params.items()}
        return self._maker(y, *args, **params), line_of_user()

    @staticmethod
    def function(g, pull, line):
        with noted(f"called at {line}"):
            return pull(g)

    applied = Vjp.applied


class _Undefined(_TwoStageVjp):
    """Stands for a derivative that is not defined: no gradient is lost silently."""

    def __init__(self, operation):
        self._operation = operation

    def residuals(self, y, args, params, i):
        name = self._operation.name
        raise TypeError(f"{name}: has no derivative with respect to argument {i}. Define one: defvjp({name}, ...).")


def _mapped(function, x):
    """`x` with the function applied to its raw arrays, also within tuples, lists and dictionaries."""
    if type(x) in (tuple, list, dict):
        return tree.tree_map(lambda leaf: _mapped(function, leaf), x)
    return function(x) if backend.is_array(x) else x


@overload
def primitive(function: Callable[..., Any], *, contiguous: bool = True) -> Primitive: ...
@overload
def primitive(function: None = None, *, contiguous: bool = True) -> Callable[[Callable[..., Any]], Primitive]: ...
def primitive(function: Callable[..., Any] | None = None, *, contiguous: bool = True) -> Any:
    """An operation of a function of raw arrays (NumPy's or CuPy's), whose inside is not differentiated.

    Give it derivatives by `defvjp` (forward mode follows from it), or by `defjvp`. vmap runs it in a loop unless its
    attribute `batch` is set to a batching rule: see `autograd.families`.

    Args:
        function: It gets raw arrays, and parameters as they are, and returns a raw array or a tuple of them.
        contiguous: Whether views are copied, so that the function gets C-contiguous arrays: a RawKernel ignores
            strides. False for a function that follows them: `@primitive(contiguous=False)`.

    Returns:
        The operation, a function with the same arguments. It raises TypeError where a derivative is needed that is not
        defined, and for a traced value that is not a positional argument of its own.

    Example:
        >>> import numpy
        >>> @primitive
        ... def cube(x):
        ...     return x**3
        >>> defvjp(cube, lambda y, x: lambda g: g * 3 * x**2)
        >>> from autograd import grad
        >>> grad(cube)(2.0)
        np.float64(12.0)
    """
    if function is None:
        return functools.partial(_Operation, contiguous=contiguous)
    return _Operation(function, contiguous)


def defvjp(operation: Primitive, *makers: Callable[..., Any] | None, argnums: Sequence[int] | None = None) -> None:
    """Defines the reverse-mode derivatives of a `primitive`.

    Args:
        operation: What `primitive` returned.
        makers: For each argument `maker(y, *args, **params)`, given the result and the arguments, which returns the
            function from the cotangent of the result (a tuple of them if it is a tuple) to that of the argument. Write
            it with functions of autograd.numpy, so that it can be differentiated. None for an argument that has no
            derivative.
        argnums: The positions of these arguments; 0, 1, ... by default.
    """
    positions = range(len(makers)) if argnums is None else argnums
    rules: list[Any] = list(operation.vjps_of([None] * (max(positions, default=-1) + 1)))
    for position, maker in zip(positions, makers, strict=True):
        rules[position] = maker and _TwoStageVjp(maker)
    operation.vjps = tuple(rules)


def defjvp(
    operation: Primitive, *rules: Callable[..., Any] | Literal["same"] | None, argnums: Sequence[int] | None = None
) -> None:
    """Defines the forward-mode derivatives of a `primitive`; without `defvjp` reverse mode follows from them.

    Args:
        operation: What `primitive` returned.
        rules: For each argument `rule(t, y, *args, **params)`, which returns the tangent of the result, given that of
            the argument; "same" if the operation is linear in it (reverse mode cannot follow from that); None if it has
            no derivative.
        argnums: The positions of these arguments; 0, 1, ... by default.
    """
    by_position: dict[int, Any] = dict(zip(itertools.count() if argnums is None else argnums, rules, strict=False))

    def tangent(i, t, y, values, params):
        rule = by_position.get(i)
        if rule is None:
            raise TypeError(f"{operation.name}: has no derivative with respect to argument {i}. Define one: defjvp.")
        if rule == "same":
            return operation(*values[:i], t, *values[i + 1 :], **params)
        return rule(t, y, *values, **params)

    def tangents(active, y, values, directions, params):
        return total(y, [tangent(i, directions[i], y, values, params) for i in active])

    operation.jvp = tangents
    if not operation.vjps:
        own = {i: rule for i, rule in by_position.items() if rule != "same"}
        makers = [rule and functools.partial(_transposing, tangent, i) for i, rule in own.items()]
        defvjp(operation, *makers, argnums=tuple(own))


def _transposing(tangent, i, y, *values, **params):
    """The maker of a vjp for argument `i`: the transpose of its jvp, which is linear in the tangent."""
    pull = vjp(lambda t: total(y, [tangent(i, t, y, values, params)]), zeros_like(values[i]))[1]
    return lambda g: pull(g)[0]


def __dir__() -> list[str]:
    return __all__

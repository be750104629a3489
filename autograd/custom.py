"""Functions with a derivative of their own: `custom_vjp` and `custom_jvp`."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from . import backend, tree
from .boundary import shown
from .core import Tracer, library, lift
from .custom_call import Call, Layout, take_arrays
from .gradients import copied
from .numpy._common import as_array
from .ops.elementwise import astype
from .reverse import generic

if TYPE_CHECKING:
    from .typing import Tree

__all__ = ["custom_jvp", "custom_vjp"]

P = ParamSpec("P")
R = TypeVar("R")


class _Custom(Generic[P, R]):
    """What both decorators share: arrays are taken out of nested arguments and put in again."""

    __name__: str
    _f: Callable[..., Any]

    def __init__(self, f: Callable[P, R], nondiff_argnums: int | Sequence[int] = ()) -> None:
        self._f = f
        self._static = (nondiff_argnums,) if isinstance(nondiff_argnums, int) else tuple(nondiff_argnums)
        functools.update_wrapper(self, f)
        self.__name__ = _name(f)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Functions in a class are methods, as without the decorator: their first argument is the instance."""
        return self if instance is None or type(self._f) is not types.FunctionType else types.MethodType(self, instance)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """What the function returns for these arguments.

        Shapes, dtypes and errors are those of the function; a real or complex Python number in its output becomes an
        array if an argument is traced.

        Raises:
            TypeError: If the derivative is needed and not defined or does not fit, if the function uses a traced value
                that is not among its arguments, or if it has arguments that cannot be given by position.
        """
        given = self._positional(args, kwargs)
        static = self._static_arguments(given)
        arrays, arguments = take_arrays(tuple(a for i, a in enumerate(given) if i not in static))
        if not any(isinstance(x, Tracer) for x in map(lift, arrays)):
            return self._f(*args, **kwargs)
        layout = Layout(arguments)

        def primal(*arrays):
            whole = self._whole(static, layout.arguments, arrays)
            outputs, layout.output = take_arrays(self._f(*whole), numbers=True)
            return tuple(outputs)

        call = self._call(primal, static, layout)
        results = call.dispatch([x if backend.is_array(x) else lift(x) for x in arrays])
        return layout.output.whole(map(lift, results))

    def _positional(self, args, kwargs):
        bound = inspect.signature(self._f).bind(*args, **kwargs)
        bound.apply_defaults()
        if bound.kwargs:
            raise TypeError(
                f"{self.__name__}: expected arguments that may be given by position, got {', '.join(bound.kwargs)}."
            )
        return bound.args

    def _static_arguments(self, given):
        """The arguments that are not differentiated, {position: argument} in the order of `nondiff_argnums`."""
        for i in self._static:
            if not -len(given) <= i < len(given):
                raise TypeError(f"{self.__name__}: has no argument {i}, which nondiff_argnums names; got {len(given)}.")
        return {i % len(given): given[i] for i in self._static}

    def _whole(self, static, arguments, arrays):
        """All arguments of the function, with these arrays in place of those of the call."""
        others = iter(arguments.whole(map(lift, arrays)))
        count = len(static) + len(arguments.structure[1])
        return [static[i] if i in static else next(others) for i in range(count)]

    def _call(self, primal, static, layout):
        raise NotImplementedError


def _name(f):
    while isinstance(f, functools.partial):
        f = f.func
    return getattr(f, "__name__", type(f).__name__)


class custom_vjp(_Custom[P, R]):
    """A function with a reverse-mode derivative of its own (as in JAX); forward mode and vmap follow from it.

    `f.defvjp(fwd, bwd)` defines it: `fwd(*args)` returns (output, residuals), `bwd(residuals, g)` a tuple with the
    cotangent of each argument, in its structure; None for zero, also in place of a part. Both are functions of Arrays;
    `bwd` is differentiated for higher derivatives. Traced values that `f` uses must be among its arguments.

    Args:
        f: The function, of nested arrays.
        nondiff_argnums: Positions of arguments that are no arrays, such as functions and numbers of steps; `bwd` gets
            them first: `bwd(*nondiff, residuals, g)`.

    Example:
        >>> import autograd.numpy as np
        >>> from autograd import grad
        >>> @custom_vjp
        ... def clip_gradient(x, limit):
        ...     return x
        >>> clip_gradient.defvjp(lambda x, limit: (x, limit), lambda limit, g: (np.clip(g, -limit, limit), None))
        >>> grad(lambda x: clip_gradient(x, 1.0) * 10.0)(3.0)
        np.float64(1.0)
    """

    def defvjp(self, fwd: Callable[..., tuple[Any, Tree]], bwd: Callable[..., tuple[Any, ...]]) -> None:
        """Defines the derivative.

        Args:
            fwd: `fwd(*args)` returns (output, residuals), nested arrays both.
            bwd: `bwd(*nondiff, residuals, g)`, given the cotangent of the output in its structure, returns a tuple with
                the cotangent of each argument that is not in `nondiff_argnums`; None for zero, also for parts.
        """
        self._fwd, self._bwd = fwd, bwd

    def _call(self, primal, static, layout):
        if not hasattr(self, "_fwd"):
            raise TypeError(f"{self.__name__}: has no derivative. Define it: {self.__name__}.defvjp(fwd, bwd).")

        def forward(*arrays):
            layout.like = [(x.shape, x.dtype) for x in arrays]
            pair = self._fwd(*self._whole(static, layout.arguments, arrays))
            if not isinstance(pair, tuple) or len(pair) != 2:
                got = type(pair).__name__
                raise TypeError(f"{self.__name__}: expected fwd to return (output, residuals), got {got}.")
            outputs, layout.output = take_arrays(pair[0], numbers=True)
            residuals, layout.residuals = take_arrays(pair[1])
            return (*outputs, *map(copied, residuals))

        def pull(residuals, cotangents):
            g = layout.output.whole([lift(generic(c)) for c in cotangents])
            pulled = self._bwd(*static.values(), layout.residuals.whole(map(lift, residuals)), g)
            return self._leaves(pulled, layout, cotangents[0])

        return Call(self.__name__, primal, forward, pull, None, layout)

    def _leaves(self, pulled, layout, like):
        """The cotangents of the arrays of the call, from the result of `bwd`; zeros on the device of `like`."""
        parts = layout.arguments.structure[1]
        if not isinstance(pulled, tuple) or len(pulled) != len(parts):
            raise TypeError(f"{self.__name__}: expected bwd to return a tuple of {len(parts)} cotangents.")
        leaves = tree.leaves_along(layout.arguments.structure, pulled, none_for_all=True)
        if leaves is None:
            raise TypeError(f"{self.__name__}: expected bwd to return cotangents in the structure of the arguments.")
        found = []
        for i, (shape, dtype) in zip(layout.arguments.places, layout.like, strict=True):
            g = library(like).zeros(shape, dtype) if leaves[i] is None else shown(lift(as_array(leaves[i])), raw=True)
            if g.shape != shape:
                raise TypeError(f"{self.__name__}: expected bwd to return a cotangent of shape {shape}, got {g.shape}.")
            found.append(g)
        return tuple(found)


class custom_jvp(_Custom[P, R]):
    """A function with a forward-mode derivative of its own (as in JAX); reverse mode and vmap follow from it.

    `f.defjvp(rule)` defines it: `rule(primals, tangents)`, given tuples of the arguments and of their tangents, returns
    (output, tangent), a linear function of the tangents. It is differentiated for higher derivatives. Traced values
    that `f` uses must be among its arguments.

    Args:
        f: The function, of nested arrays.
        nondiff_argnums: Positions of arguments that are no arrays, such as functions and numbers of steps; the rule
            gets them first: `rule(*nondiff, primals, tangents)`.

    Example:
        >>> import autograd.numpy as np
        >>> from autograd import grad
        >>> @custom_jvp
        ... def log1pexp(x):
        ...     return np.log(1.0 + np.exp(x))
        >>> log1pexp.defjvp(lambda primals, tangents: (log1pexp(*primals), tangents[0] / (1.0 + np.exp(-primals[0]))))
        >>> grad(log1pexp)(0.0)
        np.float64(0.5)
    """

    def defjvp(self, rule: Callable[..., tuple[Any, Any]]) -> None:
        """Defines the derivative.

        Args:
            rule: `rule(*nondiff, primals, tangents)` returns (output, tangent) in one structure.
        """
        self._rule = rule

    def _call(self, primal, static, layout):
        if not hasattr(self, "_rule"):
            raise TypeError(f"{self.__name__}: has no derivative. Define it: {self.__name__}.defjvp(rule).")

        def push(arrays, tangents):
            primals = layout.arguments.whole(map(lift, arrays))
            pair = self._rule(*static.values(), primals, layout.arguments.whole(map(lift, tangents), tangent=True))
            if not isinstance(pair, tuple) or len(pair) != 2:
                raise TypeError(
                    f"{self.__name__}: expected the rule to return (output, tangent), got {type(pair).__name__}."
                )
            outputs, found = (take_arrays(part, numbers=True)[0] for part in pair)
            if [y.shape for y in outputs] != [t.shape for t in found]:
                raise TypeError(
                    f"{self.__name__}: expected tangents of shapes {[y.shape for y in outputs]} from the rule, got "
                    f"{[t.shape for t in found]}."
                )
            pairs = zip(found, outputs, strict=True)
            found = [t if t.dtype == y.dtype else astype(t, dtype=y.dtype) for t, y in pairs]
            return tuple([shown(t, raw=True) for t in found])

        return Call(self.__name__, primal, primal, None, push, layout)

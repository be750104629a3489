"""Functions with a derivative of their own: `custom_vjp` and `custom_jvp`."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, ParamSpec, TypeVar

from . import backend, tree
from .boundary import is_inexact, shown
from .core import Array, Tracer, kind_of, library, lift
from .errors import line_of_user, noted
from .forward import zeros_like
from .gradients import vjp
from .mapping import vmap
from .numpy._common import as_array
from .ops.elementwise import astype
from .primitive import Primitive, Vjp

if TYPE_CHECKING:
    from .typing import Tree

__all__ = ["custom_jvp", "custom_vjp"]

P = ParamSpec("P")
R = TypeVar("R")


class _Nested(NamedTuple):
    """Nested containers whose arrays are taken out.

    Attributes:
        leaves: All leaves, None in place of an array.
        structure: What `tree.unflatten` needs.
        places: The positions of the arrays among the leaves.
    """

    leaves: list[Any]
    structure: tree.Structure
    places: list[int]


@dataclasses.dataclass
class _Layout:
    """How the arrays of a call are nested; all but `arguments` is set when `f` or `fwd` runs, before it is read.

    Attributes:
        arguments: The arguments that may be differentiated.
        output: The output of `f` or of `fwd`.
        residuals: The residuals that `fwd` returned.
        like: The shape and dtype of each array in the arguments of `fwd`.
    """

    arguments: _Nested
    output: _Nested = dataclasses.field(init=False)
    residuals: _Nested = dataclasses.field(init=False)
    like: list[tuple[Any, Any]] = dataclasses.field(init=False)

    @property
    def outputs(self):
        """The number of arrays in the output."""
        return len(self.output.places)


class _Call(Primitive):
    """One call of a function with a derivative of its own, as a primitive of the arrays in its arguments.

    Its result is a tuple of arrays: the outputs and, where it is differentiated, the residuals after them. It is itself
    the `Vjp` for each of its arguments, with `residuals`, `function` and `applied`.

    Args:
        name: Of the function.
        primal: From arrays to the outputs.
        forward: From arrays to outputs and residuals.
        pull: From (residuals, cotangents of the outputs) to cotangents of the arrays, None for zero.
        push: From (arrays, tangents) to the tangents of the outputs, in place of `pull`.
        layout: Filled in by `primal` and `forward`.
    """

    def __init__(self, name, primal, forward, pull, push, layout):
        self.name, self.kind, self.arguments, self.variadic = name, "", (), "args"
        self.primal, self.forward, self.pull, self.push, self.layout = primal, forward, pull, push, layout
        self.batch = _batch_call
        self._shared: tuple[tuple, Any] = (), None

    @property
    def jvp(self):
        return self.push and self._tangents

    def dispatch(self, args):
        """Applies it to arrays: the innermost transformation of the arguments applies the derivative."""
        trace = max((a._trace for a in args if isinstance(a, Array)), key=lambda trace: trace.level, default=None)
        return self._applied(self.primal, args) if trace is None else trace.apply(self, args, {})

    def __call__(self, *args, **params):
        """What an interpreter applies one level below: residuals must have derivatives there, so `fwd` itself runs."""
        return self.dispatch(args) if self.push else self.run(args, params)

    def run(self, args, params):
        return self._applied(self.forward, args)

    def _applied(self, function, args):
        results = function(*map(lift, args))
        level = max((a._trace.level for a in args if isinstance(a, Array)), default=0)
        if any(isinstance(y, Tracer) and y._trace.level > level for y in results):
            raise TypeError(
                f"{self.name}: the function uses a traced value from outside, whose gradient would be lost. Pass that "
                "value as an argument."
            )
        return tuple([shown(y, raw=True) for y in results])

    def vjps_of(self, args: Any) -> Any:
        return (self,) * len(args)

    vjps = ()

    def residuals(self, y, args, params, i):
        """One function for all arguments, so that it runs once, and the argument."""
        residuals = tuple(args) if self.push else y[self.layout.outputs :]
        known, pull = self._shared
        if pull is None or any(a is not b for a, b in zip(known, residuals, strict=True)):
            pulled = functools.partial(_pulled, self.name, self.pull, self.push, self.layout, residuals, line_of_user())
            self._shared = residuals, _Once(pulled)
        return self._shared[1], i

    @staticmethod
    def function(g, pull, i):
        return pull(g)[i]

    applied = Vjp.applied

    def _tangents(self, active, y, values, directions, params):
        return self.push(values, [zeros_like(x) if t is None else t for x, t in zip(values, directions, strict=True)])


def _pulled(name, pull, push, layout, residuals, line, cotangents):
    """The cotangents of all arguments of a call; a function, as a method would make a cycle with its call."""
    cotangents = cotangents[: layout.outputs]
    with noted(f"in the derivative of {name}, called at {line}"):
        if push is None:
            return pull(residuals, cotangents)
        places = [i for i, x in enumerate(residuals) if is_inexact(x.dtype)]
        zeros = [zeros_like(x) for x in residuals]

        def tangents(*active):
            changed = dict(zip(places, active, strict=True))
            return push(residuals, [changed.get(i, zero) for i, zero in enumerate(zeros)])

        found = dict(zip(places, vjp(tangents, *[zeros[i] for i in places])[1](cotangents), strict=True))
        return tuple([found.get(i, zero) for i, zero in enumerate(zeros)])


class _Once:
    """A function that computes its result once for each argument."""

    def __init__(self, function):
        self._function, self._argument, self._result = function, None, None

    def __call__(self, argument):
        if argument is not self._argument:
            self._argument, self._result = argument, self._function(argument)
        return self._result


def _batch_call(call, size, values, batched, params):
    """The call of all lanes: that of the mapped function, with the mapped derivative."""
    axes = tuple(0 if b else None for b in batched)
    pull = call.pull and vmap(call.pull)
    push = call.push and vmap(call.push, in_axes=(axes, axes))
    primal, forward = vmap(call.primal, in_axes=axes), vmap(call.forward, in_axes=axes)
    return _Call(call.name, primal, forward, pull, push, call.layout).dispatch(values)


class _Custom(Generic[P, R]):
    """What both decorators share: arrays are taken out of nested arguments and put in again."""

    __name__: str
    _f: Callable[..., Any]

    def __init__(self, f: Callable[P, R], nondiff_argnums: tuple[int, ...] = ()) -> None:
        self._f, self._static = f, tuple(nondiff_argnums)
        functools.update_wrapper(self, f)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """What the function returns for these arguments.

        Shapes, dtypes and errors are those of the function; a real or complex Python number in its output becomes an
        array if an argument is traced.

        Raises:
            TypeError: If the derivative is needed and not defined or does not fit, if the function uses a traced value
                that is not among its arguments, or if it has arguments that cannot be given by position.
        """
        given = self._positional(args, kwargs)
        static = [given[i] for i in self._static]
        arguments, arrays = _take_arrays(tuple(a for i, a in enumerate(given) if i not in self._static))
        if not any(isinstance(x, Tracer) for x in map(lift, arrays)):
            return self._f(*args, **kwargs)
        layout = _Layout(arguments)

        def primal(*arrays):
            whole = self._whole(static, layout.arguments, arrays)
            layout.output, outputs = _take_arrays(self._f(*whole), numbers=True)
            return tuple(outputs)

        call = self._call(primal, static, layout)
        results = call.dispatch([lift(x) for x in arrays])
        return _put_arrays(layout.output, results[: layout.outputs])

    def _positional(self, args, kwargs):
        bound = inspect.signature(self._f).bind(*args, **kwargs)
        bound.apply_defaults()
        if bound.kwargs:
            raise TypeError(
                f"{self.__name__}: expected arguments that may be given by position, got {', '.join(bound.kwargs)}."
            )
        return bound.args

    def _whole(self, static, arguments, arrays):
        """All arguments of the function, with these arrays in place of those of the call."""
        static, others = iter(static), iter(_put_arrays(arguments, arrays))
        count = len(self._static) + len(arguments.structure[1])
        return [next(static) if i in self._static else next(others) for i in range(count)]

    def _call(self, primal, static, layout):
        raise NotImplementedError


def _take_arrays(nested, numbers=False):
    """A nested structure without its arrays, and these; with `numbers`, its real and complex Python numbers, too."""
    leaves, structure = tree.flatten(nested)
    if numbers:
        leaves = [as_array(x) if kind_of(x) in (float, complex) else x for x in leaves]
    places = [i for i, x in enumerate(leaves) if isinstance(x, Array) or backend.is_array(x)]
    others = [None if i in places else x for i, x in enumerate(leaves)]
    return _Nested(others, structure, places), [leaves[i] for i in places]


def _put_arrays(nested, arrays):
    """The nested structure with these arrays in its places."""
    leaves = list(nested.leaves)
    for i, x in zip(nested.places, arrays, strict=True):
        leaves[i] = lift(x)
    return tree.unflatten(nested.structure, leaves)


class custom_vjp(_Custom[P, R]):
    """A function with a reverse-mode derivative of its own (as in JAX); forward mode and vmap follow from it.

    `f.defvjp(fwd, bwd)` defines it: `fwd(*args)` returns (output, residuals), `bwd(residuals, g)` a tuple with the
    cotangent of each argument, in its structure; None for zero. Both are functions of Arrays; `bwd` is differentiated
    for higher derivatives. Traced values that `f` uses must be among its arguments.

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
                the cotangent of each argument that is not in `nondiff_argnums`; None for zero.
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
            layout.output, outputs = _take_arrays(pair[0], numbers=True)
            layout.residuals, residuals = _take_arrays(pair[1])
            return (*outputs, *residuals)

        def pull(residuals, cotangents):
            g = _put_arrays(layout.output, cotangents)
            pulled = self._bwd(*static, _put_arrays(layout.residuals, residuals), g)
            return self._leaves(pulled, layout, cotangents[0])

        return _Call(self.__name__, primal, forward, pull, None, layout)

    def _leaves(self, pulled, layout, like):
        """The cotangents of the arrays of the call, from the result of `bwd`; zeros on the device of `like`."""
        parts = layout.arguments.structure[1]
        if not isinstance(pulled, tuple) or len(pulled) != len(parts):
            raise TypeError(f"{self.__name__}: expected bwd to return a tuple of {len(parts)} cotangents.")
        leaves = []
        for part, g in zip(parts, pulled, strict=True):
            count = tree.count(part)
            below = [None] * count if g is None else tree.leaves_along(part, g)
            if below is None:
                raise TypeError(
                    f"{self.__name__}: expected bwd to return cotangents in the structure of the arguments."
                )
            leaves += below
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
            leaves, structure, places = layout.arguments
            zeros = [0.0 if isinstance(x, (int, float)) else x for x in leaves]  # tangents of Python numbers
            primals = _put_arrays(layout.arguments, arrays)
            pair = self._rule(*static, primals, _put_arrays(_Nested(zeros, structure, places), tangents))
            if not isinstance(pair, tuple) or len(pair) != 2:
                raise TypeError(
                    f"{self.__name__}: expected the rule to return (output, tangent), got {type(pair).__name__}."
                )
            outputs, found = (_take_arrays(part, numbers=True)[1] for part in pair)
            if [y.shape for y in outputs] != [t.shape for t in found]:
                raise TypeError(
                    f"{self.__name__}: expected tangents of shapes {[y.shape for y in outputs]} from the rule, got "
                    f"{[t.shape for t in found]}."
                )
            pairs = zip(found, outputs, strict=True)
            found = [t if t.dtype == y.dtype else astype(t, dtype=y.dtype) for t, y in pairs]
            return tuple([shown(t, raw=True) for t in found])

        return _Call(self.__name__, primal, primal, None, push, layout)

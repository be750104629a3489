"""All derivatives of a function: Jacobians, by rows or by columns, and Hessians."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec

import numpy as onp

from . import tree
from .batch import Batch
from .boundary import differentiable, lowered, output_and_aux, own, shown
from .core import Array, NeedsValue, beside, library, lift
from .dtypes import follows_numpy, is_inexact, numpy_rules
from .errors import shortened
from .forward import Forward, ForwardTracer
from .gradients import FIRST, given_argnums, named
from .numpy import moveaxis, stack
from .ops.shape import reshape
from .tangents import transposed
from .taped_run import TapedRun, completed, select

__all__ = ["hessian", "jacfwd", "jacobian", "jacrev"]

P = ParamSpec("P")


def jacobian(
    f: Callable[P, Any],
    argnums: int | Sequence[int] = FIRST,
    has_aux: bool = False,
    holomorphic: bool = False,
    *,
    argnum: int | Sequence[int] | None = None,
) -> Callable[P, Any]:
    """The function that computes all derivatives of `f`, in one backward or forward pass for all of them.

    Args:
        f: A function of nested arrays that returns nested arrays.
        argnums: Position of the argument to differentiate, or a tuple of positions.
        has_aux: `f` returns (output, aux), and the result is (derivatives, aux).
        holomorphic: `f` is a holomorphic function of complex arguments.
        argnum: `argnums` in HIPS autograd's spelling.

    Returns:
        A function with the arguments of `f` that returns an array of shape `output.shape + input.shape` for each array
        of the output and each of the argument: the structure of the output, with a structure like the argument in
        place of each array.

    Raises:
        TypeError: If an output is no array, or is complex without `holomorphic`.

    Example:
        >>> import autograd.numpy as np
        >>> jacobian(lambda x: x**2)(np.array([1.0, 2.0]))
        array([[2., 0.],
               [0., 4.]])
    """
    argnums = given_argnums(argnums, argnum, "jacobian")
    return _recorded(f, argnums, has_aux, holomorphic, "jacobian", lambda inputs, outputs: inputs < outputs)


def jacrev(
    f: Callable[P, Any], argnums: int | Sequence[int] = 0, has_aux: bool = False, holomorphic: bool = False
) -> Callable[P, Any]:
    """`jacobian` by reverse mode: cheaper where the output has fewer elements than the argument.

    Args:
        f, argnums, has_aux, holomorphic: As for `jacobian`.
    """
    return _recorded(f, argnums, has_aux, holomorphic, "jacrev", lambda inputs, outputs: False)


def _recorded(f, argnums, has_aux, holomorphic, name, by_columns):
    """Derivatives of a recorded run: by rows, from cotangents, or by columns, from tangents."""

    @named(f, name, argnums)
    def derivatives(*args: Any, **kwargs: Any) -> Any:
        with TapedRun(f, args, kwargs, argnums, "jacobian") as run:
            output, aux = output_and_aux(run.output, has_aux, "jacobian")
            outputs, structure = tree.flatten(output)
            inputs, arguments = run.inputs
            outputs = _moving(outputs, inputs)
            _check_kinds(inputs, outputs, holomorphic)
            found = None
            if by_columns(sum(x.size for x in inputs), sum(y.size for y in outputs)):
                found = _pushed_columns(run, inputs, outputs, holomorphic)
            found = _rows(run, outputs) if found is None else found
            found = [tree.unflatten(arguments, [_array(shown(d, run.raw)) for d in row]) for row in found]
            found = tree.unflatten(structure, found)
            return (found, run.values(aux)) if has_aux else found

    return derivatives


def _array(x):
    """A raw Jacobian as an array, also without axes."""
    return onp.asarray(x) if isinstance(x, onp.generic) else x


def _pushed_columns(run, inputs, outputs, holomorphic):
    """The derivatives by columns; None if a derivative of a user's cannot be transposed, as it needs values."""
    try:
        push, pulled = transposed(run, outputs)
    except NeedsValue as error:
        if error.interpreter is None or error.interpreter.level < run.tape.level:
            raise
        return None
    with pulled:
        return list(_columns(push, [run.tape.lower(x) for x in inputs], holomorphic))


def jacfwd(
    f: Callable[P, Any], argnums: int | Sequence[int] = 0, has_aux: bool = False, holomorphic: bool = False
) -> Callable[P, Any]:
    """`jacobian` by forward mode, which stores no residuals: cheaper where the argument has few elements.

    Args:
        f, argnums, has_aux, holomorphic: As for `jacobian`.
    """

    @named(f, "jacfwd", argnums)
    def derivatives(*args: P.args, **kwargs: P.kwargs) -> Any:
        selected, (rest, constants) = select(args, kwargs, argnums, "jacobian")
        leaves, arguments = tree.flatten(selected)
        inputs = [differentiable(x, "jacobian") for x in leaves]
        result: dict[str, Any] = {}
        everything = tree.flatten((args, kwargs))[0]
        raw = not any(isinstance(x, Array) for x in everything)

        def push(tangents):
            forward = Forward()
            tracers = [ForwardTracer(forward, x, t) for x, t in zip(inputs, tangents, strict=True)]
            changed = tree.unflatten(arguments, tracers)
            given = completed(rest if raw else tree.tree_map(lift, rest), argnums, changed)
            try:
                with numpy_rules(raw or follows_numpy()):
                    output = f(*given, **(constants if raw else tree.tree_map(lift, constants)))
            except Exception as error:
                shortened(error)
                raise
            finally:
                forward.ended = True
            output, aux = output_and_aux(output, has_aux, "jacobian")
            outputs, structure = tree.flatten(output)
            outputs = _moving(outputs, inputs)
            _check_kinds(inputs, [forward.lower(y) for y in outputs], holomorphic)
            result.update(structure=structure, aux=tree.tree_map(lambda x: lowered(forward, x, "jacobian"), aux))
            return [forward.tangent(y) for y in outputs]

        rows = list(_columns(push, inputs, holomorphic))
        found = [tree.unflatten(arguments, [shown(d, raw) for d in row]) for row in rows]
        found = tree.unflatten(result["structure"], found)
        return (found, tree.tree_map(lambda x: own(shown(x, raw), everything), result["aux"])) if has_aux else found

    return derivatives


def _moving(outputs, inputs):
    """The outputs, with zeros of the inputs' dtype in place of numbers and integers, whose derivatives are zero."""

    def moving(y):
        if not isinstance(y, int | float | complex) and (not hasattr(y, "dtype") or is_inexact(y.dtype)):
            return y
        with beside(inputs[0]):
            return library(inputs[0]).zeros(getattr(y, "shape", ()), inputs[0].dtype)

    return [moving(y) for y in outputs] if inputs else outputs


def _check_kinds(inputs, outputs, holomorphic):
    """Raises TypeError unless the outputs are arrays whose derivatives have one meaning."""
    for y in outputs:
        if not hasattr(y, "dtype"):
            raise TypeError(f"jacobian: expected an array as output, got {type(y).__name__}.")
        if y.dtype.kind == "c" and not holomorphic:
            raise TypeError(f"jacobian: expected a real output, got {y.dtype}. Take real(...) or holomorphic=True.")
    if holomorphic and any(x.dtype.kind != "c" for x in inputs):
        raise TypeError("jacobian: expected complex arguments of a holomorphic function, got real ones.")


def _rows(run, outputs):
    """For each output its derivatives with respect to all inputs: one pullback, of all rows together."""
    for y in outputs:
        if not y.ndim:
            yield tree.flatten(run.gradients([y], [library(y).ones((), y.dtype)], consume=False))[0]
            continue
        basis = library(y).eye(y.size, dtype=y.dtype).reshape(y.size, *y.shape)
        pulled = _in_lanes(lambda g, y=y: tree.flatten(run.gradients([y], g, consume=False))[0], [basis], y.size)
        yield [reshape(run.tape.lower(g), shape=(*y.shape, *g.shape[1:])) for g in pulled]


def _columns(push, inputs, holomorphic):
    """The same from tangents: one push of all columns.

    The derivative of a real y with respect to a complex x = u + iv is dy/du - i dy/dv, out of two columns.
    """
    blocks: list[tuple[int, complex]] = [(i, 1) for i, x in enumerate(inputs)]
    blocks += [(i, 1j) for i, x in enumerate(inputs) if x.dtype.kind == "c" and not holomorphic]
    ends = list(itertools.accumulate((inputs[i].size for i, _ in blocks), initial=0))

    def basis(x, number):
        with beside(x):
            directions = library(x).zeros((ends[-1], x.size), x.dtype)
            for (i, direction), start, end in zip(blocks, ends, ends[1:], strict=False):
                if i == number:
                    directions[start:end] = library(x).eye(x.size, dtype=x.dtype) * direction
        return directions.reshape(ends[-1], *x.shape)

    for t in _in_lanes(push, [basis(x, i) for i, x in enumerate(inputs)], ends[-1]):
        t = moveaxis(t, 0, -1)
        row = [None] * len(inputs)
        for (i, direction), start, end in zip(blocks, ends, ends[1:], strict=False):
            d = reshape(t[..., start:end], shape=(*t.shape[:-1], *inputs[i].shape))
            row[i] = d if direction == 1 else row[i] - 1j * d
        yield row


def _in_lanes(f, directions, size):
    """`f`, a linear function of a list of arrays, of `size` directions at once: first axes count them, in results, too.

    They come one after the other if a derivative of a user's needs the values of one, as with HIPS autograd.
    """
    batch = Batch(size)
    try:
        return [batch.of_all_lanes(y) for y in f([batch.tracer(d) for d in directions])]
    except NeedsValue as error:
        if error.interpreter is not batch:
            raise
    found = [f([d[i, ...] for d in directions]) for i in range(size)]
    return [stack(results) for results in zip(*found, strict=True)]


def hessian(
    f: Callable[P, Any], argnums: int | Sequence[int] = FIRST, *, argnum: int | Sequence[int] | None = None
) -> Callable[P, Any]:
    """The function that computes all second derivatives of `f`: the Jacobian of its Jacobian.

    Args:
        f: A function of nested arrays that returns real ones, in general a scalar.
        argnums, argnum: Position of the argument to differentiate, or a tuple of positions.

    Returns:
        A function with the arguments of `f` that returns an array of shape `output.shape + input.shape + input.shape`;
        with a tuple of positions a tuple of tuples.

    Example:
        >>> import autograd.numpy as np
        >>> hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 2.0]))
        array([[4., 2.],
               [2., 0.]])
    """
    argnums = given_argnums(argnums, argnum, "hessian")
    return named(f, "hessian", argnums)(jacobian(jacobian(f, argnums), argnums))

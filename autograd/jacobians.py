"""Derivatives in given directions and in all of them: `jvp`, `linearize`, Jacobians, Hessians and their products."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, overload

import numpy as onp

from . import tree
from .batch import Batch
from .boundary import differentiable, lowered, output_and_aux, own, require_same_library, shown
from .core import Array, NeedsValue, beside, library, lift
from .dtypes import follows_numpy, is_inexact, numpy_rules
from .errors import shortened
from .forward import Forward, ForwardTracer, zeros_like
from .gradients import FIRST, copied_input, given_argnums, grad, named
from .numpy import moveaxis, stack
from .ops.elementwise import astype
from .ops.shape import reshape
from .taped_run import TapedRun, select

if TYPE_CHECKING:
    from .typing import Tree

__all__ = ["hessian", "hvp", "jacfwd", "jacobian", "jacrev", "jvp", "linearize"]

P = ParamSpec("P")


@overload
def jvp(f: Callable[..., Any], primals: Tree, tangents: Tree, has_aux: Literal[False] = False) -> tuple[Any, Any]: ...
@overload
def jvp(f: Callable[..., Any], primals: Tree, tangents: Tree, has_aux: Literal[True]) -> tuple[Any, Any, Any]: ...
def jvp(f: Callable[..., Any], primals: Tree, tangents: Tree, has_aux: bool = False) -> tuple[Any, ...]:
    """The output of `f` and its derivative in a direction (forward mode).

    Args:
        f: Any function of nested arrays that returns nested arrays.
        primals: Its arguments, as a tuple; anything else, a list too, is the only argument.
        tangents: The direction, in the structure and shapes of `primals`; None for integers and other arguments
            without a derivative.
        has_aux: `f` returns (output, aux); aux is returned as third.

    Returns:
        (output, tangent), the tangent in the structure and shapes of the output.

    Raises:
        TypeError: If an argument with a tangent is not of real or complex numbers, or a tangent has another structure
            or shape.

    Example:
        >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
        (np.float64(6.0), np.float64(3.0))
    """
    if type(primals) is list and len(primals) != 1 and _required(f) == len(primals):
        raise TypeError("jvp: expected the arguments as a tuple, got a list, which would be the first argument alone.")
    primals, tangents = _arguments(primals, tangents)
    leaves, structure = tree.flatten(primals)
    directions = tree.leaves_along(structure, tangents, none_for_all=True)
    if directions is None:
        raise TypeError("jvp: expected tangents in the structure of the arguments.")
    raw = not any(isinstance(x, Array) for x in leaves + directions)
    forward = Forward()
    inputs = [_watched(forward, x, t, raw) for x, t in zip(leaves, directions, strict=True)]
    try:
        with numpy_rules(raw or follows_numpy()):
            output = f(*tree.unflatten(structure, inputs))
    except Exception as error:
        shortened(error)
        raise
    finally:
        forward.ended = True
    output, aux = output_and_aux(output, has_aux, "jvp")

    def results(part, nested):
        return tree.tree_map(lambda y: own(shown(part(y), raw), leaves + directions), nested)

    def lower(x):
        return lowered(forward, x, "jvp")

    both = results(lower, output), results(forward.tangent, output)
    return (*both, results(lower, aux)) if has_aux else both


def _required(f):
    """How many positional arguments `f` needs; 1 if it does not say."""
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return 1
    return sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty for p in parameters)


def _arguments(primals, tangents):
    return (primals, tangents) if type(primals) is tuple else ((primals,), (tangents,))


def _watched(forward, x, t, raw):
    """A tracer for an argument and its tangent; the argument itself if it has no derivative."""
    if t is None:
        return x if raw else lift(x)
    value = differentiable(x, "jvp")
    return ForwardTracer(forward, value, _tangent(t, value))


def _tangent(t, value):
    """A direction as forward mode needs it: raw or traced, in the dtype of the value."""
    t = library(value).asarray(t, value.dtype) if isinstance(t, (int, float)) else differentiable(t, "jvp")
    if t.shape != value.shape or (t.dtype.kind == "c" and value.dtype.kind != "c"):
        raise TypeError(
            f"jvp: expected a tangent of shape {value.shape} and dtype {value.dtype}, got {t.shape} and {t.dtype}."
        )
    if t.ndim + value.ndim:  # scalars of NumPy go with both
        require_same_library(t, value, "jvp: tangent")
    return t if t.dtype == value.dtype else astype(t, dtype=value.dtype)


def linearize(f: Callable[..., Any], *args: Tree) -> tuple[Any, Callable[..., Any]]:
    """The output of `f` and its derivative at `args`, a linear function of the direction.

    Args:
        f: Any function of nested arrays that returns nested arrays.
        args: Its arguments, nested arrays of real or complex numbers.

    Returns:
        (output, push). `push(*tangents)` takes a direction in the structure and shapes of `args` and returns the
        tangent in the structure of the output. It may be called again; `f` does not run again.

    Example:
        >>> y, push = linearize(lambda x: x**3, 2.0)
        >>> y, push(1.0), push(10.0)
        (np.float64(8.0), np.float64(12.0), np.float64(120.0))
    """
    args = tree.tree_map(copied_input, args)
    with TapedRun(f, args, {}, tuple(range(len(args))), "linearize", lasting=True) as run:
        outputs, structure = tree.flatten(run.output)
        inputs, arguments = run.inputs
        push, _ = _transposed(run, outputs)

    def tangents_of(*tangents: Tree) -> Tree:
        directions = tree.leaves_along(arguments, tangents)
        if directions is None:
            raise TypeError("linearize: expected tangents in the structure of the arguments.")
        found = push([_tangent(t, x) for t, x in zip(directions, inputs, strict=True)])
        return tree.unflatten(structure, [shown(t, run.raw) for t in found])

    return run.values(run.output), tangents_of


def _transposed(run, outputs):
    """The function from directions of all inputs of a recorded run to tangents of outputs, and the run that it uses.

    What pulls cotangents back is linear, and so is its transpose: that pushes tangents forward.
    """

    def pull(cotangents):
        return tree.flatten(run.gradients(outputs, cotangents, consume=False))[0]

    active = [isinstance(y, Array) and is_inexact(y.dtype) for y in outputs]
    seeds = [zeros_like(y) if m else None for y, m in zip(outputs, active, strict=True)]
    zeros = [zeros_like(y) for y in outputs]  # for those that depend on nothing
    outputs = [y for y, m in zip(outputs, active, strict=True) if m]
    given = ([s for s in seeds if s is not None],)
    pulled = TapedRun(pull, given, {}, 0, "linearize", raw=True, lasting=True, transposes=True)

    def push(directions):
        found = iter(pulled.gradients(pulled.output, directions, consume=False))
        return [next(found) if m else zero for m, zero in zip(active, zeros, strict=True)]

    return push, pulled


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
        push, pulled = _transposed(run, outputs)
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
            given = list(rest) if raw else tree.tree_map(lift, rest)
            for i, x in [(argnums, changed)] if isinstance(argnums, int) else zip(argnums, changed, strict=True):
                given[i] = x
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


def hvp(f: Callable[..., Any], primals: Tree, tangents: Tree) -> Tree:
    """The product of the Hessian of `f`, whose output is a real scalar, with a vector (forward over reverse mode).

    Args:
        f: A function of nested arrays.
        primals: Its arguments, as a tuple; anything else is the only argument.
        tangents: The vector, in the structure of `primals`.

    Returns:
        The product, in the structure of `primals`.

    Example:
        >>> import autograd.numpy as np
        >>> hvp(lambda x: np.sum(x**3), np.array([1.0, 2.0]), np.array([1.0, 0.0]))
        array([6., 0.])
    """
    argnums = tuple(range(len(primals))) if type(primals) is tuple else 0
    return jvp(grad(f, argnums), primals, tangents)[1]

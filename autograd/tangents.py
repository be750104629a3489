"""Derivatives in given directions: `jvp`, `linearize`, and the product of a Hessian with a vector."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from . import tree
from .boundary import differentiable, lowered, output_and_aux, own, require_same_library, shown
from .core import Array, library, lift
from .dtypes import follows_numpy, is_inexact, numpy_rules
from .errors import shortened
from .forward import Forward, ForwardTracer, zeros_like
from .gradients import copied_input, grad
from .ops.elementwise import astype
from .taped_run import TapedRun

if TYPE_CHECKING:
    from .typing import Tree

__all__ = ["hvp", "jvp", "linearize", "transposed"]


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
        push, _ = transposed(run, outputs)

    def tangents_of(*tangents: Tree) -> Tree:
        directions = tree.leaves_along(arguments, tangents)
        if directions is None:
            raise TypeError("linearize: expected tangents in the structure of the arguments.")
        found = push([_tangent(t, x) for t, x in zip(directions, inputs, strict=True)])
        return tree.unflatten(structure, [shown(t, run.raw) for t in found])

    return run.values(run.output), tangents_of


def transposed(run: TapedRun, outputs: Sequence[Any]) -> tuple[Callable[..., Any], TapedRun]:
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

"""Derivatives in given directions and in all of them: `jvp`, `linearize`, Jacobians, Hessians and their products."""

import functools

from . import tree
from .batch import Batch
from .core import Array, library, lift
from .forward import Forward, ForwardTracer, zeros_like
from .numpy import moveaxis
from .ops.elementwise import astype
from .ops.shape import broadcast_to, reshape
from .transforms import Recording, differentiable, grad, is_inexact, one_array, output_and_aux, shown


def jvp(f, primals, tangents, has_aux=False):
    """The output of `f` and its derivative in a direction (forward mode).

    Args:
        f: Any function of nested arrays that returns nested arrays.
        primals: Its arguments, a tuple, or the only one.
        tangents: The direction, in the structure and shapes of `primals`; None in place of integers and of what else
            has no derivative.
        has_aux: `f` returns (output, aux); aux is returned as third.

    Returns:
        (output, tangent), the tangent in the structure and shapes of the output.

    Example:
        >>> jvp(lambda x, y: x * y, (2.0, 3.0), (1.0, 0.0))
        (np.float64(6.0), np.float64(3.0))
    """
    primals, tangents = _arguments(primals, tangents)
    leaves, structure = tree.flatten(primals)
    directions = tree.leaves_along(structure, tangents)
    if directions is None:
        raise TypeError("jvp: expected tangents in the structure of the arguments.")
    raw = not any(isinstance(x, Array) for x in leaves + directions)
    forward = Forward()
    inputs = [_watched(forward, x, t) for x, t in zip(leaves, directions, strict=True)]
    output = f(*tree.unflatten(structure, inputs))
    output, aux = output_and_aux(output, has_aux, "jvp")


    def part(nested, i):
        return tree.tree_map(lambda y: shown(forward.parts(y)[i], raw), nested)

    if not has_aux:
        return part(output, 0), part(output, 1)
    return part(output, 0), part(output, 1), part(aux, 0)


def _arguments(primals, tangents):
    return (primals, tangents) if type(primals) is tuple else ((primals,), (tangents,))


def _watched(forward, x, t):
    """A tracer for an argument and its tangent; the argument itself if it has no derivative."""
    if t is None:
        return lift(x)
    value = differentiable(x, "jvp")
    return ForwardTracer(forward, value, _tangent(t, value))


def _tangent(t, value):
    """A direction as forward mode wants it: raw or traced, in the dtype of the value."""
    t = library(value).asarray(t, value.dtype) if isinstance(t, (int, float)) else differentiable(t, "jvp")
    if t.shape != value.shape or t.dtype.kind == "c" != value.dtype.kind:
        raise TypeError(
            f"jvp: expected a tangent of shape {value.shape} and dtype {value.dtype}, got {t.shape} and {t.dtype}."
        )
    return t if t.dtype == value.dtype else astype(t, dtype=value.dtype)


def linearize(f, *args):
    """The output of `f` and its derivative at `args`, a linear function, for directions that come later.

    Returns:
        (output, push): `push(*tangents)`, which may be called again and does not run `f` anew, takes a direction in the
        structure of `args` and gives the tangent in the structure of the output.

    Example:
        >>> y, push = linearize(lambda x: x**3, 2.0)
        >>> y, push(1.0), push(10.0)
        (np.float64(8.0), np.float64(12.0), np.float64(120.0))
    """
    run = Recording(f, args, {}, tuple(range(len(args))), "linearize")
    outputs, structure = tree.flatten(run.output)
    inputs, arguments = run.inputs
    push = _transposed(run, outputs)

    def tangents_of(*tangents):
        directions = tree.leaves_along(arguments, tangents)
        if directions is None:
            raise TypeError("linearize: expected tangents in the structure of the arguments.")
        found = push([_tangent(t, x) for t, x in zip(directions, inputs, strict=True)])
        return tree.unflatten(structure, [shown(t, run.raw) for t in found])

    return run.values(run.output), tangents_of


def _transposed(run, outputs):
    """The function from directions of all inputs of a recorded run to the tangents of outputs.

    What pulls cotangents back is linear, and so is its transpose: that pushes tangents forward.
    """

    def pull(cotangents):
        return tree.flatten(run.gradients(outputs, cotangents, consume=False))[0]

    moving = [isinstance(y, Array) and is_inexact(y.dtype) for y in outputs]
    seeds = [zeros_like(y) if m else None for y, m in zip(outputs, moving, strict=True)]
    outputs = [y for y, m in zip(outputs, moving, strict=True) if m]
    pulled = Recording(pull, ([s for s in seeds if s is not None],), {}, 0, "linearize", raw=True)

    def push(directions):
        found = iter(pulled.gradients(pulled.output, directions, consume=False))
        return [next(found) if m else 0.0 for m in moving]

    return push


def _every_derivative(f, argnums, has_aux, holomorphic, choose):
    """The function that computes all derivatives, by rows (reverse mode) or columns (forward mode) as `choose` says."""

    @functools.wraps(f)
    def derivatives(*args, **kwargs):
        run = Recording(f, args, kwargs, argnums, "jacobian")
        if holomorphic:
            run.require_complex("jacobian")
        output, aux = output_and_aux(run.output, has_aux, "jacobian")
        outputs, structure = tree.flatten(output)
        outputs = [one_array(run, y, "jacobian") for y in outputs]
        inputs, _ = run.inputs
        sizes = sum(x.size for x in inputs), sum(y.size for y in outputs)
        parts = (_columns if choose(*sizes) else _rows)(run, outputs)
        found = tree.unflatten(structure, parts)
        return (found, run.values(aux)) if has_aux else found

    return derivatives


def _basis(batch, x):
    """The unit vectors of the space of `x`, one in each lane."""
    return batch.tracer(library(x).eye(batch.size, x.size, dtype=x.dtype).reshape((batch.size, *x.shape)))


def _of_all_lanes(batch, x):
    value, batched = batch.value(x)
    return value if batched else broadcast_to(value, shape=(batch.size, *value.shape))


def _rows(run, outputs):
    """The derivatives of outputs with respect to all inputs: a pullback of all rows of each at once."""
    parts = []
    for y in outputs:
        batch = Batch(y.size)
        leaves, structure = tree.flatten(run.gradients([y], [_basis(batch, y)], consume=False))
        rows = [_of_all_lanes(batch, g) for g in leaves]
        rows = [reshape(r, shape=(*y.shape, *r.shape[1:])) for r in rows]
        parts.append(tree.unflatten(structure, [shown(r, run.raw) for r in rows]))
    return parts


def _columns(run, outputs):
    """The same from tangents: a push of all columns of each input at once."""
    push = _transposed(run, outputs)
    inputs, structure = run.inputs
    columns = []
    for i, x in enumerate(inputs):
        batch = Batch(x.size)
        tangents = push([_basis(batch, x) if k == i else zeros_like(other) for k, other in enumerate(inputs)])
        tangents = [moveaxis(_of_all_lanes(batch, t), 0, -1) for t in tangents]
        columns.append([reshape(t, shape=(*t.shape[:-1], *x.shape)) for t in tangents])
    return [tree.unflatten(structure, [shown(t, run.raw) for t in row]) for row in zip(*columns, strict=True)]


def jacobian(f, argnums=0, has_aux=False, holomorphic=False):
    """The function that computes all derivatives of `f`, in one backward or forward pass for all of them.

    Args:
        f: A function of nested arrays that returns nested arrays.
        argnums: Position of the argument to differentiate, or a tuple of positions.
        has_aux: `f` returns (output, aux), and the result is (derivatives, aux).
        holomorphic: `f` is a holomorphic function of complex arguments.

    Returns:
        A function with the arguments of `f` that returns an array of shape `output.shape + input.shape` for each array
        of the output and each of the argument: the structure of the output, each leaf of which has the structure of
        the argument.
    """
    return _every_derivative(f, argnums, has_aux, holomorphic, lambda inputs, outputs: inputs < outputs)


def jacrev(f, argnums=0, has_aux=False, holomorphic=False):
    """`jacobian` by reverse mode: cheaper where the output has fewer elements than the argument."""
    return _every_derivative(f, argnums, has_aux, holomorphic, lambda inputs, outputs: False)


def jacfwd(f, argnums=0, has_aux=False, holomorphic=False):
    """`jacobian` by forward mode: cheaper where the argument has fewer elements than the output."""
    return _every_derivative(f, argnums, has_aux, holomorphic, lambda inputs, outputs: True)


def hessian(f, argnums=0):
    """The function that computes all second derivatives of `f`, whose output is a real scalar.

    Returns:
        A function with the arguments of `f` that returns an array of shape `input.shape + input.shape`; with a tuple of
        positions a tuple of tuples.
    """
    return jacobian(grad(f, argnums), argnums)


def hvp(f, primals, tangents):
    """The product of the Hessian of `f`, whose output is a real scalar, with a vector (forward over reverse mode).

    Args:
        f: A function of nested arrays.
        primals: Its arguments, a tuple, or the only one.
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

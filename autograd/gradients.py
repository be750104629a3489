"""Transformations of functions: `grad` and its relatives."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, overload

import numpy as onp

from . import backend, tree
from .boundary import output_and_aux, require_same_library
from .core import Array, Reference, Tracer, kind_of, library
from .errors import require_function, shortened
from .foreign import argument, ask
from .numpy._common import as_array
from .ops.elementwise import astype
from .ops.elementwise import stop_gradient as _stop_gradient
from .ops.shape import concatenate, reshape
from .taped_run import TapedRun, one_array, scalar_seed

if TYPE_CHECKING:
    from .typing import Tree

__all__ = [
    "FIRST", "copied", "copied_input", "elementwise_grad", "flatten", "given_argnums", "grad", "named", "stop_gradient",
    "value_and_grad", "vjp",
]  # fmt: skip

P = ParamSpec("P")
FIRST: int = type("int", (int,), {})(0)
"""0, as the value of `argnums` that nobody gave."""


def named(f: Any, operator: str, argnums: int | Sequence[int]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator as `functools.wraps(f)`, but that name and docstring say what the function computes."""

    def rename(derivative):
        functools.update_wrapper(derivative, f)
        name = getattr(f, "__name__", type(f).__name__)
        derivative.__name__ = f"{operator}_of_{name}_wrt_argnum_{argnums}"
        text = f"The {operator} of {name} with respect to argument {argnums}; it takes the arguments of {name}."
        derivative.__doc__ = "\n\n".join(filter(None, [text, getattr(f, "__doc__", None)]))
        return derivative

    return rename


def given_argnums(argnums: int | Sequence[int], argnum: int | Sequence[int] | None, where: str) -> int | Sequence[int]:
    """The positions to differentiate, which have two spellings.

    Args:
        where: The transformation, for the error.

    Raises:
        TypeError: If both are given.
    """
    if argnum is None:
        return 0 if argnums is FIRST else argnums
    if argnums is not FIRST:
        raise TypeError(
            f"{where}: expected argnums or argnum, which mean the same, got both, {argnums} and {argnum}. "
            "Leave one out."
        )
    return argnum


def value_and_grad(
    f: Callable[P, Any],
    argnums: int | Sequence[int] = FIRST,
    has_aux: bool = False,
    holomorphic: bool = False,
    *,
    argnum: int | Sequence[int] | None = None,
) -> Callable[P, tuple[Any, Any]]:
    """The function that computes the value of `f` and its gradient.

    Args:
        f, argnums, has_aux, holomorphic, argnum: As for `grad`.

    Returns:
        A function with the arguments of `f` that returns (value, gradient), ((value, aux), gradient) with `has_aux`.
    """

    require_function(f, "grad")
    argnums = given_argnums(argnums, argnum, "value_and_grad")

    @named(f, "value_and_grad", argnums)
    def value_and_gradient(*args: P.args, **kwargs: P.kwargs) -> tuple[Any, Any]:
        try:
            with TapedRun(f, args, kwargs, argnums, "grad") as run:
                output, _ = output_and_aux(run.output, has_aux, "grad")
                seed = scalar_seed(output, "grad", "complex" if holomorphic else "real", one_element=True)
                if holomorphic:
                    run.require_complex("grad")
                values = run.values(run.output)
                return values, run.gradients([output], [seed])
        except Exception as error:
            shortened(error)
            raise

    return value_and_gradient


def grad(
    f: Callable[P, Any],
    argnums: int | Sequence[int] = FIRST,
    has_aux: bool = False,
    holomorphic: bool = False,
    *,
    argnum: int | Sequence[int] | None = None,
) -> Callable[P, Any]:
    """The function that computes the gradient of `f`, whose output is a real scalar, or an array of one element.

    Args:
        f: A function of nested arrays.
        argnums: Position of the argument to differentiate, or a tuple of positions.
        has_aux: `f` returns (value, aux), and only the value is differentiated.
        holomorphic: `f` is a holomorphic function of complex arguments: its output is a complex scalar, and the
            gradient is the complex derivative f'(z).
        argnum: `argnums` in HIPS autograd's spelling.

    Returns:
        A function with the arguments of `f` that returns the gradient, in the structure, shapes and dtypes of the
        argument (a tuple of gradients for a tuple of positions); (gradient, aux) with `has_aux`.

    The gradient with respect to a complex z = x + iy is df/dx - i df/dy (as in JAX and HIPS autograd): its conjugate is
    the direction of steepest ascent.

    Raises:
        TypeError: If an argument to differentiate is not of real or complex numbers, or the output is no real scalar.

    Example:
        >>> import autograd.numpy as np
        >>> grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
        array([2., 4.])
    """
    argnums = given_argnums(argnums, argnum, "grad")
    both = value_and_grad(f, argnums, has_aux, holomorphic)

    @named(f, "grad", argnums)
    def gradient(*args: P.args, **kwargs: P.kwargs) -> Any:
        value, gradients = both(*args, **kwargs)
        return (gradients, value[1]) if has_aux else gradients

    return gradient


def elementwise_grad(
    f: Callable[P, Any], argnums: int | Sequence[int] = FIRST, *, argnum: int | Sequence[int] | None = None
) -> Callable[P, Any]:
    """The function that computes the gradient of the sum of the outputs of `f`, an array.

    If `f` acts on each element alone, this is its derivative at each element.

    Args:
        f: A function of nested arrays that returns an array of any shape.
        argnums, argnum: As for `grad`.

    Raises:
        TypeError: If the output is no array, or is complex although an argument is real.

    Example:
        >>> import autograd.numpy as np
        >>> elementwise_grad(np.sqrt)(np.array([1.0, 4.0]))
        array([0.5 , 0.25])
    """
    argnums = given_argnums(argnums, argnum, "elementwise_grad")

    @named(f, "elementwise_grad", argnums)
    def derivative(*args: P.args, **kwargs: P.kwargs) -> Any:
        with TapedRun(f, args, kwargs, argnums, "elementwise_grad") as run:
            y = one_array(run, run.output, "elementwise_grad")
            return run.gradients([y], [library(y).ones(y.shape, y.dtype)])

    return derivative


def _constant(x):
    return _stop_gradient(x) if isinstance(x, Array) and kind_of(x) is None else x


@overload
def stop_gradient(x: Array) -> Array: ...
@overload
def stop_gradient(x: Tree) -> Tree: ...
def stop_gradient(x: Tree) -> Tree:
    """`x`, nested arrays, as constants: no gradient flows through them.

    Example:
        >>> grad(lambda x: x * stop_gradient(x))(3.0)
        np.float64(3.0)
    """
    return tree.tree_map(_constant, x)


@overload
def vjp(
    f: Callable[..., Any], *args: Tree, has_aux: Literal[False] = False
) -> tuple[Any, Callable[[Tree], tuple[Any, ...]]]: ...
@overload
def vjp(
    f: Callable[..., Any], *args: Tree, has_aux: Literal[True]
) -> tuple[Any, Callable[[Tree], tuple[Any, ...]], Any]: ...
def vjp(f: Callable[..., Any], *args: Tree, has_aux: bool = False) -> tuple[Any, ...]:
    """Runs `f` and returns its output and the function that pulls cotangents back.

    Args:
        f: Any function of nested arrays that returns nested arrays.
        args: Arrays, or nested tuples, lists and dictionaries of them; all are differentiated.
        has_aux: `f` returns (output, aux); aux is returned as third.

    Returns:
        (output, pullback). `pullback(g)`, which may be called again, takes cotangents in the structure and shapes of
        the output and returns a tuple of those of `args`; it raises TypeError for another structure or shape.

    Raises:
        TypeError: If an argument is not of real or complex numbers.

    Example:
        >>> y, pullback = vjp(lambda a, b: a * b, 2.0, 3.0)
        >>> y, pullback(1.0)
        (np.float64(6.0), (np.float64(3.0), np.float64(2.0)))
    """
    args = tree.tree_map(copied_input, args)
    with TapedRun(f, args, {}, tuple(range(len(args))), "vjp", lasting=True) as run:
        output, aux = output_and_aux(run.output, has_aux, "vjp")
    leaves, structure = tree.flatten(output)

    def pullback(g):
        cotangents = tree.leaves_along(structure, tree.tree_map(lambda c: argument(c, "vjp: cotangent"), g))
        if cotangents is None or any(onp.shape(c) != onp.shape(x) for c, x in zip(cotangents, leaves, strict=True)):
            raise TypeError("vjp: expected cotangents in the structure and shapes of the output.")
        cotangents = [_cotangent(copied(c), x) for c, x in zip(cotangents, leaves, strict=True)]
        return run.gradients(leaves, cotangents, consume=False)

    return (run.values(output), pullback, run.values(aux)) if has_aux else (run.values(output), pullback)


def copied(x: Any) -> Any:
    """A copy of a raw array, to which the caller may write later."""
    return backend.copied(x) if backend.is_array(x) else argument(x, "vjp", copy=True)


def copied_input(x: Any) -> Any:
    """A copy of an argument that is differentiated later; its class may refuse that, see `foreign.REGISTERED`."""
    ask(x)
    return copied(x)


def _cotangent(c, x):
    """A caller's cotangent as the backward pass needs it: raw, or traced, in the dtype of the output `x`."""
    if not isinstance(x, Array):
        return c  # of an output that depends on nothing
    while type(c) is Array or isinstance(c, Reference):
        c = c._value
    c = c if isinstance(c, Array) or backend.is_array(c) else library(x).asarray(c)
    if isinstance(x, Tracer) and c.ndim + x.ndim:  # not if it depends on no input; scalars of NumPy go with both
        require_same_library(c, x, "vjp: cotangent")
    if c.dtype.kind == "c" and x.dtype.kind != "c":
        raise TypeError(f"vjp: expected a real cotangent of a real output, got {c.dtype}.")
    return c if c.dtype == x.dtype else astype(c, dtype=x.dtype)


def flatten(nested: Tree) -> tuple[Any, Callable[[Any], Tree]]:
    """All elements of nested arrays as one vector, and the function that puts such a vector back into their structure.

    The vector has the dtype to which theirs promote; the arrays that are put back have their own dtypes again. Items of
    a dictionary stand in the order of its sorted keys (as in JAX and HIPS autograd), if they can be sorted.

    Returns:
        (vector, unflatten). `unflatten` raises ValueError for a vector of another length.

    Example:
        >>> import autograd.numpy as np
        >>> vector, unflatten = flatten({"a": np.ones(2), "b": 3.0})
        >>> vector, unflatten(vector * 2.0)
        (array([1., 1., 3.]), {'a': array([2., 2.]), 'b': array(6.)})
    """
    leaves, structure = tree.flatten(nested)
    order = tree.flatten(_by_keys(tree.unflatten(structure, range(len(leaves)))))[0]
    arrays = [as_array(leaves[i]) for i in order]
    dtype = onp.result_type(*[x.dtype for x in arrays]) if arrays else onp.dtype(float)
    like = [(i, x.shape, x.size, x.dtype) for i, x in zip(order, arrays, strict=True)]
    parts = [reshape(as_array(x, dtype), shape=(x.size,)) for x in arrays]

    def unflatten(vector: Any) -> Tree:
        """The nested arrays of a vector."""
        start, found, total = 0, {}, sum(size for _, _, size, _ in like)
        if vector.shape != (total,):
            raise ValueError(f"flatten: expected a vector of {total} elements, got shape {vector.shape}.")
        for i, shape, size, dtype in like:
            found[i] = as_array(reshape(vector[start : start + size], shape=shape), dtype)
            start += size
        return tree.unflatten(structure, [found[i] for i in range(len(found))])

    return (concatenate(*parts, axis=0) if parts else onp.zeros(0)), unflatten


def _by_keys(nested):
    """Nested containers with the items of dictionaries in the order of their keys, if these can be sorted."""
    if type(nested) is dict:
        try:
            return {key: _by_keys(nested[key]) for key in sorted(nested)}
        except TypeError:
            return {key: _by_keys(part) for key, part in nested.items()}
    return [_by_keys(part) for part in nested] if type(nested) in (list, tuple) else nested

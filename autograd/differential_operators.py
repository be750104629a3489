"""HIPS autograd's operators on functions, made of this library's transformations.

`argnum` is the position of the argument to differentiate, or a tuple of positions.
"""

from __future__ import annotations

import collections
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from .checkpointing import checkpoint
from .gradients import elementwise_grad, grad, value_and_grad, vjp
from .jacobians import hessian, jacobian
from .numpy import ndim, tensordot
from .numpy._elementwise import real
from .numpy.numpy_vspaces import vspace
from .tangents import jvp, linearize
from .typing import Tree
from .wrap_util import unary_to_nary

__all__ = [
    "checkpoint", "deriv", "elementwise_grad", "forward", "grad", "grad_and_aux", "grad_named", "hessian",
    "hessian_tensor_product", "hessian_vector_product", "holomorphic_grad", "jacobian", "make_ggnvp", "make_hvp",
    "make_jvp", "make_jvp_reversemode", "make_vjp", "multigrad_dict", "reverse", "tensor_jacobian_product",
    "unary_to_nary", "value_and_grad", "vector_jacobian_product", "vspace",
]  # fmt: skip


def reverse(fun: Callable[[Any], Any], x: Tree) -> tuple[Callable[[Any], Any], Any]:
    """(pullback, output) of a function of one argument; HIPS autograd's `core.make_vjp`.

    Args:
        x: Nested arrays.
    """
    y, pullback = vjp(fun, x)
    return lambda g: pullback(g)[0], y


def forward(fun: Callable[[Any], Any], x: Tree) -> Callable[[Any], tuple[Any, Any]]:
    """The function from a direction to (output, tangent); HIPS autograd's `core.make_jvp`.

    Args:
        x: Nested arrays.
    """
    return lambda v: jvp(fun, (x,), (v,))


@unary_to_nary
def make_vjp(fun, x):
    """`make_vjp(f, argnum=0)(*args)` runs `f` and returns (pullback, output)."""
    return reverse(fun, x)


@unary_to_nary
def make_jvp(fun, x):
    """`make_jvp(f, argnum=0)(*args)` returns a function from a direction to (output, tangent)."""
    return forward(fun, x)


@unary_to_nary
def make_jvp_reversemode(fun, x):
    """`make_jvp_reversemode(f, argnum=0)(*args)` runs `f` and returns the function from a direction to the tangent."""
    return linearize(fun, x)[1]


@unary_to_nary
def deriv(fun, x):
    """`deriv(f, argnum=0)(*args)` is the tangent of the output for the direction of ones, by forward mode."""
    return forward(fun, x)(vspace(x).ones())[1]


@unary_to_nary
def holomorphic_grad(fun, x):
    """`holomorphic_grad(f, argnum=0)(*args)` is the complex derivative of a holomorphic function."""
    return grad(lambda x: real(fun(x)))(x)


@unary_to_nary
def grad_and_aux(fun, x):
    """`grad_and_aux(f, argnum=0)(*args)`, of a function that returns (value, aux), is (gradient of value, aux)."""
    return grad(fun, has_aux=True)(x)


def grad_named(fun: Callable[..., Any], argname: str) -> Callable[..., Any]:
    """The gradient with respect to the argument of this name, which is passed by position."""
    names = list(inspect.signature(fun).parameters)
    if argname not in names:
        raise ValueError(f"grad_named: expected one of the arguments {', '.join(names)}, got {argname!r}.")
    return grad(fun, names.index(argname))


def multigrad_dict(fun: Callable[..., Any]) -> Callable[..., Any]:
    """The function that returns the gradients with respect to all arguments, {name: gradient}.

    Arguments that are not given have their defaults. `*args` and `**kwargs` of `fun` are one name each.
    """
    signature = inspect.signature(fun)

    @functools.wraps(fun)
    def gradients(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()

        def of_names(values):
            again = inspect.BoundArguments(signature, collections.OrderedDict(values))
            return fun(*again.args, **again.kwargs)

        return collections.OrderedDict(grad(of_names)(dict(bound.arguments)))

    return gradients


@unary_to_nary
def make_hvp(fun, x):
    """`make_hvp(f, argnum=0)(*args)` returns (function from a vector to its product with the Hessian, gradient)."""
    return reverse(grad(fun), x)


def hessian_tensor_product(fun: Callable[..., Any], argnum: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The function of the arguments of `fun` and a last one, a vector, that returns the Hessian times the vector."""

    @unary_to_nary
    def product(gradient, x, vector):
        return forward(gradient, x)(vector)[1]

    return lambda *args, **kwargs: product(grad(fun, argnum), argnum, args[-1])(*args[:-1], **kwargs)


hessian_vector_product: Callable[..., Any] = hessian_tensor_product


def tensor_jacobian_product(fun: Callable[..., Any], argnum: int | Sequence[int] = 0) -> Callable[..., Any]:
    """The function of the arguments of `fun` and a last one, a tensor, that returns the tensor times the Jacobian.

    The product is a sum over all axes of the tensor, which are the first ones of the output.
    """

    def contracted(*args: Any, **kwargs: Any) -> Any:
        return tensordot(args[-1], fun(*args[:-1], **kwargs), axes=ndim(args[-1]))

    return jacobian(contracted, argnum)


vector_jacobian_product: Callable[..., Any] = tensor_jacobian_product


def _half_squares(x):
    return (x**2).sum(-1) / 2


def make_ggnvp(f: Callable[..., Any], g: Callable[[Any], Any] = _half_squares, f_argnum: int = 0) -> Callable[..., Any]:
    """`make_ggnvp(f, g)(*args)` returns the product with the generalized Gauss-Newton matrix of `g(f(x))`.

    That is the Jacobian of `f`, transposed, times the Hessian of `g`, times the Jacobian.
    """

    @unary_to_nary
    def product(f, x):
        pull, y = reverse(f, x)
        push = linearize(f, x)[1]
        return lambda v: pull(forward(grad(g), y)(push(v))[1])

    return product(f, f_argnum)


_make_vjp, _make_jvp = reverse, forward  # as programs import them from here

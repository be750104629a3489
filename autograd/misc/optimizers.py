"""HIPS autograd's optimizers: functions that minimize, for nested arrays. `cuobjax.optimizer` has modules, and more."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..gradients import flatten
from ..numpy import ones_like, sqrt, zeros_like
from ..typing import Tree

__all__ = ["adam", "rmsprop", "sgd", "unflatten_optimizer"]


def unflatten_optimizer(optimize: Callable[..., Any]) -> Callable[..., Tree]:
    """From a function `optimize(grad, x, callback, ...)` that minimizes over vectors to one for nested arrays.

    `grad(x, i)` is the gradient at `x` in iteration `i`; `callback(x, i, g)` may be None.
    """

    @functools.wraps(optimize)
    def of_nested_arrays(grad: Any, x0: Tree, callback: Any = None, *args: Any, **kwargs: Any) -> Tree:
        vector, unflatten = flatten(x0)
        told = callback and (lambda x, i, g: callback(unflatten(x), i, unflatten(g)))
        return unflatten(optimize(lambda x, i: flatten(grad(unflatten(x), i))[0], vector, told, *args, **kwargs))

    return of_nested_arrays


def _of_nested_arrays(steps):
    """From a generator of vectors to a function of nested arrays.

    Args:
        steps: `steps(grad, x, num_iters, ...)` gives (position, gradient) before each step, and (position, None) last.
    """

    @functools.wraps(steps)
    def optimize(
        grad: Callable[[Tree, int], Tree],
        x0: Tree,
        callback: Callable[[Tree, int, Tree], None] | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Tree:
        vector, unflatten = flatten(x0)
        for i, (x, g) in enumerate(steps(lambda x, i: flatten(grad(unflatten(x), i))[0], vector, *args, **kwargs)):
            if g is not None and callback is not None:
                callback(unflatten(x), i, unflatten(g))
        return unflatten(x)

    return optimize


@_of_nested_arrays
def sgd(grad, x, num_iters=200, step_size=0.1, mass=0.9):
    """Minimizes by steps along an average of gradients: v = mass v - (1 - mass) g, x = x + step_size v.

    `sgd(grad, x0, callback=None, num_iters=200, step_size=0.1, mass=0.9)`: `grad(x, i)` is the gradient at `x` in
    iteration `i`; `callback(x, i, g)` is called before each step.
    """
    v = zeros_like(x)
    for i in range(num_iters):
        g = grad(x, i)
        yield x, g
        v = mass * v - (1.0 - mass) * g
        x = x + step_size * v
    yield x, None


@_of_nested_arrays
def rmsprop(grad, x, num_iters=100, step_size=0.1, gamma=0.9, eps=1e-8):
    """Minimizes by steps along the gradient over the root of an average of its squares, which begins at 1.

    `rmsprop(grad, x0, callback=None, num_iters=100, step_size=0.1, gamma=0.9, eps=1e-8)`: see `sgd`.
    Source: Tieleman & Hinton 2012, lecture 6.5.
    """
    squares = ones_like(x)
    for i in range(num_iters):
        g = grad(x, i)
        yield x, g
        squares = gamma * squares + (1 - gamma) * g**2
        x = x - step_size * g / (sqrt(squares) + eps)
    yield x, None


@_of_nested_arrays
def adam(grad, x, num_iters=100, step_size=0.001, b1=0.9, b2=0.999, eps=1e-8):
    """Minimizes by Adam.

    `adam(grad, x0, callback=None, num_iters=100, step_size=0.001, b1=0.9, b2=0.999, eps=1e-8)`: see `sgd`.
    Source: Kingma & Ba 2015, Algorithm 1.
    """
    m, v = zeros_like(x), zeros_like(x)
    for i in range(num_iters):
        g = grad(x, i)
        yield x, g
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        x = x - step_size * (m / (1 - b1 ** (i + 1))) / (sqrt(v / (1 - b2 ** (i + 1))) + eps)
    yield x, None

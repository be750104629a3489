"""Fixed points of functions, differentiable in their parameters."""

from collections.abc import Callable
from typing import Any

from ..gradients import vjp
from ..numpy.numpy_vspaces import vspace
from ..operation import primitive
from ..rules import defvjp

__all__ = ["fixed_point"]


@primitive
def fixed_point(f: Callable[[Any], Callable[[Any], Any]], a: Any, x0: Any, distance: Any, tol: Any) -> Any:
    """The fixed point of `f(a)`, to which iterations from `x0` converge; its gradient is with respect to `a`.

    At x = f(a)(x) a cotangent g of x becomes w = g + (df/dx)^T w, itself a fixed point, and (df/da)^T w that of a
    (Christianson 1994).

    Args:
        f: `f(a)(x)` is the next iterate.
        a: Parameters, nested arrays.
        x0: The first iterate.
        distance: `distance(x, y)` of two iterates.
        tol: It ends when the last two iterates are not farther from each other.
    """
    step = f(a)
    x, before = step(x0), x0
    while distance(x, before) > tol:
        x, before = step(x), x
    return x


def _pulled(x, f, a, x0, distance, tol):
    pull = vjp(lambda a, x: f(a)(x), a, x)[1]

    def next_cotangent(known):
        a, x, g = known
        back = vjp(f(a), x)[1]
        return lambda w: vspace(x).add(back(w)[0], g)

    return lambda g: pull(fixed_point(next_cotangent, (a, x, g), vspace(x0).zeros(), distance, tol))[0]


defvjp(fixed_point, None, _pulled, None)

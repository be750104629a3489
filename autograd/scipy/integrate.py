"""Ordinary differential equations under SciPy's name, differentiable in all that they depend on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as onp

from ..backend import scipy_function
from ..gradients import flatten, vjp
from ..numpy import concatenate, dot, stack
from ..numpy._common import as_array
from ..operation import primitive
from ..rules import defvjp_argnums
from ..typing import ArrayLike, Result
from ._rest import passed_on

__all__ = ["odeint"]


def odeint(func: Callable[..., Any], y0: ArrayLike, t: ArrayLike, args: Sequence[Any] = (), **options: Any) -> Result:
    """The solution of dy/dt = func(y, t, *args) at the times `t`, shape `(T, D)`, on the CPU.

    Its gradient with respect to `y0`, `t` and `args`, nested arrays, is the solution of the adjoint equations from each
    time back to the one before, to the same tolerances.
    Source: Chen et al. 2018, Neural Ordinary Differential Equations, appendix C; y is taken from the solution at each
    time, not integrated backwards over all of them.

    Args:
        func: It gets `y`, shape `(D,)`, and the time.
        y0: y at the first time.
        t: Times, in increasing or decreasing order.
        options: Those of `scipy.integrate.odeint`.
    """
    return _odeint(func, y0, t, tuple(args), **options)


@primitive
def _odeint(func, y0, t, args, **options):
    return scipy_function(onp, "integrate", "odeint")(func, y0, t, args, **options)


def _pulled(positions, ys, given, options):
    func, y0, t, args = given
    count, parameters, unflatten = ys.shape[1], *flatten(args)

    def function(y, t, parameters):
        return as_array(func(y, t, *unflatten(parameters)))

    def adjoint(state, t, parameters):
        slope, pull = vjp(lambda y, p: function(y, t, p), state[:count], parameters)
        return concatenate([slope, *pull(-state[count : 2 * count])])

    def pull(g):
        later, of_parameters, of_times = g[-1], onp.zeros(parameters.size), []
        for i in range(len(ys) - 1, 0, -1):
            of_times.append(dot(g[i], function(ys[i], t[i], parameters)))
            start = concatenate([ys[i], later, of_parameters])
            state = odeint(adjoint, start, stack([t[i], t[i - 1]]), (parameters,), **options)[1]
            first, of_parameters = state[count : 2 * count], state[2 * count :]
            later = first + g[i - 1]
        first = first if len(ys) > 1 else 0 * g[0]
        of_times.append(-dot(first, function(ys[0], t[0], parameters)))
        found = [None, later.reshape(as_array(y0).shape), stack(of_times[::-1]), unflatten(of_parameters)]
        return [found[i] for i in positions]

    return pull


defvjp_argnums(_odeint, _pulled)

__getattr__ = passed_on(__name__)

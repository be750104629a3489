"""HIPS autograd's checks of derivatives. `autograd.testing` has checks that look at every element."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from .differential_operators import forward, reverse
from .numpy.numpy_vspaces import vspace
from .wrap_util import get_name, unary_to_nary

__all__ = ["check_equivalent", "check_grads", "check_jvp", "check_vjp", "combo_check", "scalar_close"]

_STEP = 1e-6
_TOLERANCE = 1e-6


def scalar_close(a: Any, b: Any) -> bool:
    """Whether two numbers differ by less than 1e-6, or by less than that relative to their sum."""
    return bool(abs(a - b) < _TOLERANCE or abs(a - b) / abs(a + b) < _TOLERANCE)


def check_equivalent(x: Any, y: Any) -> None:
    """Raises AssertionError unless `x` and `y` are of one vector space and close along a random direction."""
    spaces = vspace(x), vspace(y)
    if spaces[0] != spaces[1]:
        raise AssertionError(f"VSpace mismatch:\nx: {spaces[0]}\ny: {spaces[1]}")
    v = spaces[0].randn()
    if not scalar_close(spaces[0].inner_prod(x, v), spaces[0].inner_prod(y, v)):
        raise AssertionError(f"Value mismatch:\nx: {x}\ny: {y}")


def _difference(f, x, v):
    """The central difference of `f` at `x` in the direction `v`."""
    space = vspace(x)
    above, below = (f(space.add(x, space.scalar_mul(v, step))) for step in (_STEP / 2, -_STEP / 2))
    results = vspace(above)
    return results.scalar_mul(results.add(above, results.scalar_mul(below, -1.0)), 1.0 / _STEP)


def check_vjp(f: Callable[[Any], Any], x: Any) -> None:
    """Raises AssertionError if the reverse-mode derivative of `f` is wrong along random directions."""
    pull, y = reverse(f, x)
    inputs, outputs = vspace(x), vspace(y)
    v, w = inputs.randn(), outputs.randn()
    pulled = inputs.covector(pull(outputs.covector(w)))
    exact, numeric = inputs.inner_prod(v, pulled), outputs.inner_prod(w, _difference(f, x, v))
    if not scalar_close(numeric, exact):
        raise AssertionError(
            f"Derivative (VJP) check of {get_name(f)} failed with arg {x}:\nanalytic: {exact}\nnumeric:  {numeric}"
        )


def check_jvp(f: Callable[[Any], Any], x: Any) -> None:
    """Raises AssertionError if the forward-mode derivative of `f` is wrong along a random direction."""
    v = vspace(x).randn()
    check_equivalent(forward(f, x)(v)[1], _difference(f, x, v))


@unary_to_nary
def check_grads(f: Callable[[Any], Any], x: Any, modes: Sequence[str] = ("fwd", "rev"), order: int = 2) -> None:
    """`check_grads(f, argnum=0, modes=["fwd", "rev"], order=2)(*args)` compares derivatives with finite differences.

    Args:
        modes: "fwd" for forward mode, "rev" for reverse mode.
        order: The highest order of derivatives to check.
    """
    if not set(modes) <= {"fwd", "rev"}:
        raise ValueError(f"check_grads: expected modes among 'fwd' and 'rev', got {modes}.")
    if "fwd" in modes:
        check_jvp(f, x)
        if order > 1:
            _check_further(lambda x, v: forward(f, x)(v)[1], "jvp", f, x, vspace(x).randn(), modes, order)
    if "rev" in modes:
        check_vjp(f, x)
        if order > 1:
            _check_further(lambda x, g: reverse(f, x)[0](g), "vjp", f, x, vspace(f(x)).randn(), modes, order)


def _check_further(derivative, mode, f, x, v, modes, order):
    """Checks a derivative of `f` as a function of `x` and the direction `v`."""
    derivative.__name__ = f"{mode}_{get_name(f)}"
    check_grads(derivative, (0, 1), modes, order=order - 1)(x, v)


def combo_check(fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Callable[..., None]:
    """`check_grads(fun, *args, **kwargs)` of all combinations: the result takes lists, of each argument by position and
    of each one by name."""
    check = check_grads(fun, *args, **kwargs)

    def check_all(*choices: Any, **named: Any) -> None:
        for chosen in itertools.product(*choices, *named.values()):
            check(*chosen[: len(choices)], **dict(zip(named, chosen[len(choices) :], strict=True)))

    return check_all

"""Small functions under HIPS autograd's names: tuples with some items replaced, and a check."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .test_util import check_grads
from .tracer import toposort
from .wrap_util import subvals

__all__ = ["func", "quick_grad_check", "subval", "subvals", "toposort"]


def subval(x: Iterable[Any], i: int, v: Any) -> tuple[Any, ...]:
    """The tuple of the items of `x` with `v` at position `i`."""
    return subvals(x, [(i, v)])


def func(f: Callable[..., Any]) -> Callable[..., Any]:
    """`f` itself: what a class gives as its attribute is a function."""
    return f


def quick_grad_check(
    fun: Callable[..., Any], arg0: Any, extra_args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None,
    **options: Any,
) -> None:  # fmt: skip
    """Checks the gradient of `fun(arg0, *extra_args, **kwargs)` with respect to `arg0`: use `check_grads`.

    Args:
        options: Have no effect.
    """
    check_grads(lambda x: fun(x, *extra_args, **(kwargs or {})), modes=["rev"], order=1)(arg0)

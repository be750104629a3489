"""From operators on functions of one argument to those on functions of many, under HIPS autograd's names."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

__all__ = ["get_name", "subvals", "unary_to_nary", "wraps"]


def subvals(x: Iterable[Any], ivs: Iterable[tuple[int, Any]]) -> tuple[Any, ...]:
    """The tuple of the items of `x` with others at some positions.

    Args:
        ivs: Pairs (position, item).
    """
    items = list(x)
    for i, v in ivs:
        items[i] = v
    return tuple(items)


def get_name(f: Any) -> str:
    """The name of a function."""
    return getattr(f, "__name__", "[unknown name]")


def wraps(
    fun: Any, namestr: str = "{fun}", docstr: str = "{doc}", **kwargs: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that gives a function a name and a docstring made of those of `fun`.

    Args:
        namestr, docstr: Formats, in which `{fun}` is the name and `{doc}` the docstring of `fun`.
        kwargs: Further names in these.
    """

    def named(f: Callable[..., Any]) -> Callable[..., Any]:
        f.__name__ = namestr.format(fun=get_name(fun), **kwargs)
        f.__doc__ = docstr.format(fun=get_name(fun), doc=getattr(fun, "__doc__", ""), **kwargs)
        return f

    return named


def unary_to_nary(unary_operator: Callable[..., Any]) -> Callable[..., Any]:
    """Makes `op(f, argnum=0, ...)(*args, **kwargs)` of `unary_operator(f, x, ...)`, an operator on functions of one
    argument.

    Args:
        unary_operator: It gets a function of `x` and `x`: the argument at `argnum`, a tuple for several positions.
    """

    @functools.wraps(unary_operator)
    def operator(
        fun: Callable[..., Any], argnum: int | Sequence[int] = 0, *more: Any, **options: Any
    ) -> Callable[..., Any]:
        name = get_name(unary_operator)
        if not isinstance(argnum, int | tuple | list):
            raise TypeError(f"{name}: expected argnum, a position or a tuple of them, got {argnum}.")

        @functools.wraps(fun, assigned=("__module__",), updated=())
        def applied(*args: Any, **kwargs: Any) -> Any:
            @functools.wraps(fun, updated=())
            def of_one(x: Any) -> Any:
                pairs = [(argnum, x)] if isinstance(argnum, int) else zip(argnum, x, strict=True)
                return fun(*subvals(args, pairs), **kwargs)

            for i in [argnum] if isinstance(argnum, int) else argnum:
                if not -len(args) <= i < len(args):
                    raise TypeError(
                        f"{name}: expected a positional argument {i} to differentiate, got {len(args)} of them."
                    )
            x = args[argnum] if isinstance(argnum, int) else tuple([args[i] for i in argnum])
            return unary_operator(of_one, x, *more, **options)

        text = f"{name} of function {{fun}} with respect to argument number {argnum}; takes the arguments of {{fun}}."
        return wraps(fun, f"{name}_of_{{fun}}_wrt_argnum_{argnum}", text)(applied)

    del operator.__wrapped__  # whose parameters are others
    return operator

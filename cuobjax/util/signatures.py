"""Names and parameters of functions and classes."""

import functools
import inspect
import itertools
import sys
import types
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar, cast

__all__ = [
    "args_indexes", "call_text", "class_name", "explained", "local_kwargs", "override_args_kwargs",
    "positional_args_names", "re_sign", "repr_function",
]  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_PLACES = {
    "device": 'Write with cuobjax.device("cpu"): around what makes it.',
    "dtype": 'Write cuobjax.set_default_dtype("float64"), for instance, before.',
}
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def class_name(x: Any) -> str:
    """The name under which users write the class of `x`: of cuobjax's own, the shortest one that leads to it."""
    kind = x if isinstance(x, type) else type(x)
    kind = vars(kind).get("_plain_class", kind)  # of modules with a policy of precision
    path = kind.__module__.split(".")
    if path[0] == "cuobjax":
        for package in itertools.accumulate(path, "{}.{}".format):
            if getattr(sys.modules.get(package), kind.__name__, None) is kind:
                return f"{package}.{kind.__name__}"
    return f"{kind.__module__}.{kind.__qualname__}"


def repr_function(f: Callable[..., Any]) -> str:
    """`f` as its name and those of its parameters that have defaults: `leaky_relu(*, negative_slope=0.01)`."""
    try:
        parameters = [*inspect.signature(f).parameters.values()]
    except (TypeError, ValueError):
        parameters = []
    while isinstance(f, functools.partial):
        f = f.func
    name = getattr(f, "__name__", type(f).__name__)
    shown = [f"{p.name}={p.default!r}" for p in parameters if p.default is not p.empty]
    return f"{name}(*, {', '.join(shown)})" if shown else name


def call_text(x: Any, **arguments: Any) -> str:
    """The call that makes an object like `x`: `cuobjax.nn.Linear(nin=2, w_init=xavier_normal(*, gain=1))`.

    Args:
        x: An object, which gives the name of the class.
        arguments: The arguments; functions are written by `repr_function`.
    """
    shown = ", ".join(f"{name}={_argument_text(value)}" for name, value in arguments.items())
    return f"{class_name(x)}({shown})"


def _argument_text(value):
    return repr_function(value) if callable(value) and not hasattr(type(value), "vars") else repr(value)


def explained(remedy: str, **remedies: str) -> Callable[[F], F]:
    """A decorator of methods: a call with wrong arguments names the class that users wrote, and a remedy.

    Args:
        remedy: What to write, where no argument is named; `{name}` stands for the name of the class.
        remedies: What to write where the error names this argument.
    """
    remedies = _PLACES | remedies

    def decorate(method: F) -> F:
        @functools.wraps(method)
        def called(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return method(self, *args, **kwargs)
            except TypeError as error:
                if error.__traceback__ is None or error.__traceback__.tb_next is not None:  # raised in the method
                    raise
                what = str(error).removeprefix(f"{method.__qualname__}() ")
                chosen = next((text for name, text in remedies.items() if f"'{name}'" in what), remedy)
                name = type(self).__name__
                raise TypeError(f"{name}: {what}. {chosen.replace('{name}', name)}") from None

        return cast(F, called)

    return decorate


def positional_args_names(f: Callable[..., Any]) -> list[str]:
    """The names of the parameters of `f` that may be given by position."""
    if not callable(f):
        raise TypeError(f"positional_args_names: expected a function, got {f!r}.")
    return [p.name for p in inspect.signature(f).parameters.values() if p.kind in _POSITIONAL]


def args_indexes(f: Callable[..., Any], args: Iterable[str]) -> Iterator[int]:
    """Yields the positions of the parameters of `f` that have the names `args`.

    Raises:
        ValueError: If there is no such parameter, or none that may be given by position.
    """
    names = positional_args_names(f)
    for name in args:
        if name not in names:
            raise ValueError(f"Function {f} does not have argument of name {name}", (f, name))
        yield names.index(name)


def local_kwargs(kwargs: dict[str, Any], f: Callable[..., Any]) -> dict[str, Any]:
    """Those of `kwargs` that `f` takes by name; all of them if it takes any, none if it does not say."""
    if not kwargs:
        return {}
    names = _keywords(f)
    return kwargs if names is None else {name: kwargs[name] for name in names if name in kwargs}


def _keywords(f):
    """The names of the parameters of `f` that may be given by name; None if it takes any."""
    called = f if type(f) is types.FunctionType or not callable(f) else type(f).__call__
    told = any(hasattr(x, name) for x in (f, called) for name in ("__signature__", "__wrapped__"))
    if type(called) is types.FunctionType and not told:  # what `inspect.signature` finds, in a fraction of its time
        code = called.__code__
        first = max(code.co_posonlyargcount, called is not f)
        last = code.co_argcount + code.co_kwonlyargcount
        return None if code.co_flags & inspect.CO_VARKEYWORDS else code.co_varnames[first:last]
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return ()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return [p.name for p in parameters if p.kind in _NAMED]


def override_args_kwargs(
    f: Callable[..., Any], args: Iterable[Any], kwargs: Mapping[str, Any], new_kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments `args` and `kwargs` of `f` with those of `new_kwargs` in their place, by position or by name.

    Returns:
        (args, kwargs), a list and a dictionary, new ones.
    """
    names = positional_args_names(f)[: len(args := list(args))]
    args[: len(names)] = [new_kwargs.get(name, value) for name, value in zip(names, args, strict=False)]
    return args, {**kwargs, **{name: value for name, value in new_kwargs.items() if name not in names}}


def re_sign(f: Callable[..., Any]) -> Callable[[F], F]:
    """A decorator that gives a function the signature of `f`, as `inspect.signature` and `help` see it."""

    def decorate(op: F) -> F:
        op.__signature__ = inspect.signature(f)  # type: ignore[attr-defined]  # functions have it where one is set
        return op

    return decorate

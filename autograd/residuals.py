"""Vector-Jacobian products, and the residuals that they name: what the tape stores for them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .primitive import Primitive

__all__ = ["Vjp"]


class Vjp:
    """A vector-Jacobian product `(g, ...) -> cotangent`; its parameter names say which residuals the tape stores.

    `g` is the cotangent of the result. The parameters after it may be

    - `y`, the result, or `y0`, `y1`, ..., a part of it; an argument of the forward function, such as `x`; `x_shape`,
      the shape of argument `x`,
    - parameters of the forward function,
    - for an operation on any number of arguments `*args`: `i`, the position of the argument that it is for;
      `args` or `others`, all or all other arguments; `args_shapes`.

    What it does not name can be released.

    Attributes:
        function: The vector-Jacobian product.
        residuals: `(y, args, params, i)` gives what it names, as a tuple; None if it names only `g`.
    """

    __slots__ = ("_primitive", "function", "residuals")
    function: Callable[..., Any]
    residuals: Callable[..., tuple[Any, ...]] | None

    def __init__(self, function: Callable[..., Any], primitive: Primitive) -> None:
        self.function, self._primitive = function, primitive

    def __getattr__(self, name: str) -> Any:
        """`residuals`, made when they are first needed: most operations of the library are not."""
        if name != "residuals":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        count, variadic = len(self._primitive.arguments), self._primitive.variadic
        sources = {"y": "y", "i": "i", "others": "(*args[:i], *args[i + 1:])", variadic: f"tuple(args[{count}:])"}
        sources.update({f"y{part}": f"y[{part}]" for part in range(4)})
        sources[f"{variadic}_shapes"] = f"tuple([a.shape for a in args[{count}:]])"
        for i, argument in enumerate(self._primitive.arguments):
            sources.update({argument: f"args[{i}]", f"{argument}_shape": f"args[{i}].shape"})
        names = list(inspect.signature(self.function).parameters)[1:]
        found = "".join(sources.get(name, f"params[{name!r}]") + ", " for name in names)
        self.residuals = eval(f"lambda y, args, params, i: ({found})") if found else None
        return self.residuals

    def applied(self, g: Any, y: Any, args: Sequence[Any], params: dict[str, Any], i: int) -> Any:
        """The product for `g`: the cotangent of the result or, as derivatives of elements are factors, a tangent.

        Args:
            y: The result.
            args, params: Those of the operation.
            i: The position of the argument whose cotangent it gives.
        """
        return self.function(g, *(self.residuals(y, args, params, i) if self.residuals else ()))

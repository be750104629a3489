"""Modules made of layers."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autograd.errors import shortened

from ..core.module import Module, ModuleList
from ..core.module_text import item_text
from ..functional import relu
from ..util import local_kwargs
from ..util.convert import require_lengths
from ..util.signatures import explained
from .inputs import require_activation
from .linear import Linear

__all__ = ["MLP", "Sequential"]


class Sequential(ModuleList):
    """Layers applied one after the other: `Sequential([Linear(2, 3), relu])`.

    A tuple that a layer returns becomes the arguments of the next one. A keyword argument goes to every layer that has
    a parameter of its name: `net(x, training=True)`.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """What the last layer returns; without layers, the arguments.

        Args:
            args: The arguments of the first layer.
            kwargs: Arguments of all layers that have parameters of these names.

        Raises:
            TypeError: If no layer has a parameter of a name, other than `training`. To an error that a layer raises, a
                note is added that says which one it was.
        """
        taken = [_taken(kwargs, layer) for layer in self]
        unknown = kwargs.keys() - {"training"}.union(*taken)  # a network without layers that use it accepts it, too
        if unknown:
            raise TypeError(f"{type(self).__name__}: expected keywords that a layer takes, got {sorted(unknown)}.")
        for i, layer in enumerate(self):
            try:
                output = self.run_layer(i, layer, args, taken[i])
            except (TypeError, ValueError) as error:
                if i and len(args) > 1:
                    error.add_note(
                        f"{type(self[i - 1]).__name__} before it returned a tuple, whose {len(args)} items are its "
                        "arguments. For the first one alone, put a function between them: lambda y, *rest: y"
                    )
                raise
            args = output if isinstance(output, tuple) else (output,)
        return args if len(args) != 1 else args[0]

    @classmethod
    def run_layer(cls, layer: int, f: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """Calls one layer, as calling the whole does with each of them: a place to watch or change what layers get.

        Args:
            layer: Its position, for the note that is added to an error.
            f: The layer.
            args: Its arguments.
            kwargs: Arguments, of which it gets those that it takes.
        """
        if not callable(f):
            got = type(f).__name__
            raise TypeError(f"{cls.__name__}[{layer}]: expected a layer, got {got}. Pass the function itself: jn.tanh.")
        try:
            return f(*args, **_taken(kwargs, f))
        except Exception as error:
            shortened(error)
            text: Any = type(f).__repr__
            shown = item_text(f) if text is not Module.__repr__ else type(f).__name__  # not a whole tree
            error.add_note(f"in {cls.__name__}[{layer}]: {shown}")
            raise


class MLP(Sequential):
    """Linear layers with an activation between them: x (..., sizes[0]) to (..., sizes[-1]).

    Args:
        sizes: The numbers of features, of the input first and of the output last.
        activation: A function, applied after each layer but the last.
        use_bias: Whether the layers have a bias.

    Example:
        >>> print(MLP([2, 16, 1]).vars())
        (MLP)[0](Linear).b         16 (16,)
        (MLP)[0](Linear).w         32 (2, 16)
        (MLP)[2](Linear).b          1 (1,)
        (MLP)[2](Linear).w         16 (16, 1)
        +Total(4)                  65
    """

    @explained("Write MLP([nin, hidden, nout]).", bias="Write use_bias=False.")
    def __init__(self, sizes: Sequence[int], activation: Callable[..., Any] = relu, use_bias: bool = True) -> None:
        sizes = [*sizes] if isinstance(sizes, Sequence) else sizes
        require_lengths(type(self).__name__, 0, sizes=sizes)
        if not isinstance(sizes, list) or len(sizes) < 2:
            raise ValueError(f"{type(self).__name__}: expected at least two sizes, got {sizes!r}. Write MLP([2, 1]).")
        require_activation(self, activation)
        layers: list[Any] = []
        for nin, nout in itertools.pairwise(sizes):
            layers += [Linear(nin, nout, use_bias), activation]
        super().__init__(layers[:-1])


def _taken(kwargs, layer):
    """Those of `kwargs` that a layer takes: a Sequential takes what its layers take."""
    if not kwargs:
        return {}
    if isinstance(layer, Sequential) and type(layer).__call__ is Sequential.__call__:
        return {name: value for part in layer for name, value in _taken(kwargs, part).items()}
    return local_kwargs(kwargs, layer)

"""Modules made of layers."""

from typing import Any

from autograd.errors import shortened

from ..core.module import Module, ModuleList
from ..core.module_text import item_text
from ..util import local_kwargs

__all__ = ["Sequential"]


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
                args = layer(*args, **taken[i])
            except Exception as error:
                shortened(error)
                text: Any = type(layer).__repr__
                shown = item_text(layer) if text is not Module.__repr__ else type(layer).__name__  # not a whole tree
                error.add_note(f"in {type(self).__name__}[{i}]: {shown}")
                raise
            args = args if isinstance(args, tuple) else (args,)
        return args if len(args) != 1 else args[0]


def _taken(kwargs, layer):
    """Those of `kwargs` that a layer takes: a Sequential takes what its layers take."""
    if isinstance(layer, Sequential) and type(layer).__call__ is Sequential.__call__:
        return {name: value for part in layer for name, value in _taken(kwargs, part).items()}
    return local_kwargs(kwargs, layer)

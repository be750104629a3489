"""A network of linear layers."""

import itertools
from collections.abc import Callable, Iterable
from typing import Any

from ..nn import Linear, Sequential
from ..util.convert import require_lengths

__all__ = ["DNNet"]


class DNNet(Sequential):
    """Linear layers, each followed by an activation, the last one too: x (..., first) to (..., last). See `nn.MLP`.

    Args:
        layer_sizes: The numbers of features: of the input, of each layer.
        activation: A function.
    """

    def __init__(self, layer_sizes: Iterable[int], activation: Callable[..., Any]) -> None:
        sizes = list(layer_sizes) if isinstance(layer_sizes, Iterable) else layer_sizes
        require_lengths("DNNet", 0, layer_sizes=sizes)
        if not isinstance(sizes, list) or len(sizes) < 2:
            raise ValueError(f"DNNet: expected at least two layer_sizes, got {sizes}.")
        layers: list[Any] = []
        for nin, nout in itertools.pairwise(sizes):
            layers += [Linear(nin, nout), activation]
        super().__init__(layers)

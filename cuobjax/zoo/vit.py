"""Transformers for images. Source: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words"."""

import cuobjax.numpy as jn
from autograd import Array

from .. import random
from ..core.module import Module, ModuleList
from ..core.variable import TrainVar
from ..nn import Conv2D, Dropout, LayerNorm, Linear, TransformerBlock
from ..random.generator import KeySource
from ..typing import ArrayLike
from ..util.convert import require_sizes

__all__ = ["ViT"]


class ViT(Module):
    """A transformer over the patches of images: (N, nin, size, size) to logits (N, nclass).

    A learned vector goes in front of the patches; the logits are made of what becomes of it.

    Args:
        nin: The number of channels.
        nclass: The number of classes.
        size: The height and width of the images.
        patch: The height and width of a patch, which divides the size.
        nfeatures: The number of features of a patch.
        heads: The number of heads of attention.
        layers: The number of blocks.
        keep: The probability that a feature is kept in training.
        generator: Where the random numbers for `keep` come from.

    Example:
        >>> net = ViT(3, 10, size=32, patch=8, nfeatures=64, heads=4, layers=2)
        >>> net(jn.ones((2, 3, 32, 32))).shape
        (2, 10)
    """

    patches: Conv2D
    first: TrainVar
    positions: TrainVar
    blocks: ModuleList
    norm: LayerNorm
    output: Linear
    dropout: Dropout | None

    def __init__(
        self,
        nin: int,
        nclass: int,
        size: int = 224,
        patch: int = 16,
        nfeatures: int = 768,
        heads: int = 12,
        layers: int = 12,
        keep: float = 1,
        generator: KeySource = random.DEFAULT_GENERATOR,
    ) -> None:
        require_sizes("ViT", 1, nin=nin, nclass=nclass, size=size, patch=patch, nfeatures=nfeatures, layers=layers)
        if size % patch:
            raise ValueError(f"ViT: expected a patch that divides the size, got patch {patch} and size {size}.")
        self.patches = Conv2D(nin, nfeatures, patch, strides=patch, padding="VALID")
        self.first = TrainVar(jn.zeros((1, 1, nfeatures)))
        self.positions = TrainVar(random.normal((1 + (size // patch) ** 2, nfeatures), stddev=0.02))
        self.dropout = None if keep == 1 else Dropout(keep, generator)
        blocks = [TransformerBlock(nfeatures, heads, keep=keep, generator=generator) for _ in range(layers)]
        self.blocks = ModuleList(blocks)
        self.norm = LayerNorm(nfeatures)
        self.output = Linear(nfeatures, nclass)
        self.shape = (nin, size, size)

    def __call__(self, x: ArrayLike, training: bool | None = None) -> Array:
        """Images x (N, nin, size, size) to logits (N, nclass).

        Args:
            x: An array of real numbers.
            training: Whether to drop features; None: the mode that `train`, `eval` or `mode` of a module set.

        Raises:
            ValueError: If x has another shape.
        """
        x = jn.asarray(x)
        if x.ndim != 4 or x.shape[1:] != self.shape:
            raise ValueError(f"ViT: expected images (N, {', '.join(map(str, self.shape))}), got {x.shape}.")
        y = self.patches(x)
        n, features = y.shape[:2]
        y = y.reshape((n, features, y.shape[2] * y.shape[3])).transpose((0, 2, 1))
        first = jn.broadcast_to(self.first.value, (n, 1, features)).astype(y.dtype)
        y = jn.concatenate([first, y], 1) + self.positions.value
        y = y if self.dropout is None else self.dropout(y, training)
        for block in self.blocks:
            y = block(y, training=training)
        return self.output(self.norm(y[:, 0]))

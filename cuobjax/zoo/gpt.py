"""Language models. Source: Radford et al. 2019, "Language models are unsupervised multitask learners"."""

from typing import Any

import cuobjax.numpy as jn
from autograd import Array

from .. import random
from ..core.module import Module, ModuleList
from ..functional import top_k as largest
from ..nn import Dropout, Embedding, KVCache, LayerNorm, TransformerBlock
from ..random.generator import KeySource
from ..transforms.jit import Jit
from ..typing import ArrayLike
from ..util.convert import require_reals, require_sizes

__all__ = ["GPT"]


class GPT(Module):
    """A transformer that predicts the next token: integers (N, T) to logits (N, T, ntokens).

    The weights of the output are those of the embedding. Weights are normal numbers with standard deviation 0.02, those
    of the last layers before a sum are divided by sqrt(2 * layers), as in GPT-2.

    Args:
        ntokens: The size of the vocabulary.
        length: How many positions there are at most.
        nfeatures: The number of features of a position.
        heads, kv_heads: The numbers of heads of queries and of keys and values; kv_heads None: as many.
        layers: The number of blocks.
        rotary: Whether positions are rotations of queries and keys instead of learned vectors.
        keep: The probability that a feature is kept in training.
        generator: Where the random numbers for `keep` come from.

    Example:
        >>> net = GPT(ntokens=50, length=16, nfeatures=32, heads=4, layers=2)
        >>> net([[3, 1, 4]]).shape, net.generate([[3, 1, 4]], 5).shape
        ((1, 3, 50), (1, 8))
    """

    tokens: Embedding
    positions: Embedding | None
    blocks: ModuleList
    norm: LayerNorm
    dropout: Dropout | None

    def __init__(
        self,
        ntokens: int,
        length: int = 1024,
        nfeatures: int = 768,
        heads: int = 12,
        layers: int = 12,
        kv_heads: int | None = None,
        rotary: bool = False,
        keep: float = 1,
        generator: KeySource = random.DEFAULT_GENERATOR,
    ) -> None:
        require_sizes("GPT", 1, ntokens=ntokens, length=length, nfeatures=nfeatures, layers=layers)
        self.length = length
        self.tokens = Embedding(ntokens, nfeatures, _small)
        self.positions = None if rotary else Embedding(length, nfeatures, _small)
        self.dropout = None if keep == 1 else Dropout(keep, generator)
        arguments: dict[str, Any] = {
            "keep": keep,
            "generator": generator,
            "kv_heads": kv_heads,
            "rotary": rotary,
            "w_init": _small,
        }
        self.blocks = ModuleList(TransformerBlock(nfeatures, heads, causal=True, **arguments) for _ in range(layers))
        for block in self.blocks:
            for layer, scale in ((block.attention.out, 2 * layers), (block.mlp[0], 1), (block.mlp[2], 2 * layers)):
                layer.w.assign(_small(layer.w.shape) * scale**-0.5)
        self.norm = LayerNorm(nfeatures)

    def __call__(self, x: ArrayLike, caches: Any = None, training: bool | None = None) -> Array:
        """Tokens x (N, T) to the logits of the next ones, (N, T, ntokens).

        Args:
            x: Integers.
            caches: Of the positions before, one for each block: see `caches()`.
            training: Whether to drop features; None: the mode that `train`, `eval` or `mode` of a module set.

        Raises:
            ValueError: If x has another rank or more positions than there are.
        """
        x = jn.asarray(x)
        if x.ndim != 2 or not 0 < x.shape[1] <= self.length:
            raise ValueError(f"GPT: expected tokens (N, T) with T from 1 to {self.length}, got {x.shape}.")
        given = caches if isinstance(caches, list | tuple) else [caches]
        if caches is not None and [type(c) for c in given] != [KVCache] * len(self.blocks):
            expected = f"caches as a list of {len(self.blocks)} KVCaches, one for each block"
            raise TypeError(f"GPT: expected {expected}, got {caches!r:.80}. net.caches(n) makes them.")
        y = self.tokens(x)
        if self.positions is not None:
            places = jn.arange(x.shape[1]) if caches is None else caches[0].places(x.shape[1])
            y = y + self.positions.w.value[places]
        y = y if self.dropout is None else self.dropout(y, training)
        for i, block in enumerate(self.blocks):
            y = block(y, cache=None if caches is None else caches[i], training=training)
        return jn.dot(self.norm(y), self.tokens.w.value.T)

    def caches(self, n: int, capacity: int | None = None) -> ModuleList:
        """Empty caches of `n` sequences for all blocks; `capacity` None: of as many positions as there are."""
        capacity = self.length if capacity is None else capacity
        require_sizes("GPT.caches", 1, n=n, capacity=capacity)
        if capacity > self.length:
            raise ValueError(f"GPT.caches: expected a capacity of at most {self.length}, got {capacity}.")
        return ModuleList(block.attention.cache(n, capacity) for block in self.blocks)

    def generate(
        self,
        x: ArrayLike,
        count: int,
        temperature: float = 1,
        top_k: int | None = None,
        generator: KeySource = random.DEFAULT_GENERATOR,
    ) -> Array:
        """Tokens x (N, T) and the `count` next ones, (N, T + count), drawn one after the other.

        Keys and values of earlier positions are kept, and all steps but the first run one recorded program.

        Args:
            x: Integers.
            count: How many tokens to add.
            temperature: What logits are divided by; 0 takes the most likely token.
            top_k: How many of the most likely tokens are drawn from; None: all.
            generator: Where random numbers come from.

        Raises:
            ValueError: If there are not as many positions, or if a number is out of range.
        """
        x = jn.asarray(x)
        require_sizes("GPT.generate", 0, count=count, top_k=1 if top_k is None else top_k)
        require_reals("GPT.generate", temperature=temperature)
        if x.ndim != 2 or not x.shape[1] or x.shape[1] + count > self.length:
            raise ValueError(
                f"GPT.generate: expected tokens (N, T) with 0 < T <= {self.length - count}, got {x.shape}."
            )
        if not temperature >= 0 or (top_k is not None and not 1 <= top_k <= self.tokens.w.shape[0]):
            raise ValueError(
                f"GPT.generate: expected temperature >= 0 and top_k from 1 to {self.tokens.w.shape[0]}, got "
                f"{temperature} and {top_k}."
            )
        caches = self.caches(x.shape[0], x.shape[1] + count)

        def step(tokens):
            logits = self(tokens, caches, training=False)[:, -1]
            return _draw(logits, temperature, top_k, generator)[:, None].astype(x.dtype)

        found, recorded = [x], Jit(step)
        for i in range(count):
            found.append((recorded if i else step)(found[-1]))
        return jn.concatenate(found, 1)


def _small(shape):
    return random.normal(shape, stddev=0.02)


def _draw(logits, temperature, top_k, generator):
    """A token for each row of logits (N, ntokens)."""
    if temperature == 0:
        return logits.argmax(-1)
    logits = logits / temperature
    if top_k is not None:
        logits = jn.where(logits < largest(logits, top_k)[0][:, -1:], -jn.inf, logits)
    return random.categorical(logits, generator=generator)

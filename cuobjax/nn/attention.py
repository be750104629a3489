"""Attention with several heads, and the keys and values that decoding keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cuobjax.numpy as jn
from autograd import Array

from .. import random
from ..core.module import Module
from ..core.training_mode import in_training
from ..core.variable import StateVar, Tensor
from ..functional.attention import attention, rotary_embedding
from ..random.generator import KeySource, new_key
from ..typing import ArrayLike, DTypeLike
from ..util.convert import require_sizes
from ..util.signatures import call_text, explained
from .dropout import Dropout
from .init import xavier_normal
from .inputs import as_input, require_real
from .linear import Linear

__all__ = ["KVCache", "MultiHeadAttention"]


class KVCache(Module):
    """The keys and values of the positions so far, in arrays of fixed shape: each step of decoding is the same program.

    Args:
        n: The number of sequences.
        heads: The number of heads of keys and values.
        capacity: How many positions there is room for.
        width: The number of features of a head.
        dtype: The dtype of keys and values; None: that of new arrays.

    Attributes:
        keys, values: (n, heads, capacity, width).
        length: How many positions are there, a number.
    """

    keys: StateVar
    values: StateVar
    length: StateVar

    def __init__(self, n: int, heads: int, capacity: int, width: int, dtype: DTypeLike = None) -> None:
        require_sizes("KVCache", 1, n=n, heads=heads, capacity=capacity, width=width)
        self.keys, self.values = [StateVar(jn.zeros((n, heads, capacity, width), dtype)) for _ in range(2)]
        self.length = StateVar(jn.zeros((), "int32"))

    def reset(self) -> None:
        """Forgets all positions."""
        self.length.assign(jn.zeros((), "int32"))

    def __call__(self, keys: Array, values: Array) -> tuple[Array, Array, Array]:
        """Adds the keys and values of T positions, (n, heads, T, width).

        Nobody looks whether there is still room, as that would be a wait on a GPU; on the CPU an index out of range
        raises IndexError.

        Returns:
            All keys and values, with room that is not used yet, and what the new positions see of it, (T, capacity).

        Raises:
            ValueError: If a shape does not fit.
        """
        shape, count = self.keys.shape, keys.shape[2]
        if keys.shape != values.shape or keys.shape != (*shape[:2], count, shape[3]) or count > shape[2]:
            expected = f"({shape[0]}, {shape[1]}, T, {shape[3]}) with T up to {shape[2]}"
            raise ValueError(f"KVCache: expected keys and values {expected}, got {keys.shape} and {values.shape}.")
        places = self.places(count)
        self.keys.assign(self.keys.value.at[:, :, places].set(keys.astype(self.keys.dtype)))
        self.values.assign(self.values.value.at[:, :, places].set(values.astype(self.values.dtype)))
        self.length.assign(self.length.value + count)
        return self.keys.value, self.values.value, jn.arange(shape[2]) <= places[:, None]

    def places(self, count: int) -> Array:
        """The numbers of the next `count` positions."""
        return self.length.value + jn.arange(count, dtype="int32")


class MultiHeadAttention(Module):
    """Attention with several heads: x (N, T, nin) to (N, T, nin). Source: Vaswani et al. 2017.

    Args:
        nin: The number of features.
        heads: The number of heads, which divides nin.
        kv_heads: The number of heads of keys and values, which divides `heads`; None: as many. Source:
            Ainslie et al. 2023.
        ncontext: The number of features of the context that keys and values are made of; None: nin.
        causal: Whether a position sees only those up to its own.
        rotary: Whether queries and keys are rotated by their positions: see `functional.rotary_embedding`.
        use_bias: Whether the linear layers have a bias.
        keep: The probability that a weight is kept in training.
        w_init: Makes the weights of the linear layers from their shapes.
        generator: Where the random numbers for `keep` come from.

    Example:
        >>> layer = MultiHeadAttention(64, heads=8, kv_heads=2, causal=True)
        >>> layer(jn.ones((2, 10, 64))).shape
        (2, 10, 64)
    """

    query: Linear
    key: Linear
    value: Linear
    out: Linear
    heads: int
    kv_heads: int
    causal: bool
    rotary: bool
    dropout: Dropout | None

    @explained(
        "Write MultiHeadAttention(nin, heads).",
        batch_first="Leave it out: x is (N, T, nin).",
        bias="Write use_bias=False.",
        dropout="Write keep, the probability that a weight is kept.",
        kdim="Write ncontext.",
    )
    def __init__(
        self,
        nin: int,
        heads: int,
        kv_heads: int | None = None,
        ncontext: int | None = None,
        causal: bool = False,
        rotary: bool = False,
        use_bias: bool = True,
        keep: float = 1,
        w_init: Callable[[tuple[int, ...]], Tensor] = xavier_normal,
        generator: KeySource = random.DEFAULT_GENERATOR,
    ) -> None:
        kv_heads = heads if kv_heads is None else kv_heads
        ncontext = nin if ncontext is None else ncontext
        require_sizes("MultiHeadAttention", 1, nin=nin, heads=heads, kv_heads=kv_heads, ncontext=ncontext)
        if nin % heads or heads % kv_heads or (rotary and nin // heads % 2):
            even = " with an even number of features" if rotary else ""
            raise ValueError(
                f"MultiHeadAttention: expected heads{even} that divide nin, and kv_heads that divide heads, got nin "
                f"{nin}, heads {heads}, kv_heads {kv_heads}."
            )
        self.heads, self.kv_heads, self.causal, self.rotary = heads, kv_heads, causal, rotary
        self.dropout = None if keep == 1 else Dropout(keep, generator)
        width = nin // heads * kv_heads
        self.query, self.out = [Linear(nin, nin, use_bias, w_init) for _ in range(2)]
        self.key, self.value = [Linear(ncontext, width, use_bias, w_init) for _ in range(2)]
        self._w_init = w_init

    def __call__(
        self,
        x: ArrayLike,
        context: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        bias: ArrayLike | None = None,
        cache: KVCache | None = None,
        training: bool | None = None,
    ) -> Array:
        """x (N, T, nin) to (N, T, nin).

        Args:
            x: What queries are made of.
            context: What keys and values are made of, (N, S, ncontext); None: x.
            mask: Booleans that broadcast to (N, heads, T, S), True where a query sees a key. One of shape (N, S) says
                which keys there are in each sequence, padding is False; one of shape (T, S) which keys queries see.
            bias: Numbers that broadcast to (N, heads, T, S), added to the scores.
            cache: Of the positions before, to which these are added: see `cache()`. Each position sees those before it.
            training: Whether to drop weights; None: the mode that `train`, `eval` or `mode` of a module set.

        Raises:
            ValueError: If a shape does not fit, if a mask of two axes may be both as N = T, if one of three may be of
                sequences or of heads as N = heads, or if a cache goes with a context or mask.
        """
        x = as_input(self, x)
        if x.ndim != 3 or x.shape[2] != self.query.w.shape[0]:
            expected = f"(N, T, {self.query.w.shape[0]})"
            raise ValueError(f"MultiHeadAttention: expected x of shape {expected}, got {x.shape}.")
        if cache is not None and not callable(cache):
            raise TypeError(f"MultiHeadAttention: expected a KVCache as cache, got {cache!r}. layer.cache() makes one.")
        if cache is not None and not (context is None and mask is None and bias is None):
            raise ValueError("MultiHeadAttention: expected a cache alone, got a context, mask or bias with it.")
        source, ncontext = x if context is None else as_input(self, context), self.key.w.shape[0]
        if source.ndim != 3 or source.shape[::2] != (x.shape[0], ncontext) or not source.shape[1]:
            expected = f"({x.shape[0]}, S, {ncontext}) with S > 0"
            name = "x as its own context" if context is None else "context"
            raise ValueError(f"MultiHeadAttention: expected {name} of shape {expected}, got {source.shape}.")
        require_real(self, x)
        require_real(self, source)
        q = self._by_head(self.query(x), self.heads)
        k, v = [self._by_head(layer(source), self.kv_heads) for layer in (self.key, self.value)]
        if self.rotary:
            places = None if cache is None else cache.places(x.shape[1])
            q, k = rotary_embedding(q, places), rotary_embedding(k, places)
        causal = self.causal and cache is None
        if cache is not None:
            k, v, mask = cache(k, v)
        elif mask is not None:
            mask = jn.asarray(mask)
            if mask.ndim == 2 and mask.shape == source.shape[:2]:
                if len(x) == x.shape[1] > 1:
                    raise ValueError(
                        f"MultiHeadAttention: a mask of shape {mask.shape} may be of keys, (N, S), or of queries and "
                        "keys, (T, S), as N = T. Write mask[:, None, None] for the first, mask[None, None] for the "
                        "second."
                    )
                mask = mask[:, None, None, :]
            if mask.ndim == 3 and len(mask) == len(x) == self.heads > 1:
                raise ValueError(
                    f"MultiHeadAttention: a mask of shape {mask.shape} may be of sequences, (N, T, S), or of heads, "
                    "(heads, T, S), as N = heads. Write mask[:, None] for the first, mask[None] for the second."
                )
        random_part: dict[str, Any] = {}
        if self.dropout is not None and in_training(self.dropout, training):
            random_part = {"keep": self.dropout.keep, "key": new_key(self.dropout.keygen)}
        y = attention(q, k, v, mask, bias, causal, **random_part)
        return self.out(y.transpose((0, 2, 1, 3)).reshape(x.shape))

    def _by_head(self, x, heads):
        """x (N, T, heads * D) as (N, heads, T, D)."""
        n, count, width = x.shape
        return x.reshape((n, count, heads, width // heads)).transpose((0, 2, 1, 3))

    def cache(self, n: int, capacity: int, dtype: DTypeLike = None) -> KVCache:
        """An empty cache for decoding: `n` sequences of up to `capacity` positions.

        Args:
            dtype: The dtype of keys and values; None: that of the weights.
        """
        width = self.query.w.shape[1] // self.heads
        return KVCache(n, self.kv_heads, capacity, width, self.key.w.dtype if dtype is None else dtype)

    def __repr__(self) -> str:
        return call_text(
            self,
            nin=self.query.w.shape[0],
            heads=self.heads,
            kv_heads=self.kv_heads,
            ncontext=self.key.w.shape[0],
            causal=self.causal,
            rotary=self.rotary,
            use_bias=self.query.b is not None,
            keep=1 if self.dropout is None else self.dropout.keep,
            w_init=self._w_init,
        )

"""The blocks of transformers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autograd import Array

from .. import random
from ..core.module import Module
from ..core.variable import Tensor
from ..functional.activation import gelu
from ..random.generator import KeySource
from ..typing import ArrayLike
from ..util.convert import require_functions, require_sizes
from ..util.signatures import call_text, explained
from .attention import KVCache, MultiHeadAttention
from .containers import MLP
from .dropout import Dropout
from .group_norm import LayerNorm
from .init import xavier_normal
from .inputs import as_input, require_activation, require_real

__all__ = ["TransformerBlock"]


class TransformerBlock(Module):
    """Attention and two linear layers, each with a norm before it and added to its input, (N, T, nin).

    Without `causal` it is the block of an encoder, with `causal` that of a GPT, with `cross` as well that of a decoder.
    Source: Vaswani et al. 2017; the norms come first, as in Xiong et al. 2020.

    Args:
        nin: The number of features.
        heads: The number of heads, which divides nin.
        nhidden: The number of features between the two linear layers; None: 4 * nin.
        causal: Whether a position sees only those up to its own.
        cross: Whether there is a second attention, to a context (N, S, ncontext).
        activation: What is between the two linear layers.
        keep: The probability that a feature of what is added is kept in training.
        norm: Makes a norm of nin.
        generator: Where the random numbers for `keep` come from.
        ncontext, kv_heads, rotary, use_bias, w_init: As for `MultiHeadAttention`; the context's features are those of
            the second attention.

    Example:
        >>> import cuobjax
        >>> TransformerBlock(64, heads=8, causal=True)(cuobjax.random.normal((2, 10, 64))).shape
        (2, 10, 64)
    """

    attention: MultiHeadAttention
    attention_norm: Module
    cross: MultiHeadAttention | None
    cross_norm: Module | None
    mlp: MLP
    mlp_norm: Module
    dropout: Dropout | None

    @explained(
        "Write TransformerBlock(nin, heads).",
        batch_first="Leave it out: x is (N, T, nin).",
        bias="Write use_bias=False.",
        dim_feedforward="Write nhidden.",
        dropout="Write keep, the probability that a feature is kept.",
        norm_first="Leave it out: the norms come first.",
    )
    def __init__(
        self,
        nin: int,
        heads: int,
        nhidden: int | None = None,
        causal: bool = False,
        cross: bool = False,
        activation: Callable[..., Any] = gelu,
        keep: float = 1,
        norm: Callable[[int], Module] = LayerNorm,
        generator: KeySource = random.DEFAULT_GENERATOR,
        ncontext: int | None = None,
        *,
        kv_heads: int | None = None,
        rotary: bool = False,
        use_bias: bool = True,
        w_init: Callable[[tuple[int, ...]], Tensor] = xavier_normal,
    ) -> None:
        require_sizes("TransformerBlock", 1, nin=nin, nhidden=1 if nhidden is None else nhidden)
        nhidden = 4 * nin if nhidden is None else nhidden
        require_activation(self, activation)
        require_functions("TransformerBlock", norm=norm)
        if ncontext is not None and not cross:
            raise ValueError(
                "TransformerBlock: expected cross=True with ncontext, the number of features of its context."
            )
        self.attention_norm, self.mlp_norm = norm(nin), norm(nin)
        arguments: dict[str, Any] = {"kv_heads": kv_heads, "use_bias": use_bias, "w_init": w_init}
        self.attention = MultiHeadAttention(nin, heads, causal=causal, rotary=rotary, **arguments)
        self.cross_norm = norm(nin) if cross else None
        self.cross = MultiHeadAttention(nin, heads, ncontext=ncontext, **arguments) if cross else None
        self.mlp = MLP([nin, nhidden, nin], activation, use_bias)
        self.dropout = None if keep == 1 else Dropout(keep, generator)
        self._arguments: dict[str, Any] = {
            "nin": nin, "heads": heads, "nhidden": nhidden, "causal": causal, "cross": cross, "activation": activation,
            "keep": keep, "norm": norm, "ncontext": ncontext, "rotary": rotary, **arguments,
        }  # fmt: skip

    def __call__(
        self,
        x: ArrayLike,
        context: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        context_mask: ArrayLike | None = None,
        cache: KVCache | None = None,
        training: bool | None = None,
    ) -> Array:
        """x (N, T, nin) to (N, T, nin).

        Args:
            x: An array of real numbers.
            context: What a block with `cross` looks at, (N, S, ncontext).
            mask, context_mask: Which positions are seen: see `MultiHeadAttention`; of x and of the context.
            cache: The positions before: see `MultiHeadAttention.cache`.
            training: Whether to drop features; None: the mode that `train`, `eval` or `mode` of a module set.

        Raises:
            ValueError: If a shape does not fit, or if a context is missing or too much.
        """
        x, nin = as_input(self, x), self._arguments["nin"]
        if x.ndim != 3 or x.shape[2] != nin or not x.shape[1]:
            raise ValueError(f"TransformerBlock: expected x of shape (N, T, {nin}) with T > 0, got {x.shape}.")
        require_real(self, x)
        if (context is None) is not (self.cross is None):
            needed = "a context, as cross=True" if context is None else "no context, as it has cross=False"
            raise ValueError(f"TransformerBlock: expected {needed}.")
        x = x + self._dropped(self.attention(self.attention_norm(x), mask=mask, cache=cache), training)
        if self.cross is not None and self.cross_norm is not None:
            x = x + self._dropped(self.cross(self.cross_norm(x), context, context_mask), training)
        return x + self._dropped(self.mlp(self.mlp_norm(x)), training)

    def _dropped(self, x, training):
        return x if self.dropout is None else self.dropout(x, training)

    def __repr__(self) -> str:
        return call_text(self, **self._arguments)

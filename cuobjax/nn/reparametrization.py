"""Layers whose weights are a function of what is trained: wrappers of a layer such as Linear, Conv or Embedding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cuobjax.numpy as jn
from autograd import Array
from autograd.axes import complete_axis

from .. import functional, random
from ..core.call import call
from ..core.module import Module
from ..core.scope import at_once, write
from ..core.surgery import freeze, unfreeze
from ..core.training_mode import in_training
from ..core.variable import StateVar, StoredVar, Tensor, TrainVar
from ..functional.half_precision import single
from ..typing import ArrayLike
from ..util.convert import require_reals, require_sizes
from ..util.signatures import call_text, explained
from .init import kaiming_normal
from .linear import weights

__all__ = ["LoRA", "SpectralNorm", "WeightNorm"]


class _Reparametrized(Module):
    """Calls a layer with other weights than its variable w holds: those that `_weights` makes of them."""

    layer: Any

    def _wrap(self, layer):
        w = getattr(layer, "w", None)
        if not isinstance(layer, Module) or not isinstance(w, StoredVar) or w.ndim < 2:
            raise TypeError(
                f"{type(self).__name__}: expected a layer with weights w, such as Linear or Conv2D, got {layer!r}."
            )
        self.layer = layer
        return w

    def _weights(self, w: Array) -> Array:
        raise NotImplementedError

    def __call__(self, x: ArrayLike) -> Array:
        """What the layer makes of x with these weights."""
        w = self.layer.w
        made = self._weights(w.value).astype(w.dtype)
        output, changes, _ = call(self.layer, (x,), {}, {w: made})
        write({variable: value for variable, value in changes.items() if variable is not w})
        return output

    def merge(self) -> Any:
        """The layer itself, whose w then holds the weights: put it in the place of this module with `replace`."""
        w = self.layer.w
        w.assign(self._weights(w.value).astype(w.dtype))
        return self.layer


def _or_one(x):
    """x, 1 where it is 0."""
    return jn.where(x == 0, 1, x)


class WeightNorm(_Reparametrized):
    """A layer whose weights are g * w / |w|: lengths g and directions w, trained apart. Source: Salimans & Kingma 2016.

    The norm is that of the weights of each output. At first, the weights are what they were without it. Where all
    weights of an output become 0, the results are 0, not NaN.

    Args:
        layer: A layer with weights w, such as Linear or Conv2D.
        axis: The axis of w that keeps a length for each of its elements.

    Raises:
        ValueError: If all weights of an output are 0: they have no direction.

    Example:
        >>> import cuobjax
        >>> print(WeightNorm(cuobjax.nn.Linear(3, 2)).vars())
        (WeightNorm).layer(Linear).b        2 (2,)
        (WeightNorm).layer(Linear).w        6 (3, 2)
        (WeightNorm).g                      2 (1, 2)
        +Total(3)                          10
    """

    g: TrainVar
    axis: int

    @explained("Write WeightNorm(layer).", dim="Write axis.")
    def __init__(self, layer: Any, axis: int = -1) -> None:
        w = self._wrap(layer)
        self.axis = complete_axis(axis, w.ndim)
        lengths = self._lengths(w.value)
        if type(lengths) is Array and w.size and not bool(lengths.all()):
            raise ValueError(f"WeightNorm: expected weights that are not all 0 for an output, got {layer!r}.")
        self.g = TrainVar(lengths.astype(w.dtype))

    def _lengths(self, w):
        others = tuple(i for i in range(w.ndim) if i != self.axis)
        return jn.linalg.vector_norm(single(w), axis=others, keepdims=True)

    def _weights(self, w):
        return self.g.value * w / _or_one(self._lengths(w))

    def __repr__(self) -> str:
        return call_text(self, layer=self.layer, axis=self.axis)


class SpectralNorm(_Reparametrized):
    """A layer whose weights are w divided by their largest singular value. Source: Miyato et al. 2018.

    w (..., nout) counts as a matrix of nout columns. In training, each call improves the vectors u and v, which belong
    to that value, by `steps` power iterations; no gradient flows through them. As in PyTorch, they begin with 15.
    Weights that are all 0 are not divided.

    Args:
        layer: A layer with weights w, such as Linear or Conv2D.
        steps: The number of power iterations of a call in training.
        eps: The least length of a vector that is divided by its length.
        generator: Where the first u comes from.
    """

    u: StateVar
    v: StateVar
    steps: int
    eps: float

    @explained("Write SpectralNorm(layer).", n_power_iterations="Write steps.")
    def __init__(
        self,
        layer: Any,
        steps: int = 1,
        eps: float = 1e-12,
        generator: random.generator.KeySource = random.DEFAULT_GENERATOR,
    ) -> None:
        w = self._wrap(layer)
        require_sizes("SpectralNorm", 0, steps=steps)
        self.steps, self.eps = steps, eps
        matrix = self._matrix(w.value)
        u, v = self._iterated(matrix, random.normal(matrix.shape[1:], generator=generator).astype(matrix.dtype), 15)
        self.u, self.v = StateVar(u), StateVar(v)

    def _matrix(self, w):
        return functional.stop_gradient(single(w)).reshape((-1, w.shape[-1]))

    def _iterated(self, matrix, u, steps):
        """u and v after power iterations."""
        for _ in range(steps):
            v = self._normalized(matrix @ u)
            found = self._normalized(v @ matrix)
            u = jn.where((found != 0).any(), found, u)  # from 0 there is no way back
        return u, v

    def _normalized(self, x):
        return x / jn.maximum(jn.sqrt(x @ x), self.eps)

    def _weights(self, w):
        wide = single(w)
        return wide / _or_one(self.v.value @ wide.reshape((-1, w.shape[-1])) @ self.u.value)

    def __call__(self, x: ArrayLike, training: bool | None = None) -> Array:
        """What the layer makes of x with these weights.

        Args:
            x: What the layer takes.
            training: Whether to iterate; None: the mode that `train`, `eval` or `mode` of a module set.

        Raises:
            TypeError: If neither `training` nor a mode is given.
        """
        return at_once(self._call, x, in_training(self, training))

    def _call(self, x, training):
        if training and self.steps:
            self.u.value, self.v.value = self._iterated(self._matrix(self.layer.w.value), self.u.value, self.steps)
        return super().__call__(x)

    def __repr__(self) -> str:
        return call_text(self, layer=self.layer, steps=self.steps, eps=self.eps)


class LoRA(_Reparametrized):
    """A frozen layer and a trained change of low rank: the weights are w + alpha / rank * down @ up.

    The variables of the layer are frozen (`cuobjax.freeze`), so gradient modules and optimizers that are made
    afterwards train `down` and `up` alone. `up` begins with zeros, and so the layer as it was. Source: Hu et al. 2021.

    Args:
        layer: A layer with weights w (..., nin, nout), such as Linear, Conv2D or Embedding.
        rank: The length of the inner axis.
        alpha: The scale of the change is alpha / rank; None: rank, for a scale of 1.
        w_init: Makes `down` from its shape (..., nin, rank).

    Example:
        >>> import cuobjax
        >>> net = cuobjax.nn.Sequential([cuobjax.nn.Linear(100, 50), cuobjax.functional.relu])
        >>> old = cuobjax.replace(net, "[0]", LoRA(net[0], 4))
        >>> print(net.vars().subset(cuobjax.TrainVar))
        (Sequential)[0](LoRA).down      400 (100, 4)
        (Sequential)[0](LoRA).up        200 (4, 50)
        +Total(2)                       600
        >>> old = cuobjax.replace(net, "[0]", net[0].merge())
    """

    down: TrainVar
    up: TrainVar
    alpha: float

    @explained("Write LoRA(layer, rank).", r="Write rank.")
    def __init__(
        self,
        layer: Any,
        rank: int,
        alpha: float | None = None,
        w_init: Callable[[tuple[int, ...]], Tensor] = kaiming_normal,
    ) -> None:
        w = self._wrap(layer)
        require_sizes("LoRA", 1, rank=rank)
        self.alpha = rank if alpha is None else alpha
        require_reals("LoRA", alpha=self.alpha)
        self.down = weights("LoRA", w_init, (*w.shape[:-1], rank))
        self.up = TrainVar(jn.zeros((rank, w.shape[-1])))
        self._w_init = w_init
        freeze(layer)

    def _weights(self, w):
        return w + self.alpha / self.up.shape[0] * (self.down.value @ self.up.value)

    def merge(self) -> Any:
        """The layer itself, whose w then holds the weights and is trained again: see `replace`.

        `up` is zero afterwards, so that this module still computes the same.
        """
        layer = super().merge()
        self.up.assign(jn.zeros_like(self.up.value))
        unfreeze(layer)
        return layer

    def __repr__(self) -> str:
        return call_text(self, layer=self.layer, rank=self.up.shape[0], alpha=self.alpha, w_init=self._w_init)

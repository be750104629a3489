"""Layers. Images are (N, C, H, W)."""

import cuobjax.numpy as jn
from autograd.axes import complete_axes
from cuobjax import functional, random

from ..constants import ConvPadding
from ..core.module import Module, ModuleList
from ..core.training_mode import in_training
from ..core.variable import StateVar, TrainVar
from ..util import class_name, local_kwargs, repr_function, to_padding, to_tuple
from .init import kaiming_normal, xavier_normal


def _weights(where, w_init, shape):
    w = TrainVar(w_init(shape))
    if w.shape != shape:
        raise ValueError(f"{where}: expected w_init to return shape {shape}, got {w.shape}.")
    return w


class Linear(Module):
    """y = x w + b: x (..., nin) to (..., nout).

    Args:
        nin, nout: The numbers of input and output features.
        use_bias: Whether there is b, zeros at first.
        w_init: Makes w from its shape (nin, nout).
    """

    def __init__(self, nin, nout, use_bias=True, w_init=xavier_normal):
        self.b = TrainVar(jn.zeros(nout)) if use_bias else None
        self.w = _weights("Linear", w_init, (nin, nout))
        self._w_init = w_init

    def __call__(self, x):
        x = jn.asarray(x)
        if x.shape[-1:] != self.w.shape[:1]:
            raise ValueError(f"Linear: expected x of shape (..., {self.w.shape[0]}), got {x.shape}.")
        y = jn.dot(x, self.w.value)
        return y if self.b is None else y + self.b.value

    def __repr__(self):
        nin, nout = self.w.shape
        return (
            f"{class_name(self)}(nin={nin}, nout={nout}, use_bias={self.b is not None}, "
            f"w_init={repr_function(self._w_init)})"
        )


class Conv2D(Module):
    """Cross-correlation of images with learned kernels: x (N, nin, H, W) to (N, nout, out H, out W).

    Args:
        nin, nout: The numbers of input and output channels.
        k: The kernel's size, a number or (height, width).
        strides, dilations: A number, or one for each spatial axis.
        groups: The number of groups of channels that do not mix; divides nin and nout.
        padding: "SAME", "VALID", a number, a pair (before, after), or such a pair for each spatial axis.
        use_bias: Whether there is a bias of each output channel, zeros at first.
        w_init: Makes w from its shape (height, width, nin // groups, nout).
    """

    def __init__(
        self,
        nin,
        nout,
        k,
        strides=1,
        dilations=1,
        groups=1,
        padding=ConvPadding.SAME,
        use_bias=True,
        w_init=kaiming_normal,
    ):
        if groups < 1 or nin % groups or nout % groups:
            raise ValueError(f"Conv2D: expected groups that divide nin and nout, got {groups} for {nin} and {nout}.")
        self.b = TrainVar(jn.zeros((nout, 1, 1))) if use_bias else None
        self.w = _weights("Conv2D", w_init, (*to_tuple(k, 2), nin // groups, nout))
        self.padding = to_padding(padding, 2)
        self.strides, self.dilations, self.groups = to_tuple(strides, 2), to_tuple(dilations, 2), groups
        self._w_init = w_init

    def __call__(self, x):
        x = jn.asarray(x)
        nin = self.w.shape[2] * self.groups
        if x.ndim != 4 or x.shape[1] != nin:
            raise ValueError(f"Conv2D: expected x of shape (N, {nin}, H, W), got {x.shape}. Is the layout NCHW?")
        y = functional.conv(x, self.w.value, self.strides, self.padding, self.dilations, self.groups)
        return y if self.b is None else y + self.b.value

    def __repr__(self):
        *k, nin, nout = self.w.shape
        return (
            f"{class_name(self)}(nin={nin * self.groups}, nout={nout}, k={tuple(k)}, strides={self.strides}, "
            f"dilations={self.dilations}, groups={self.groups}, padding={self.padding!r}, "
            f"use_bias={self.b is not None}, w_init={repr_function(self._w_init)})"
        )


class Dropout(Module):
    """Sets elements to zero at random in training and scales the others, so that the mean stays.

    Args:
        keep: The probability that an element is kept, above 0 and at most 1.
        generator: Where random numbers come from.
    """

    def __init__(self, keep, generator=random.DEFAULT_GENERATOR):
        self.keygen = generator
        self.keep = keep

    def __call__(self, x, training=None, dropout_keep=None):
        keep = self.keep if dropout_keep is None else dropout_keep
        if not 0 < keep <= 1:
            raise ValueError(f"Dropout: expected a probability to keep above 0 and at most 1, got {keep}.")
        if not in_training(self, training) or keep == 1:
            return x
        return jn.where(random.bernoulli(x.shape, keep, generator=self.keygen), x / keep, 0)

    def __repr__(self):
        return f"{class_name(self)}(keep={self.keep})"


class BatchNorm(Module):
    """Normalizes over axes: y = gamma * (x - mean) / sqrt(variance + eps) + beta. Source: Ioffe & Szegedy 2015.

    In training, mean and (biased) variance are those of x, through which the gradient flows, and their running means
    move towards them; else the running means are used.

    Args:
        dims: The shape of the statistics, 1 where they are taken over an axis.
        redux: The axes that they are taken over.
        momentum: running += (1 - momentum) * (new - running).
        eps: Added to the variance.
    """

    def __init__(self, dims, redux, momentum=0.999, eps=1e-6):
        dims = tuple(dims)
        self.momentum, self.eps, self.redux = momentum, eps, tuple(redux)
        self.running_mean = StateVar(jn.zeros(dims))
        self.running_var = StateVar(jn.ones(dims))
        self.beta = TrainVar(jn.zeros(dims))
        self.gamma = TrainVar(jn.ones(dims))

    def __call__(self, x, training=None):
        x = jn.asarray(x)
        self._check_shape(x)
        if in_training(self, training):
            mean, variance = self.statistics(x)
            self._move(self.running_mean, mean)
            self._move(self.running_var, variance)
        else:
            mean, variance = self.running_mean.value, self.running_var.value
        return self.gamma.value * (x - mean) * functional.rsqrt(variance + self.eps) + self.beta.value

    def _check_shape(self, x):
        dims = self.beta.shape
        redux = complete_axes(self.redux, len(dims))
        if x.ndim != len(dims) or any(x.shape[i] != n for i, n in enumerate(dims) if i not in redux):
            expected = ", ".join("*" if i in redux else str(n) for i, n in enumerate(dims))
            raise ValueError(f"{type(self).__name__}: expected x of shape ({expected}), got {x.shape}.")

    def _move(self, running, new):
        """A running mean towards a new value, in the dtype of the running mean."""
        running.value += (1 - self.momentum) * (functional.stop_gradient(new).astype(running.dtype) - running.value)

    def statistics(self, x):
        """Mean and variance of x over the axes."""
        return x.mean(self.redux, keepdims=True), x.var(self.redux, keepdims=True)

    def __repr__(self):
        return (
            f"{class_name(self)}(dims={self.beta.shape}, redux={self.redux}, momentum={self.momentum}, eps={self.eps})"
        )


class _ChannelBatchNorm(BatchNorm):
    """`BatchNorm` of each channel, axis 1."""

    spatial_axes = 0

    def __init__(self, nin, momentum=0.999, eps=1e-6):
        axes = self.spatial_axes
        super().__init__((1, nin, *[1] * axes), (0, *range(2, 2 + axes)), momentum, eps)

    def __repr__(self):
        return f"{class_name(self)}(nin={self.beta.shape[1]}, momentum={self.momentum}, eps={self.eps})"


class BatchNorm0D(_ChannelBatchNorm):
    """`BatchNorm` of features: x (N, nin)."""


class BatchNorm1D(_ChannelBatchNorm):
    """`BatchNorm` of channels: x (N, nin, L)."""

    spatial_axes = 1


class BatchNorm2D(_ChannelBatchNorm):
    """`BatchNorm` of channels: x (N, nin, H, W)."""

    spatial_axes = 2


class Sequential(ModuleList):
    """Layers applied one after the other.

    A tuple that a layer returns becomes the arguments of the next one. A keyword argument goes to every layer that has
    a parameter of its name: `net(x, training=True)`. One that no layer takes raises TypeError, save `training`.
    """

    def __call__(self, *args, **kwargs):
        taken = [_taken(kwargs, layer) for layer in self]
        unknown = kwargs.keys() - {"training"}.union(*taken)  # any network may be told whether it is in training
        if unknown:
            raise TypeError(f"{type(self).__name__}: expected keywords that a layer takes, got {sorted(unknown)}.")
        for i, layer in enumerate(self):
            try:
                args = layer(*args, **taken[i])
            except Exception as error:
                error.add_note(f"in {type(self).__name__}[{i}]: {self._repr_item(i)}")
                raise
            args = args if isinstance(args, tuple) else (args,)
        return args if len(args) != 1 else args[0]


def _taken(kwargs, layer):
    """Those of `kwargs` that a layer takes: a Sequential takes what its layers take."""
    if isinstance(layer, Sequential) and type(layer).__call__ is Sequential.__call__:
        return {name: value for part in layer for name, value in _taken(kwargs, part).items()}
    return local_kwargs(kwargs, layer)

"""Random numbers. Every draw takes a new key of a generator, so that a seed determines all numbers, on any device."""

import numbers

import numpy as onp

import cuobjax.numpy as jn
from autograd import default_device, device_put
from autograd.ops import random as ops

from ..lifting import default_dtype
from ..module import Module
from ..util import class_name
from ..variable import RandomState


class Generator(Module):
    """A source of random numbers: calling it returns a new key, uint32 (2,), on the default device.

    Args:
        seed: From 0 to 2**64 - 1.
    """

    def __init__(self, seed=0):
        self.seed(seed)

    def seed(self, seed=0):
        """Starts anew from a seed."""
        if hasattr(self, "_key"):
            self._key.seed(seed)
        self.initial_seed = seed

    @property
    def key(self):
        """The RandomState, made when it is first needed: importing the library touches no device."""
        if not hasattr(self, "_key"):
            self._key = RandomState(self.initial_seed)
        return self._key

    def __call__(self):
        return device_put(self.key.split(1)[0], default_device())

    def vars(self, scope=""):
        self.key  # noqa: B018
        return super().vars(scope)

    def __repr__(self):
        return f"{class_name(self)}(seed={self.initial_seed})"


DEFAULT_GENERATOR = Generator(0)


def _shape(shape):
    return (shape,) if isinstance(shape, numbers.Number) else tuple(shape)


def _dtype(dtype, kind=float):
    return default_dtype(kind) if dtype is None else onp.dtype(dtype)


def normal(shape, *, mean=0, stddev=1, dtype=None, generator=DEFAULT_GENERATOR):
    """Normally distributed numbers; `mean` and `stddev` may be arrays and are differentiable."""
    return ops.normal(generator(), shape=_shape(shape), dtype=_dtype(dtype)) * stddev + mean


def uniform(shape, *, dtype=None, generator=DEFAULT_GENERATOR):
    """Numbers uniformly distributed over [0, 1)."""
    return ops.uniform(generator(), shape=_shape(shape), dtype=_dtype(dtype))


def randint(shape, low, high, *, dtype=None, generator=DEFAULT_GENERATOR):
    """Integers uniformly distributed over low, ..., high - 1."""
    return ops.randint(generator(), shape=_shape(shape), low=low, high=high, dtype=_dtype(dtype, int))


def truncated_normal(shape, *, stddev=1, lower=-2, upper=2, dtype=None, generator=DEFAULT_GENERATOR):
    """Normally distributed numbers within [lower, upper], then multiplied by `stddev`: not corrected for the cut."""
    numbers = ops.truncated_normal(generator(), shape=_shape(shape), dtype=_dtype(dtype), lower=lower, upper=upper)
    return numbers * stddev


def bernoulli(shape, p=0.5, *, generator=DEFAULT_GENERATOR):
    """Booleans that are true with probability `p`, a number or an array that broadcasts to `shape`."""
    if jn.ndim(p):
        return uniform(shape, dtype=onp.float32, generator=generator) < jn.broadcast_to(jn.asarray(p), _shape(shape))
    return ops.bernoulli(generator(), shape=_shape(shape), p=p)

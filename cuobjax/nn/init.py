"""Initial values of weights.

Shapes are (*kernel, inputs, outputs): the fan-in is the product of all but the last axis.
"""

import math

import numpy as onp

import cuobjax.numpy as jn

from .. import random


def gain_leaky_relu(relu_slope=0.1):
    """The gain for layers followed by a leaky ReLU: sqrt(2 / (1 + slope**2))."""
    return math.sqrt(2 / (1 + relu_slope**2))


def kaiming_normal_gain(shape):
    """sqrt(1 / fan_in). Source: He et al. 2015; the factor 2 for ReLU is left to the caller's gain."""
    return math.sqrt(1 / math.prod(shape[:-1]))


def xavier_normal_gain(shape):
    """sqrt(2 / (fan_in + fan_out)). Source: Glorot & Bengio 2010."""
    return math.sqrt(2 / (math.prod(shape[:-1]) + shape[-1]))


def identity(shape, gain=1):
    """`gain` on the diagonal of a matrix."""
    if len(shape) != 2:
        raise ValueError(f"identity: expected the shape of a matrix, got {shape}.")
    return gain * jn.eye(*shape)


def kaiming_normal(shape, gain=1):
    """Normal with standard deviation gain * `kaiming_normal_gain`."""
    return random.normal(shape, stddev=gain * kaiming_normal_gain(shape))


def kaiming_truncated_normal(shape, lower=-2, upper=2, gain=1):
    """As `kaiming_normal`, truncated at `lower` and `upper` standard deviations and rescaled to its variance."""
    return truncated_normal(shape, lower, upper, gain * kaiming_normal_gain(shape) / _truncated_stddev(lower, upper))


def xavier_normal(shape, gain=1):
    """Normal with standard deviation gain * `xavier_normal_gain`."""
    return random.normal(shape, stddev=gain * xavier_normal_gain(shape))


def xavier_truncated_normal(shape, lower=-2, upper=2, gain=1):
    """As `xavier_normal`, truncated at `lower` and `upper` standard deviations and rescaled to its variance."""
    return truncated_normal(shape, lower, upper, gain * xavier_normal_gain(shape) / _truncated_stddev(lower, upper))


def truncated_normal(shape, lower=-2, upper=2, stddev=1):
    """Normal within [lower, upper], then multiplied by `stddev`."""
    return random.truncated_normal(shape, lower=lower, upper=upper, stddev=stddev)


def _truncated_stddev(lower, upper):
    """The standard deviation of a standard normal truncated to [lower, upper]."""
    density = [math.exp(-x * x / 2) / math.sqrt(2 * math.pi) for x in (lower, upper)]
    mass = (math.erf(upper / math.sqrt(2)) - math.erf(lower / math.sqrt(2))) / 2
    mean = (density[0] - density[1]) / mass
    return math.sqrt(1 + (lower * density[0] - upper * density[1]) / mass - mean**2)


def orthogonal(shape, gain=1, axis=-1):
    """A matrix of `shape[axis]` columns, orthonormal as far as they can be, in the given shape.

    Source: Saxe et al. 2014.
    """
    columns = shape[axis]
    rows = math.prod(shape) // columns
    matrix = onp.asarray(random.normal((max(rows, columns), min(rows, columns))))
    q, r = onp.linalg.qr(matrix)
    q = q * onp.sign(onp.diag(r))
    q = (q if rows >= columns else q.T).reshape([n for i, n in enumerate(shape) if i != axis % len(shape)] + [columns])
    return gain * jn.array(onp.ascontiguousarray(onp.moveaxis(q, -1, axis)))

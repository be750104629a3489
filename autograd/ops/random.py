"""Random numbers of a key, uint32[2]: the same key gives the same numbers. They have no gradient."""

from ..families import nondifferentiable
from ..kernels import random


def _lanes(primitive, size, values, batched, params):
    """Keys (lanes, 2) are what the kernels take: each lane draws from its own."""
    return primitive(*values, **params)


bits, split, uniform, normal, truncated_normal, randint, bernoulli = (
    nondifferentiable(function, batch=_lanes)
    for function in (
        random.bits, random.split, random.uniform, random.normal, random.truncated_normal, random.randint,
        random.bernoulli,
    )
)  # fmt: skip

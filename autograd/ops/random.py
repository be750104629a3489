"""Random numbers of a key, uint32[2]: the same key gives the same numbers. They have no gradient."""

from ..families import nondifferentiable
from ..kernels import random

bits, split, uniform, normal, truncated_normal, randint, bernoulli = map(
    nondifferentiable,
    (
        random.bits, random.split, random.uniform, random.normal, random.truncated_normal, random.randint,
        random.bernoulli,
    ),
)

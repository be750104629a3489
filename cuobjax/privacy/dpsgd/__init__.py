"""Differentially private gradient descent: gradients that are clipped and noisy, and what they give away.

Source: Abadi et al. 2016, Deep Learning with Differential Privacy.
"""

from .accounting import (
    analyze_dp,
    analyze_dp_sample_without_replacement,
    analyze_renyi,
    analyze_renyi_sample_without_replacement,
    convert_renyidp_to_dp,
)
from .gradient import PrivateGradValues
from .sampling import poisson_batches

__all__ = [
    "PrivateGradValues", "analyze_dp", "analyze_dp_sample_without_replacement", "analyze_renyi",
    "analyze_renyi_sample_without_replacement", "convert_renyidp_to_dp", "poisson_batches",
]  # fmt: skip

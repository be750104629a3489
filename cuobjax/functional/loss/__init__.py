"""Losses; most of them are one number for each example.

Half precision is computed in float32: its squares and sums would overflow.
"""

# ruff: noqa: I001 (names stay in tables)
from typing import TYPE_CHECKING

from ...absent import of_package
from .classification import (
    cross_entropy_logits, cross_entropy_logits_sparse, dice_logits, focal_logits, focal_logits_sparse, hinge,
    hinge_sparse, kl_logits, sigmoid_cross_entropy_logits,
)  # fmt: skip
from .regression import (
    gaussian_nll, huber, l2, log_cosh, mean_absolute_error, mean_squared_error, mean_squared_log_error, poisson_nll,
    smooth_l1,
)  # fmt: skip
from .sequence import ctc_logits
from .similarity import contrastive, cosine_distance, cosine_embedding, info_nce, margin_ranking, triplet

__all__ = [
    "contrastive", "cosine_distance", "cosine_embedding", "cross_entropy_logits", "cross_entropy_logits_sparse",
    "ctc_logits", "dice_logits", "focal_logits", "focal_logits_sparse", "gaussian_nll", "hinge", "hinge_sparse",
    "huber", "info_nce", "kl_logits", "l2", "log_cosh", "margin_ranking", "mean_absolute_error", "mean_squared_error",
    "mean_squared_log_error", "poisson_nll", "sigmoid_cross_entropy_logits", "smooth_l1", "triplet",
]  # fmt: skip


def __dir__() -> list[str]:
    return __all__


if not TYPE_CHECKING:
    __getattr__ = of_package(__name__)

"""Layers and initial values."""

from . import init
from .layers import BatchNorm, BatchNorm0D, BatchNorm1D, BatchNorm2D, Conv2D, Dropout, Linear, Sequential

__all__ = [
    "BatchNorm",
    "BatchNorm0D",
    "BatchNorm1D",
    "BatchNorm2D",
    "Conv2D",
    "Dropout",
    "Linear",
    "Sequential",
    "init",
]

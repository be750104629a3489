"""Layers and initial values."""

from . import init
from .layers import BatchNorm, BatchNorm0D, BatchNorm1D, BatchNorm2D, Conv2D, Dropout, Linear, Sequential
from .synced import SyncedBatchNorm, SyncedBatchNorm0D, SyncedBatchNorm1D, SyncedBatchNorm2D

__all__ = [
    "BatchNorm",
    "BatchNorm0D",
    "BatchNorm1D",
    "BatchNorm2D",
    "Conv2D",
    "Dropout",
    "Linear",
    "Sequential",
    "SyncedBatchNorm",
    "SyncedBatchNorm0D",
    "SyncedBatchNorm1D",
    "SyncedBatchNorm2D",
    "init",
]

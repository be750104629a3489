"""Layers and initial values."""

import typing as _typing

from ..absent import of_package as _of_package
from . import init
from .containers import Sequential
from .convolution import Conv2D
from .dropout import Dropout
from .linear import Linear
from .normalization import BatchNorm, BatchNorm0D, BatchNorm1D, BatchNorm2D
from .synced import SyncedBatchNorm, SyncedBatchNorm0D, SyncedBatchNorm1D, SyncedBatchNorm2D

__all__ = [
    "BatchNorm", "BatchNorm0D", "BatchNorm1D", "BatchNorm2D", "Conv2D", "Dropout", "Linear", "Sequential",
    "SyncedBatchNorm", "SyncedBatchNorm0D", "SyncedBatchNorm1D", "SyncedBatchNorm2D", "init",
]  # fmt: skip

if not _typing.TYPE_CHECKING:
    __getattr__ = _of_package(__name__)

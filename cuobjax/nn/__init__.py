"""Layers and initial values."""

# ruff: noqa: I001 (names stay in tables)
import typing as _typing

from ..absent import of_package as _of_package
from . import init
from .activation import PReLU
from .averages import ExponentialMovingAverage, MovingAverage
from .containers import MLP, Sequential
from .convolution import (
    Conv, Conv1D, Conv2D, Conv3D, ConvTranspose, ConvTranspose1D, ConvTranspose2D, ConvTranspose3D, DepthwiseConv,
    DepthwiseConv1D, DepthwiseConv2D, DepthwiseConv3D, SeparableConv, SeparableConv1D, SeparableConv2D, SeparableConv3D,
)  # fmt: skip
from .dropout import Dropout
from .embedding import Embedding
from .group_norm import (
    GroupNorm, GroupNorm0D, GroupNorm1D, GroupNorm2D, GroupNorm3D, InstanceNorm1D, InstanceNorm2D, InstanceNorm3D,
    LayerNorm, RMSNorm,
)  # fmt: skip
from .linear import Linear
from .normalization import BatchNorm, BatchNorm0D, BatchNorm1D, BatchNorm2D, BatchNorm3D
from .reparametrization import LoRA, SpectralNorm, WeightNorm
from .synced import SyncedBatchNorm, SyncedBatchNorm0D, SyncedBatchNorm1D, SyncedBatchNorm2D
from .attention import KVCache, MultiHeadAttention
from .recurrent import GRU, GRUCell, LSTM, LSTMCell, RNN, RNNCell
from .transformer import TransformerBlock

__all__ = [
    "GRU", "LSTM", "MLP", "RNN", "BatchNorm", "BatchNorm0D", "BatchNorm1D", "BatchNorm2D", "BatchNorm3D", "Conv",
    "Conv1D", "Conv2D", "Conv3D", "ConvTranspose", "ConvTranspose1D", "ConvTranspose2D", "ConvTranspose3D",
    "DepthwiseConv", "DepthwiseConv1D", "DepthwiseConv2D", "DepthwiseConv3D", "Dropout", "Embedding",
    "ExponentialMovingAverage", "GRUCell", "GroupNorm", "GroupNorm0D", "GroupNorm1D", "GroupNorm2D", "GroupNorm3D",
    "InstanceNorm1D", "InstanceNorm2D", "InstanceNorm3D", "KVCache", "LSTMCell", "LayerNorm", "Linear", "LoRA",
    "MovingAverage", "MultiHeadAttention", "PReLU", "RMSNorm", "RNNCell", "SeparableConv", "SeparableConv1D",
    "SeparableConv2D", "SeparableConv3D", "Sequential", "SpectralNorm", "SyncedBatchNorm", "SyncedBatchNorm0D",
    "SyncedBatchNorm1D", "SyncedBatchNorm2D", "TransformerBlock", "WeightNorm", "init",
]  # fmt: skip

if not _typing.TYPE_CHECKING:
    __getattr__ = _of_package(__name__)

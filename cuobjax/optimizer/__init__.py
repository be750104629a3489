"""Optimizers: modules that are called with a learning rate and gradients and change their variables."""

import typing as _typing

from ..absent import of_package as _of_package
from . import scheduler
from .accumulation import Accumulator
from .adam import Adam, AdamW
from .adam_variants import LAMB, NAdam, RAdam
from .adaptive import Adadelta, Adagrad, RMSprop
from .averaging import ExponentialMovingAverage, ExponentialMovingAverageModule, Lookahead
from .base import Optimizer
from .clipping import clip_by_global_norm, clip_by_norm, clip_by_value, global_norm
from .groups import Groups
from .layerwise import LARS, Adafactor, Muon
from .lion import Lion
from .sgd import SGD, Momentum
from .sharded import Sharded

__all__ = [
    "LAMB", "LARS", "SGD", "Accumulator", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW",
    "ExponentialMovingAverage", "ExponentialMovingAverageModule", "Groups", "Lion", "Lookahead", "Momentum", "Muon",
    "NAdam", "Optimizer", "RAdam", "RMSprop", "Sharded", "clip_by_global_norm", "clip_by_norm", "clip_by_value",
    "global_norm", "scheduler",
]  # fmt: skip

if not _typing.TYPE_CHECKING:
    __getattr__ = _of_package(__name__)

"""Optimizers: modules that are called with a learning rate and gradients and change their variables."""

import typing as _typing

from ..absent import of_package as _of_package
from . import scheduler
from .adam import Adam, AdamW
from .adam_variants import LAMB, NAdam, RAdam
from .adaptive import Adadelta, Adagrad, RMSprop
from .base import Optimizer
from .layerwise import LARS, Adafactor, Muon
from .lion import Lion
from .sgd import SGD, Momentum

__all__ = [
    "LAMB", "LARS", "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Lion", "Momentum", "Muon", "NAdam",
    "Optimizer", "RAdam", "RMSprop", "scheduler",
]  # fmt: skip

if not _typing.TYPE_CHECKING:
    __getattr__ = _of_package(__name__)

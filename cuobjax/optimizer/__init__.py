"""Optimizers: modules that are called with a learning rate and gradients and change their variables."""

import typing as _typing

from ..absent import of_package as _of_package
from .adam import Adam, AdamW
from .base import Optimizer
from .sgd import SGD, Momentum

__all__ = ["SGD", "Adam", "AdamW", "Momentum", "Optimizer"]

if not _typing.TYPE_CHECKING:
    __getattr__ = _of_package(__name__)

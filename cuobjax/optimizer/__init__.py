"""Optimizers: modules that are called with a learning rate and gradients and change their variables."""

from .adam import Adam
from .base import Optimizer
from .sgd import SGD, Momentum

__all__ = ["SGD", "Adam", "Momentum", "Optimizer"]

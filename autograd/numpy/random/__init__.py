"""NumPy's own `random`, as programs for HIPS autograd expect; it is loaded when it is first asked for."""

import sys

import numpy.random

sys.modules[__name__] = numpy.random


def __getattr__(name: str) -> object:
    """For tools that load files by themselves, as pytest does, and have this module for NumPy's."""
    return getattr(numpy.random, name)

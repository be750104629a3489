"""NumPy's own `random`, as programs for HIPS autograd expect; it is loaded when it is first asked for."""

import sys

import numpy.random

sys.modules[__name__] = numpy.random

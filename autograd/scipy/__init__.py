"""SciPy's namespaces, differentiable: see `docs.scipy.org/doc/scipy/reference` for what all parameters mean."""

from . import fft, integrate, linalg, signal, sparse, special, stats

__all__ = ["fft", "integrate", "linalg", "signal", "sparse", "special", "stats"]

"""SciPy's namespaces, differentiable: see `docs.scipy.org/doc/scipy/reference` for what all parameters mean."""

from . import fft, linalg, signal, special, stats

__all__ = ["fft", "linalg", "signal", "special", "stats"]

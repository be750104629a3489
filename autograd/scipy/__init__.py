"""SciPy's namespaces, differentiable: see `docs.scipy.org/doc/scipy/reference` for what all parameters mean."""

import importlib as _importlib
import typing as _typing

__all__ = ["fft", "integrate", "linalg", "signal", "sparse", "special", "stats"]

if _typing.TYPE_CHECKING:
    from . import fft, integrate, linalg, signal, sparse, special, stats
else:

    def __getattr__(name):
        """A namespace, imported when it is first asked for, as in SciPy."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return _importlib.import_module(f"{__name__}.{name}")

    def __dir__():
        return sorted({*globals(), *__all__})

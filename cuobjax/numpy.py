"""`jn`: the functions of autograd.numpy with Array results; new arrays are float32 or int32 unless a dtype is given.

Default dtypes belong to what is created: `zeros(3)`, `array([1, 2])`, `sqrt(2.0)`, `where(mask, 1.0, 0.0)`, that is
where no array of numbers among the arguments says which dtype. All else has NumPy's dtypes: an operation on float32
gives float32, a NumPy array of float64 stays float64. `array` and `asarray` put NumPy arrays on the default device.
Methods of Arrays are NumPy's throughout: of booleans, `jn.mean(x)` is float32 and `x.mean()` float64.
"""

import autograd.numpy as _anp

from .lifting import counterpart as _counterpart


def __getattr__(name):
    # Found once, the name is the module's own. Nothing here may use a built-in function whose name NumPy has, too.
    if name == "__all__":
        return __dir__()
    try:
        if name.startswith("_") or name == "random":  # NumPy's: ours is cuobjax.random
            raise AttributeError
        value = globals()[name] = _counterpart(getattr(_anp, name), name, __name__)
    except AttributeError:
        raise AttributeError(f"module 'cuobjax.numpy' has no attribute {name!r}") from None
    return value


def __dir__():
    return sorted(name for name in dir(_anp) if not name.startswith("_") and name != "random")

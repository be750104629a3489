"""Looking into a computation: printing from inside of `Jit`, where NaN comes from, checks of every operation.

`docs/debugging.md` shows how to use them.

>>> import cuobjax
>>> import cuobjax.numpy as jn
>>> @cuobjax.Jit
... def f(x):
...     y = jn.exp(x)
...     cuobjax.debug.print("y = {:.3f}", y)
...     return y
>>> for x in (0.0, 1.0):
...     _ = f(jn.array(x))
y = 1.000
y = 2.718
"""

from autograd import debug as checks
from autograd import debug_nans as nans
from autograd import debug_print as print

__all__ = ["checks", "nans", "print"]

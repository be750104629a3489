"""KeyboardInterrupt at a chosen moment of a call."""

import sys

__all__ = ["InterruptAt", "interrupted_at"]

# Code in which Python drops exceptions: a finalizer, the callback of a weak reference, a generator expression that ends
# before it is used up.
_DROPPING = ("__del__", "_remove", "remove", "gc_callback", "<genexpr>")


class InterruptAt:
    """Raises KeyboardInterrupt at event number `moment`: a Python function begins, or one in C returns.

    There, and after each turn of a loop, Python looks for signals; but not between a lock's `__enter__` and its block,
    where the lock would stay locked. (Python 3.14 does: https://github.com/python/cpython/issues/148874.)

    Args:
        moment: The number of the event.
        test: The file of the test, whose own functions are not interrupted.
    """

    def __init__(self, moment, test=__file__):
        self.left, self.test = moment, test

    def __call__(self, frame, event, arg):
        at = event == "call" or (event == "c_return" and arg.__name__ != "__enter__")
        if at and frame.f_code.co_filename not in (self.test, __file__) and not _is_excepted(frame):
            self.left -= 1
            if self.left < 0:
                sys.setprofile(None)
                raise KeyboardInterrupt


def _is_excepted(frame):
    """Whether a context of NumPy runs, or code in which Python drops exceptions."""
    if "_ufunc_config" in frame.f_code.co_filename:
        return True
    while frame is not None:
        if frame.f_code.co_name in _DROPPING:
            return True
        frame = frame.f_back
    return False


def interrupted_at(moment, run, test=__file__):
    """Whether `run()` was still running at that moment, at which it is interrupted; after its end it is not."""
    try:
        sys.setprofile(InterruptAt(moment, test))
        run()
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
    return False

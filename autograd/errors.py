"""Where an error happened: notes on exceptions, lines of the user's program."""

import contextlib
import sys
import types
from collections.abc import Iterator

__all__ = ["level_of_user", "line_of_user", "noted"]

_PACKAGES = ("autograd", "contextlib", "cuobjax", "functools")


@contextlib.contextmanager
def noted(text: str) -> Iterator[None]:
    """Adds a note to an exception that is raised within the context."""
    try:
        yield
    except Exception as error:
        error.add_note(text)
        raise


def line_of_user() -> str:
    """The innermost line on the stack outside of this library: "file:line in function"."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _PACKAGES:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}" if frame else "an unknown line"


def level_of_user() -> int:
    """The `stacklevel` with which a warning of the caller names the innermost line outside of this library."""
    frame: types.FrameType | None = sys._getframe(1)
    level = 1
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _PACKAGES:
        frame, level = frame.f_back, level + 1
    return level

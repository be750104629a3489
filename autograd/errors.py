"""Where an error happened: notes on exceptions, lines of the user's program, tracebacks without this library."""

import contextlib
import os
import sys
import types
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from typing import Any

__all__ = [
    "explain_keyword", "level_of_user", "line_of_user", "note_recorded", "noted", "recorded_at", "require_function",
    "shortened",
]  # fmt: skip

_PACKAGES = ("autograd", "contextlib", "cuobjax", "functools")
_ARRAY_LIBRARIES = frozenset("numpy scipy cupy cupy_backends".split())
_KEYWORDS = {
    "dim": "Write axis in place of dim.",
    "dims": "Write axis in place of dims.",
    "keepdim": "Write keepdims in place of keepdim.",
    "unbiased": "Write ddof=1 in place of unbiased=True, ddof=0 in place of unbiased=False.",
    "requires_grad": "Leave requires_grad out: gradient functions say what they differentiate.",
    "inplace": "Leave inplace out, and bind the result to a name: arrays never change.",
}
_recorded: ContextVar[str] = ContextVar("autograd.errors.recorded", default="")


@contextlib.contextmanager
def noted(text: str) -> Iterator[None]:
    """Adds a note to an exception that is raised within the context."""
    try:
        yield
    except Exception as error:
        error.add_note(text)
        raise


def require_function(f: Any, where: str) -> None:
    """Raises TypeError if `f`, which is to be transformed, cannot be called."""
    if not callable(f):
        remedy = "Pass the function itself; its arguments come with the call of the result."
        raise TypeError(f"{where}: expected a function, got {type(f).__name__}. {remedy}")


def explain_keyword(error: TypeError, names: Iterable[str]) -> None:
    """Adds a note to the error of a call with keyword arguments that other libraries have: what they are here."""
    for name in names:
        if name in _KEYWORDS and f"'{name}'" in str(error):
            error.add_note(_KEYWORDS[name])


@contextlib.contextmanager
def recorded_at(line: str) -> Iterator[None]:
    """Makes `line` the line of the user within the context: that of an operation in a program that runs."""
    token = _recorded.set(line)
    try:
        yield
    finally:
        _recorded.reset(token)


def note_recorded(error: BaseException, line: str) -> None:
    """Adds a note to the error of an operation in a program: the line that was recorded; only the innermost one."""
    if line and not any(note.startswith("recorded at ") for note in getattr(error, "__notes__", ())):
        error.add_note(f"recorded at {line}")


def line_of_user() -> str:
    """The innermost line on the stack outside of this library: "file:line in function"."""
    recorded = _recorded.get()
    if recorded:
        return recorded
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and _is_ours(frame):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}" if frame else "an unknown line"


def level_of_user() -> int:
    """The `stacklevel` with which a warning of the caller names the innermost line outside of this library."""
    frame: types.FrameType | None = sys._getframe(1)
    level = 1
    while frame is not None and _is_ours(frame):
        frame, level = frame.f_back, level + 1
    return level


def _is_ours(frame):
    return _package(frame) in _PACKAGES


def _package(frame):
    return frame.f_globals.get("__name__", "").partition(".")[0]


def shortened(error: Exception) -> None:
    """Takes the frames of this library out of the traceback of an error: transformations do that before it leaves them.

    The environment variable CUOBJAX_TRACEBACK=full keeps them.
    """
    if os.environ.get("CUOBJAX_TRACEBACK") == "full":
        return
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    while waiting:
        e = waiting.pop()
        if e is None or id(e) in seen:
            continue
        seen.add(id(e))
        waiting += [e.__cause__, e.__context__]
        e.__traceback__ = _of_user(e.__traceback__)


def _of_user(traceback):
    """A traceback without frames of this library, and without those of array libraries that it called."""
    kept, called = [], False
    while traceback is not None:
        package = _package(traceback.tb_frame)
        called = package in _PACKAGES or (called and package in _ARRAY_LIBRARIES)
        if not called:
            kept.append(traceback)
        traceback = traceback.tb_next
    found = None
    for part in reversed(kept):
        found = types.TracebackType(found, part.tb_frame, part.tb_lasti, part.tb_lineno)
    return found

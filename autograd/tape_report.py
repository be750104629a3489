"""What a tape holds: its operations, the memory of their residuals, their times and lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

from . import backend
from .core import bare
from .debugging import timing
from .taped_run import TapedRun

if TYPE_CHECKING:
    from .typing import Tree

__all__ = ["Row", "trace_report"]


class Row(NamedTuple):
    """One value on a tape.

    Attributes:
        operation: The name of the operation that computed it.
        shape: Its shape; () for a result of several arrays.
        dtype: Its dtype; "several" for a result of several arrays.
        bytes: The size of its residuals, without arrays that an earlier row counts.
        seconds: How long the operation took.
        line: The line that called it.
    """

    operation: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int
    seconds: float
    line: str


def trace_report(
    f: Callable[..., Any],
    *args: Tree,
    sort: str = "order",
    limit: int | None = None,
    file: TextIO | None = None,
) -> list[Row]:
    """Runs `f` and prints what the tape recorded: each operation, the size of its residuals, its time and its caller.

    Args:
        f: A function of nested arrays, all of which are differentiated.
        args: Its arguments.
        sort: "order" (of the computation), "bytes" or "seconds" (the greatest first).
        limit: How many rows to print; all by default.
        file: Where to print; standard output by default.

    Returns:
        All rows, in the order of `sort`.

    Raises:
        ValueError: If `sort` is another word.
    """
    if sort not in ("order", "bytes", "seconds"):
        raise ValueError(f"trace_report: expected sort 'order', 'bytes' or 'seconds', got {sort!r}.")
    with timing():
        run = TapedRun(f, args, {}, tuple(range(len(args))), "trace_report")
    rows = _rows(run.tape)
    if sort != "order":
        rows.sort(key=lambda row: getattr(row, sort), reverse=True)
    print(_table(rows, rows[:limit]), file=file)
    return rows


def _rows(tape):
    seen, rows = set(), []
    for position, (primitive, edges, shape, dtype) in enumerate(tape.nodes):
        if primitive is None or (shape is not None and not edges):
            continue  # an input, a part of a result, or inside of a checkpoint
        residuals = [x for _, _, residuals in edges for x in residuals]
        called = tape.lines or {}
        line, seconds = called.get(position) or called.get(position + 1, ("", 0.0))  # a result of parts has none itself
        size = _new_bytes(residuals, seen)
        rows.append(Row(primitive.name, shape or (), str(dtype or "several"), size, seconds, str(line)))
    return rows


def _new_bytes(residuals, seen):
    """The size of arrays in a nested tuple, without those that were seen before."""
    total = 0
    for x in residuals:
        if isinstance(x, tuple | list):
            total += _new_bytes(x, seen)
            continue
        x = bare(x)
        while getattr(x, "base", None) is not None and hasattr(x.base, "nbytes"):
            x = x.base
        if backend.is_array(x) and id(x) not in seen:
            seen.add(id(x))
            total += x.nbytes
    return total


def _table(rows, shown):
    width = max([9, *(len(row.operation) for row in shown)])
    total_bytes, total_seconds = sum(row.bytes for row in rows), sum(row.seconds for row in rows)
    head = f"{'operation':{width}} {'dtype':>10} {'shape':>20} {'bytes':>12} {'us':>9}  line"
    body = [
        f"{r.operation:{width}} {r.dtype:>10} {r.shape!s:>20} {r.bytes:12,} {r.seconds * 1e6:9.1f}  {r.line}"
        for r in shown
    ]
    total = f"{f'{len(rows)} values':{width}} {'':>10} {'':>20} {total_bytes:12,} {total_seconds * 1e6:9.1f}"
    return "\n".join([head, *body, total])

"""Tables for notebooks."""

import html
from collections.abc import Iterable

__all__ = ["html_table"]


def html_table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """An HTML table of texts, which are escaped; numbers are aligned to the right."""

    def row(cells, tag):
        return "<tr>" + "".join(f"<{tag}{_right(cell)}>{html.escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"

    return "<table>" + row(head, "th") + "".join(row(cells, "td") for cells in rows) + "</table>"


def _right(cell):
    return ' style="text-align: right"' if isinstance(cell, int) else ""

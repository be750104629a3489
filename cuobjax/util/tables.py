"""Tables as text and for notebooks."""

from collections.abc import Iterable, Sequence

__all__ = ["html_table", "text_table"]


def html_table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """An HTML table of texts, which are escaped; numbers are aligned to the right."""
    import html  # here, as few programs need it

    def row(cells, tag):
        return "<tr>" + "".join(f"<{tag}{_right(cell)}>{html.escape(str(cell))}</{tag}>" for cell in cells) + "</tr>"

    return "<table>" + row(head, "th") + "".join(row(cells, "td") for cells in rows) + "</table>"


def text_table(head: Sequence[str], rows: Sequence[Sequence[str]], total: Sequence[str], left: int) -> list[str]:
    """The lines of a table of texts, of which the first `left` columns are aligned to the left."""
    widths = [max(map(len, column)) for column in zip(head, *rows, total, strict=True)]
    aligned = [str.ljust] * left + [str.rjust] * (len(head) - left)
    lines = [
        "  ".join(align(text, width) for align, text, width in zip(aligned, row, widths, strict=True))
        for row in (head, *rows, total)
    ]
    rule = "-" * len(lines[0])
    return [line.rstrip() for line in (lines[0], rule, *lines[1:-1], rule, lines[-1])]


def _right(cell):
    return ' style="text-align: right"' if isinstance(cell, int) else ""

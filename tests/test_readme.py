"""The blocks of README.md and of the guides in docs/ run, and print what their comments say."""

import contextlib
import io
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]


def blocks_of(page):
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


BLOCKS = blocks_of(README)


def _promised(block):
    """What the comments behind or below prints say is printed."""
    return re.findall(r"print\(.*\)\s+# (.*)", block) + re.findall(r"^# (.*)", block, re.MULTILINE)


@pytest.mark.parametrize(
    "block", [b for page in PAGES for b in blocks_of(page)], ids=lambda block: block.strip().splitlines()[-1][:40]
)
def test_block_runs_and_prints_what_it_says(block):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block, "a block of a page", "exec"), {"__name__": "readme"})
    assert printed.getvalue()
    for line in _promised(block):
        assert line in printed.getvalue()


def test_first_example_learns():
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(BLOCKS[0], "README.md", "exec"), {})
    assert int(re.search(r"accuracy (\d+)%", printed.getvalue())[1]) >= 95


def test_first_example_is_short_and_early():
    lines = README.read_text().splitlines()
    assert lines.index("```", 3) <= 15  # 0-based: the last line of code is line 15
    assert len([line for line in BLOCKS[0].splitlines() if line.strip()]) <= 12

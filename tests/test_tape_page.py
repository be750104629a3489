"""The page that builds a tape: it runs, its gradients are those of the library, and it is as short as it says."""

import contextlib
import io
import re
from pathlib import Path

import numpy as np

PAGE = (Path(__file__).parents[1] / "docs" / "tape.md").read_text()
BLOCKS = re.findall(r"```python tape\n(.*?)```", PAGE, re.DOTALL)


def names():
    found, printed = {}, io.StringIO()
    with contextlib.redirect_stdout(printed):
        for block in BLOCKS:
            exec(compile(block, "docs/tape.md", "exec"), found)
    return found, printed.getvalue()


def test_the_page_runs_and_prints_what_it_says():
    assert names()[1].splitlines() == re.findall(r"^# (.*)", BLOCKS[-1], re.MULTILINE) != []


def test_it_has_sixty_lines():
    lines = [line for block in BLOCKS[:-1] for line in block.splitlines() if line.strip()]
    assert 50 <= len(lines) <= 60


def test_gradients_of_broadcast_and_unused_arguments():
    page, _ = names()
    x, y = np.arange(6.0).reshape(2, 3), np.array([[2.0], [3.0]])
    gradients = page["grad"](lambda x, y, z: page["total"](x * y + x + x * x))(x, y, np.ones(2))
    for found, expected in zip(gradients, (y + 1 + 2 * x, x.sum(1, keepdims=True), np.zeros(2)), strict=True):
        np.testing.assert_array_equal(found, expected)
    step = 1e-6
    f = page["grad"](lambda x: page["tanh"](x) * page["tanh"](x) * 3.0)
    value = 3 * (np.tanh(0.5 + step) ** 2 - np.tanh(0.5 - step) ** 2) / (2 * step)
    np.testing.assert_allclose(f(0.5)[0], value, 1e-8)

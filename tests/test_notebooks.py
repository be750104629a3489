"""The notebooks in examples/: their cells run, and print what the notebook shows."""

import contextlib
import io
import json
from pathlib import Path

import pytest

pytest.importorskip("sklearn", reason="needs the extra: examples")
pytest.importorskip("matplotlib", reason="needs the extra: examples")

NOTEBOOKS = sorted(Path(__file__).parents[1].joinpath("examples").glob("*.ipynb"))


def test_notebooks_are_there():
    assert [path.stem for path in NOTEBOOKS] == ["by_hand", "first_steps"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_cells_run_and_print_what_is_shown(path):
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    names = {"__name__": "notebook"}
    assert cells
    for cell in cells:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("".join(cell["source"]), f"{path.name}, {cell['id']}", "exec"), names)
        shown = "".join(text for output in cell["outputs"] for text in output.get("text", []))
        assert bool(shown) == bool(printed.getvalue())
        if "varies" not in cell["metadata"].get("tags", []):  # such as times
            assert printed.getvalue() == shown

"""The program that takes the picture of TensorBoard's page for the docs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("tensorboard", reason="needs the extra: board")

PROGRAM = Path(__file__).parents[1] / "docs" / "board.py"


def run(*arguments, path=os.environ["PATH"]):
    """The program in a process of its own: TensorBoard's threads last as long as it does."""
    environment = os.environ | {"PATH": path, "CUOBJAX_DEVICE": "cpu", "PYTHONPATH": str(PROGRAM.parents[1])}
    return subprocess.run(
        [sys.executable, str(PROGRAM), *map(str, arguments)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_browser_one_line_says_so(tmp_path):
    done = run("--output", tmp_path / "board.png", path=str(tmp_path))
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    assert "board: no picture, as chromium and chromedriver are not both here" in done.stdout
    assert not [*tmp_path.iterdir()]


@pytest.mark.skipif(not (shutil.which("chromium") and shutil.which("chromedriver")), reason="needs Chromium")
def test_the_page_shows_what_was_written(tmp_path):
    done = run("--output", tmp_path / "board.png")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the page shows test/accuracy, test/loss, train/loss, train/map, train/weights" in done.stdout
    assert (tmp_path / "board.png").read_bytes().startswith(b"\x89PNG")

"""The demo program as its user meets it: what it prints and writes, that it resumes exactly, how it complains."""

import json
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra: examples")
pytest.importorskip("matplotlib", reason="needs the extra: examples")

from matplotlib.figure import Figure

import cuobjax
from cuobjax.io import Checkpoint
from cuobjax.io.formats import opened
from examples import digits

FEW_STEPS = ["--batch", "80", "--quiet"]  # three steps in an epoch of few images


def newest(folder):
    return max((folder / "ckpt").iterdir())


def checkpoint(folder):
    """The arrays of the newest checkpoint, and what else the run has saved."""
    with opened(newest(folder)) as archive:
        arrays = dict(archive)
    return arrays, json.loads(arrays["(Checkpoint).run"].tobytes())["run"]


@pytest.fixture(scope="module")
def few():
    """240 images to train on and 100 to test on, for runs that need not learn."""
    images, test_images, labels, test_labels = digits.images_and_labels()
    return [images[:240], test_images[:100], labels[:240], test_labels[:100]]


@pytest.fixture
def few_images(few, monkeypatch):
    monkeypatch.setattr(digits, "images_and_labels", lambda: few)


@pytest.fixture(scope="module")
def trained(few, tmp_path_factory):
    """The folder of a run of two epochs with few images."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digits, "images_and_labels", lambda: few)
        assert digits.main([*FEW_STEPS, "--epochs", "2", "--out", str(folder)]) == 0
    return folder


def failure(capsys, *arguments):
    """The exit status and the only line of a run that fails."""
    try:
        status = digits.main([str(a) for a in arguments])
    except SystemExit as stopped:
        status = stopped.code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("digits: ")
    assert printed.err.count("\n") == 1
    return status, printed.err


def test_learns_prints_and_writes(tmp_path, capsys):
    folder = tmp_path / "new" / "folder"
    assert digits.main(["--epochs", "2", "--out", str(folder)]) == 0
    printed = capsys.readouterr()
    _, run = checkpoint(folder)
    losses, accuracy = np.array(run["history"]["losses"]), run["history"]["accuracy"]
    assert "(Classifier).features(Sequential)[0](Conv2D).w" in printed.out
    assert "+Total(" in printed.out
    assert f"test accuracy {accuracy[-1]:.2%}" in printed.out
    assert printed.err == ""  # the progress bar is for terminals
    assert accuracy[-1] > 0.8
    assert losses.shape == (2, 1437 // 128)
    assert losses[1].mean() < 0.5 * losses[0].mean()
    picture = (folder / digits.FIGURE).read_bytes()
    assert picture.startswith(b"\x89PNG\r\n")
    assert picture[12:16] == b"IHDR"
    assert int.from_bytes(picture[16:20]) > 1000
    assert sorted(p.name for p in folder.rglob("*")) == ["0000000002.npz", "ckpt", digits.FIGURE]


def require_same(a, b):
    assert list(a[0]) == list(b[0]) and a[1] == b[1]
    for name, x in a[0].items():
        np.testing.assert_array_equal(x, b[0][name], err_msg=name, strict=True)


def test_resumed_run_equals_an_uninterrupted_one(tmp_path, trained, few_images):
    half, resumed = tmp_path / "half", tmp_path / "resumed"
    assert digits.main([*FEW_STEPS, "--epochs", "1", "--out", str(half)]) == 0
    first = checkpoint(half)
    options = ["--quiet", "--epochs", "2"]  # --batch is in the checkpoint
    assert digits.main(["--resume", str(half), *options, "--out", str(resumed)]) == 0
    last = checkpoint(resumed)
    require_same(last, checkpoint(trained))
    assert (first[0]["(Adam).step"], last[0]["(Adam).step"]) == (3, 6)


KILLED = """
import os, pickle, signal, sys
from examples import digits

with open(sys.argv[1], "rb") as file:
    few = pickle.load(file)
digits.images_and_labels = lambda: few
trainer, count = digits.trainer, 0

def killed(model):
    step, variables = trainer(model)

    def counted(*args):
        global count
        count += 1
        if count == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*args)

    return counted, variables

digits.trainer = killed
digits.main(sys.argv[2:])
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_run_goes_on_with_the_same_bits(tmp_path, trained, few, few_images):
    """It is killed in the middle of the second epoch, which begins anew."""
    (tmp_path / "few").write_bytes(pickle.dumps(few))
    options = [*FEW_STEPS, "--epochs", "2", "--out", str(tmp_path)]
    command = [sys.executable, "-c", KILLED, str(tmp_path / "few"), *options]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert newest(tmp_path).name == "0000000001.npz"
    assert digits.main(["--resume", *options]) == 0
    require_same(checkpoint(tmp_path), checkpoint(trained))


def test_another_seed_and_only_the_result_printed(tmp_path, trained, few_images, capsys):
    assert digits.main([*FEW_STEPS, "--epochs", "1", "--seed", "1", "--out", str(tmp_path)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("test accuracy ")
    assert "after epoch 1;" in first
    assert second == f"written: {tmp_path / digits.FIGURE}, {newest(tmp_path)}"
    assert checkpoint(tmp_path)[1]["history"]["losses"][0] != checkpoint(trained)[1]["history"]["losses"][0]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--epochs", "0"], "--epochs: expected an integer of at least 1, got '0'"),
        (["--epochs", "ten"], "--epochs: expected an integer of at least 1, got 'ten'"),
        (["--batch", "1"], "--batch: expected an integer of at least 2, got '1'"),
        (["--seed", "-1"], "--seed: expected an integer of at least 0, got '-1'"),
        (["--lr", "0"], "--lr: expected a positive number, got '0'"),
        (["--lr", "nan"], "--lr: expected a positive number, got 'nan'"),
        (["--device", "tpu"], "--device: expected auto, cpu, gpu or gpu:<number>, got 'tpu'"),
        (["--epoch", "3"], "unrecognized arguments: --epoch 3"),
        (["--out"], "--out: expected one argument"),
    ],
)
def test_wrong_options(capsys, arguments, said):
    status, line = failure(capsys, *arguments)
    assert status == 2
    assert said in line
    assert line.endswith("See --help\n")


def test_device_that_is_not_there(tmp_path, capsys):
    status, line = failure(capsys, "--device", "gpu:999", "--quiet", "--out", tmp_path)
    assert status == 1
    assert "gpu:999" in line


def test_folder_that_cannot_be_made(tmp_path, capsys):
    (tmp_path / "file").touch()
    status, line = failure(capsys, "--quiet", "--out", tmp_path / "file")
    assert status == 1
    assert str(tmp_path / "file") in line


def test_checkpoints_that_cannot_be_resumed(tmp_path, trained, capsys):
    whole = newest(trained).read_bytes()
    resume = ["--resume", "--quiet", "--epochs", "9", "--out", tmp_path]

    status, line = failure(capsys, *resume)
    assert (status, line) == (1, f"digits: {tmp_path}: no checkpoint to resume from. Train without --resume first.\n")
    status, line = failure(capsys, "--resume", "--epochs", "2", "--quiet", "--out", trained)
    assert (status, line) == (1, "digits: 2 epochs are trained already. Ask for more with --epochs.\n")
    (tmp_path / "ckpt").mkdir()
    path = tmp_path / "ckpt" / "0000000001.npz"
    for content in (b"", b"no checkpoint", whole[: len(whole) // 2], whole[:-2000] + b"?" * 2000):
        path.write_bytes(content)
        status, line = failure(capsys, *resume)
        assert status == 1
        assert f"{path}: expected variables, got a damaged file" in line
    path.unlink()
    model = cuobjax.nn.Linear(1, 1)
    Checkpoint(tmp_path, 1).save(model.vars(), 1)
    assert "expected a checkpoint of this program, got one of another" in failure(capsys, *resume)[1]
    Checkpoint(tmp_path, 1).save(model.vars(), 1, run=checkpoint(trained)[1])
    assert "expected a checkpoint of this version of the program" in failure(capsys, *resume)[1]


@pytest.mark.parametrize("mistakes", [0, 2, 30])
def test_picture_shows_the_mistakes(mistakes):
    labels = np.arange(60) % 10
    predicted = np.where(np.arange(60) < mistakes, (labels + 1) % 10, labels)
    figure = Figure(layout="constrained")
    digits.draw_mistakes(figure, np.zeros((60, 1, 8, 8)), labels, predicted)
    titles = [axes.get_title() for axes in figure.axes if axes.images]
    assert titles == [f"{i % 10} → {(i + 1) % 10}" for i in range(min(mistakes, 16))]
    assert len(figure.axes) <= max(1.5 * len(titles), 1)  # the room is that of the mistakes
    figure.draw_without_rendering()
    if mistakes == 2:  # few ones are large
        assert all(axes.get_window_extent().width > 0.3 * figure.bbox.width for axes in figure.axes if axes.images)


def test_help_explains_every_option(capsys):
    with pytest.raises(SystemExit) as stopped:
        digits.main(["--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert stopped.value.code == 0
    for option in "epochs N", "batch N", "lr RATE", "seed N", "device NAME", "out DIR", "resume [FOLDER]", "quiet":
        assert f" --{option} " in told
    assert told.count("(default: ") == 6


@pytest.mark.parametrize("package", ["numpy", "sklearn"])
def test_missing_package(package):
    run = f"sys.modules[{package!r}] = None; runpy.run_module('examples.digits', run_name='__main__')"
    command = [sys.executable, "-c", f"import runpy, sys; {run}"]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == f"digits: the package {package} is missing. Install what the examples need: make setup\n"

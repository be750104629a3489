"""The demo program as its user meets it: what it prints and writes, that it resumes exactly, how it complains."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra: examples")
pytest.importorskip("matplotlib", reason="needs the extra: examples")
pytest.importorskip("tqdm", reason="needs the extra: examples")

from matplotlib.figure import Figure

from examples import digits

FEW_STEPS = ["--batch", "80", "--quiet"]  # three steps in an epoch of few images


def checkpoint(folder):
    with np.load(folder / digits.CHECKPOINT, allow_pickle=False) as archive:
        return dict(archive)


@pytest.fixture(scope="module", autouse=True)
def no_monitor():
    """Without tqdm's watching thread, which would outlive the test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digits.tqdm, "monitor_interval", 0)
        yield


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
    stored = checkpoint(folder)
    assert "(Classifier).features(Sequential)[0](Conv2D).w" in printed.out
    assert "+Total(" in printed.out
    assert f"test accuracy {stored['accuracy'][-1]:.2%}" in printed.out
    assert printed.err == ""  # the progress bar is for terminals
    assert stored["accuracy"][-1] > 0.8
    assert stored["loss"].shape == stored["position"].shape == (2 * (1437 // 128),)
    assert stored["loss"][11:].mean() < 0.5 * stored["loss"][:11].mean()
    picture = (folder / digits.FIGURE).read_bytes()
    assert picture.startswith(b"\x89PNG\r\n")
    assert picture[12:16] == b"IHDR"
    assert int.from_bytes(picture[16:20]) > 1000
    assert sorted(p.name for p in folder.iterdir()) == [digits.CHECKPOINT, digits.FIGURE]


def test_resumed_run_equals_an_uninterrupted_one(tmp_path, trained, few_images):
    half, resumed = tmp_path / "half", tmp_path / "resumed"
    assert digits.main([*FEW_STEPS, "--epochs", "1", "--out", str(half)]) == 0
    options = ["--quiet", "--epochs", "2"]  # --batch is in the checkpoint
    assert digits.main(["--resume", str(half / digits.CHECKPOINT), *options, "--out", str(resumed)]) == 0
    first, last, whole = checkpoint(half), checkpoint(resumed), checkpoint(trained)
    assert list(first) == list(last) == list(whole)
    for name in whole:
        np.testing.assert_array_equal(last[name], whole[name], err_msg=name, strict=True)
    assert (first["(Adam).step"], last["(Adam).step"]) == (3, 6)


def test_another_seed_and_only_the_result_printed(tmp_path, trained, few_images, capsys):
    assert digits.main([*FEW_STEPS, "--epochs", "1", "--seed", "1", "--out", str(tmp_path)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("test accuracy ")
    assert "after epoch 1;" in first
    assert second == f"written: {tmp_path / digits.FIGURE}, {tmp_path / digits.CHECKPOINT}"
    assert not np.array_equal(checkpoint(tmp_path)["loss"], checkpoint(trained)["loss"][:3])


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


def damaged(source, target, change):
    stored = checkpoint(source)
    change(stored)
    np.savez(target, **stored)


def test_checkpoints_that_cannot_be_resumed(tmp_path, trained, capsys):
    whole = (trained / digits.CHECKPOINT).read_bytes()
    path = tmp_path / digits.CHECKPOINT
    last = list(checkpoint(trained))[-1]
    resume = ["--resume", "--quiet", "--epochs", "9", "--out", tmp_path]

    status, line = failure(capsys, *resume)
    assert (status, line) == (1, f"digits: {path}: no checkpoint to resume from. Train without --resume first.\n")
    status, line = failure(capsys, "--resume", "--epochs", "2", "--quiet", "--out", trained)
    assert status == 1
    assert "digits.npz: 2 epochs are trained already. Ask for more with --epochs." in line
    for content in (b"", b"no checkpoint", whole[: len(whole) // 2], whole[:2000] + b"?" * 64 + whole[2064:]):
        path.write_bytes(content)
        status, line = failure(capsys, *resume)
        assert status == 1
        assert "expected a checkpoint of this program" in line
    damaged(trained, path, lambda stored: stored.pop("settings"))
    assert "expected a checkpoint of this program" in failure(capsys, *resume)[1]
    damaged(trained, path, lambda stored: stored.pop(last))
    assert f"as {last}, got nothing" in failure(capsys, *resume)[1]
    damaged(trained, path, lambda stored: stored.update({last: stored[last].astype("float64")}))
    assert f"as {last}, got float64" in failure(capsys, *resume)[1]


def test_checkpoint_is_loaded_whole_or_not_at_all(tmp_path, trained):
    damaged(trained, tmp_path / "bad.npz", lambda stored: stored.popitem())
    _, variables = digits.trainer(digits.Classifier())
    before = [np.array(v.value) for v in variables]
    with pytest.raises(digits.Failure, match="got nothing"):
        digits.load(tmp_path / "bad.npz", variables)
    for old, v in zip(before, variables, strict=True):
        np.testing.assert_array_equal(old, v.value)


def test_file_is_replaced_whole_or_not_at_all(tmp_path):
    def fail_halfway(file):
        file.write(b"ne")
        raise OSError("disk full")

    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(OSError, match="disk full"):
        digits.write_atomically(tmp_path / "file", fail_halfway)
    assert (tmp_path / "file").read_bytes() == b"old"
    digits.write_atomically(tmp_path / "file", lambda file: file.write(b"new"))
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.parametrize("mistakes", [0, 2, 30])
def test_picture_shows_the_mistakes(mistakes):
    labels = np.arange(60) % 10
    predicted = np.where(np.arange(60) < mistakes, (labels + 1) % 10, labels)
    figure = Figure()
    digits.draw_mistakes(figure, np.zeros((60, 1, 8, 8)), labels, predicted)
    titles = [axes.get_title() for axes in figure.axes if axes.images]
    assert titles == [f"{i % 10} → {(i + 1) % 10}" for i in range(min(mistakes, 12))]
    assert len(figure.axes) <= max(1.5 * len(titles), 1)  # the room is that of the mistakes


def test_help_explains_every_option(capsys):
    with pytest.raises(SystemExit) as stopped:
        digits.main(["--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert stopped.value.code == 0
    for option in "epochs N", "batch N", "lr RATE", "seed N", "device NAME", "out DIR", "resume [FILE]", "quiet":
        assert f" --{option} " in told
    assert told.count("(default: ") == 6


@pytest.mark.parametrize("package", ["numpy", "sklearn"])
def test_missing_package(package):
    run = f"sys.modules[{package!r}] = None; runpy.run_module('examples.digits', run_name='__main__')"
    command = [sys.executable, "-c", f"import runpy, sys; {run}"]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == f"digits: the package {package} is missing. Install what the examples need: make setup\n"

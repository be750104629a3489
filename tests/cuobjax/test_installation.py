"""`import cuobjax` raises ImportError if the wrong package autograd is installed; the version is the installed one."""

import importlib.metadata
import pathlib
import shutil
import subprocess
import sys

import pytest

import autograd
import cuobjax

ROOT = pathlib.Path(__file__).parents[2]


def _import_with(folder):
    code = f"import sys; sys.path[:0] = [{str(folder)!r}, {str(ROOT)!r}]; import cuobjax"
    return subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=False, cwd=folder)


@pytest.mark.parametrize(
    ("files", "found"),
    [(["__init__.py", "numpy/random.py"], "HIPS autograd"), (["__init__.py"], "another package")],
)
def test_foreign_autograd_is_named_with_its_place(tmp_path, files, found):
    package = tmp_path / "autograd"
    (package / "numpy").mkdir(parents=True)
    for name in files:
        (package / name).write_text("")
    result = _import_with(tmp_path)
    assert result.returncode == 1
    assert f"ImportError: cuobjax: expected its own package autograd, found {found} in {package}." in result.stderr
    assert "pip uninstall --yes autograd" in result.stderr
    assert "pip install --force-reinstall --no-deps cuobjax" in result.stderr


@pytest.fixture
def both(tmp_path):
    """A copy of ours with a file of HIPS autograd that it does not have itself."""
    shutil.copytree(ROOT / "autograd", tmp_path / "autograd", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "autograd" / "numpy" / "random.py").write_text("raise ImportError")
    (tmp_path / "autograd" / "scipy" / "stats" / "norm.py").write_text("raise ImportError")
    return tmp_path


def test_foreign_autograd_over_ours_is_noticed(both):
    (both / "autograd" / "__init__.py").write_text("from .differential_operators import grad")
    result = _import_with(both)
    assert result.returncode == 1
    assert f"found HIPS autograd in {both / 'autograd'}, installed over ours." in result.stderr


def test_ours_over_foreign_autograd_is_whole(both):
    assert _import_with(both).returncode == 0
    code = (
        "import sys; sys.path.insert(0, '.'); import autograd.numpy.random, autograd.scipy.stats.norm as norm; norm.pdf"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True, cwd=both)


def test_ours_is_accepted(tmp_path):
    result = _import_with(tmp_path)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("package", [autograd, cuobjax])
def test_version_is_that_of_the_distribution(package):
    assert package.__version__ == importlib.metadata.version("cuobjax")
    with pytest.raises(AttributeError, match=rf"^module '{package.__name__}' has no attribute 'nope'$"):
        package.nope  # noqa: B018


@pytest.mark.parametrize("package", [autograd, cuobjax])
def test_version_of_a_checkout_that_is_not_installed(monkeypatch, package):
    def nothing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", nothing)
    assert package.__version__ == "0+unknown"

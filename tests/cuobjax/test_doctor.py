"""`python -m cuobjax.doctor` reports whatever it meets: foreign, missing, broken, crashing packages, wrong results."""

import os
import pathlib
import re
import subprocess
import sys
import tomllib
import types

import pytest

import cuobjax
from autograd import backend
from autograd.ops import random
from cuobjax import doctor

ROOT = pathlib.Path(__file__).parents[2]
NO_GPU = "raise RuntimeError('cudaErrorNoDevice: no CUDA-capable device is detected')"


def _run(*arguments, folder, **variables):
    """The doctor's exit status, standard output by label, and standard error, with `folder` first on the path."""
    path = os.pathsep.join(filter(None, [str(folder), str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "CUOBJAX_DEVICE": "cpu", **variables}
    result = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=folder, env=environment
    )
    lines = [line for line in result.stdout.splitlines() if line]
    return result.returncode, {line[:25].strip(): line[26:] for line in lines}, result.stderr


def _doctor(folder, *parts, **variables):
    return _run("-m", "cuobjax.doctor", *parts, folder=folder, **variables)


def _package(folder, name, source=""):
    (folder / name).mkdir()
    (folder / name / "__init__.py").write_text(source)
    return folder / name


def _distribution(folder, name, version, package, *requirements):
    """What an installer notes of a distribution that has one import name."""
    notes = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    notes.mkdir()
    head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    (notes / "METADATA").write_text(head + "".join(f"Requires-Dist: {requirement}\n" for requirement in requirements))
    (notes / "top_level.txt").write_text(package)


def _examined(lines, device):
    return {name: lines[f"{device} {name}"] for name in doctor.CHECKS}


def test_all_is_well_here(tmp_path):
    status, lines, errors = _doctor(tmp_path, CUOBJAX_DEVICE="", OPENBLAS_NUM_THREADS="1")
    assert status == 0, lines
    assert errors == ""
    assert lines["Python"].endswith(f"({sys.executable})")
    assert lines["NumPy"].startswith("2.")
    assert lines["BLAS"]
    assert lines["cuobjax"].endswith(f"({ROOT / 'cuobjax'})")
    assert lines["autograd"].endswith(f"({ROOT / 'autograd'})")
    assert lines["OPENBLAS_NUM_THREADS"] == "1"
    assert "CUPY_TF32" in lines["variables not set"]
    assert set(_examined(lines, "cpu").values()) == {"ok"}


def test_every_variable_that_the_sources_read_is_shown():
    sources = [path.read_text() for package in ("autograd", "cuobjax") for path in (ROOT / package).rglob("*.py")]
    read = {name for source in sources for name in re.findall(r"""environ\b[^"'\n]*["'](\w+)["']""", source)}
    assert {name for name in doctor.VARIABLES if name.startswith("CUOBJAX_")} <= read <= set(doctor.VARIABLES)


def test_every_extra_that_is_advised_is_there():
    """By messages and docstrings of the sources, as `pip install cuobjax[io]`."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    sources = [path.read_text() for package in ("autograd", "cuobjax") for path in (ROOT / package).rglob("*.py")]
    advised = {name for source in sources for name in re.findall(r"cuobjax\[(\w[\w-]*)\]", source)}
    assert advised <= extras.keys()
    assert {"cuda13", "io", "scipy"} <= advised


@pytest.mark.gpu
def test_gpu_is_reported_and_examined(tmp_path):
    pytest.importorskip("cupy")
    status, lines, _ = _doctor(tmp_path, CUOBJAX_DEVICE="")
    assert status == 0, lines
    assert "compute capability" in lines["gpu:0"]
    assert lines["default device"] == "gpu:0"
    assert lines["order of sums"].startswith("by chance in gradients of indexing")
    assert lines["several GPUs"].startswith("collectives by ")
    assert lines["products of float32"].startswith("in float32")
    assert set(_examined(lines, "gpu:0").values()) == {"ok"}


@pytest.mark.gpu
def test_what_was_chosen_for_all_gpus_is_shown(tmp_path):
    pytest.importorskip("cupy")
    _, lines, _ = _doctor(tmp_path, "devices", CUOBJAX_DETERMINISTIC="1", CUPY_TF32="1")
    assert lines["order of sums"] == "always the same, by CUOBJAX_DETERMINISTIC"
    assert lines["products of float32"].startswith("in TF32")


@pytest.fixture
def foreign(tmp_path):
    """A folder with HIPS autograd, as far as its file names go."""
    folder = _package(tmp_path, "autograd") / "numpy"
    folder.mkdir()
    (folder / "random.py").write_text("")
    _distribution(tmp_path, "autograd", "1.9", "autograd")
    return tmp_path


def test_packages_that_need_autograd_are_named(tmp_path):
    _distribution(tmp_path, "survival", "1.2", "survival", "autograd>=1.5", "autograd-gamma>=0.3", "numpy")
    _distribution(tmp_path, "geometry", "2.0", "geometry", "autograd-gamma", 'autograd>=1.3; extra == "autograd"')
    _, lines, _ = _doctor(tmp_path, "packages")
    assert lines["needed by"].startswith("survival 1.2: served by cuobjax; pip misses HIPS autograd")
    _distribution(tmp_path, "autograd", "1.9", "autograd")
    _, lines, _ = _doctor(tmp_path, "packages")
    assert lines["needed by"] == "survival 1.2: served by cuobjax"


def test_conflict_ends_the_module_with_the_reason_and_the_remedy(foreign):
    status, lines, errors = _doctor(foreign)
    assert (status, lines) == (1, {})
    assert f"expected its own package autograd, found HIPS autograd in {foreign / 'autograd'}" in errors
    assert "pip uninstall --yes autograd" in errors


def test_conflict_does_not_end_the_file(foreign):
    _distribution(foreign, "survival", "1.2", "survival", "autograd>=1.5")
    status, lines, _ = _run(ROOT / "cuobjax" / "doctor.py", folder=foreign)
    assert status == 1
    assert "autograd 1.9" in lines["autograd"] and f"({foreign / 'autograd'})" in lines["autograd"]
    assert lines["needed by"] == "survival 1.2: not served by cuobjax"
    for label in ("cuobjax", "examine cpu"):
        assert lines[label].startswith("FAILED: ImportError: cuobjax: expected its own package autograd")


def test_broken_cupy_is_reported_and_the_cpu_works(tmp_path):
    _package(tmp_path, "cupy", "raise ImportError('libcublas.so.13: cannot open')")
    status, lines, _ = _doctor(tmp_path)
    assert status == 1
    assert lines["CuPy"] == "FAILED: ImportError: libcublas.so.13: cannot open"
    assert lines["default device"] == "cpu"
    assert set(_examined(lines, "cpu").values()) == {"ok"}


def test_crashing_cupy_is_reported_and_the_cpu_works(tmp_path):
    _package(tmp_path, "cupy", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    status, lines, _ = _doctor(tmp_path)
    assert status == 1
    assert lines["devices"] == "FAILED: the process ended without its report: Segmentation fault"
    assert set(_examined(lines, "cpu").values()) == {"ok"}


def test_cupy_without_gpu_is_no_failure(tmp_path):
    source = f"""
        def getDeviceCount(): {NO_GPU}
        def runtimeGetVersion(): return 12090
        def driverGetVersion(): return 0
        """.replace("\n        ", "\n")
    (
        _package(_package(tmp_path, "cupy", "from . import cuda"), "cuda", "from . import runtime") / "runtime.py"
    ).write_text(source)
    status, lines, _ = _doctor(tmp_path, "devices")
    assert status == 0, lines
    assert lines["CUDA runtime"] == "12.9"
    assert lines["CUDA driver"] == "none"
    assert lines["NVRTC"].startswith("AttributeError")
    assert lines["GPUs"] == "none, RuntimeError: cudaErrorNoDevice: no CUDA-capable device is detected"


def test_two_wheels_of_cupy_are_a_failure(tmp_path):
    _package(tmp_path, "cupy")
    _distribution(tmp_path, "cupy-cuda12x", "13.6.0", "cupy")
    _distribution(tmp_path, "cupy-cuda13x", "14.2.0", "cupy")
    status, lines, _ = _doctor(tmp_path, "devices")
    assert status == 1
    assert lines["CuPy"].startswith("FAILED: ")
    assert "cupy-cuda12x 13.6.0 and cupy-cuda13x 14.2.0" in lines["CuPy"]
    assert "pip uninstall --yes" in lines["CuPy"]


def test_absent_default_device_is_a_failure(tmp_path):
    status, lines, _ = _doctor(tmp_path, "devices", CUOBJAX_DEVICE="gpu:77")
    assert status == 1
    assert lines["default device"].startswith("FAILED: DeviceError: device: ")


def test_extras_are_shown_with_versions_or_remedy(tmp_path):
    _distribution(tmp_path, "there", "1.5", "there")
    _distribution(
        tmp_path, "cuobjax", "9.9", "cuobjax", "numpy>=2",
        'there>=1; extra == "io"', 'nowhere-to-be-found[some]>=2; extra == "io"', 'there; extra == "scipy"',
        'cupy-cuda13x[ctk]>=14,<15; extra == "cuda13"',
    )  # fmt: skip
    status, lines, _ = _doctor(tmp_path, "packages")
    assert status == 0
    assert lines["cuobjax"].startswith("9.9 (")
    assert lines["extra io"] == "there 1.5; not installed: nowhere-to-be-found (pip install 'cuobjax[io]')"
    assert lines["extra scipy"] == "there 1.5"
    assert "extra cuda13" not in lines


def test_unknown_part_is_refused(capsys):
    with pytest.raises(SystemExit):
        doctor.main(["heart"])
    assert "expected a part among packages, devices, examine, got heart" in capsys.readouterr().err


def test_part_that_does_not_end_is_a_failure(capsys, monkeypatch):
    monkeypatch.setattr(doctor, "SECONDS", 0.001)
    report = doctor.Report()
    doctor._separately(report, "packages")
    assert report.failed
    assert "no answer within 0.001 s" in capsys.readouterr().out


def _nothing(*args, **kwargs):
    return lambda *args, **kwargs: None


@pytest.mark.parametrize(
    ("name", "place", "attribute", "sabotage"),
    [
        ("elementwise and sum", cuobjax.numpy, "tanh", cuobjax.numpy.sin),
        ("gradient", cuobjax.numpy, "tanh", lambda x: x * cuobjax.stop_gradient(x)),
        ("convolution", cuobjax.functional, "conv", lambda x, w, padding: cuobjax.numpy.zeros((2, 4, 7, 6))),
        ("random numbers", random, "bits", lambda key, shape: cuobjax.numpy.arange(*shape)),
        ("training step", cuobjax.optimizer, "SGD", _nothing),
    ],
)
def test_wrong_results_are_failures(name, place, attribute, sabotage, monkeypatch, capsys):
    monkeypatch.setattr(place, attribute, sabotage)
    assert doctor.main(["examine", "cpu"]) == 1
    lines = {line[:25].strip(): line[26:] for line in capsys.readouterr().out.splitlines()}
    assert _examined(lines, "cpu")[name].startswith("FAILED: ")


@pytest.mark.parametrize("actual", [[1.0, 2.5], [1.0, float("nan")]])
def test_a_result_must_be_near_and_a_number(actual):
    doctor._expect([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(doctor.Trouble, match="a result is wrong by"):
        doctor._expect(actual, [1.0, 2.0], 0.1)


def test_the_number_of_threads_is_unknown_without_threadpoolctl(monkeypatch):
    monkeypatch.setattr(doctor.importlib.util, "find_spec", lambda name: None)
    assert doctor._blas().endswith(", number of threads unknown: pip install threadpoolctl")


def test_one_process_without_mpi4py(monkeypatch):
    monkeypatch.setattr(doctor, "_version", lambda name: "")
    assert doctor._mpi() == "mpi4py is not installed: one process (pip install 'cuobjax[mpi]')"


@pytest.mark.parametrize(
    ("nccl", "said"),
    [(types.SimpleNamespace(get_version=lambda: 22703), "collectives by NCCL 2.27.3"), (None, "collectives by copies")],
)
def test_how_gpus_exchange_arrays(nccl, said, monkeypatch):
    monkeypatch.setattr(backend, "nccl", lambda: nccl)
    monkeypatch.setattr(doctor, "_copies", lambda count: f"{count} GPUs")
    assert doctor._several(1).startswith(said) and doctor._several(2).endswith("; 2 GPUs")


@pytest.mark.gpu
def test_copies_between_gpus():
    cupy = pytest.importorskip("cupy")
    if not cupy.cuda.is_available():
        pytest.skip("needs a GPU, or CuPy's stand-in on the CPU")
    count = cupy.cuda.runtime.getDeviceCount()
    apart = [
        f"gpu:{i} to gpu:{j}"
        for i in range(count)
        for j in range(count)
        if i != j and not cupy.cuda.runtime.deviceCanAccessPeer(j, i)
    ]
    assert doctor._copies(count) == (f"no peer access from {', '.join(apart)}" if apart else "peer access between all")

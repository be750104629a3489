"""Every CUDA kernel compiles for every generation of GPUs that CUDA 13 serves, whatever GPU there is or is none."""

import ast
import functools
import importlib
import inspect
import pkgutil
import sys

import numpy
import pytest

import autograd.kernels
from autograd.kernels import random
from autograd.kernels.philox import Distribution
from benchmarks.kernel_launches import launches
from benchmarks.kernels import ARCHITECTURES, KERNEL_CLASSES, Recorder, Source, compiled, sources, spilling
from tests.test_architecture import FILES, modules

REMEDY = "add a launch of it to benchmarks/kernel_launches.py"


@functools.cache
def _launched():
    """A Recorder after all launches, on NumPy, and what was called: (file, first line) of functions."""
    recorder, called = Recorder(numpy), set()
    sys.setprofile(lambda frame, *_: called.add((frame.f_code.co_filename, frame.f_code.co_firstlineno)))
    try:
        with numpy.errstate(all="ignore"):  # results are what was in memory
            for _, launch in launches():
                launch(recorder)
    finally:
        sys.setprofile(None)
    return recorder, called


def test_every_place_that_makes_a_kernel_is_launched():
    written = {
        (str(FILES[name]), node.lineno)
        for name, nodes in modules().items()
        for node in nodes
        if isinstance(node, ast.Attribute) and node.attr in KERNEL_CLASSES
    }
    assert written
    missing = written - _launched()[0].places
    assert not missing, f"{missing}: {REMEDY}"


def _functions():
    """The public functions of an array library in `autograd.kernels`."""
    for info in pkgutil.iter_modules(autograd.kernels.__path__, "autograd.kernels."):
        for name, function in inspect.getmembers(importlib.import_module(info.name), inspect.isfunction):
            if not name.startswith("_") and "xp" in inspect.signature(function).parameters:
                yield function


def test_every_function_that_may_use_a_kernel_is_launched():
    """One place may make the kernels of several functions."""
    called = _launched()[1]
    missing = [
        f.__qualname__ for f in _functions() if (f.__code__.co_filename, f.__code__.co_firstlineno) not in called
    ]
    assert not missing, f"{missing}: {REMEDY}"


def test_every_distribution_is_drawn():
    tables = [value if isinstance(value, dict) else {"": value} for value in vars(random).values()]
    distributions = [value for table in tables for value in table.values() if isinstance(value, Distribution)]
    assert len(distributions) >= 10
    codes = [made[0] for made in _launched()[0].made]
    for distribution in distributions:
        assert any(distribution.device in code for code in codes), f"{distribution.device}: {REMEDY}"


@functools.cache
def _sources():
    cupy = pytest.importorskip("cupy", reason="needs CuPy: it says what it would compile")
    if not cupy.cuda.is_available():
        pytest.skip("needs a GPU of any kind, or CuPy's stand-in on the CPU, to allocate arrays")
    try:
        cupy.cuda.nvrtc.getVersion()
    except RuntimeError as error:
        pytest.skip(f"needs NVRTC: {error}")
    return sources(cupy), cupy.cuda.nvrtc


@pytest.mark.gpu
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_kernels_compile_without_spilling_registers(architecture):
    found, nvrtc = _sources()
    if int(architecture.removeprefix("sm_")) not in nvrtc.getSupportedArchs():
        pytest.skip(f"needs an NVRTC that knows {architecture}, got {nvrtc.getVersion()}")
    if architecture == "sm_90":  # one by one, as CuPy compiles them; on the others together
        spilled = [source for source in found if compiled(nvrtc, architecture, source).spills]
    else:
        spilled = spilling(nvrtc, architecture, found)
    assert not [str(source) for source in spilled]


@pytest.mark.gpu
def test_kernels_that_spill_or_are_not_cuda_are_found_among_others():
    found, nvrtc = _sources()
    many = "".join(f"float x{i} = x[{i}]; " for i in range(64)) + "__syncthreads(); "
    many += "".join(f"x[{i}] = x{63 - i} * x{i}; " for i in range(64))
    options = (*found[0].options, "--maxrregcount=16")
    few = [source._replace(options=options) for source in found[:2]]
    large = Source("large", "", f'extern "C" __global__ void large(float* x) {{ {many}}}', options)
    assert spilling(nvrtc, "sm_80", few) == []
    assert spilling(nvrtc, "sm_80", [few[0], large, few[1]]) == [large]
    broken = large._replace(kernel="broken", code='extern "C" __global__ void large(float* x) { x[0] = nothing; }')
    with pytest.raises(RuntimeError, match=r'^broken .*for sm_80:\n.*identifier "nothing" is undefined'):
        spilling(nvrtc, "sm_80", [few[0], broken, few[1]])


@pytest.mark.gpu
def test_a_kernel_that_is_not_cuda_is_named_with_what_the_compiler_says():
    found, nvrtc = _sources()
    broken = found[0]._replace(code='extern "C" __global__ void draw(float* x) { x[0] = nothing; }')
    with pytest.raises(RuntimeError, match=r'for sm_90:\n.*identifier "nothing" is undefined'):
        compiled(nvrtc, "sm_90", broken)

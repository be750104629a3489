"""Products within recordings, by a stand-in for nvmath-python: the same bits, in CUDA graphs of whole programs."""

import os
import sys
import types

import numpy as np
import pytest

import cuobjax
import cuobjax.functional as F
import cuobjax.numpy as jn
from autograd.compiler.recorder import Recorder
from autograd.kernels import products, recorded_products
from cuobjax import Jit, nn
from tests.gpu.nvmath_stand_in import CuBLAS
from tests.gpu.steps import STEPS
from tests.gpu.test_captured import assert_same, long, normal, program_of, trained

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def on_cupy(cupy, monkeypatch):
    monkeypatch.setenv("CUOBJAX_CUDA_GRAPH", "1")
    return cupy


@pytest.fixture
def library(monkeypatch):
    """The stand-in; on a GPU, where functions of the host must not call CUDA, nvmath-python."""
    if "CUPY_ON_CPU_HOME" in os.environ:
        yield from installed(monkeypatch, CuBLAS())
    else:
        pytest.importorskip("nvmath.bindings.cublas", reason="needs nvmath-python")
        yield types.SimpleNamespace(recorded=None)


def installed(monkeypatch, library):
    """Within it, `library` is in the place of `nvmath.bindings.cublas`."""
    monkeypatch.setitem(sys.modules, "nvmath", types.ModuleType("nvmath"))
    monkeypatch.setitem(sys.modules, "nvmath.bindings", types.ModuleType("nvmath.bindings"))
    monkeypatch.setitem(sys.modules, "nvmath.bindings.cublas", library)
    monkeypatch.setattr(recorded_products, "_thread", recorded_products._Thread())
    recorded_products._found.cache_clear()
    yield library
    recorded_products._found.cache_clear()


def test_products_are_recorded_and_run_when_the_graph_does(on_cupy, library):
    draw = np.random.default_rng(0).normal
    for dtype in ("float16", "float32", "float64", "complex64", "complex128"):
        for shapes in (((3, 4), (4, 5)), ((4,), (4, 5)), ((3, 4), (4,)), ((4,), (4,)), ((1, 4), (4, 1))):
            a, b = (on_cupy.asarray(draw(size=shape).astype(dtype)) for shape in shapes)
            for x, y in ((a, b), (on_cupy.asfortranarray(a), b), (a[..., ::-1], b[::-1].copy())):
                found, graph = Recorder().record(lambda x=x, y=y: products.on_device(on_cupy, x, y))
                graph.launch()
                expected = x @ y
                assert found.shape == expected.shape and found.dtype == expected.dtype
                tolerance = 1e-3 if dtype == "float16" else 1e-6
                np.testing.assert_allclose(found.get(), expected.get(), tolerance, tolerance)
    x, y = on_cupy.asarray(draw(size=(2, 3, 4))), on_cupy.asarray(draw(size=(2, 4, 5)))
    found, graph = Recorder().record(lambda: products.stacked(on_cupy, x, y))
    graph.launch()
    np.testing.assert_array_equal(found.get(), (x @ y).get())
    assert library.recorded in (76, None)


def test_a_program_with_products_is_one_graph(library):
    def net(x, w, v):
        return (long(long(x @ w) @ v) * 2).sum(0)

    jitted, w, v = Jit(net), normal(3, 3, seed=1), normal(3, 5, seed=2)
    for i in range(5):
        args = normal(4, 3, seed=i), w, v
        assert_same([jitted(*args)], [net(*args)])
    program = program_of(jitted)
    assert len(program.launches) == 1 and not program.uncaptured and library.recorded != 0
    assert f"one of {program.launches[0]} launches" in str(jitted.explain())


@pytest.mark.parametrize("name", STEPS)
def test_training_steps(library, name):
    assert "cuBLAS" not in str(trained(name).uncaptured) and library.recorded != 0


def test_networks_with_attention_and_recurrence(library):
    for net, x in ((nn.MultiHeadAttention(8, 2), normal(2, 5, 8)), (nn.LSTM(3, 4), normal(6, 2, 3))):
        gradients = cuobjax.GradValues(lambda x, net=net: F.gelu(jn.asarray(_first(net(x)))).sum(), net.vars())
        jitted = Jit(gradients)
        for _ in range(4):
            (found, value), (expected, y) = jitted(x), gradients(x)
            assert_same([*found, *value], [*expected, *y])
        assert "cuBLAS" not in str(program_of(jitted).uncaptured) and library.recorded != 0


def _first(y):
    return y[0] if isinstance(y, tuple) else y


def test_products_of_the_users_own_recording(on_cupy, library):
    x, w = normal(4, 3), cuobjax.TrainVar(normal(3, 3, seed=1))
    gradients = cuobjax.GradValues(lambda x: (jn.tanh(x @ w) @ w).sum(), cuobjax.VarCollection({"w": w}))
    (expected,), _ = gradients(x)
    stream = on_cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        (found,), _ = gradients(x)
        graph = stream.end_capture()
        graph.launch()
        stream.synchronize()
    assert_same([found], [expected])


@pytest.mark.skipif("CUPY_ON_CPU_HOME" not in os.environ, reason="installs stand-ins")
def test_status(on_cupy, monkeypatch):
    for library, text in ((CuBLAS(), "in graphs: cuBLAS "), (CuBLAS(110100), "found cuBLAS 110100, CuPy ")):
        for _ in installed(monkeypatch, library):
            assert text in recorded_products.status(on_cupy)
    for _ in installed(monkeypatch, None):
        monkeypatch.delitem(sys.modules, "nvmath")
        monkeypatch.setitem(sys.modules, "nvmath", None)
        assert "pip install 'cuobjax[jit-cuda13]'" in recorded_products.status(on_cupy)
    for _ in installed(monkeypatch, types.ModuleType("cublas")):
        assert "between graphs: AttributeError" in recorded_products.status(on_cupy)
    monkeypatch.setenv("CUOBJAX_NVMATH", "0")
    for library in installed(monkeypatch, CuBLAS()):
        assert recorded_products.status(on_cupy) == "between graphs: CUOBJAX_NVMATH is 0"
        jitted = Jit(lambda x: long(x @ jn.ones((3, 3))))
        for _ in range(3):
            jitted(normal(4, 3))
        assert "cuBLAS" in program_of(jitted).uncaptured["matmul"] and not library.recorded

"""Every primitive of the table of operations in files of programs and, where it has a form there, in ONNX."""

import json

import numpy as np
import pytest

import autograd
from autograd import Array
from autograd.compiler import simplified
from autograd.graph import ConcretizationError, Staging
from autograd.primitive import PRIMITIVES
from cuobjax.tools.onnx_operations import OPERATIONS
from cuobjax.transforms.plain import NotPlain, graph_from_plain, plain_graph
from cuobjax.util import to_onnx
from tests.autograd.table.cases import Real
from tests.autograd.table.op_table import ROWS

pytestmark = [
    pytest.mark.usefixtures("on_the_cpu"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]
CPU = autograd.Device("cpu")
BESIDE_OTHERS = ("max_pool_indices", "recurrence", "window_gather")  # that have a form: see test_onnx.py
IN_GROUPS = {name for name in ROWS if not {"axis_name", "what"}.isdisjoint(PRIMITIVES[name].parameters)}


def drawn(name, dtypes=("float32", "complex64")):
    for case in ROWS[name]:
        for dtype in dtypes:
            if np.dtype(dtype).kind in case.dtypes or not any(isinstance(x, Real) for x in case.inputs):
                yield case.draw(np, dtype, CPU)


def recorded(name, arrays, params):
    staging = Staging()
    with staging.recording():
        y = PRIMITIVES[name](*[staging.input(x, "argument") for x in arrays], **params)
    return simplified(staging.finished(y if isinstance(y, tuple) else (y,)))


@pytest.mark.parametrize("name", sorted(ROWS.keys() - IN_GROUPS))
def test_files_of_programs_hold_every_primitive(name):
    found = 0
    for arrays, params in drawn(name):
        try:
            graph = recorded(name, arrays, params)
        except ConcretizationError:  # a shape that depends on values
            continue
        kept = []
        plain = json.loads(json.dumps(plain_graph(graph, kept), allow_nan=False))
        again = graph_from_plain(plain, kept)
        assert [(o.primitive, o.inputs, o.outputs) for o in again.operations] == [
            (o.primitive, o.inputs, o.outputs) for o in graph.operations
        ]
        assert [repr(o.params) for o in again.operations] == [repr(o.params) for o in graph.operations]
        for a, b in zip(graph.interpret(arrays), again.interpret(arrays), strict=True):
            np.testing.assert_array_equal(a, b, strict=True)
        found += 1
    assert found or PRIMITIVES[name].shape_from is not None


@pytest.mark.parametrize("name", sorted(OPERATIONS.keys() - IN_GROUPS))
def test_models_of_onnx_give_the_same(name):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    found = 0
    for arrays, params in drawn(name, ("float32",)):
        if not all(x.size for x in arrays if isinstance(x, np.ndarray)):
            continue  # onnxruntime refuses most of these

        def f(*given, arrays=arrays, params=params):
            given = iter(given)
            filled = [next(given) if isinstance(x, np.ndarray) else x for x in arrays]
            return PRIMITIVES[name](*filled, **params)

        given = [Array(x) for x in arrays if isinstance(x, np.ndarray)]
        expected = autograd.tree.flatten(f(*given))[0]
        try:
            model = to_onnx(lambda *given, f=f: autograd.tree.flatten(f(*given))[0][:1], *given, opset=18)
        except ValueError as error:
            assert str(error).startswith("to_onnx: expected operations that have a form in ONNX, got ")  # noqa: PT017
            continue
        except ConcretizationError:  # a shape that depends on values
            continue
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        feeds = {x.name: np.asarray(a) for x, a in zip(session.get_inputs(), given, strict=True)}
        got = session.run(None, feeds)[0]
        assert (got.shape, got.dtype) == (expected[0].shape, expected[0].dtype)
        np.testing.assert_allclose(got, np.asarray(expected[0]), rtol=1e-5, atol=1e-5)
        found += 1
    assert found or name in BESIDE_OTHERS


@pytest.mark.parametrize("name", ["across", "across_extreme"])
def test_exchanges_of_processes_are_refused_when_a_file_is_written(name):
    arrays, params = next(drawn(name))
    with pytest.raises(NotPlain, match=f"{name}, which means this call of several processes"):
        plain_graph(recorded(name, arrays, params), [])

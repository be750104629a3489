"""What programs say of their steps."""

import numpy as onp
import pytest

import autograd.numpy as anp
from autograd import default_device
from autograd.compiler import compiled, simplified
from autograd.compiler.formulas import refusal
from autograd.compiler.steps import steps
from autograd.families import nondifferentiable
from autograd.graph import Graph, Operation, Staging, Value
from autograd.ops.elementwise import add

pytestmark = pytest.mark.usefixtures("xp")


def raw(x, dtype="float32"):
    return default_device().put(onp.asarray(x, dtype))


def recorded(f, *inputs):
    staging = Staging()
    with staging.recording():
        outputs = f(*[staging.input(x, "input") for x in inputs])
    return simplified(staging.finished(outputs if isinstance(outputs, tuple) else [outputs]))


def test_kinds_and_bytes():
    graph = recorded(
        lambda x, w, n: (anp.sin(x @ w.T) * (n + 1)).sum(), raw(onp.ones((4, 3))), raw(onp.ones((2, 3))), 2
    )
    found = {name: step for step in steps(compiled(graph, "f")) for name in step.operations}
    assert {name: step.kind for name, step in found.items() if name in ("transpose", "matmul", "add", "sum")} == {
        "transpose": "view", "matmul": "product", "add": "number", "sum": "call",
    }  # fmt: skip
    assert (found["matmul"].read, found["matmul"].written) == (4 * (12 + 6), 4 * 8)
    assert (found["transpose"].read, found["transpose"].written, found["add"].read) == (0, 0, 0)
    assert (found["sum"].read, found["sum"].written) == (4 * 8, 4)
    assert f"{__file__}:" in found["sum"].line and "in <lambda>" in found["sum"].line


def test_what_runs_alone_on_a_gpu_and_why(xp):
    graph = recorded(lambda x: (anp.sin(x) + anp.remainder(x, x)) * 2.0, raw([0.5, 1.0]))
    graph.on_host = False
    found = {step.name: step for step in steps(compiled(graph, "f"))}
    kernel = found["fused(sin, add, multiply)"]
    assert (kernel.kind, kernel.launches, kernel.reason) == ("kernel", 1, "")
    assert (kernel.read, kernel.written) == (16, 8)
    alone = found["remainder"]
    assert (alone.kind, alone.launches, alone.reason) == ("call", None, "it has no formula")


REASONS = {
    "it has no formula": lambda x: anp.remainder(x, x),
    "there is no kernel of complex64": lambda x: (x + 1j) * 2,
    "there is no kernel of int64": lambda x: x.astype("int64") + 2,
    "its formula is not for int32": lambda x: anp.abs(x.astype("int32")),
    "it makes int32 of float32": lambda x: x.astype("int32"),
    "it is of conditions and numbers": lambda x: (x > 0) == 2.0,
}


@pytest.mark.parametrize("reason", REASONS)
def test_reasons(reason):
    graph = recorded(REASONS[reason], raw([0.5, 1.0]))
    assert reason in [refusal(graph, operation) for operation in graph.operations]


def test_a_formula_is_for_one_dtype():
    single, double = (Value((2,), onp.dtype(name)) for name in ("float32", "float64"))
    operation = Operation(add, (0, 1), {}, (2,))
    graph = Graph([single, double, double], [0, 1], {}, [operation], [2])
    assert refusal(graph, operation) == "its arguments are float32 and float64"


def test_a_formula_is_for_one_result():
    both = nondifferentiable(lambda xp, x: (x, -x), cuda="x")
    value = Value((2,), onp.dtype("float32"))
    operation = Operation(both, (0,), {}, (1, 2))
    assert refusal(Graph([value] * 3, [0], {}, [operation], [1, 2]), operation) == "it has several results"

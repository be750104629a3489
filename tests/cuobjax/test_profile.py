"""Profiles: what ran, where, and for how long."""

import contextlib
import copy
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import autograd
import cuobjax as objax
import cuobjax.numpy as jn
from autograd.debugging import debug
from cuobjax.plot.pictures import _backward


def network():
    return objax.nn.Sequential([objax.nn.Linear(3, 4), jn.tanh, objax.nn.Linear(4, 1)])


def test_operations_and_modules_in_their_order():
    net, x = network(), jn.ones((5, 3))
    with objax.profile(net) as p:
        net(x)
    assert [(e.kind, e.name, e.modules) for e in p.events] == [
        ("operation", "matmul", ("Sequential", "[0]")), ("operation", "add", ("Sequential", "[0]")),
        ("module", "[0]", ("Sequential",)), ("operation", "tanh", ("Sequential",)),
        ("operation", "matmul", ("Sequential", "[2]")), ("operation", "add", ("Sequential", "[2]")),
        ("module", "[2]", ("Sequential",)), ("module", "Sequential", ()),
    ]  # fmt: skip
    operations = [e for e in p.events if e.kind == "operation"]
    assert [e.bytes for e in operations] == [80, 80, 80, 20, 20]
    assert operations[2].line.partition(":")[0] == __file__ or "test_profile" in operations[2].line
    whole = p.events[-1]
    assert whole.start >= 0 and whole.start + whole.seconds <= p.seconds
    assert all(e.start >= whole.start and e.own <= e.seconds for e in p.events)
    np.testing.assert_allclose(sum(e.own for e in p.events), whole.seconds)
    net(x)
    assert len(p.events) == 8  # nothing more once it is closed


def test_gradients_belong_to_the_modules_of_their_operations():
    net, x = network(), jn.ones((5, 3))
    gradients = objax.Grad(lambda x: (net(x) ** 2).mean(), net.vars())
    expected = gradients(x)
    with objax.profile(net) as p:
        found = gradients(x)
    for a, b in zip(found, expected, strict=True):
        assert np.asarray(a).tobytes() == np.asarray(b).tobytes()
    by_module = {}
    for e in p.events:
        if e.kind == "gradient":
            by_module.setdefault(e.modules, set()).add(e.name)
    assert "gradient of matmul" in by_module["Sequential", "[0]"] & by_module["Sequential", "[2]"]
    assert "gradient of tanh" in by_module["Sequential",]
    assert any(name.startswith("gradient of") for name in by_module[()])


def test_gradients_of_several_results_belong_to_modules_too():
    net, x = objax.nn.Sequential([objax.nn.Linear(3, 4), objax.nn.LayerNorm(4)]), jn.ones((5, 3))
    gradients = objax.Grad(lambda x: (net(x) ** 2).mean(), net.vars())
    with objax.profile(net) as p:
        gradients(x)
    (found,) = [e for e in p.events if e.name == "normalize_gradients"]
    assert found.modules == ("Sequential", "[1]")
    assert {e.modules for e in p.events if e.name == "gradient of normalize"} == {("Sequential", "[1]")}
    summed = [e.bytes for e in p.events if e.name == "gradient of add" and e.modules == ("Sequential", "[0]")]
    assert sorted(summed) == [16, 80]  # of the bias and of the product: what was broadcast is summed there


def test_steps_of_optimizers_are_what_they_are_otherwise():
    (net, x), found = (network(), jn.ones((5, 3))), []
    for profiled in (False, True):
        other = copy.deepcopy(net)
        optimizer = objax.optimizer.Adam(other.vars())
        g = objax.Grad(lambda x, f=other: (f(x) ** 2).mean(), other.vars())(x)
        with objax.profile(other) if profiled else contextlib.nullcontext() as p:
            optimizer(0.1, g)
        found.append([np.asarray(v.value).tobytes() for v in other.vars()])
    assert found[0] == found[1]
    (step,) = [e for e in p.events if e.name == "4 x update"]
    assert step.bytes == 3 * 4 * (12 + 4 + 4 + 1)  # the variables and two states of each


def test_nothing_is_launched_on_a_cpu():
    if autograd.default_device().kind != "cpu":
        pytest.skip("what is launched on a GPU is in tests/gpu/test_launches.py")
    with objax.profile() as p:
        jn.ones(3) + 1
    assert [e.launches for e in p.events] == [0] * len(p.events) and "launches" not in str(p)


def test_tables():
    net, x = network(), jn.ones((5, 3))
    with objax.profile(net) as p:
        for _ in range(3):
            net(x)
    assert [line.split()[:2] for line in p.table().splitlines()[2:-2]].count(["matmul", "6"]) == 1
    assert p.table().splitlines()[-1].split()[:2] == ["all", "15"]
    assert "Sequential > [0]" in p.table("modules") and "test_profile" in p.table("line")
    assert "others" in p.table("name", rows=1)
    assert str(p).count("100.0%") == 2 and "in operations" in str(p)
    with pytest.raises(ValueError, match="expected by as 'name', 'line' or 'modules', got 'time'"):
        p.table("time")


def test_programs_run_operation_by_operation():
    net, x = network(), jn.ones((5, 3))
    compiled = objax.Jit(net)
    expected = compiled(x)
    with objax.profile(net) as p:
        found = compiled(x)
    np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
    assert [e.name for e in p.events] == ["matmul", "add", "tanh", "matmul", "add"]


def test_an_error_leaves_the_profile_whole():
    net, x = network(), jn.ones((5, 3))
    with objax.profile(net) as p:
        with pytest.raises(ValueError, match=r"Linear"):
            net(jn.ones((5, 4)))
        net(x)
    assert [(e.name, e.modules) for e in p.events][-1] == ("Sequential", ())
    assert next(e for e in p.events if e.name == "tanh").modules == ("Sequential",)
    with pytest.raises(KeyError), objax.profile(net) as p:
        raise KeyError
    assert p.seconds > 0


def test_threads_and_nested_profiles():
    x = jn.ones(3)
    with objax.profile() as outer:
        with objax.profile() as inner:
            threads = [threading.Thread(target=lambda: jn.sin(x)) for _ in range(3)]
            [t.start() for t in threads]
            [t.join() for t in threads]
        jn.cos(x)
    assert sorted(e.name for e in inner.events) == ["sin"] * 3
    assert [e.name for e in outer.events].count("sin") == 3 and outer.events[-1].name == "cos"
    assert len({e.thread for e in outer.events}) >= 2


def test_profiles_of_a_network_nest():
    net, x = network(), jn.ones((5, 3))
    method = vars(objax.nn.Sequential)["__call__"]
    with objax.profile(net) as outer:
        with objax.profile(net) as inner:
            net(x)
            assert "Linear" in str(objax.summary(net, x))
        objax.plot.activations(net, x)
    expected = ["[0]", "[2]", "Sequential"]
    assert [e.name for e in inner.events if e.kind == "module"][:3] == expected
    assert [e.name for e in outer.events if e.kind == "module"][:3] == expected
    for p in (inner, outer):
        assert p.events[0].modules == ("Sequential", "[0]")
    assert vars(objax.nn.Sequential)["__call__"] is method


def test_threads_have_profiles_of_their_own():
    net, x, both = network(), jn.ones((5, 3)), threading.Barrier(2, timeout=30)

    def measured():
        with objax.profile(net) as p:
            both.wait()
            net(x)
            both.wait()
        return [e.name for e in p.events if e.kind == "module"]

    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(measured) for _ in range(2)]
    assert [f.result() for f in found] == [["[0]", "[2]", "Sequential"]] * 2
    net(x)


def test_only_modules_have_parts():
    with pytest.raises(TypeError, match="profile: expected modules, got function"), objax.profile(lambda x: x):
        pass


def test_checks_go_on_within_a_profile():
    x = -jn.ones(3)
    with pytest.raises(FloatingPointError, match="log: made nan"), debug(nans=True), objax.profile():
        jn.log(x)
    with pytest.raises(FloatingPointError, match="gradient of sqrt: made -inf"), objax.profile(), debug(nans=True):
        autograd.grad(lambda x: jn.sqrt(x).sum())(0 * x)


def test_a_trace_is_saved(tmp_path):
    net = network()
    with objax.profile(net) as p:
        net(jn.ones((5, 3)))
    p.save(tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert [e["name"] for e in events] == [e.name for e in p.events]
    assert all(e["ph"] == "X" and e["dur"] >= 0 for e in events)


def test_the_picture_has_all_operations():
    pytest.importorskip("matplotlib")
    net = network()
    gradients = objax.Grad(lambda x: (net(x) ** 2).mean(), net.vars())
    with objax.profile(net) as p:
        gradients(jn.ones((5, 3)))
    (axes,) = objax.plot.profile(p).axes
    assert len(axes.collections) >= len(p.events)
    modules = {(depth, name) for depth, name, *_ in _backward(p.events)}
    assert modules == {(0, "Sequential"), (1, "[0]"), (1, "[2]")}
    assert "matmul" in [t.get_text() for t in axes.get_legend().get_texts()]
    with pytest.raises(ValueError, match="expected a profile with events"), objax.profile() as empty:
        objax.plot.profile(empty)

"""Early stopping."""

import math

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax import EarlyStopping


@pytest.mark.parametrize(("mode", "metrics", "stops", "best"), [
    ("min", [3, 1, 2, 1, 5], 3, 1), ("max", [3, 1, 4, 9, 9, 8], 5, 3), ("min", [5, 4, 3, 2], None, 3),
    ("min", [math.nan, math.nan, 1], 1, None), ("max", [2, math.nan, 3, math.inf, 1, 1], 5, 3),
])  # fmt: skip
def test_the_best_values_come_back(mode, metrics, stops, best):
    net = objax.nn.Linear(1, 1)
    optimizer = objax.optimizer.SGD(net.vars())
    early = EarlyStopping(net.vars() + optimizer.vars(), 2, mode)
    stopped, values = None, []
    for i, metric in enumerate(metrics):
        net.w.assign(jn.full((1, 1), float(i)))
        values.append(early(jn.array(metric)))
        if values[-1] and stopped is None:
            stopped = i
            break
    assert stopped == stops
    if best is None:
        with pytest.raises(ValueError, match=r"expected a metric before. Call early\(metric\) after each epoch"):
            early.restore()
        return
    early.restore()
    np.testing.assert_array_equal(net.w.value, best)
    assert early.best == metrics[best]


def test_small_gains_do_not_count():
    early = EarlyStopping({"v": objax.StateVar(jn.zeros(1))}, 2, min_delta=0.5)
    assert [early(x) for x in (3.0, 2.6, 2.4, 2.0, 1.9)] == [False, False, False, False, True]
    assert early.best == 2.4 and early.count == 2


@pytest.mark.parametrize(("options", "message"), [
    ({"patience": 0}, "expected patience of at least 1, got 0"),
    ({"patience": 1, "mode": "low"}, "expected mode 'min' or 'max', got 'low'"),
    ({"patience": 1, "min_delta": -1}, "expected min_delta of at least 0, got -1"),
])  # fmt: skip
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        EarlyStopping({}, **options)


def test_replicas_are_refused():
    v = objax.StateVar(jn.zeros(1))
    early, vc = EarlyStopping({"v": v}, 2), objax.VarCollection(v=v)
    early(1.0)
    for call in (lambda: early(0.5), early.restore):
        with vc.replicate(), pytest.raises(ValueError, match=r"got replicas\. Call it after replicate\(\)"):
            call()
    early.restore()
    assert v.shape == (1,) and early.best == 1

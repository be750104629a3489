"""Schedules against those of PyTorch and optax, which tests/data/schedules.py has stored, and against Objax's."""

import copy
import json
from pathlib import Path

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from cuobjax.optimizer.scheduler import (
    Annealing,
    Constant,
    CosineAnnealing,
    ExponentialDecay,
    LinearAnnealing,
    OneCycle,
    Piecewise,
    PolynomialAnnealing,
    Scheduler,
    StepDecay,
    Warmup,
)  # fmt: skip

EXPECTED = json.loads((Path(__file__).parent.parent / "data" / "schedules.json").read_text())
SCHEDULES = {
    "multi-step": StepDecay([3, 7, 8], 0.2, gamma=0.5),
    "step": StepDecay(4, 0.2, gamma=0.3),
    "exponential": ExponentialDecay(1, 0.2, 0.9),
    "linear": LinearAnnealing(12, 0.2, is_cycle=False, min_lr=0.02),
    "cosine": CosineAnnealing(19, 0.2, min_lr=0.02),
    "cosine, restarts": CosineAnnealing(5, 0.2, is_cycle=True, min_lr=0.02),
    "cosine, longer restarts": CosineAnnealing(3, 0.2, is_cycle=True, growth=2),
    "polynomial": PolynomialAnnealing(12, 0.2, power=2.0),
    "one-cycle": OneCycle(20, 0.2),
    "one-cycle, others": OneCycle(20, 0.2, 0.5, 4, 8),
    "warm-up, cosine": Warmup(CosineAnnealing(12, 0.2, min_lr=0.02), 5, start=0.25),
    "piecewise": Piecewise([4], [0.3, LinearAnnealing(8, 0.2, is_cycle=False)]),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_rates_are_those_of_pytorch_and_optax(name):
    schedule, expected = SCHEDULES[name], EXPECTED[name]
    rates = [schedule(step) for step in range(20)]
    assert {type(rate) for rate in rates} == {float}
    np.testing.assert_allclose(rates, expected, rtol=1e-6, atol=1e-8)
    assert type(schedule(np.int64(3))) is float
    assert schedule(3.0) == schedule(3)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("dtype", ["int32", "uint32", "float32"])
def test_arrays_of_steps_give_arrays_also_under_jit(name, dtype):
    schedule, expected = SCHEDULES[name], EXPECTED[name]
    steps = jn.arange(20).astype(dtype)
    for rates in (schedule(steps), objax.Jit(schedule)(steps), objax.Vectorize(schedule)(steps)):
        assert (type(rates), rates.dtype) == (jn.ndarray, "float32")
        np.testing.assert_allclose(rates, expected, rtol=1e-5, atol=1e-7)
    numbered = objax.Jit(schedule)  # a Python number is traced
    np.testing.assert_allclose([numbered(step) for step in range(20)], expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "uint32", "float16"])
@pytest.mark.parametrize("make", [LinearAnnealing, StepDecay, ExponentialDecay, OneCycle, lambda n: Warmup(0.1, n)])
def test_numpys_numbers_of_few_bits_are_steps(make, dtype):
    schedule = make(300)
    assert schedule(np.dtype(dtype).type(100)) == schedule(100)


def test_a_step_of_training_counts_for_itself_under_jit():
    v, count = objax.TrainVar(jn.array(4.0)), objax.StateVar(jn.array(0))
    opt, schedule = objax.optimizer.SGD({"v": v}), StepDecay(2, 1.0, 0.5)

    @objax.Jit
    def step():
        opt(schedule(count.value), [jn.array(1.0)])
        count.value += 1

    for _ in range(4):
        step()
    assert v.value == 4 - 1 - 1 - 0.5 - 0.5


def test_constant():
    assert Constant(0.3)(7) == 0.3
    np.testing.assert_allclose(Constant(0.3)(jn.arange(2)), [0.3, 0.3], rtol=1e-6)


# Objax's formulas.


def test_linear_annealing_is_objaxs():
    """In a cycle, the rate of max_step is the first one, and min_lr is not reached."""
    cycle = LinearAnnealing(10, base_lr=2.0, min_lr=0.2)
    np.testing.assert_allclose([cycle(s) for s in (0, 5, 9, 10, 15)], [2, 1.1, 0.38, 2, 1.1], rtol=1e-6)
    once = LinearAnnealing(10, is_cycle=False)
    np.testing.assert_allclose([once(s) for s in (0, 5, 10, 11)], [1, 0.5, 0, 0], atol=1e-7)
    with pytest.raises(ValueError, match=r"^base_lr should be greater than or equal to min_lr\.$"):
        LinearAnnealing(10, base_lr=0.1, min_lr=0.2)


def test_step_decay_is_objaxs():
    rates = [StepDecay(step_size=3, base_lr=1, gamma=0.9)(step) for step in range(10)]
    np.testing.assert_allclose(rates, [1, 1, 1, 0.9, 0.9, 0.9, 0.81, 0.81, 0.81, 0.729], rtol=1e-6)
    for sizes in ((3, 5, 8), np.array([3, 5, 8])):
        rates = [StepDecay(step_size=sizes, base_lr=1, gamma=0.9)(step) for step in range(10)]
        np.testing.assert_allclose(rates, [1, 1, 1, 0.9, 0.9, 0.81, 0.81, 0.81, 0.729, 0.729], rtol=1e-6)


def test_a_schedule_of_ones_own():
    class Halves(Annealing):
        def fall(self, progress):
            return progress >= 0.5

    schedule = Halves(4, 0.2, is_cycle=True)
    assert [schedule(step) for step in range(6)] == [0.2, 0.2, 0, 0, 0.2, 0.2]

    class WithArrays(Scheduler):
        def multiplier(self, step):
            return jn.cos(step)

    assert (type(WithArrays(2.0)(0)), WithArrays(2.0)(0)) == (float, 2.0)
    with pytest.raises(NotImplementedError, match=r"^Scheduler: has no multiplier\. Define multiplier\(self, step\)\."):
        Scheduler()(0)
    with pytest.raises(NotImplementedError, match=r"^Annealing: has no fall\. Define fall\(self, progress\)\."):
        Annealing(3)(0)


@pytest.mark.parametrize("growth", [1.5, 2, 3, 10])
def test_each_cycle_begins_where_the_one_before_ends(growth):
    """Also where the logarithm of float32 is rounded to the other side."""
    schedule, begin, length = CosineAnnealing(8, is_cycle=True, growth=growth), 0, 8
    for _ in range(6):
        np.testing.assert_allclose(schedule(begin), 1, atol=1e-6)
        np.testing.assert_allclose(schedule(jn.array(begin)), 1, atol=1e-6)
        np.testing.assert_allclose(schedule(jn.array(begin + length / 2)), 0.5, atol=1e-4)
        begin, length = begin + length, length * growth


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CosineAnnealing(0), r"^CosineAnnealing: expected max_step greater than 0, got 0\."),
        (lambda: CosineAnnealing(float("nan")), r"^CosineAnnealing: expected max_step greater than 0, got nan\."),
        (lambda: CosineAnnealing(5, 0.0), r"^CosineAnnealing: expected base_lr greater than 0, got 0\.0\."),
        (lambda: CosineAnnealing(5, growth=0.5), r"^CosineAnnealing: expected growth of at least 1, got 0\.5\."),
        (lambda: PolynomialAnnealing(5, power=0), r"^PolynomialAnnealing: expected power greater than 0, got 0\."),
        (lambda: StepDecay(0), r"^StepDecay: expected step_size greater than 0, got 0\."),
        (lambda: StepDecay([3, 2]), r"^StepDecay: expected step_size as rising steps, got \[3, 2\]\."),
        (lambda: ExponentialDecay(-1), r"^ExponentialDecay: expected step_size greater than 0, got -1\."),
        (lambda: Warmup(0.1, 0), r"^Warmup: expected steps greater than 0, got 0\."),
        (lambda: Piecewise([1, 2], [0.1]), r"^Piecewise: expected one schedule more than boundaries, got 1 and 2\."),
        (lambda: Piecewise([2, 2], [1, 2, 3]), r"^Piecewise: expected boundaries as rising steps, got \[2, 2\]\."),
        (
            lambda: OneCycle(3),
            r"^OneCycle: expected steps for the rise and for the fall, got max_step=3 and",
        ),
        (lambda: CosineAnnealing(5, min_lr=-0.1), r"^CosineAnnealing: expected min_lr of at least 0, got -0\.1\."),
        (lambda: StepDecay(5, gamma=-1), r"^StepDecay: expected gamma of at least 0, got -1\."),
        (lambda: Warmup(-0.1, 5), r"^Warmup: expected after of at least 0, got -0\.1\."),
        (lambda: Warmup(0.1, 5, start=-1), r"^Warmup: expected start of at least 0, got -1\."),
        (lambda: Piecewise([2], [0.1, -0.1]), r"^Piecewise: expected schedule 1 of at least 0, got -0\.1\."),
        (lambda: OneCycle(10, div_factor=0), r"^OneCycle: expected div_factor greater than 0, got 0\."),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("name", SCHEDULES)
def test_the_text_of_a_schedule_makes_it_again(name):
    schedule = SCHEDULES[name]
    again = eval(repr(schedule), {"cuobjax": objax})
    assert [again(step) for step in range(20)] == [schedule(step) for step in range(20)]


def test_names_of_objax():
    assert repr(LinearAnnealing(5)).startswith(
        "cuobjax.optimizer.scheduler.LinearAnnealing(max_step=5, base_lr=1.0, is_c"
    )
    assert objax.optimizer.scheduler.Scheduler is Scheduler


def test_attributes_that_change_count():
    schedule = OneCycle(10)
    schedule.max_step = 100
    assert schedule(20) == OneCycle(100)(20)
    schedule = copy.copy(Warmup(0.5, 10))
    schedule.after, schedule.steps, schedule.start = 0.25, 5, 0.5
    assert [schedule(step) for step in range(8)] == [Warmup(0.25, 5, 0.5)(step) for step in range(8)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda opt: CosineAnnealing(opt, 10),
            r"^CosineAnnealing: expected max_step as a number, got SGD\. A schedule has no optimizer: write opt\(sch",
        ),
        (lambda opt: StepDecay(opt, 10), r"^StepDecay: expected step_size as a number, got SGD\."),
        (lambda opt: StepDecay("2"), r"^StepDecay: expected step_size as a number, got str\.$"),
        (lambda opt: StepDecay(2, 1.0, "0.1"), r"^StepDecay: expected gamma as a number, got str\.$"),
        (
            lambda opt: CosineAnnealing(10, 1.0, min_lr=None),
            r"^CosineAnnealing: expected min_lr as a number, got NoneT",
        ),
        (lambda opt: CosineAnnealing(10, growth="2"), r"^CosineAnnealing: expected growth as a number, got str\.$"),
        (lambda opt: OneCycle(10, pct_start="0.3"), r"^OneCycle: expected pct_start as a number, got str\.$"),
        (lambda opt: Warmup(0.1, 5, "0"), r"^Warmup: expected start as a number, got str\.$"),
        (lambda opt: Piecewise(10, [1.0, 0.1]), r"^Piecewise: expected boundaries as a list, got 10\.$"),
        (lambda opt: Piecewise([10], None), r"^Piecewise: expected schedules as a list, got None\.$"),
        (lambda opt: StepDecay(["2"]), r"^StepDecay: expected step_size as a number, got str\.$"),
        (lambda opt: StepDecay(2, "0.1"), r"^StepDecay: expected base_lr as a number, got str\.$"),
        (lambda opt: Warmup("0.1", 5), r"^Warmup: expected after as a number, got str\.$"),
    ],
)
def test_arguments_that_are_no_numbers_are_refused(make, message):
    with pytest.raises(TypeError, match=message):
        make(objax.optimizer.SGD({"v": objax.TrainVar(jn.ones(1))}))


def test_what_pytorch_calls_has_a_remedy():
    with pytest.raises(
        AttributeError, match=r"'CosineAnnealing' object has no attribute 'step'\. Write opt\(schedule\("
    ):
        CosineAnnealing(10).step()

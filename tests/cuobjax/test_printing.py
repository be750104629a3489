"""`debug_print` prints in each run of a program, in order, whatever surrounds it."""

import numpy as np
import pytest

import autograd
import cuobjax
import cuobjax.numpy as jn
from cuobjax import Grad, GradValues, Jit, Parallel, Remat, TrainVar, Vectorize, debug_print

pytestmark = pytest.mark.usefixtures("xp")
V = TrainVar(np.array([1.0, 2.0], "float32"))


def f(x, n=3):
    debug_print("here")
    debug_print("x={:.1f} n={n} v={v} {}", x, "text", n=n, v=V)
    y = (x * jn.array([1.0, 2.0])).sum()
    debug_print("y={:.2f}", y)
    return y


def text(x, n=3):
    return f"here\nx={x:.1f} n={n} v=[1. 2.] text\ny={3 * x:.2f}\n"


COMPOSITIONS = {
    "eager": lambda f: f,
    "Jit": Jit,
    "Jit(Jit)": lambda f: Jit(Jit(f)),
    "Grad": lambda f: Grad(f, None, (0,)),
    "Jit(Grad)": lambda f: Jit(Grad(f, None, (0,))),
    "Grad(Jit)": lambda f: Grad(Jit(f), None, (0,)),
    "grad of grad": lambda f: autograd.grad(autograd.grad(f)),
    "jvp": lambda f: lambda x: autograd.jvp(f, (jn.asarray(x),), (jn.ones(()),)),
    "Jit(jvp)": lambda f: Jit(lambda x: autograd.jvp(f, (jn.asarray(x),), (jn.ones(()),))),
}


@pytest.mark.parametrize("transform", COMPOSITIONS.values(), ids=COMPOSITIONS)
def test_each_run_prints_its_numbers_in_order(transform, capsys):
    run = transform(f)
    for x in (1.0, 2.0, 3.0):
        run(x)
        assert capsys.readouterr().out == text(x)


@pytest.mark.parametrize("transform", [Vectorize, lambda f: Jit(Vectorize(f))], ids=["Vectorize", "Jit(Vectorize)"])
def test_lanes_print_one_after_the_other(transform, capsys):
    run = transform(lambda x: debug_print("x={}", x))
    for _ in range(2):
        run(jn.arange(2.0))
        assert capsys.readouterr().out == "x=0.0\nx=1.0\n"


def test_no_lane_prints_nothing(capsys):
    autograd.vmap(lambda x: (debug_print("{}", x), x)[1])(np.zeros(0))
    assert capsys.readouterr().out == ""


def test_a_program_repeats_what_depends_on_nothing(capsys):
    v = TrainVar(jn.ones(2))
    inner = Jit(lambda: debug_print("inner {}", jn.ones(2)))

    def step(x):
        inner()
        _, (loss,) = GradValues(lambda: ((v * 2).sum(), debug_print("loss {}", 5))[0], {"v": v})()
        return loss * x

    step = Jit(step)
    for _ in range(3):
        step(1.0)
        assert capsys.readouterr().out == "inner [1. 1.]\nloss 5\n"


def test_remat_prints_again_when_it_computes_again(capsys):
    Grad(Remat(f), None, (0,))(2.0)
    assert capsys.readouterr().out == text(2.0) * 2


def test_devices_print_each(monkeypatch, capsys):
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "2")
    run = Parallel(lambda x: (debug_print("n {}", x.shape), x)[1])
    for transform in (run, Jit(run)):
        for _ in range(2):
            n = run.ndevices
            transform(jn.ones((2 * n, 3)))
            assert capsys.readouterr().out == "n (2, 3)\n" * n


def test_results_are_those_without_printing(capsys):
    x = jn.array([0.5, 1.5])

    def loss(x, show):
        y = jn.tanh(x) * 2
        if show:
            debug_print("{}", y)
        return (y**2).sum()

    for transform in (lambda f: f, Jit):
        found = [transform(cuobjax.GradValues(loss, None, (0,)))(x, show) for show in (False, True)]
        np.testing.assert_array_equal(found[0][0][0], found[1][0][0])
        np.testing.assert_array_equal(found[0][1][0], found[1][1][0])


def test_values_of_several_libraries_in_one_line(xp, capsys):
    debug_print("{} {} {:d} {}", xp.ones(2), np.zeros(1), np.int64(3), None)
    assert capsys.readouterr().out == "[1. 1.] [0.] 3 None\n"


def test_long_tables_of_a_notebook_end():
    html = cuobjax.nn.Sequential([cuobjax.nn.Linear(1, 1) for _ in range(300)])._repr_html_()
    assert html.count("Linear") == 199 and "..." in html

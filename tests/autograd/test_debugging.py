"""`debug`, `debug_nans`, `trace_report`, notes on errors, and arrays that are written to too early."""

import io

import numpy as np
import pytest

import autograd.numpy as anp
from autograd import Array, checkpoint, custom_vjp, debug, debug_nans, grad, jvp, trace_report, vjp, vmap
from autograd.families import elementwise
from autograd.primitive import Primitive
from autograd.reverse import Tape

pytestmark = pytest.mark.usefixtures("on_the_cpu")
X = np.array([1.0, 0.0, 4.0])
HERE = "test_debugging.py"


@pytest.fixture(autouse=True)
def nothing_stays_replaced():
    before = Primitive.run, Tape._recorded
    yield
    assert (Primitive.run, Tape._recorded) == before


class TestNans:
    def test_forward(self):
        def f(x):
            return anp.sum(anp.log(x) * 2)  # here

        message = r"^log: made -inf at \[1\] out of finite numbers.*in f"
        with pytest.raises(FloatingPointError, match=message), debug_nans():
            grad(f)(X)

    def test_backward(self):
        def f(x):
            return anp.sum(anp.sqrt(x))  # here

        message = r"gradient of sqrt: made inf at \[1\].*in f"
        with pytest.raises(FloatingPointError, match=message) as caught, debug_nans():
            grad(f)(X)
        assert any(HERE in note for note in caught.value.__notes__)

    def test_second_derivatives_and_lanes(self):
        with pytest.raises(FloatingPointError, match="made"), debug_nans():
            grad(lambda x: anp.sum(grad(lambda x: anp.sum(x**1.5))(x)))(X)
        with pytest.raises(FloatingPointError, match=r"log: made -inf"), debug_nans():
            vmap(anp.log)(X)

    def test_without_transformation(self, xp):
        with pytest.raises(FloatingPointError, match="divide: made inf"), debug_nans():
            anp.divide(xp.asarray(X), xp.asarray(X) * 0 + xp.asarray([0.0, 1.0, 1.0]))

    def test_what_is_not_finite_from_the_start_is_no_fault(self):
        with debug_nans():
            x = np.array([np.inf, 1.0])
            np.testing.assert_array_equal(grad(lambda x: anp.sum(anp.where(x > 5, 0.0, x * 2)))(x), [0.0, 2.0])

    def test_forward_mode_and_python_numbers(self):
        with pytest.raises(FloatingPointError, match=r"tangent of sqrt: made inf out of finite"), debug_nans():
            jvp(anp.sqrt, 0.0, 1.0)
        with debug_nans():
            masked = anp.where(Array(X > 0), Array(X), -np.inf)
        np.testing.assert_array_equal(masked, [1.0, -np.inf, 4.0])

    def test_tangents_that_are_not_finite_pass_without(self):
        with debug(), np.errstate(divide="ignore"):
            assert np.isinf(jvp(anp.log, np.zeros(1), np.ones(1))[1])

    def test_contexts_nest(self):
        with debug(), debug_nans(), pytest.raises(FloatingPointError):
            anp.log(X)
        with debug():
            with debug_nans():
                anp.exp(X)
            with np.errstate(divide="ignore"):
                assert np.isinf(anp.log(X)[1])


class TestIndices:
    @pytest.mark.parametrize(("index", "place"), [(np.array(6), ""), (np.array([0, 6]), r" at \[1\]")])
    def test_the_first_one_out_of_range_is_named(self, index, place):
        with debug(), pytest.raises(IndexError, match=rf"expected indices from -3 to 2, got 6{place}, called at"):
            Array(X)[index]


class TestNotes:
    def bad(self):
        return elementwise(lambda xp, x: x + 0, lambda g, x: g * [][0])

    def test_the_operation_is_named(self):
        bad = self.bad()
        with pytest.raises(IndexError) as caught:
            grad(lambda x: anp.sum(bad(x)))(X)
        assert "in the gradient of <lambda>; within autograd.debug()" in caught.value.__notes__[0]

    def test_the_line_is_named_where_it_is_known(self):
        bad = self.bad()

        def f(x):
            y = bad(anp.exp(x))
            return anp.sum(y)

        with debug(), pytest.raises(IndexError) as caught:
            grad(f)(X)
        assert f"test_debugging.py:{f.__code__.co_firstlineno + 1} in f" in caught.value.__notes__[0]

    def test_of_custom_derivatives(self):
        f = custom_vjp(lambda x: x)
        f.defvjp(lambda x: (x, None), lambda r, g: [][0])
        with pytest.raises(IndexError) as caught:
            grad(f)(1.0)  # here
        notes = caught.value.__notes__
        assert any("in the derivative of <lambda>, called at" in note and HERE in note for note in notes)

    def test_of_results_of_several_arrays(self):
        with debug(), pytest.raises(np.linalg.LinAlgError) as caught:
            grad(lambda a: anp.linalg.slogdet(a)[1])(np.zeros((2, 2)))  # here
        assert any(HERE in note for note in caught.value.__notes__)

        def f(a):
            a = a * 1.0
            _, log = anp.linalg.slogdet(a)
            return log * 2.0

        with debug(), pytest.raises(np.linalg.LinAlgError) as caught:
            grad(f)(np.zeros((2, 2)))
        assert any(f"test_debugging.py:{f.__code__.co_firstlineno + 2} in f" in note for note in caught.value.__notes__)

    def test_of_a_line_that_is_not_known(self):
        tape = Tape()
        tape.lines = {}
        assert tape._described(anp.exp, 0) == "in the gradient of exp, called at an unknown line"

    def test_of_a_tuple_of_one_array(self):
        alone = Primitive(lambda xp, x: (x * 1.0,), [lambda g: [][0]])

        def f(x):
            (y,) = alone(x)
            return y * 2.0

        with debug(), pytest.raises(IndexError) as caught:
            grad(f)(1.0)
        assert f"test_debugging.py:{f.__code__.co_firstlineno + 1} in f" in caught.value.__notes__[0]


class TestWrites:
    def test_other_views_and_other_devices_are_noticed_while_debugging(self, xp):
        base = xp.ones(3)
        one, other = base[:], base[:]
        with debug():
            _, pullback = vjp(lambda x: anp.sum(x * one), xp.asarray(X))
            other[:] = 5
            with pytest.raises(RuntimeError, match=r"an array was written to, .* called at .*test_debugging.py"):
                pullback(1.0)


class TestReport:
    def test_table(self):
        w = np.ones((3, 3))

        def f(x, w):
            h = anp.tanh(x @ w)  # two operations
            return anp.sum(checkpoint(lambda h: anp.sin(h) * 2)(h) + h)

        out = io.StringIO()
        rows = trace_report(f, X, w, file=out)
        assert [row.operation for row in rows][:2] == ["matmul", "tanh"]
        assert rows[0].bytes == X.nbytes + w.nbytes
        assert rows[1].bytes == X.nbytes
        assert all(HERE in row.line for row in rows if row.operation != "checkpoint")
        assert sum(row.seconds for row in rows) > 0
        lines = out.getvalue().splitlines()
        assert len(lines) == len(rows) + 2
        assert lines[-1].startswith(f"{len(rows)} values")

    def test_views_are_counted_as_the_memory_that_they_show(self):
        rows = trace_report(lambda x: anp.sum(x[:2] * x[1:]), X, file=io.StringIO())
        assert [row.bytes for row in rows if row.operation == "multiply"] == [X.nbytes]

    def test_order_and_limit(self):
        out = io.StringIO()
        rows = trace_report(lambda x: anp.sum(anp.exp(x) + x * 2), X, sort="bytes", limit=1, file=out)
        assert rows[0].operation == "exp"
        assert len(out.getvalue().splitlines()) == 3
        assert trace_report(anp.sum, X, sort="seconds", file=out)[0].seconds > 0
        with pytest.raises(ValueError, match="trace_report: expected sort"):
            trace_report(anp.sum, X, sort="size")

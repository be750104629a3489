"""Traps of Objax that belong to no single module. docs/from_objax.md has the list that the numbers refer to."""

import re
from pathlib import Path

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn

pytestmark = pytest.mark.usefixtures("on_the_cpu")


def test_every_trap_of_the_list_has_a_test():
    tests, page = Path(__file__).parent, Path(__file__).parents[2] / "docs" / "from_objax.md"
    listed = [int(number) for number in re.findall(r"^\| S(\d+) \|", page.read_text(), re.MULTILINE)]
    tested = {int(n) for path in tests.glob("test_*.py") for n in re.findall(r"def test_s(\d+)_", path.read_text())}
    assert listed == sorted(tested) == list(range(1, 31))


def test_s5_a_train_ref_to_a_listed_variable_does_not_zero_its_gradient():
    w = objax.TrainVar(jn.arange(3.0))
    ref = objax.TrainRef(w)
    listed = objax.VarCollection({"w": w, "ref": ref})
    for loss in (lambda: (w.value**2).sum(), lambda: (ref.value**2).sum(), lambda: (w.value * ref.value).sum()):
        (g,) = objax.Grad(loss, listed)()
        np.testing.assert_array_equal(g, [0, 2, 4])


def test_s6_outputs_come_as_they_were_returned_a_single_one_in_a_list():
    w = objax.TrainVar(jn.ones(2))
    variables = objax.VarCollection({"w": w})
    gradients = lambda f: objax.GradValues(f, variables)()[1]
    assert [float(x) for x in gradients(lambda: w.value.sum())] == [2.0]
    assert type(gradients(lambda: (w.value.sum(), "text", {"a": 1}))) is tuple
    outputs = gradients(lambda: [w.value.sum(), w.value * 2])
    assert type(outputs) is list
    np.testing.assert_array_equal(outputs[1], [2, 2])
    with pytest.raises(TypeError, match=r"output is a real scalar, got an output of shape \(2,\)"):
        gradients(lambda: w.value)


def test_s28_numpy_arrays_and_variables_meet_on_either_side():
    v = objax.TrainVar(jn.arange(3.0))
    np.testing.assert_array_equal(np.asarray(v), [0, 1, 2])
    for difference in (np.ones(3) - v, -(v - np.ones(3)), np.subtract(np.ones(3), v)):
        assert isinstance(difference, objax.Array)
        np.testing.assert_array_equal(difference, [1, 0, -1])
    assert (np.float32(2) * v).dtype == np.float32
    assert jn.float32(2).dtype == np.float32
    np.testing.assert_array_equal(jn.empty_like(v), np.zeros(3))
    assert np.float64(3.0) * v.value.sum() == 9.0


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("float64", "float32"), ("int32", "float32"), ("float32", "float32"), ("float16", "float32"), (bool, "float32")],
)
def test_s29_layers_promote_alike(dtype, expected):
    """Objax's Linear promotes and its Conv2D refuses: both compute in float32 here."""
    linear, convolution = objax.nn.Linear(3, 2), objax.nn.Conv2D(3, 2, 1)
    assert linear(np.ones((2, 3), dtype)).dtype == expected
    assert convolution(np.ones((2, 3, 4, 4), dtype)).dtype == expected

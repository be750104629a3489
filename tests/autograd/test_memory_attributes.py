"""Attributes of NumPy's arrays on Arrays: what plotting and image libraries ask for, and what has a remedy."""

import copy
import gc
import pickle
import types
from typing import Any

import numpy as np
import pytest

import autograd.numpy as anp
import cuobjax
import cuobjax.numpy as jn
from autograd import Array, grad, memory_attributes, vmap

pytestmark = pytest.mark.usefixtures("on_the_cpu")
LOST = "gradient would be lost|differs from lane to lane|same for all values"


def arrays():
    x = jn.arange(6.0).reshape(2, 3)
    return [x, x.T, x[::-1], x[:, ::2], jn.array(2.0), Array(np.float32(3)), jn.zeros((0, 3)), x > 1]


@pytest.mark.parametrize("i", range(8))
def test_the_array_interface_shows_the_elements_and_cannot_be_written_to(i):
    x = arrays()[i]
    for y in (x, cuobjax.StateVar(x)):
        seen = np.asarray(type("Image", (), {"__array_interface__": y.__array_interface__, "owner": y})())
        np.testing.assert_array_equal(seen, x.raw)
        assert seen.shape == x.shape and seen.dtype == x.dtype and not seen.flags.writeable
        assert y.strides == x.raw.strides


def test_what_was_read_from_a_variable_outlives_its_value():
    v = cuobjax.StateVar(jn.ones(1000))
    seen = [np.asarray(v), np.array(v, copy=None)]
    v.assign(jn.zeros(1000))
    gc.collect()
    junk = [np.full(1000, 7.0, "float32") for _ in range(20)]
    assert all((x == 1).all() for x in seen) and len(junk) == 20


def test_a_traced_array_tells_nothing_of_its_memory():
    seen = []

    def f(x):
        for name in ("__array_interface__", "strides"):
            seen.append(hasattr(x, name))
            with pytest.raises(TypeError, match=LOST):
                getattr(x, name)
        for call in (np.asarray, lambda x: x.tobytes(), lambda x: np.add.at(np.zeros(2), [0, 1], x)):
            with pytest.raises(TypeError, match=f"{LOST}|x.at"):
                call(x)
        return anp.sum(x)

    w = cuobjax.TrainVar(jn.ones(2))
    grad(f)(np.ones(2))
    vmap(f)(np.ones((3, 2)))
    cuobjax.Jit(f)(jn.ones(2))
    cuobjax.Grad(lambda: f(w), {"w": w})()
    assert not any(seen) and len(seen) == 8


def test_methods_of_numpys_arrays_that_arrays_have():
    raw = np.array([[1.0, 3.0], [5.0, 2.0]])
    x = Array(raw)
    assert x.itemsize == 8 and x.tobytes() == raw.tobytes()
    assert [*x.flat] == [*raw.flat] and x.flat[2] == 5
    assert Array(np.array([1.0, 3.0])).searchsorted(2.0) == 1
    assert x.argpartition(0).tolist() == raw.argpartition(0).tolist()
    assert Array(np.array([1, 0])).choose([[1, 2], [3, 4]]).tolist() == [3, 2]
    assert grad(lambda x: x.flat[3] ** 2)(raw).tolist() == [[0, 0], [0, 4]]


@pytest.mark.parametrize(
    ("name", "remedy"), [("view", "astype"), ("flags", "x.raw.flags"), ("to_device", "device_put")]
)
def test_an_attribute_that_arrays_lack_says_what_to_write(name, remedy):
    for x in (jn.ones(2), cuobjax.StateVar(jn.ones(2))):
        with pytest.raises(AttributeError, match=remedy):
            getattr(x, name)
        with pytest.raises(AttributeError, match="has no attribute 'colour'"):
            _ = x.colour
        assert not hasattr(x, name)
        assert copy.deepcopy(x).tolist() == pickle.loads(pickle.dumps(x)).tolist() == [1, 1]


def test_numpys_add_at_writes_to_a_buffer_of_numpy():
    buffer = np.zeros(3)
    np.add.at(buffer, jn.array([0, 0]), jn.array([1.0, 2.0]))
    np.subtract.at(buffer, [1], jn.array([1.0]))
    assert buffer.tolist() == [3.0, -1.0, 0.0]
    with pytest.raises(TypeError, match="never change"):
        np.add.at(jn.zeros(3), 0, 1.0)


def test_broadcast_arrays_takes_what_plotting_libraries_leave_out():
    x, nothing, text, number = np.broadcast_arrays(jn.ones(2), None, "red", 3)
    assert type(x) is Array and x.tolist() == [1, 1] and number.tolist() == [3, 3]
    assert nothing.tolist() == [None, None] and text.tolist() == ["red", "red"]
    assert grad(lambda x: anp.sum(np.broadcast_arrays(x, None, np.ones((2, 1)))[0]))(np.ones(3)).tolist() == [2, 2, 2]


def test_images_are_made_of_arrays():
    image = pytest.importorskip("PIL.Image")
    for pixels in (jn.arange(6, dtype="uint8").reshape(2, 3), jn.arange(6, dtype="uint8").reshape(2, 3).T):
        for x in (pixels, cuobjax.StateVar(pixels)):
            np.testing.assert_array_equal(np.asarray(image.fromarray(x)), pixels.raw)
    with pytest.raises(TypeError, match=LOST):
        grad(lambda x: image.fromarray(x))(np.ones((2, 2)))


def test_plots_are_made_of_arrays():
    pytest.importorskip("matplotlib").use("Agg")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure = pyplot.figure()
    for axes in (figure.add_subplot(), figure.add_subplot()):
        heights = jn.array([1.0, 2.0, 3.0])
        bars = axes.bar(jn.arange(3), heights) if axes is figure.axes[0] else axes.barh(jn.arange(3), heights)
        assert len(bars) == 3
    x = cuobjax.StateVar(jn.arange(9.0).reshape(3, 3))
    assert figure.add_subplot(projection="3d").plot_surface(x, x.T, x.value) is not None
    pyplot.close(figure)


def test_products_of_cupy_do_not_ignore_what_ours_has_not():
    class Product:
        def _try_fastcall_func(self, *args, **options):
            return args, options

    theirs, x = Product(), jn.eye(2)
    memory_attributes._leave_products_to_us(theirs)
    ours: Any = theirs._try_fastcall_func
    assert ours(1, 2, out=3, axes=4) == ((1, 2), {"out": 3, "dtype": None, "axes": 4})
    np.testing.assert_array_equal(ours(np.ones((2, 2)), x, out=None, axes=None), np.ones((2, 2)))
    for options in ({"out": np.zeros((2, 2))}, {"dtype": "float64"}):
        with pytest.raises(TypeError, match="expected no out and no dtype for Arrays"):
            ours(np.ones((2, 2)), x, **options)


def test_a_product_of_another_version_of_cupy_stays_as_it_is():
    matmul = types.SimpleNamespace()
    memory_attributes._leave_products_to_us.__wrapped__(matmul)
    assert not vars(matmul)

import itertools

import numpy as np
import pytest

import autograd.numpy as anp
from autograd import grad
from autograd.kernels import blas, compiled, products
from autograd.kernels.products import product, stacked
from autograd.ops.product import matmul
from cuobjax import Jit

SHAPES = [
    ((3, 4, 5), (3, 5, 6)),
    ((1, 4, 5), (3, 5, 6)),
    ((3, 2, 4, 5), (1, 1, 5, 6)),
    ((3, 2, 4, 5), (3, 1, 5, 6)),
    ((1, 2, 4, 5), (3, 2, 5, 6)),
    ((2, 4, 1), (2, 1, 3)),
    ((2, 1, 4), (2, 4, 1)),
    ((0, 4, 5), (1, 5, 6)),
    ((2, 4, 0), (2, 0, 3)),
]
DTYPES = ["float16", "float32", "float64", "complex64", "complex128", "int32"]


def operand(xp, rng, shape, dtype, transposed, sliced):
    """Small integers, which every dtype and every order of summation holds exactly."""
    if transposed:
        shape = (*shape[:-2], shape[-1], shape[-2])
    if sliced:
        shape = (*shape[:-1], 2 * shape[-1])
    values = rng.integers(-3, 4, shape) + (1j * rng.integers(-3, 4, shape) if np.dtype(dtype).kind == "c" else 0)
    x = xp.asarray(values.astype(dtype))
    x = x[..., ::2] if sliced else x
    return x.swapaxes(-1, -2) if transposed else x


def host(x):
    return x if isinstance(x, np.ndarray) else x.get()


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_stacks_are_multiplied_in_every_layout(xp, rng, shapes, dtype):
    for layout in itertools.product((False, True), repeat=4):
        a, b = (operand(xp, rng, shape, dtype, *layout[i::2]) for i, shape in enumerate(shapes))
        y = stacked(xp, a, b)
        assert y.dtype == dtype
        np.testing.assert_array_equal(host(y), host(a) @ host(b))


def test_shared_and_reversed_matrices(xp, rng):
    a, b = (xp.asarray(rng.integers(-3, 4, shape).astype("f4")) for shape in ((4, 5), (3, 5, 6)))
    a = xp.broadcast_to(a, (3, 4, 5))
    for left, right in ((a, b[::-1]), (a[:, ::-1], b), (a[:, :, ::-1], b[:, ::-1])):
        np.testing.assert_array_equal(host(stacked(xp, left, right)), host(left) @ host(right))


@pytest.mark.parametrize("dtype", ["float32", "complex64", "int32"])
def test_products_are_multiplied_and_added_to_what_is_there(xp, rng, dtype):
    a, b = (xp.asarray(rng.integers(-3, 4, shape).astype(dtype)) for shape in ((3, 4, 5), (3, 5, 6)))
    whole = xp.ones((3, 8, 2, 6), dtype)
    for place in (whole[:, :4, 0], whole[:, ::2, 1], whole.transpose(0, 3, 2, 1)[:, :4, 1, :6]):  # all but the last fit
        before, right = host(place).copy(), 2 * (host(a) @ host(b))
        assert stacked(xp, a, b, factor=2, out=place, adds=True) is place
        np.testing.assert_array_equal(host(place), before + right)
        stacked(xp, a, b, factor=2, out=place)
        np.testing.assert_array_equal(host(place), right)
    empty = xp.ones((3, 4, 6), dtype)
    np.testing.assert_array_equal(host(stacked(xp, a[..., :0], b[:, :0], out=empty, adds=True)), 1)
    np.testing.assert_array_equal(host(stacked(xp, a[..., :0], b[:, :0], out=empty)), 0)


def test_the_result_may_be_wider(xp):
    """3000 ones: float16 has no 2049."""
    a, b = xp.ones((2, 1, 2049), "float16"), xp.ones((2, 2049, 1), "float16")
    if xp is not np:
        assert host(stacked(xp, a, b, "float32")).tolist() == [[[2049]]] * 2
    assert stacked(xp, a, b, "float32").dtype == "float32"


@pytest.mark.gpu
@pytest.mark.parametrize("compute", ["COMPUTE_TYPE_TF32", "COMPUTE_TYPE_DEFAULT"])
def test_tf32_is_used_where_cupy_uses_it(monkeypatch, compute):
    cupy = pytest.importorskip("cupy")
    if not cupy.cuda.is_available():
        pytest.skip("needs a GPU, or CuPy's stand-in on the CPU")
    calls, core = [], cupy._core
    types = core._routines_linalg
    before = core.get_compute_type("float32")
    cublas = cupy.cuda.cublas
    original = cublas.gemmStridedBatchedEx
    monkeypatch.setattr(cublas, "gemmStridedBatchedEx", lambda *args: (calls.append(args[-2]), original(*args)))
    core.set_compute_type("float32", getattr(types, compute))
    try:
        for dtype in ("float32", "float16"):
            stacked(cupy, cupy.ones((2, 3, 4), dtype), cupy.ones((2, 4, 5), dtype))
    finally:
        core.set_compute_type("float32", before)
    fast = compute == "COMPUTE_TYPE_TF32"
    assert calls == [
        cublas.CUBLAS_COMPUTE_32F_FAST_TF32 if fast else cublas.CUBLAS_COMPUTE_32F,
        cublas.CUBLAS_COMPUTE_32F,
    ]


@pytest.mark.parametrize("dtype", ["float16", "float32", "complex64", "int32"])
@pytest.mark.parametrize(
    "shapes", [((3, 4, 5), (3, 5, 6)), ((4, 5), (3, 5, 6)), ((2, 1, 4, 5), (3, 5, 6)), ((5,), (3, 5, 6))]
)
def test_matmul_of_stacks_gives_the_same_under_jit(xp, rng, shapes, dtype):
    a, b = (operand(xp, rng, shape, dtype, len(shape) > 1, False) for shape in shapes)
    right = host(a) @ host(b)
    for y in (matmul(a, b), Jit(lambda a, b: matmul(a, b))(a, b)):
        np.testing.assert_array_equal(host(getattr(y, "raw", y)), right)
        assert y.dtype == right.dtype


@pytest.mark.gpu
def test_half_precision_is_multiplied_without_copies():
    cupy = pytest.importorskip("cupy")
    if not cupy.cuda.is_available():
        pytest.skip("needs a GPU, or CuPy's stand-in on the CPU")
    from benchmarks.gpu.capture import peak_bytes

    a, b = cupy.ones((64, 64, 64), "float16"), cupy.ones((64, 64, 64), "float16")
    matmul(a, b)
    for left, right in ((a, b), (a, b.swapaxes(1, 2)), (a[0], b)):
        assert peak_bytes(lambda left=left, right=right: matmul(left, right)) <= a.nbytes


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(9, 4, 5), (5, 4, 9), (1, 4, 9), (9, 4, 1), (7, 0, 5), (0, 4, 5), (7, 1, 7)])
def test_products_in_threads(shape, dtype, rng, monkeypatch):
    """Each thread has a part of the stack, of the rows or of the columns."""
    monkeypatch.setattr(products, "ALONE", -1)
    monkeypatch.setattr(products, "WORK", 1)
    monkeypatch.setattr(products, "LEAST", 2)
    monkeypatch.setattr(products, "threads", lambda: 3)
    monkeypatch.setattr(compiled, "threads", lambda: 3)
    n, k, m = shape
    for first, second in [((), ()), ((3,), (3,)), ((2,), ()), ((), (2,)), ((1, 3), (3,)), ((5, 1), (1, 2)), ((0,), ())]:
        for layout in itertools.product((False, True), repeat=4):
            a = operand(np, rng, (*first, n, k), dtype, *layout[::2])
            b = operand(np, rng, (*second, k, m), dtype, *layout[1::2])
            y = product(a, b)
            assert y.dtype == dtype
            np.testing.assert_array_equal(y, a @ b)
            out = np.empty(y.shape, dtype)
            assert product(a, b, out) is out
            np.testing.assert_array_equal(out, y)


def test_products_without_openblas_are_not_divided(rng, monkeypatch):
    monkeypatch.setattr(products, "ALONE", -1)
    monkeypatch.setattr(blas, "_library", lambda: None)
    monkeypatch.setattr(products, "_parts_of_matrix", None)
    a, b = (operand(np, rng, shape, "float32", False, False) for shape in ((9, 4), (4, 5)))
    np.testing.assert_array_equal(product(a, b), a @ b)


def test_a_product_with_its_own_transpose_is_symmetric(rng):
    a = rng.standard_normal((300, 200)).astype("float32")
    for y in (product(a, a.T), product(a.T, a)):
        np.testing.assert_array_equal(y, y.T)


@pytest.mark.usefixtures("on_the_cpu")
@pytest.mark.parametrize("n", [8, 150, 250])
def test_programs_multiply_with_the_bits_of_eager_code(n, rng):
    """Also in rules, which have raw arrays in eager code."""
    a, b = (np.asarray(rng.standard_normal((n, n)), "float32") for _ in range(2))
    stack = np.asarray(rng.standard_normal((3, n, n)), "float32")

    def f(a, b, stack):
        solved = anp.linalg.inv(a + 30 * anp.eye(n, dtype="float32")) @ b
        return (anp.tanh(a @ b.T) @ solved).sum() + ((stack @ a) @ anp.swapaxes(stack, 1, 2)).sum()

    gradients = grad(f, (0, 1, 2))
    program = Jit(gradients)
    program(a, b, stack)  # which records it, in eager code
    for found, expected in zip(program(a, b, stack), gradients(a, b, stack), strict=True):
        np.testing.assert_array_equal(np.asarray(found), expected)

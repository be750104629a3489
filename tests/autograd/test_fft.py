"""Fourier transforms beside NumPy's and SciPy's: `autograd.numpy.fft` and `autograd.scipy.fft`."""

import numpy as np
import pytest
import scipy.fft

import autograd.numpy.fft as fft
import autograd.scipy.fft as scipy_fft
from autograd import Array, grad, tree, vjp
from autograd.testing import check_grads

pytestmark = pytest.mark.usefixtures("on_the_cpu")
_random = np.random.default_rng(5)
V, A, C = _random.normal(size=5), _random.normal(size=(3, 4)), _random.normal(size=(2, 3, 2))
W, Z, T = (x + 1j * _random.normal(size=x.shape) for x in (V, A, C))
I = np.array([[1, -2, 3, 0], [4, 0, 5, 2]])


def call(*args, **kwargs):
    return args, kwargs


def one_axis(x, y):
    """Each length and norm; `x` is a vector, `y` a matrix."""
    return [
        call(x),
        call(y, 3, 0),
        call(y, n=6, axis=-1, norm="ortho"),
        call(y, 5, 0, "forward"),
        call(x, 1),
        call(y, None, 1, "backward"),
        call(x[:3], 8),
    ]


def more_axes(y, z):
    """Axes named, cropped, padded, repeated; `y` is a matrix, `z` has three axes."""
    return [
        call(y),
        call(z, axes=(0, -1)),
        call(y, (2, 5), (-2, -1), "ortho"),
        call(z, (3, -1), (1, 0), "forward"),
        call(y, (6, 3), axes=(0, 1)),
    ]


repeated = [call(Z, axes=(0, 1, 0)), call(Z, (4, 3), (1, 1), "ortho")]
CALLS = {
    **dict.fromkeys(("fft", "ifft"), one_axis(W, Z) + one_axis(V, A)[:2] + [call(I)]),
    **dict.fromkeys(("irfft", "hfft"), one_axis(W, Z) + [call(A, axis=0), call(I)]),
    **dict.fromkeys(("rfft", "ihfft"), one_axis(V, A) + [call(I, norm="ortho")]),
    **dict.fromkeys(("fft2", "ifft2"), more_axes(Z, T) + [call(A), call(T)]),
    **dict.fromkeys(("fftn", "ifftn"), more_axes(Z, T) + [call(A), call(T), call(A, axes=()), *repeated]),
    "rfft2": more_axes(A, C),
    "rfftn": [*more_axes(A, C), call(A, axes=(0, 0)), call(C, (3, 4, 2), (1, 0, 1))],
    "irfft2": more_axes(Z, T),
    "irfftn": [*more_axes(Z, T), call(Z, axes=(1, 1)), call(T, (4, 3, 5), (1, 1, 0), "ortho")],
    "fftfreq": [call(5), call(6, 0.25), call(1)],
    "rfftfreq": [call(5), call(6, d=0.25), call(1)],
    **dict.fromkeys(("fftshift", "ifftshift"),
        more_axes(Z, T)[:1] + [call(V), call(A, 1), call(C, axes=(0, -2)), call(I)]),
}  # fmt: skip


def check_call(xp, ours, theirs, args, kwargs, *, orders=2, accuracy=1e-12):
    """A function gives on raw arrays, on Arrays and on traced values what NumPy's gives, and right derivatives.

    In single precision it gives the same in single precision. On a GPU derivatives are checked to the first order.
    """
    leaves, structure = tree.flatten((args, kwargs))
    leaves = [xp.asarray(x) if isinstance(x, np.ndarray) else x for x in leaves]
    varied = [i for i, x in enumerate(leaves) if isinstance(x, xp.ndarray) and x.dtype.kind in "fc"]

    def run(*values, function=ours, convert=lambda x: x):
        chosen = dict(zip(varied, values, strict=True))
        args, kwargs = tree.unflatten(structure, [convert(chosen.get(i, x)) for i, x in enumerate(leaves)])
        return function(*args, **kwargs)

    inputs = [leaves[i] for i in varied]
    expected = run(*inputs, function=theirs, convert=_on_host)
    raw = run(*inputs)
    _compare(raw, expected, accuracy)
    assert all(type(x) is type(_first(expected)) or isinstance(x, xp.ndarray) for x in tree.flatten(raw)[0])
    if any(isinstance(x, xp.ndarray) for x in leaves):
        wrapped = run(*inputs, convert=lambda x: Array(x) if isinstance(x, xp.ndarray) else x)
        assert all(type(x) is Array for x in tree.flatten(wrapped)[0])
        _compare(wrapped, expected, accuracy)
    if not inputs:
        return
    _compare(vjp(run, *inputs)[0], expected, accuracy)
    single = [x.astype("complex64" if x.dtype.kind == "c" else "float32") for x in inputs]
    narrow = run(*single)
    _compare(narrow, expected, 2e-5, strict=False)
    promoted = any(isinstance(x, list) or getattr(x, "dtype", None) == "int64" for x in (*args, *kwargs.values()))
    if not promoted:  # a list is an array of float64, and float32 meets int64 in float64
        for x, y in zip(tree.flatten(narrow)[0], tree.flatten(expected)[0], strict=True):
            assert x.dtype == y.dtype if y.dtype.kind in "iub" else np.finfo(x.dtype).bits == 32
    if any(y.dtype.kind in "fc" and y.size for y in tree.flatten(expected)[0]):
        if xp is np:
            check_grads(run, tuple(inputs), order=orders)
            check_grads(run, tuple(single), order=1)
        else:
            check_grads(run, tuple(single), order=1, samples=2)


def _on_host(x):
    return x.get() if hasattr(x, "get") and hasattr(x, "dtype") else x


def _first(nested):
    return tree.flatten(nested)[0][0]


def _compare(got, expected, accuracy, strict=True):
    """Equal structure, shapes, dtypes (if `strict`) and values up to rounding."""
    assert isinstance(expected, tuple | list) == isinstance(got, tuple | list)
    for x, y in zip(tree.flatten(got)[0], tree.flatten(expected)[0], strict=True):
        x = np.asarray(Array(x) if hasattr(x, "get") else x)
        assert x.shape == y.shape
        assert x.dtype == y.dtype or not strict
        np.testing.assert_allclose(x, y, rtol=accuracy, atol=accuracy)


def test_every_public_function_has_calls():
    assert set(CALLS) == set(fft.__all__)
    assert set(CALLS) >= {name for name, f in vars(np.fft).items() if name[0] != "_" and callable(f)} - {"test"}


@pytest.mark.filterwarnings("ignore:`axes` should not be `None`:DeprecationWarning")
@pytest.mark.parametrize("name", CALLS)
def test_results_and_gradients(xp, name):
    for args, kwargs in CALLS[name]:
        check_call(xp, getattr(fft, name), getattr(np.fft, name), args, kwargs)


def test_energy_is_kept(xp):
    """Parseval's theorem, and the gradient of the energy: 2 conj(x) in our convention, 2 x of real numbers."""
    z, v = xp.asarray(Z), xp.asarray(A)
    for function, x in ((fft.fftn, z), (fft.ifft2, z), (fft.fft, v), (fft.ihfft, v)):
        if function is fft.ihfft:  # a half counts twice but for its ends
            energy = lambda x: (abs(fft.ihfft(x, norm="ortho")) ** 2 * xp.asarray([1.0, 2.0, 1.0])).sum()
        else:
            energy = lambda x, function=function: (abs(function(x, norm="ortho")) ** 2).sum()
        np.testing.assert_allclose(float(energy(x)), (np.abs(_on_host(x)) ** 2).sum(), rtol=1e-12)
        np.testing.assert_allclose(_on_host(grad(energy)(Array(x)).raw), 2 * _on_host(x).conj(), rtol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8])
def test_irfft_ignores_what_cannot_be_there(xp, n):
    """The imaginary part of an element that is its own mirror image changes nothing and has no gradient."""
    half = _random.normal(size=n // 2 + 1) + 1j * _random.normal(size=n // 2 + 1)
    ends = [0] if n % 2 else [0, n // 2]
    changed = half.copy()
    changed.imag[ends] += 7
    half, changed = xp.asarray(half), xp.asarray(changed)
    np.testing.assert_allclose(_on_host(fft.irfft(half, n)), _on_host(fft.irfft(changed, n)), atol=1e-12)
    cotangent = xp.asarray(_random.normal(size=n))
    gradient = _on_host(vjp(lambda x: fft.irfft(x, n), half)[1](cotangent)[0])
    assert (abs(gradient.imag[ends]) < 1e-14).all()
    assert (abs(np.delete(gradient.imag, ends)) > 1e-6).all()


def test_inverses(xp):
    z, v = xp.asarray(T), xp.asarray(C)
    for norm in (None, "forward", "ortho"):
        for there, back in ((fft.fftn, fft.ifftn), (fft.ifft2, fft.fft2), (fft.fft, fft.ifft)):
            np.testing.assert_allclose(_on_host(back(there(z, norm=norm), norm=norm)), T, rtol=1e-12)
        for axis, n in ((0, 2), (1, 3)):
            for there, back in ((fft.rfft, fft.irfft), (fft.ihfft, fft.hfft)):
                spectrum = there(v, axis=axis, norm=norm)
                np.testing.assert_allclose(_on_host(back(spectrum, n, axis, norm)), C, rtol=1e-12)


def test_arguments_that_make_no_sense():
    with pytest.raises(TypeError, match=r"expected real numbers, got complex128\. Use fft"):
        fft.rfft(Z)
    with pytest.raises(ValueError, match="expected norm 'backward', 'ortho' or 'forward', got 'unitary'"):
        fft.hfft(Z, norm="unitary")
    with pytest.raises(ValueError, match=r"expected lengths of at least 1 along axes \(1,\), got \(0,\)"):
        fft.fft(Z, 0)
    with pytest.raises(ValueError, match=r"expected one length for each of the axes \(0, 1\), got \(2,\)"):
        fft.rfft2(A, (2,))
    with pytest.raises(np.exceptions.AxisError):
        fft.ifft(Z, axis=2)


TRIGONOMETRIC = {
    name: [call(A, kind, norm=norm) for kind in (1, 2, 3, 4) for norm in (None, "ortho", "forward")]
    + [call(V, kind, norm="ortho", orthogonalize=False) for kind in (1, 2, 3)] + extra
    for names, extra in (
        ("dct idct dst idst", [call(A, 2, 6), call(C, 3, 2, 1), call(V, 4, 1), call(Z), call(V, orthogonalize=True)]),
        ("dctn idctn dstn idstn", [call(I), call(C, 3, axes=(0, 2)), call(A, 2, (2, 5)), call(T, 4, norm="ortho")]))
    for name in names.split()}  # fmt: skip


@pytest.mark.parametrize("name", TRIGONOMETRIC)
def test_trigonometric_transforms(xp, name):
    for args, kwargs in TRIGONOMETRIC[name]:
        check_call(xp, getattr(scipy_fft, name), getattr(scipy.fft, name), args, kwargs, orders=1)


def test_scipys_namespace():
    assert {*scipy_fft.__all__} <= {*scipy.fft.__all__}
    assert {*fft.__all__, *TRIGONOMETRIC} < {*scipy_fft.__all__}
    for name in ("hfft2", "hfftn", "ihfft2", "ihfftn"):
        x = A if name[0] == "i" else Z
        np.testing.assert_allclose(getattr(scipy_fft, name)(x), getattr(scipy.fft, name)(x), rtol=1e-12)
    for target in (1, 7, 11, 13, 97, 1021, 10007, 123457):
        for real in (False, True):
            assert scipy_fft.next_fast_len(target, real) == scipy.fft.next_fast_len(target, real)


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
def test_orthonormal_transforms_keep_the_energy(kind):
    for name in ("dct", "dst"):
        np.testing.assert_allclose((getattr(scipy_fft, name)(V, kind, norm="ortho") ** 2).sum(), (V**2).sum())


def test_types_that_make_no_sense():
    with pytest.raises(ValueError, match="dct: expected a type of 1, 2, 3 or 4, got 5"):
        scipy_fft.dct(V, 5)
    with pytest.raises(ValueError, match="expected at least two elements along axis 0 for type 1, got 1"):
        scipy_fft.idct(V[:1], 1)

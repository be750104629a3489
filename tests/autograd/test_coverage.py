"""docs/coverage.md says what is so, and has no hole among the names that HIPS autograd has and that its users miss."""

import pytest

from tests.autograd.table import coverage

HIPS = {
    "autograd.numpy": """
        abs absolute add all amax amin angle any append arccos arccosh arcsin arcsinh arctan arctan2 arctanh
        array array_split astype atleast_1d atleast_2d atleast_3d broadcast_to ceil clip column_stack
        concatenate conj conjugate cos cosh cross cumsum deg2rad degrees diag diagonal diff divide dot dsplit
        dstack einsum exp exp2 expand_dims expm1 fabs fliplr flipud floor fmax fmin full gradient hsplit hstack
        imag inner kron linspace log log10 log1p log2 logaddexp logaddexp2 matmul max maximum mean min minimum
        mod moveaxis multiply nan_to_num negative outer pad partition power prod rad2deg radians ravel real
        real_if_close reciprocal remainder repeat reshape roll rollaxis rot90 select sign sin sinc sinh sort
        split sqrt square squeeze stack std subtract sum swapaxes tan tanh tensordot tile trace transpose tril
        triu true_divide var vsplit vstack where

        take take_along_axis cumprod ptp median percentile quantile nansum nanmean nanvar nanstd nanmax nanmin
        nanprod nanmedian nanpercentile nanquantile average interp convolve correlate trapezoid cbrt copysign
        vdot vecdot block flip unwrap cov corrcoef""",
    "autograd.numpy.linalg": """
        cholesky det eig eigh inv norm pinv slogdet solve svd
        qr lstsq eigvalsh matrix_power multi_dot""",
    "autograd.numpy.fft": "fft fft2 fftn fftshift ifft ifft2 ifftn ifftshift irfft irfft2 irfftn rfft rfft2 rfftn",
    "autograd.scipy.special": """
        beta betaln digamma erf erfc erfcinv erfinv expit gamma gammainc gammaincc gammaln i0 i1 iv ive j0 j1 jn logit
        logsumexp multigammaln polygamma psi rgamma y0 y1 yn betainc""",
    "autograd.scipy.linalg": "sqrtm solve_triangular solve_sylvester solve_banded expm",
    "autograd.scipy.signal": "convolve",
}
STEPS = set("all any ceil floor full sign".split())  # no derivative, or nothing to differentiate in the test's calls
ON_THE_HOST = set("real_if_close iv ive jn".split())  # decided by values; CuPy lacks the function
PAGE = coverage.read()


@pytest.mark.parametrize("space", coverage.SPACES)
def test_the_page_says_what_is_so(space):
    found = {name: states for where, name, states in coverage.rows(spaces=[space])}
    said = {name: dict(states) for (where, name), states in PAGE.items() if where == space}
    for states in said.values():
        del states["cupy"]
    assert found == said, "write it again: make coverage"


@pytest.mark.gpu
@pytest.mark.parametrize("space", coverage.SPACES)
def test_the_page_says_what_runs_on_cupy(space):
    cupy = pytest.importorskip("cupy")
    found = {name: states["cupy"] for _, name, states in coverage.rows(cupy, spaces=[space])}
    assert found == {name: states["cupy"] for (where, name), states in PAGE.items() if where == space}


@pytest.mark.parametrize("space", HIPS)
def test_there_is_no_hole(space):
    for name in HIPS[space].split():
        states = PAGE[space, name]
        if name not in STEPS:
            assert (states["vjp"], states["jvp"]) == ("yes", "yes"), name
        if name not in ON_THE_HOST and name not in ("solve_sylvester", "solve_banded"):
            assert (states["vmap"], states["cupy"]) == ("yes", "yes"), name

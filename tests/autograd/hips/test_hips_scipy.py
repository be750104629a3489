"""What HIPS autograd has of SciPy beside the table of operations: singular covariances, complex error functions."""

import numpy as np
import pytest
import scipy.special
import scipy.stats

import autograd.numpy as anp
import autograd.scipy.special as special
from autograd import Array, grad, jvp, vmap
from autograd.scipy.stats import multivariate_normal as mvn
from autograd.testing import check_grads

pytestmark = pytest.mark.usefixtures("on_the_cpu")
ROOT = np.array([[1.0, 0.0], [0.5, 2.0], [-1.0, 1.0]])
COV = ROOT @ ROOT.T  # of rank 2


class TestSingularCovariances:
    @pytest.mark.parametrize("cov", [COV, np.diag([2.0, 0.0, 1.0]), np.diag([2.0, 3.0, 1.0])])
    def test_values_are_scipys(self, cov):
        mean = np.array([0.1, 0.2, 0.3])
        for x in (mean + cov @ [0.3, -0.2, 0.5], mean + np.array([0.3, 1.0, 0.5])):
            expected = scipy.stats.multivariate_normal(mean, cov, allow_singular=True).logpdf(x)
            np.testing.assert_allclose(mvn.logpdf(x, mean, cov, allow_singular=True), expected, rtol=1e-10)
            np.testing.assert_allclose(mvn.pdf(x, mean, cov, allow_singular=True), np.exp(expected), rtol=1e-10)

    def test_gradients(self):
        within = lambda z, mean: mvn.logpdf(mean + anp.dot(COV, z), mean, COV, allow_singular=True)
        check_grads(within, (np.array([0.3, -0.2, 0.5]), np.zeros(3)), tolerance=1e-5)
        x = COV @ np.array([0.3, -0.2, 0.5])
        f = lambda root: mvn.logpdf(x, np.zeros(3), anp.dot(root, root.T), allow_singular=True)
        right = lambda root: (  # the same among matrices of rank 2 whose space is that of COV
            mvn.logpdf(np.linalg.lstsq(ROOT, x, rcond=None)[0], np.zeros(2), anp.dot(root, root.T))
        )
        turn = np.array([[1.2, 0.3], [-0.4, 0.9]])
        change = np.linalg.slogdet(ROOT.T @ ROOT)[1] / 2
        np.testing.assert_allclose(f(ROOT @ turn), right(turn) - change, rtol=1e-10)
        np.testing.assert_allclose(grad(lambda t: f(anp.dot(ROOT, t)))(turn), grad(right)(turn), rtol=1e-7, atol=1e-9)

    def test_float32_and_lanes(self):
        cov = COV.astype("float32")
        points = (COV @ np.array([[0.3, 0.1], [-0.2, 0.4], [0.5, 0.0]])).T.astype("float32")
        f = lambda x: mvn.logpdf(x, np.zeros(3, "float32"), cov, allow_singular=True)
        y = f(points)
        assert y.dtype == "float32" and np.isfinite(y).all()
        np.testing.assert_allclose(vmap(f)(points), y, rtol=1e-5)
        assert grad(f)(points[0]).dtype == "float32"


@pytest.mark.parametrize("name", ["erf", "erfc"])
class TestComplexErrorFunctions:
    Z = np.array([0.3 + 0.4j, -1.0 + 0.2j, 2.0 - 1.0j])

    def test_values_and_derivatives(self, name):
        f, sign = getattr(special, name), 1 if name == "erf" else -1
        np.testing.assert_allclose(f(self.Z), getattr(scipy.special, name)(self.Z))
        check_grads(f, self.Z)
        slope = sign * 2 / np.sqrt(np.pi) * np.exp(-(self.Z**2))
        np.testing.assert_allclose(jvp(f, self.Z, self.Z)[1], slope * self.Z)
        np.testing.assert_allclose(grad(lambda z: f(z), holomorphic=True)(self.Z[0]), slope[0])

    def test_dtypes_and_lanes(self, name):
        f, z = getattr(special, name), self.Z.astype("complex64")
        assert f(z).dtype == grad(lambda z: anp.real(anp.sum(f(z))))(z).dtype == "complex64"
        assert type(f(Array(z))) is Array
        np.testing.assert_allclose(vmap(f)(np.stack([z, 2 * z])), f(np.stack([z, 2 * z])), rtol=1e-6)

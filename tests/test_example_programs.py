"""The examples that print a result and draw a picture: after few steps the result is one that chance does not give."""

import re

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra: examples")
pytest.importorskip("matplotlib", reason="needs the extra: examples")

from autograd import default_device, device_put, value_and_grad
from examples import gaussian_process, kernel, logistic, maml, mlp, pinn

PROGRAMS = [gaussian_process, kernel, logistic, maml, mlp, pinn]


def name_of(program):
    return program.__name__.rpartition(".")[2]


@pytest.fixture
def run(tmp_path, capsys):
    """Runs an example, and gives what it printed; it has drawn a picture."""

    def printed(program, *arguments):
        program.main([*map(str, arguments), "--out", str(tmp_path)])
        picture = tmp_path / f"{name_of(program)}.png"
        *lines, last = capsys.readouterr().out.splitlines()
        assert last == f"picture: {picture}"
        assert picture.read_bytes().startswith(b"\x89PNG\r\n")
        return "\n".join(lines)

    return printed


def figure(text, before):
    """The number behind words in what was printed."""
    found = re.search(re.escape(before) + r" *([-\d.]+(?:e[-+]\d+)?)", text)
    assert found, f"{before!r} is not in {text!r}"
    return float(found[1])


@pytest.mark.parametrize("program", PROGRAMS, ids=name_of)
def test_help_and_wrong_options(program, capsys):
    with pytest.raises(SystemExit) as stopped:
        program.main(["--help"])
    told = capsys.readouterr().out
    assert stopped.value.code == 0
    assert f"`python -m examples.{name_of(program)}`" in told
    for option in ("--steps", "--seed", "--device", "--out"):
        assert f"{option} " in told
    for wrong, said in (
        (["--steps", "0"], "--steps: expected more than 0, got 0"),
        (["--seed", "-1"], "--seed: expected at least 0, got -1"),
        (["--device", "gpu:999"], "gpu:999"),
        (["--step", "3"], "unrecognized arguments"),
    ):
        with pytest.raises(SystemExit) as stopped:
            program.main(wrong)
        assert stopped.value.code == 2
        assert said in capsys.readouterr().err


def test_perceptron_learns_to_read(run):
    text = run(mlp, "--steps", 150)
    assert "+Total(4)                     4810" in text
    assert figure(text, "test accuracy") > 85
    assert text == run(mlp, "--steps", 150)
    assert text != run(mlp, "--steps", 150, "--seed", 1)


def test_logistic_regression_is_that_of_scikit_learn(run):
    text = run(logistic, "--steps", 11, "--penalty", 2)
    assert figure(text, "largest difference from scikit-learn's weights") < 1e-4
    lengths = [float(x) for x in re.findall(r"length of its gradient (\S+)", text)]
    assert lengths[-1] < 1e-3 * lengths[-3]  # quadratic convergence
    assert figure(text, "test accuracy") > 95


def test_gaussian_process_is_that_of_scikit_learn(run, rng):
    text = run(gaussian_process, "--steps", 5, "--points", 60)
    assert figure(text, "elsewhere: error") < 160  # metres; that of the mean height is 162

    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

    x, y, places = rng.uniform(size=(40, 2)), rng.normal(size=40), rng.uniform(size=(7, 2))
    parameters = np.log([2.0, 0.3, 0.5, 0.2])
    theirs = GaussianProcessRegressor(
        ConstantKernel(2.0) * Matern([0.3, 0.5], nu=1.5) + WhiteKernel(0.2), optimizer=None
    ).fit(x, y)
    value, gradient = theirs.log_marginal_likelihood(theirs.kernel_.theta, eval_gradient=True)
    on_device = [device_put(a, default_device()) for a in (parameters, x, y, places)]
    our_value, our_gradient = value_and_grad(gaussian_process.log_likelihood)(*on_device[:3])
    np.testing.assert_allclose(device_put(our_value, "cpu"), value, rtol=1e-9)
    np.testing.assert_allclose(device_put(our_gradient, "cpu"), gradient, rtol=1e-6)
    mean, deviation = theirs.predict(places, return_std=True)
    ours = [device_put(a, "cpu") for a in gaussian_process.posterior(*on_device)]
    np.testing.assert_allclose(ours[0], mean, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(ours[1], np.sqrt(deviation**2 - 0.2), rtol=1e-8)  # theirs is that of a measurement


def test_network_approaches_the_solution_of_the_equation(run):
    few, more = (run(pinn, "--steps", steps, "--points", 200) for steps in (5, 60))
    assert figure(more, "loss") < 0.3 * figure(few, "loss")
    assert figure(more, "relative error of the solution") < 0.5


def test_exact_solution_fulfils_the_equation():
    """By differences: that of the formula itself, which the network is compared with."""
    x, t, h = np.linspace(-0.9, 0.9, 37), 0.4, 1e-4
    u = lambda x, t: pinn.exact(x, np.full_like(x, t))
    slope, curvature = (u(x + h, t) - u(x - h, t)) / (2 * h), (u(x + h, t) - 2 * u(x, t) + u(x - h, t)) / h**2
    change = (u(x, t + h) - u(x, t - h)) / (2 * h)
    assert np.abs(change + u(x, t) * slope - pinn.VISCOSITY * curvature).max() < 1e-4
    np.testing.assert_allclose(u(x, 0.0), -np.sin(np.pi * x), atol=1e-9)


def test_residual_is_that_of_the_equation(rng):
    """For u = sin(x) t^2, whose derivatives are known."""
    import autograd.numpy as anp

    x, t = rng.normal(size=5), rng.normal(size=5)
    found = pinn.residual(lambda x, t: anp.sin(x) * t**2, x, t)
    u, u_x = np.sin(x) * t**2, np.cos(x) * t**2
    np.testing.assert_allclose(found, 2 * t * np.sin(x) + u * u_x + pinn.VISCOSITY * u)


def test_learned_weights_adapt_to_new_waves(run):
    text = run(maml, "--steps", 120, "--lr", 0.005)
    of_random, of_learned = (
        [float(x) for x in re.findall(r"(\S+) after", line.partition("error ")[2])] for line in text.splitlines()
    )
    assert of_learned[2] < of_learned[1] < of_learned[0]
    assert of_learned[1] < 0.75 * of_random[1]


def test_spots_come_near_the_photograph(run):
    text = run(kernel, "--steps", 60, "--spots", 60, "--size", 32)
    assert figure(text, "at first,") > figure(text, "signal to noise") + 4


@pytest.mark.gpu
def test_kernels_have_the_values_and_gradients_of_the_formula(rng):
    cupy = pytest.importorskip("cupy")
    spots = rng.uniform(0.2, 0.8, (7, 6)) - [0, 0, 2.5, 0, 0, 0]
    g = cupy.asarray(rng.normal(size=(16, 16, 3)), "float32")
    raw = cupy.asarray(spots, "float32")
    found = [value_and_grad(lambda x, f=f: (f(x, 16) * g).sum())(raw) for f in (kernel.draw, kernel.formula)]
    (ours, gradient), (theirs, expected) = found
    cupy.testing.assert_allclose(ours, theirs, rtol=1e-4)
    cupy.testing.assert_allclose(gradient, expected, rtol=2e-3, atol=2e-3)
    direction, h = cupy.asarray(rng.normal(size=spots.shape), "float32"), 1e-2
    both = [float((kernel.draw(raw + sign * h * direction, 16) * g).sum()) for sign in (1, -1)]
    assert (both[0] - both[1]) / (2 * h) == pytest.approx(float((gradient * direction).sum()), rel=0.02)

"""The examples that print a result and draw a picture: after few steps the result is one that chance does not give."""

import gzip
import io
import pickle
import re
import struct

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="needs the extra: examples")
pytest.importorskip("matplotlib", reason="needs the extra: examples")

from autograd import default_device, device_put, value_and_grad
from examples import (
    characters,
    diffusion,
    fixmatch,
    gaussian_process,
    image_files,
    kernel,
    logistic,
    lora,
    maml,
    mlp,
    pinn,
    private,
    wgan,
)
from examples.digits import images_and_labels
from examples.shared import frechet_distance

PROGRAMS = [
    characters, diffusion, fixmatch, gaussian_process, image_files, kernel, logistic, lora, maml, mlp, pinn, private,
    wgan,
]  # fmt: skip


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
    assert f"`python -m examples.{name_of(program)}" in told
    for option in ("--steps", "--seed", "--device", "--out"):
        assert f"{option} " in told
    for wrong, said in (
        (["--steps", "0"], "--steps: expected more than 0, got 0"),
        (["--seed", "-1"], "--seed: expected 0 or more, got -1"),
        (["--seed", "1.5"], "--seed: invalid int value: '1.5'"),
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


def test_private_training_learns_within_its_budget(run):
    accounting = pytest.importorskip("dp_accounting", reason="needs the extra: privacy")
    text = run(private, "--steps", 40, "--batch", 64, "--noise", 1.2)
    assert figure(text, "test accuracy") > 50
    accountant = accounting.rdp.RdpAccountant()  # with orders of its own, so that its bound is not below ours by much
    event = accounting.PoissonSampledDpEvent(64 / 1437, accounting.GaussianDpEvent(1.2))
    accountant.compose(event, 40)
    assert figure(text, "epsilon") == pytest.approx(accountant.get_epsilon(private.DELTA), rel=0.02)


@pytest.mark.parametrize("net", ["lstm", "gpt"])
def test_bytes_are_predicted_better_than_by_their_frequencies(run, net):
    arguments = ["--text", 40_000, "--width", 32, "--length", 32, "--batch", 16, "--lr", 0.01, "--net", net]
    text = run(characters, "--steps", 60, *arguments)
    whole = np.frombuffer(characters.source_text(40_000), np.uint8)
    frequencies = np.bincount(whole, minlength=256)
    entropy = -np.sum(frequencies * np.log2(np.maximum(frequencies, 1) / len(whole))) / len(whole)
    assert figure(text, f"{net}:") < entropy - 0.5
    assert "\ndef " in text


@pytest.mark.parametrize(
    ("program", "wrong", "said"),
    [
        (characters, ["--net", "rnn"], "characters: expected --net lstm or gpt, got rnn"),
        (characters, ["--net", "gpt", "--width", 7], "characters: expected --width as a multiple of 4"),
        (characters, ["--text", 640], "characters: expected --text of more than 10 times --length, got 640 bytes"),
        (kernel, ["--size", 500], "kernel: expected --size up to 427, the height of the photograph, got 500"),
        (private, ["--batch", 1438], "private: expected --batch up to 1437, the number of images, got 1438"),
    ],
    ids=["characters", "width", "text", "kernel", "private"],
)
def test_what_the_data_do_not_allow_is_refused(run, program, wrong, said):
    with pytest.raises(SystemExit, match=said):
        run(program, *wrong)


def test_images_without_labels_are_learned_from(run):
    alone, both = run(fixmatch, "--steps", 40, "--batch", 8).splitlines()
    assert figure(alone, "labelled images alone: test accuracy") > 40
    assert figure(both, "with the others: test accuracy") > 40


def test_few_numbers_teach_a_network_from_a_file(run, tmp_path):
    file = tmp_path / "there" / "digits.pt"
    text = run(lora, "--steps", 150, "--file", file)
    assert f"written: {file}" in text
    assert figure(text, "from the file: accuracy") > 85
    assert figure(text, "of upright digits,") < 30
    trained, whole = figure(text, "turned ones\n"), figure(text, "trained beside")
    assert trained == sum(4 * (nin + nout) for nin, nout in ((64, 256), (256, 256), (256, 10)))
    assert whole == 64 * 256 + 256 * 256 + 256 * 10 + 256 + 256 + 10
    assert figure(text.splitlines()[-1], "accuracy") > 50
    before = file.read_bytes()
    assert "written" not in run(lora, "--steps", 1, "--file", file)
    assert file.read_bytes() == before


def test_generator_comes_nearer_to_the_digits(run):
    text = run(wgan, "--steps", 20, "--lr", 0.001)
    assert figure(text, "at first,") < 0.5 * figure(text, "to the test images:")


def test_noise_becomes_digits(run):
    text = run(diffusion, "--steps", 60, "--lr", 0.003, "--batch", 32)
    assert figure(text, "loss") < 0.9  # 1 would be that of no noise at all
    assert figure(text, "to the test images:") > 10 * figure(text, "of the training images")  # and it says so


@pytest.mark.parametrize("time", [0, 1, 40, 99])
def test_noise_is_taken_away_as_the_posterior_says(rng, time):
    """Ho et al. 2020, equations 6 and 7, which have the image in place of the noise."""
    kept, before, beta = diffusion.KEPT[time], diffusion.KEPT[time - 1] if time else 1.0, diffusion.BETA[time]
    assert kept == pytest.approx(before * (1 - beta))
    image, noise = rng.normal(size=(2, 3, 64))
    x = np.sqrt(kept) * image + np.sqrt(1 - kept) * noise
    mean, deviation = diffusion.before(device_put(x, default_device()), device_put(noise, default_device()), time)
    expected = (np.sqrt(before) * beta * image + np.sqrt(1 - beta) * (1 - before) * x) / (1 - kept)
    np.testing.assert_allclose(np.asarray(mean), expected, atol=1e-5)
    assert float(deviation) == pytest.approx(np.sqrt(beta))


def test_frechet_distance_is_that_of_gaussians(rng):
    """Of covariances that commute it is known: the sum of squared differences of means and of standard deviations."""
    x = rng.normal(size=(500, 3)) @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    assert frechet_distance(x, x + [1, 2, 3]) == pytest.approx(14)
    assert frechet_distance(x, 3 * (x - x.mean(0)) + x.mean(0)) == pytest.approx(4 * np.trace(np.cov(x.T)))


def as_idx(x):
    return b"\0\0\x08" + bytes([x.ndim]) + np.array(x.shape, ">u4").tobytes() + x.astype("u1").tobytes()


def enlarged(images, size):
    """Digits (N, 1, 8, 8) as bytes (N, size, size)."""
    scale = size // 8
    edge = (size - 8 * scale) // 2
    return np.pad(
        (images[:, 0] * 255).astype("u1").repeat(scale, 1).repeat(scale, 2), ((0, 0), (edge,) * 2, (edge,) * 2)
    )


@pytest.mark.parametrize("packed", [False, True])
def test_files_of_mnist(run, tmp_path, packed):
    images, test_images, labels, test_labels = images_and_labels()
    for part, x, y in (("train", images, labels), ("t10k", test_images[:100], test_labels[:100])):
        for name, data in (("images-idx3-ubyte", as_idx(enlarged(x, 28))), ("labels-idx1-ubyte", as_idx(y))):
            path = tmp_path / f"{part}-{name}{'.gz' * packed}"
            path.write_bytes(gzip.compress(data, 1) if packed else data)
    text = run(image_files, "--folder", tmp_path, "--steps", 1 if packed else 30, "--batch", 32)
    assert "1437 images (1, 28, 28) to learn from, 100 others" in text
    assert packed or figure(text, "test accuracy") > 30


class Python2Pickler(pickle._Pickler):
    """Writes bytes as the strings of Python 2, as those are that wrote the batches of CIFAR-10."""

    def save_string(self, x):
        self.write(b"T" + struct.pack("<I", len(x)) + x)
        self.memoize(x)

    dispatch = {**pickle._Pickler.dispatch, bytes: save_string}  # noqa: RUF012


@pytest.mark.parametrize("kind", ["bin", "py"])
def test_files_of_cifar(tmp_path, rng, kind):
    rows = [rng.integers(0, 256, (4, 3072), dtype=np.uint8) for _ in range(6)]
    labels = [rng.integers(0, 10, 4) for _ in range(6)]
    for name, x, y in zip([f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"], rows, labels, strict=True):
        if kind == "bin":
            (tmp_path / f"{name}.bin").write_bytes(np.column_stack([y, x]).astype("u1").tobytes())
        else:
            stored = {b"data": x, b"labels": y.tolist(), b"batch_label": b"one", b"filenames": [b"a.png"] * 4}
            file = io.BytesIO()
            Python2Pickler(file, protocol=2).dump(stored)
            written = file.getvalue().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
            assert b"_codecs" not in written
            (tmp_path / name).write_bytes(written)
    images, found, test_images, test_found, photographs = image_files.read(tmp_path)
    assert photographs
    np.testing.assert_array_equal(images, np.concatenate(rows[:5]).reshape(20, 3, 32, 32))
    np.testing.assert_array_equal(test_images, rows[5].reshape(4, 3, 32, 32))
    np.testing.assert_array_equal(np.concatenate([found, test_found]), np.concatenate(labels))


def test_files_that_are_none_of_these(tmp_path):
    with pytest.raises(SystemExit, match=r"image_files: .*expected files train-images-idx3-ubyte"):
        image_files.main(["--folder", str(tmp_path)])
    (tmp_path / "data_batch_1").write_bytes(pickle.dumps(print))
    with pytest.raises(pickle.UnpicklingError, match=r"expected arrays alone, got builtins\.print"):
        image_files.read(tmp_path)
    with pytest.raises(ValueError, match="expected an IDX file of bytes"):
        image_files.idx(b"PK\3\4")


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

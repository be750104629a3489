"""bfloat16: `python -m tests.gpu.bfloat16` writes the table of docs/cupy.md anew. Needs ml_dtypes and CuPy."""

import re
import warnings

import numpy as np

from tests.gpu.launches import DOCS

BEGIN, END = "<!-- bfloat16: python -m tests.gpu.bfloat16 -->", "<!-- end of bfloat16 -->"
PRECISION = 2.0**-8


def operations():
    """(what, function, number of arrays); an array is (3, 3)."""
    import autograd.numpy as anp
    from autograd import Array
    from autograd.scipy.special import logsumexp
    from cuobjax import functional as f

    def picks(a):
        while isinstance(a, Array):
            a = a._value
        return (np if isinstance(a, np.ndarray) else __import__("cupy")).asarray([0, 2, 2])

    return [
        ("a + b, a * b, a / b", lambda a, b: a + a * b / (abs(b) + 1), 2),
        ("a * 2, 1 - a (an int)", lambda a: 1 - a * 2, 1),
        ("a * 2.0 (a float)", lambda a: a * 2.0, 1),
        ("exp, tanh, log1p, sqrt", lambda a: anp.sqrt(anp.log1p(anp.exp(anp.tanh(a)))), 1),
        ("a ** 2", lambda a: a**2, 1),
        ("a ** 0.5", lambda a: (abs(a) + 1) ** 0.5, 1),
        ("maximum(a, b)", anp.maximum, 2),
        ("where(a > 0, a, b)", lambda a, b: anp.where(a > 0, a, b), 2),
        ("clip", lambda a: anp.clip(a, -1, 1), 1),
        ("sum, mean, max, prod", lambda a: a.sum(0) + a.mean(0) + a.max(0) + a.prod(0), 1),
        ("var, std", lambda a: a.var(0) + a.std(0), 1),
        ("cumsum", lambda a: anp.cumsum(a, 0), 1),
        ("sort", lambda a: anp.sort(a, 0), 1),
        ("a @ b", lambda a, b: a @ b, 2),
        ("einsum", lambda a, b: anp.einsum("ij,jk->ik", a, b), 2),
        ("relu, softplus", lambda a: f.relu(a) + f.softplus(a), 1),
        ("sigmoid", f.sigmoid, 1),
        ("softmax, log_softmax", lambda a: f.softmax(a) + f.log_softmax(a), 1),
        ("logsumexp", lambda a: logsumexp(a, 1), 1),
        ("cross_entropy_logits_sparse", lambda a: f.loss.cross_entropy_logits_sparse(a, picks(a)), 1),
        ("a[1:], concatenate, reshape, a.T", lambda a: anp.concatenate([a[1:], a.T]).reshape(-1), 1),
        ("a[integers]", lambda a: a[picks(a)], 1),
        ("conv, strides 1 and 2", lambda a, b: _convolutions(f, a, b), 2),
        ("max_pool_2d", lambda a: f.max_pool_2d(a.reshape((1, 1, 3, 3)), 2, 1), 1),
        ("average_pool_2d", lambda a: f.average_pool_2d(a.reshape((1, 1, 3, 3)), 2, 1), 1),
        ("astype(float32)", lambda a: a.astype("float32"), 1),
    ]


def _convolutions(f, a, b):
    x, w = a.reshape((1, 1, 3, 3)), b[:2, :2].reshape((2, 2, 1, 1))
    return f.conv(x, w).reshape(-1)[:4] + f.conv(x, w, 2).reshape(-1)


def outcome(function, arrays, expected):
    """The dtype of the result, or the type of the error; values and gradients are those of float32, to precision."""
    from autograd import vjp

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            y, pull = vjp(function, *arrays)
            gradients = pull(y * 0 + 1)
    except Exception as error:
        return type(error).__name__
    for got, wanted, name in zip((y, *gradients), expected, ["result"] + ["gradient"] * len(arrays), strict=True):
        assert name == "result" or got.dtype == arrays[0].dtype, got.dtype
        error = np.abs(_on_host(got).astype("float64") - wanted).max() / max(1, np.abs(wanted).max())
        assert error <= 16 * PRECISION, (name, error)
    return y.dtype.name


def _on_host(x):
    x = x.raw
    return x.get() if hasattr(x, "get") else np.asarray(x)


def table():
    """Rows (what, outcome with NumPy, with CuPy)."""
    import cupy
    import ml_dtypes

    import autograd
    from autograd import Array, vjp

    rows = []
    for what, function, count in operations():
        random = np.random.default_rng(7)
        host = [random.normal(size=(3, 3)).astype(ml_dtypes.bfloat16) for _ in range(count)]
        with autograd.device("cpu"):
            expected = _expected(vjp, function, [Array(x.astype("float32")) for x in host])
        outcomes = []
        for xp, device in ((np, "cpu"), (cupy, "gpu")):
            with autograd.device(device):
                outcomes.append(outcome(function, [Array(xp.asarray(x)) for x in host], expected))
        rows.append((what, *outcomes))
    return rows


def _expected(vjp, function, arrays):
    y, pull = vjp(function, *arrays)
    return [_on_host(x).astype("float64") for x in (y, *pull(y * 0 + 1))]


def rendered(rows):
    lines = ["| of bfloat16 arrays | NumPy | CuPy |", "| --- | --- | --- |"]
    lines += [f"| `{what}` | {' | '.join(outcomes)} |" for what, *outcomes in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    text = f"{BEGIN}\n{rendered(table())}\n{END}"
    DOCS.write_text(re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: text, DOCS.read_text(), flags=re.S))

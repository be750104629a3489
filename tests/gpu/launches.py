"""How many kernels operations launch: `python -m tests.gpu.launches` writes the table of docs/cupy.md anew.

`python -m tests.gpu.launches counts` prints, as JSON, what `test_launches.py` looks at. Both need a process of their
own where a stand-in takes the place of a GPU: its log has to be there before CuPy starts.
"""

import json
import os
import re
import sys
import tempfile
from pathlib import Path

import numpy as np

DOCS = Path(__file__).parents[2] / "docs" / "cupy.md"
BEGIN, END = "<!-- launches: python -m tests.gpu.launches -->", "<!-- end of launches -->"
FACTOR = 8


def operations():
    """(what a user writes, function of arrays, their shapes or the arrays); arrays of shapes are differentiated."""
    import autograd.numpy as anp
    import cuobjax.numpy as jn
    from autograd.scipy.special import logsumexp
    from cuobjax import functional, nn, random

    f, loss, m, image = functional, functional.loss, (64, 32), (8, 4, 16, 16)
    labels, dense, norm = np.arange(64) % 32, nn.Linear(32, 16), nn.BatchNorm2D(4)
    conv = [nn.Conv2D(4, 8, 3), nn.Conv2D(4, 8, 1), nn.Conv2D(4, 4, 3, groups=4)]
    return [
        ("a + b", anp.add, m, m),
        ("a + b, b one row", anp.add, m, m[1:]),
        ("a * b", anp.multiply, m, m),
        ("a / b", anp.divide, m, m),
        ("exp(a)", anp.exp, m),
        ("tanh(a)", anp.tanh, m),
        ("where(a > 0, a, b)", lambda a, b: anp.where(a > 0, a, b), m, m),
        ("maximum(a, b)", anp.maximum, m, m),
        ("relu(a)", f.relu, m),
        ("sigmoid(a)", f.sigmoid, m),
        ("softplus(a)", f.softplus, m),
        ("silu(a)", f.silu, m),
        ("gelu(a)", f.gelu, m),
        ("elu(a)", f.elu, m),
        ("sum(a)", anp.sum, m),
        ("sum(a, 0)", lambda a: anp.sum(a, 0), m),
        ("mean(a, 1)", lambda a: anp.mean(a, 1), m),
        ("max(a, 1)", lambda a: anp.max(a, 1), m),
        ("var(a, 0)", lambda a: anp.var(a, 0), m),
        ("softmax(a)", f.softmax, m),
        ("log_softmax(a)", f.log_softmax, m),
        ("logsumexp(a, 1)", lambda a: logsumexp(a, 1), m),
        ("cross_entropy_logits_sparse(a, labels)", loss.cross_entropy_logits_sparse, m, labels),
        ("cross_entropy_logits(a, b)", loss.cross_entropy_logits, m, m),
        ("ctc_logits(a, words)", loss.ctc_logits, (4, 8, 6), np.array([[1, 2]] * 4)),
        ("sigmoid_cross_entropy_logits(a, b)", loss.sigmoid_cross_entropy_logits, m, m),
        ("layer_norm(a, gamma, beta)", f.layer_norm, m, m[1:], m[1:]),
        ("rms_norm(a, gamma)", f.rms_norm, m, m[1:]),
        ("group_norm(a, 2, gamma, beta)", lambda a, *b: f.group_norm(a, 2, *b), image, image[1:2], image[1:2]),
        ("a @ b", anp.matmul, m, m[::-1]),
        ("a @ b, stacked", anp.matmul, (3, 8, 4), (3, 4, 8)),
        ("attention(a, b, b, causal=True)", lambda a, b: f.attention(a, b, b, causal=True), (2, 4, 6, 8), (2, 4, 6, 8)),
        ("a[labels]", lambda a, i: a[i], m, labels),
        ("concatenate([a, b])", lambda a, b: anp.concatenate([a, b]), m, m),
        ("Linear(32, 16)", dense, m),
        ("Conv2D(4, 8, 3)", conv[0], image),
        ("Conv2D(4, 8, 1)", conv[1], image),
        ("Conv2D(4, 4, 3, groups=4)", conv[2], image),
        ("max_pool_2d(a)", f.max_pool_2d, image),
        ("average_pool_2d(a)", f.average_pool_2d, image),
        ("BatchNorm2D(4), training", lambda a: norm(a, training=True), image),
        ("BatchNorm2D(4), evaluation", lambda a: norm(a, training=False), image),
        ("Dropout(0.5), training", lambda a: nn.Dropout(0.5)(a, training=True), m),
        ("random.normal((64, 32))", lambda key: random.normal(m), np.zeros(1)),
        ("astype(a, float16)", lambda a: jn.asarray(a).astype("float16"), m),
    ]


def table():
    """Rows (what, launches forward, backward) of all operations, and (optimizer, launches per parameter, besides)."""
    import cuobjax
    from cuobjax import optimizer

    rows = [(what, *forward_and_backward(function, inputs)) for what, function, *inputs in operations()]
    o = optimizer
    for make in (o.SGD, o.Momentum, o.Adam, o.LAMB, o.LARS, o.Adafactor, o.Muon):
        few, many = (_update(make, cuobjax, parameters) for parameters in (2, 4))
        each = (many - few) // 2
        rows.append((f"{make.__name__}, a parameter; {few - 2 * each} a step", each, None))
    return rows


def _update(make, cuobjax, parameters):
    from benchmarks.gpu.capture import count, recorded

    variables = [cuobjax.TrainVar(np.ones((8, 8), np.float32)) for _ in range(parameters)]
    update = make(cuobjax.VarCollection((str(i), v) for i, v in enumerate(variables)))
    gradients = [v.value * 0.5 for v in variables]
    return count(recorded(lambda: update(0.1, gradients)))


def forward_and_backward(function, inputs):
    """Launches of a call and of its pullback to the inputs that are given by a shape; None where there is none."""
    import cupy

    from autograd import Array, vjp
    from benchmarks.gpu.capture import count, recorded

    random = np.random.default_rng(0)
    host = [x if isinstance(x, np.ndarray) else random.normal(size=x).astype("f4") for x in inputs]
    arrays = [Array(cupy.asarray(x)) for x in host]
    varied = [i for i, x in enumerate(inputs) if not isinstance(x, np.ndarray)]
    forward = count(recorded(lambda: function(*arrays)))
    if not varied:
        return forward, None

    def of_varied(*values):
        given = dict(zip(varied, values, strict=True))
        return function(*[given.get(i, a) for i, a in enumerate(arrays)])

    start, pull = vjp(of_varied, *[arrays[i] for i in varied])
    g = Array(cupy.ones(start.shape, start.dtype))
    return forward, count(recorded(lambda: pull(g)))


def scaling():
    """{row of the op table: [(launches forward and backward, the same with FACTOR times the lengths)]}.

    For the first cases of each row that can be recorded and have a larger version.
    """
    import cupy

    from autograd import default_device
    from autograd.primitive import PRIMITIVES
    from tests.autograd.table.op_table import ROWS

    found = {}
    for name, row in ROWS.items():
        pairs = []
        for case in row:
            try:
                versions = case, larger(case)
                pairs.append([_launches_of_case(cupy, PRIMITIVES[name], each, default_device()) for each in versions])
            except (ValueError, TypeError, IndexError, RuntimeError, NotImplementedError, _skipped()):
                continue  # what `test_launches.py` requires is that hardly any row stays without a pair
            if len(pairs) == 2:
                break
        found[name] = pairs
    return found


def _skipped():
    import pytest

    return pytest.skip.Exception


def _launches_of_case(xp, primitive, case, device):
    from autograd import vjp
    from benchmarks.gpu.capture import count, recorded
    from tests.autograd.table.cases import Real

    if any(isinstance(x, Real) and (0 in x.shape or max(x.shape, default=1) == 1) for x in case.inputs):
        raise ValueError("an empty array, or a single number")
    arrays, params = case.draw(xp, "float32", device)
    if not case.differentiable:
        return count(recorded(lambda: primitive(*arrays, **params)))
    varied = [i for i, x in enumerate(case.inputs) if isinstance(x, Real)]

    def function(*values):
        given = dict(zip(varied, values, strict=True))
        return primitive(*[given.get(i, a) for i, a in enumerate(arrays)], **params)

    y = function(*[arrays[i] for i in varied])
    g = tuple(map(xp.ones_like, y)) if isinstance(y, tuple) else xp.ones_like(y)
    return count(recorded(lambda: vjp(function, *[arrays[i] for i in varied])[1](g)))


def larger(case):
    """A case with FACTOR times the length of each axis that is longer than 1, also in the parameter `shape`."""
    from tests.autograd.table.cases import Real

    def grown(shape):
        return tuple(FACTOR * n if n > 1 else n for n in shape)

    def scaled(x):
        if isinstance(x, Real):
            return x._replace(shape=grown(x.shape))
        if isinstance(x, np.ndarray) and x.dtype != np.uint32:  # that is a key
            return np.tile(x, tuple(FACTOR if n > 1 else 1 for n in x.shape))
        return x

    params = case.params | ({"shape": grown(case.params["shape"])} if "shape" in case.params else {})
    return case._replace(inputs=tuple(map(scaled, case.inputs)), params=params)


def step_kernels():
    """{name of a training step: names of the kernels that it launches}."""
    from benchmarks.gpu.capture import names
    from tests.gpu.steps import STEPS

    return {name: names(make()) for name, make in STEPS.items()}


def jitted_steps():
    """{network: launches, besides products, of a training step with Adam under Jit}; of a stand-in alone."""
    from benchmarks.gpu.capture import driver, names
    from tests.gpu.steps import jitted

    if driver() is not None:
        return {}
    found = {}
    for name, step in jitted().items():
        step()
        found[name] = len(names(step))
    return found


def profiled():
    """Launches of a training step as a profile says, what it says nothing of, and as they are, of a stand-in alone."""
    import cuobjax
    from autograd.compiler import recorder
    from benchmarks.gpu.capture import count, driver, names

    f, nn = cuobjax.functional, cuobjax.nn
    net = nn.Sequential([nn.Linear(6, 8), nn.BatchNorm0D(8), f.relu, nn.Dropout(0.5), nn.Linear(8, 4), nn.LayerNorm(4)])
    x, labels = cuobjax.random.normal((5, 6)), np.arange(5) % 4
    optimizer = cuobjax.optimizer.Adam(net.vars())
    gradients = cuobjax.Grad(
        lambda x, y: f.loss.cross_entropy_logits_sparse(net(x, training=True), y).mean(), net.vars()
    )

    def step():
        optimizer(0.1, gradients(x, labels))

    step()
    if driver() is None:
        recorder.nodes = count
    with cuobjax.profile(net) as p:
        step()
    said = sum(e.launches or 0 for e in p.events)
    unknown = sorted({e.name for e in p.events if e.launches is None})
    return {
        "said": said,
        "unknown": unknown,
        "all": None if driver() else len(names(step)),
        "table": p.table("modules"),
    }


def rendered(rows):
    """The table as Markdown."""
    lines = ["| operation | forward | backward |", "| --- | --- | --- |"]
    lines += [f"| `{what}` | {forward} | {'' if back is None else back} |" for what, forward, back in rows]
    return "\n".join(lines)


def main():
    if sys.argv[1:] == ["counts"]:
        counts = {"table": table(), "scaling": scaling(), "kernels": step_kernels(), "jitted": jitted_steps()}
        counts["profile"] = profiled()
        print(json.dumps(counts))
        return
    text = f"{BEGIN}\n{rendered(table())}\n{END}"
    DOCS.write_text(re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: text, DOCS.read_text(), flags=re.S))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CUPY_ON_CPU_LOG"] = str(Path(folder) / "log")  # before CuPy starts
        main()

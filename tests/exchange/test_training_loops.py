"""The training loops of docs/from_*.md: from the same initial values, both columns come to the same loss."""

import contextlib
import io
import re
from pathlib import Path

import pytest

import cuobjax.numpy as jn

PAIR = re.compile(
    r'<div class="side-by-side">\n\n\*\*([^*]+)\*\*\n\n```\w+\n(.*?)```\n\n'
    r"\*\*cuobjax\*\*\n\n```python\n(.*?)```\n\n</div>",
    re.DOTALL,
)
PAGES = {path.name: path.read_text() for path in sorted((Path(__file__).parents[2] / "docs").glob("from_*.md"))}
LOOPS = {library: (theirs, ours) for page in PAGES.values() for library, theirs, ours in PAIR.findall(page)}

# What has to be installed, and the initial values in the order of ours: w (nin, nout) and b of both layers.
LIBRARIES = {
    "PyTorch": ("torch", lambda net: [x.detach().numpy().T for x in net.parameters()]),
    "Flax NNX": ("flax", lambda net: [x[...] for layer in net.layers[::2] for x in (layer.kernel, layer.bias)]),
    "Equinox": ("equinox", lambda net: [x.T for layer in net.layers for x in (layer.weight, layer.bias)]),
    "HIPS autograd": ("autograd", lambda net: net),  # ours, which takes its place
    "Objax": ("cuobjax", lambda net: [x.value for layer in net[::2] for x in (layer.w, layer.b)]),  # with our imports
}


def test_every_page_has_a_loop_whose_lines_fit_into_a_column():
    assert [page for page, text in PAGES.items() if not PAIR.search(text)] == []
    assert LOOPS.keys() == LIBRARIES.keys()
    assert max(len(line) for pair in LOOPS.values() for text in pair for line in text.splitlines()) <= 44


def run(text, names):
    """The loss that a part of a program prints, if it prints one."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(text, "a loop of a page", "exec"), names)
    return float(printed.getvalue().removeprefix("loss ") or "nan")


@pytest.mark.parametrize(
    "library",
    [
        pytest.param(name, marks=() if package in ("autograd", "cuobjax") else pytest.mark.exchange)
        for name, (package, _) in LIBRARIES.items()
    ],
)
def test_both_columns_come_to_the_same_loss(library):
    package, values_of = LIBRARIES[library]
    pytest.importorskip(package)
    theirs, ours = LOOPS[library]
    if library == "Objax":
        theirs = theirs.replace("from objax", "from cuobjax")
    (their_start, their_loop), (our_start, our_loop) = (text.rsplit("\n\n", 1) for text in (theirs, ours))
    there, here = {"__name__": "theirs"}, {"__name__": "ours"}
    run(their_start, there)
    run(our_start, here)
    variables = [x for layer in here["net"][::2] for x in (layer.w, layer.b)]
    for v, value in zip(variables, values_of(there["net"]), strict=True):
        v.assign(jn.array(value, dtype="float32"))  # a copy
    loss = run(our_loop, here)
    assert loss == pytest.approx(run(their_loop, there), rel=0.01, abs=2e-5)
    assert loss < 0.02  # the best constant has 0.05

"""What public functions and classes answer to None, a number, a text and an empty list: errors that name who asks."""

import ast
import enum
import functools
import importlib
import inspect
import traceback
import types
import warnings
from pathlib import Path

import numpy as np
import pytest

import cuobjax
import cuobjax.numpy as jn
from cuobjax import functional as F
from cuobjax import io, nn, random, zoo
from cuobjax.data import Loader, flip, prefetch, progress, random_crop
from cuobjax.transforms.recorded_graph import RecordedGraph
from tests.test_public_names import NAMES

ROOT = Path(cuobjax.__file__).resolve().parents[1]
IMAGE, KERNEL = np.ones((1, 1, 2, 2), "f4"), np.ones((1, 1, 1, 1), "f4")
WRONG = (None, 3, "x", [])
BUILTIN = (Exception, dict, enum.Enum)  # whose constructors are theirs
WITHOUT = ("cuobjax.constants", "cuobjax.typing")  # modules without functions
# Other libraries' errors that say what is wrong, and what waits for processes.
OTHERS = {
    "cuobjax": "default_dtype",  # NumPy names the dtype
    "cuobjax.distributed": "initialize",
    "cuobjax.functional": "logsumexp pad",  # NumPy's
    "cuobjax.random": "seed",
    "cuobjax.zoo": "GPT VGG19 ViT ResNet18 ResNet34 ResNet50 ResNet101 ResNet152 ResNet200",  # large networks
}


@functools.cache
def raising_lines(path):
    """The lines of a file of ours on which errors are raised on purpose."""
    nodes = [node for node in ast.walk(ast.parse(Path(path).read_text())) if isinstance(node, ast.Raise)]
    return {line for node in nodes for line in range(node.lineno, (node.end_lineno or 0) + 1)}


def is_of_another(error):
    """Whether an error came out of code of ours that did not raise it; errors of a signature and of files do not."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(ROOT)]
    if not ours or isinstance(error, OSError):
        return False
    return frames[-1] is not ours[-1] or ours[-1].lineno not in raising_lines(ours[-1].filename)


def call(f, count, x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = f(*[x] * count)
        if isinstance(result, types.GeneratorType):
            next(result, None)
        if hasattr(result, "close"):
            result.close()


@pytest.mark.parametrize("module", [name for name in NAMES if name.startswith("cuobjax") and name not in WITHOUT])
def test_errors_are_ours(module, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("CUOBJAX_TRACEBACK", "full")
    monkeypatch.chdir(tmp_path)
    found = []
    for name in set(NAMES[module].split()).difference(OTHERS.get(module, "").split()):
        f = getattr(importlib.import_module(module), name)
        if isinstance(f, types.ModuleType) or (isinstance(f, type) and issubclass(f, BUILTIN)) or not callable(f):
            continue
        parameters = inspect.signature(f).parameters.values()
        positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        count = max(sum(p.default is p.empty for p in positional), min(1, len(positional)))
        for x in WRONG:
            try:
                call(f, count, x)
            except Exception as error:
                if is_of_another(error):
                    found.append(f"{name}({x!r}): {type(error).__name__}: {error}")
    assert not found


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda: cuobjax.set_default_dtype(None), TypeError, r"^set_default_dtype: expected a dtype, got None\. Write"),
        (lambda: nn.Linear([3], 2), TypeError, r"^Linear: expected nin as an integer, got \[3\]\.$"),
        (lambda: nn.Linear(jn.array(3), [2]), TypeError, r"^Linear: expected nout as an integer, got \[2\]\.$"),
        (lambda: random.normal(None), TypeError, r"^normal: expected shape as a tuple of lengths, got None\.$"),
        (lambda: random.normal((2, 3.0)), TypeError, r"^normal: expected shape as .*, got \(2, 3\.0\)\.$"),
        (lambda: random.normal((2, -3)), ValueError, r"^normal: expected lengths of at least 0, got \(2, -3\)\.$"),
        (lambda: random.gamma(3, None), TypeError, r"^gamma: expected real parameters, got None\.$"),
        (lambda: random.dirichlet((), "x"), TypeError, r"^dirichlet: expected real parameters, got 'x'\.$"),
        (
            lambda: random.normal((2, 3), mean=jn.ones(2)),
            ValueError,
            r"^normal: expected parameters that broadcast to the shape \(2, 3\), got shape \(2,\)\.$",
        ),
        (lambda: random.randint(3, 0, "x"), TypeError, r"^randint: expected high as an integer, got 'x'\.$"),
        (lambda: cuobjax.RandomState("x"), TypeError, r"^RandomState: expected seed as an integer, got 'x'\.$"),
        (lambda: random.normal(2, dtype=3), TypeError, r"^normal: expected a dtype, got 3\. Write 'float16'"),
        (lambda: random.bernoulli(2, "x"), TypeError, r"^bernoulli: expected real parameters, got 'x'\.$"),
        (lambda: random.choice(2, p="x"), TypeError, r"^choice: expected real parameters, got 'x'\.$"),
        (lambda: random.categorical(jn.ones(2), None), TypeError, r"^categorical: expected axis as an integer, got"),
        (lambda: random.truncated_normal(2, lower=None), TypeError, r"^truncated_normal: expected lower as a number"),
        (
            lambda: random.uniform(2, minval=1, maxval=0),
            ValueError,
            r"^uniform: expected maxval - minval of at least 0, got -1\.$",
        ),
        (lambda: random.chisquare(None, 1), TypeError, r"^chisquare: expected shape as a tuple of lengths, got None"),
        (lambda: nn.TransformerBlock(4, 2, norm=None), TypeError, r"^TransformerBlock: expected norm as a function, "),
        (lambda: zoo.DNNet([2, 2], None)(jn.ones(2)), TypeError, r"^DNNet\[1\]: expected a layer, got NoneType\."),
        (
            lambda: zoo.WideResNet(1, 2, 10, bn=None),
            TypeError,
            r"^WideResNetGeneral: expected bn as a function, got No",
        ),
        (
            lambda: zoo.GPT(5, 4, 4, 2, 1)([[1]], caches=3),
            TypeError,
            r"^GPT: expected caches as a list of 1 KVCaches, one for each block, got 3\. net\.caches\(n\) makes",
        ),
        (
            lambda: zoo.vgg.VGG([1, 2], [3]),
            ValueError,
            r"^VGG: expected group_sizes and channels as lists of one length, got \[1, 2\] and \[3\]\.$",
        ),
        (
            lambda: cuobjax.plot.curves([1.0], figure=3),
            TypeError,
            r"^curves: expected figure as a figure of matplotlib",
        ),
        (
            lambda: cuobjax.Parallel(jn.sin, axis_name=[]),
            TypeError,
            r"^Parallel: expected axis_name as a text, got \[\]",
        ),
        (
            lambda: cuobjax.Parallel(jn.sin, reduce=None),
            TypeError,
            r"^Parallel: expected reduce as a function, got None",
        ),
        (lambda: jn.pad(jn.ones(2), 1, mode=[]), ValueError, r"^pad: expected a mode of constant, .*, got \[\]\.$"),
        (lambda: jn.pad(jn.ones(2), None), TypeError, r"^pad: expected pad_width of integers, got None\.$"),
        (
            lambda: jn.rollaxis(jn.ones(2), 0, jn.ones(2)),
            TypeError,
            r"^rollaxis: expected start as an integer, got Arr",
        ),
        (lambda: nn.PReLU(slope="x"), TypeError, r"^PReLU: expected slope as a number, got 'x'\.$"),
        (lambda: nn.LoRA(nn.Linear(2, 2), 1, "x"), TypeError, r"^LoRA: expected alpha as a number, got 'x'\.$"),
        (lambda: nn.ExponentialMovingAverage(2, None), TypeError, r"Average: expected momentum as a number, got None"),
        (
            lambda: nn.MultiHeadAttention(4, 2)(jn.ones((1, 2, 4)), cache=3),
            TypeError,
            r"^MultiHeadAttention: expected a KVCache as cache, got 3\. layer\.cache\(\) makes one\.$",
        ),
        (lambda: F.conv(IMAGE, KERNEL, groups=None), TypeError, r"^conv: expected groups as an integer, got None"),
        (lambda: F.conv_transpose(IMAGE, KERNEL, groups=[]), TypeError, r"^conv_transpose: expected groups as an inte"),
        (lambda: F.attention(*[IMAGE] * 3, scale="x"), TypeError, r"^attention: expected scale as a number, got 'x'"),
        (lambda: F.attention(*[IMAGE] * 3, keep=None), TypeError, r"^attention: expected keep as a number, got None"),
        (
            lambda: F.loss.ctc_logits(jn.zeros((1, 2, 3)), [[1]], blank=None),
            TypeError,
            r"^ctc_logits: expected blank as an integer, got None\.$",
        ),
        (lambda: random_crop(IMAGE, size=[]), ValueError, r"^random_crop: expected size as a number or 2 of them"),
        (lambda: Loader(jn.ones(2), 1, transform=3), TypeError, r"^Loader: expected transform as a function, got 3\.$"),
        (lambda: Loader([1], 1, collate=None), TypeError, r"^Loader: expected collate as a function, got None\.$"),
        (lambda: cuobjax.metrics.AUC(low=None), TypeError, r"^AUC: expected low as a number, got None\.$"),
        (
            lambda: cuobjax.EarlyStopping({}, 1, min_delta=None),
            TypeError,
            r"^EarlyStopping: expected min_delta as",
        ),
        (
            lambda: cuobjax.distributed.broadcast_variables({"a": nn.Linear(1, 1).w}),
            TypeError,
            r"^broadcast_variables: expected variables, got 'a'\. Write net\.vars\(\)\.$",
        ),
        (lambda: cuobjax.distributed.initialize("x"), TypeError, r"^initialize: expected timeout as a number, got 'x'"),
        (lambda: zoo.RNN(2, 2, 2, None), TypeError, r"^RNN: expected activation as a function, got None\. Write"),
        (
            lambda: cuobjax.plot.images(IMAGE, columns=-1),
            ValueError,
            r"^images: expected columns of at least 1",
        ),
        (lambda: cuobjax.plot.images(IMAGE, titles=3), TypeError, r"^images: expected titles as an iterable, such"),
        (lambda: cuobjax.plot.confusion(jn.eye(2), 3), TypeError, r"^confusion: expected labels as an iterable, such"),
        (lambda: prefetch(None), TypeError, r"^prefetch: expected batches as an iterable, .*, got None\.$"),
        (lambda: progress(3), TypeError, r"^progress: expected iterable as an iterable, .*, got 3\.$"),
        (lambda: cuobjax.plot.profile(3), TypeError, r"^profile: expected a Profile, got int\. Measure with cuobjax\."),
        (lambda: cuobjax.plot.curves("x"), TypeError, r"^curves: expected numbers to draw, got 'x'\.$"),
        (lambda: cuobjax.debug.print(3), TypeError, r"^debug_print: expected a format string, got 3\. Write debug_pri"),
        (
            lambda: cuobjax.debug.print("{a}", 3),
            ValueError,
            r"^debug_print: expected arguments that fit into '\{a\}', got others \(KeyError: 'a'\)\.$",
        ),
        (
            lambda: cuobjax.debug.print("{:.1f}", jn.ones(2)),
            ValueError,
            r"^debug_print: expected arguments that fit into '\{:\.1f\}', got others \(TypeError: unsupported format",
        ),
        (
            lambda: io.LoadedProgram("net.npz"),
            TypeError,
            r"^LoadedProgram: .*, got str\. Write load_program\(path\)",
        ),
        (lambda: io.Checkpoint(3, 3), TypeError, r"^Checkpoint: expected a path, got 3\.$"),
        (
            lambda: RecordedGraph("f", cuobjax.make_graph(jn.sin)(1.0).graph, {}, {}, ()).save(None),
            TypeError,
            r"^RecordedGraph\.save: expected a path, got None\.$",
        ),
        (lambda: cuobjax.functional_call(nn.Linear(3, 2), None), TypeError, r"^functional_call: expected a value for "),
    ],
)
def test_messages(wrong, error, message):
    with pytest.raises(error, match=message):
        wrong()


def test_top_k_of_too_few_classes():
    metric = cuobjax.metrics.TopK(4)
    with pytest.raises(ValueError, match=r"^TopK: expected scores of at least 4 classes, got 3\. Take a smaller k\.$"):
        metric.update(jn.ones((2, 3)), [0, 1])


def test_values_may_be_any_mapping():
    net = nn.Linear(3, 2)
    values = types.MappingProxyType({"(Linear).w": np.zeros((3, 2), "f4")})
    np.testing.assert_array_equal(cuobjax.functional_call(net, values, jn.ones((1, 3))), np.zeros((1, 2)))


def test_flip_that_is_refused_draws_nothing():
    generator = random.Generator(1)
    before = generator.key.value
    with pytest.raises(ValueError, match="expected axis -1"):
        flip(jn.ones((1, 2, 2)), axis=0, generator=generator)
    assert generator.key.value is before

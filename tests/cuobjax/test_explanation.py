"""What `Jit.explain` says."""

import datetime
import functools

import numpy as np
import pytest

import autograd.numpy as anp
import cuobjax
import cuobjax.numpy as jn
from autograd.backend import is_cupy
from cuobjax import Jit, StateVar, nn
from cuobjax.transforms.explanation import ProgramExplanation

pytestmark = pytest.mark.usefixtures("xp")

X = np.ones((4, 3), "float32")


def test_it_is_data_and_a_table():
    layer, count = nn.Linear(3, 2), StateVar(jn.zeros(()))

    def f(x, s, flag=True):
        count.value += 1
        return (jn.tanh(layer(x)) * s, flag, jn.exp(x) * 0)[:2]

    jitted = Jit(f)
    started = datetime.datetime.now()
    for _ in range(3):
        jitted(X, 2.0)
    explanation = jitted.explain(source=True)
    assert (explanation.recordings, explanation.dropped, explanation.causes, explanation.notes) == (1, 0, {}, ())
    (program,) = explanation.programs
    assert program.inputs == {"argument 0 (x)": "float32[4, 3]", "argument 1 (s)": "float"}
    assert program.outputs == ("float32[4, 2]",)
    assert program.read == {
        "count": "float32[]", "layer.(Linear).w": "float32[3, 2]", "layer.(Linear).b": "float32[2]"
    }  # fmt: skip
    assert program.written == {"count": "float32[]"}
    assert program.causes == ("the first call",)
    assert (program.recorded, sum(len(step.operations) for step in program.steps), program.calls) == (7, 5, 2)
    assert started <= program.when <= datetime.datetime.now()
    assert 0 < program.recording_seconds < 60
    assert 0 < program.compiling_seconds < 60
    assert program.bytes_read == sum(step.read for step in program.steps) >= 4 * (12 + 6)
    assert program.bytes_written >= 4 * 8
    text = str(explanation)
    assert max(map(len, text.splitlines())) <= 120
    assert "argument 0 (x): float32[4, 3]; argument 1 (s): float" in text
    assert "1 variables written  count: float32[]" in text
    assert "tanh" in text and "exp(" not in text
    assert program.source.splitlines()[-1].strip() in text
    assert "source:" not in str(jitted.explain())


def test_what_was_put_together():
    w = jn.ones((300, 300))
    jitted = Jit(lambda x: jn.tanh(x @ w * 2.0 + 1.0) * 3.0)
    jitted(np.ones((64, 300), "float32"))
    (program,) = jitted.explain().programs
    made = [step for step in program.steps if step.kind in ("kernel", "loop")]
    assert {"add", "tanh"} <= {name for step in made for name in step.operations}
    text = str(program)
    assert f"1 {made[0].kind} of " in text
    assert "multiply 2 times; add; tanh" in text
    assert ("launches" in text) == is_cupy(w.raw)


def test_before_the_first_call():
    explanation = Jit(lambda x: x + 1).explain()
    assert (explanation.recordings, explanation.programs) == (0, ())
    assert "recorded 0 times, 0 programs" in str(explanation)
    assert "Nothing is known before the first call" in str(explanation)


def test_names_of_variables():
    layer = nn.Linear(3, 2)
    for jitted, start in ((Jit(layer), ""), (Jit(lambda x: layer(x)), "layer.")):
        jitted(X)
        (program,) = jitted.explain().programs
        assert set(program.read) == {f"{start}(Linear).w", f"{start}(Linear).b"}


def test_causes_have_the_values_before_and_now():
    net = nn.Sequential([nn.Linear(3, 2), nn.Dropout(0.5)])
    w = net[0].w
    jitted = Jit(lambda x, s, name=None: net(x) * s, static_argnums=1)
    net.train()
    jitted(X, 1)
    jitted(X[:2], 1)
    jitted(X[:2], 2)
    jitted(X[:2], 2, name="b")
    jitted(X[:2], 2, name="c")
    net.eval()
    jitted(X[:2], 2, name="c")
    w.assign(w.value.astype("float16"), check=False)
    jitted(X[:2], 2, name="c")
    assert [program.causes for program in jitted.explain().programs] == [
        ("the first call",),
        ("the shape or dtype of argument 0 (x): float32[4, 3], then float32[2, 3]",),
        ("the value of argument 1: 1, then 2",),
        ("the structure of the arguments",),
        ("the value of argument 'name': 'b', then 'c'",),
        ("the training mode of cuobjax.nn.Dropout: True, then False",),
        ("the shape or dtype of net.(Sequential)[0](Linear).w: float32[3, 2], then float16[3, 2]",),
    ]
    assert "the value of argument 'name': 'b', then 'c'" in str(jitted.explain())
    for s in (2, 3):
        jitted(X[:2], s=s)
    assert jitted.explain().programs[-1].causes == ("the value of argument 's': 2, then 3",)
    assert jitted.explain().causes == {  # the three most frequent of six
        "the structure of the arguments": 2, "the shape or dtype of argument 0 (x)": 1, "the value of argument 1": 1,
    }  # fmt: skip


def test_static_objects_have_names():
    jitted = Jit(lambda g, x: g(x))
    jitted(jn.sin, 1.0)
    jitted(lambda x: x, 1.0)
    (cause,) = jitted.explain().programs[1].causes
    assert cause.startswith("the value of argument 0 (g): <function sin")


def test_many_inputs_and_steps_fit():
    functions = [getattr(jn, name) for name in "sin cos tan exp log sqrt tanh sinh cosh arctan arcsin square".split()]
    functions += [getattr(jn, name) for name in "abs sign floor ceil log1p expm1 log2 exp2 arcsinh".split()]
    long = {"x" * 150: 1.0}

    def f(*xs, **options):
        return [g(x).sum() for g, x in zip(functions, xs, strict=True)], options["options"]["x" * 150] * xs[0]

    jitted = Jit(f)
    jitted(*[np.full((2, 3), 0.5, "float32")] * len(functions), options=long)
    text = str(jitted.explain())
    assert max(map(len, text.splitlines())) <= 120
    assert f"{len(functions) + 1 - 8} more" in text


def test_what_a_gpu_launches(xp):
    jitted = Jit(lambda x: (jn.sin(x) * 2 + jn.remainder(x, x) + 1, x.sum()))
    jitted(jn.array(X))
    (program,) = jitted.explain().programs
    if not is_cupy(jn.array(X).raw):
        assert program.launches == {} and program.alone == ()
        return
    assert program.launches["sum"] == program.launches["remainder"] == 1
    assert sum(program.launches.values()) == 3
    (alone,) = program.alone
    assert (alone.name, alone.reason) == ("remainder", "it has no formula")
    assert "alone                remainder, 1 times; it has no formula;" in str(program)
    assert alone.line.startswith(f"{__file__}:")


def test_what_is_not_known_is_said():
    made = ProgramExplanation(
        inputs={}, outputs=(), read={}, written={}, causes=(), when=datetime.datetime(2026, 1, 2), recording_seconds=1,
        compiling_seconds=2, recorded=0, steps=(), constant_bytes=0, peak_bytes=None, calls=0,
    )  # fmt: skip
    assert "recorded             2026-01-02 00:00:00 in 1000.0 ms, compiled in 2000.0 ms; 0 calls since" in str(made)
    assert "an unknown number of bytes of results at most" in str(made)


def test_in_a_module_under_gradients():
    net = nn.Linear(3, 1)
    gradients = cuobjax.GradValues(lambda x: (net(x) ** 2).mean(), net.vars())
    optimizer = cuobjax.optimizer.Momentum(net.vars())

    @cuobjax.Jit
    def step(x):
        g, v = gradients(x)
        optimizer(0.1, g)
        return v[0]

    step(X)
    (program,) = step.explain().programs
    assert len(program.read) == len(program.written) == 4
    assert {step.kind for step in program.steps} & {"product", "loop"}  # inner loops run products, too


def test_a_function_of_autograd():
    jitted = Jit(lambda x: anp.sin(x).sum())
    jitted(X)
    assert jitted.explain().programs[0].inputs == {"argument 0 (x)": "float32[4, 3]"}


def test_a_program_of_many_operations_shows_the_largest_of_them():
    functions = (
        "sort cumsum argsort argmax argmin cumprod ravel flip roll fft.fft fft.ifft fft.rfft linalg.norm".split()
    )
    functions += "linalg.det linalg.inv linalg.qr linalg.svd trace tril triu diff median prod".split()

    @Jit
    def f(x):
        results = []
        for name in functions:
            function = jn
            for part in name.split("."):
                function = getattr(function, part)
            results.append(function(x, 1) if name == "roll" else function(x))
        return results

    x = jn.eye(3) + 1.0
    f(x), f(x)
    assert "more  " in str(f.explain())


def test_variables_that_no_name_leads_to_are_told_apart():
    @functools.cache
    def variables():
        return StateVar(jn.ones(2)), StateVar(jn.zeros(2))

    @Jit
    def f():
        first, second = variables()
        return first.value + second.value

    variables()

    f()
    (program,) = f.explain().programs
    assert [*program.read] == ["a StateVar of shape (2,)", "a StateVar of shape (2,)'"]


def test_it_says_that_a_program_with_values_of_another_transformation_is_not_stored():
    programs = []

    def f(x):
        programs.append(Jit(lambda: x * 2))
        return programs[0]()

    cuobjax.Grad(f, None, (0,))(jn.ones(()))
    text = str(programs[0].explain())
    assert "some calls were not stored: they use values from outside that are traced there" in text

"""`Lowered.save` and `io.load_program`: programs as plain data."""

import contextlib
import copy
import dataclasses
import functools
import io
import json
import pickle

import ml_dtypes
import numpy as np
import pytest

import autograd
import cuobjax
import cuobjax.functional as F
import cuobjax.numpy as jn
import cuobjax.zoo
from autograd.backend import is_cupy
from cuobjax import Jit, RandomState, StateVar, TrainVar, nn
from cuobjax.io import DamagedFileError, load_program
from cuobjax.io.formats import InMemory, opened, write

pytestmark = pytest.mark.usefixtures("xp")
rng = np.random.default_rng(3)
X = rng.normal(size=(2, 3, 16, 16)).astype("float32")
T = rng.normal(size=(2, 6, 4)).astype("float32")


def saved(path, f, *args, **options):
    Jit(f, **options).lower(*args).save(path)
    return load_program(path)


def on_host(x):
    return autograd.device_put(x, "cpu").raw if isinstance(x, autograd.Array) else x


def same(a, b):
    a, b = autograd.tree.flatten(a), autograd.tree.flatten(b)
    assert a[1] == b[1]
    for x, y in zip(a[0], b[0], strict=True):
        np.testing.assert_array_equal(on_host(x), on_host(y), strict=True)


def convnet():
    pool = functools.partial(F.max_pool, size=2)
    layers = [nn.Conv2D(3, 8, 3, strides=2), nn.BatchNorm2D(8), F.relu, pool, F.flatten, nn.Linear(128, 4)]
    net = nn.Sequential([*layers, nn.Dropout(0.5), F.softmax])
    for v in net.vars().subset(TrainVar):
        v.assign(jn.array(rng.normal(size=v.shape).astype("float32")))
    return net


def test_a_network_with_its_weights(tmp_path):
    net = convnet()
    net.eval()
    program = saved(tmp_path / "net.npz", net, X)
    same(program(X), net(X))
    assert repr(program) == "<program 'Sequential'>"
    assert program.vars().keys() == {name for name, _ in net.vars().items() if "Dropout" not in name}
    assert [type(v) for v in program.vars()].count(TrainVar) == 6
    net(X, training=True)
    net[0].w.assign(net[0].w.value * 2)
    cuobjax.io.save_var_collection(tmp_path / "weights.npz", net.vars())
    cuobjax.io.load_var_collection(tmp_path / "weights.npz", program.vars())
    same(program(X), net(X))
    for other in (copy.deepcopy(program), pickle.loads(pickle.dumps(program))):
        same(other(X), net(X))


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN])
def test_sequences(tmp_path, layer):
    net = layer(4, 5, layers=2, bidirectional=True)
    net.eval()
    same(saved(tmp_path / "net.npz", net, T)(T), net(T))


def test_a_transformer(tmp_path):
    net = cuobjax.zoo.GPT(11, 16, 8, 2, 2, rotary=True)
    net.eval()
    tokens = rng.integers(0, 11, (2, 8)).astype("int32")
    same(saved(tmp_path / "net.npz", net, tokens)(tokens), net(tokens))


def test_a_step_of_training(tmp_path):
    net = convnet()
    net.train()
    gradients = cuobjax.GradValues(lambda x: (net(x) ** 2).mean(), net.vars())
    optimizer = cuobjax.optimizer.Adam(net.vars())

    def step(x, lr, name="step"):
        g, v = gradients(x)
        optimizer((2 - lr) ** 2 / 10, g)
        return {"loss": v[0], "name": name, "parts": (1, [None, True, 2.5])}

    cuobjax.random.seed(4)
    program = saved(tmp_path / "step.npz", step, X, 0.5)
    assert RandomState in [type(v) for v in program.vars()]
    eager = Jit(step)
    for lr in (0.5, 0.25):
        same(program(X, lr), eager(X, lr))
    names = {name.rpartition("(Adam)")[2]: name for name, _ in program.vars().items()}
    same(program.vars()[names[".step"]].value, optimizer.step.value)


def complicated(x, n, name):
    y = x[None, ..., ::2, 1][jn.array([0, 0])] + jn.array([np.inf, 2.0]).min() * np.float32(-0.0)
    numbers = (3 - n) * 2**n, n >= 1, divmod(7.5, n)[0], -n, abs(n)
    half = x.astype("float16") * n + jn.ones(3, "bfloat16").astype("float16")
    z = jn.fft.fft(x.sum(0)) * (1 + 2j)
    taken = (
        jn.take_along_axis(x, jn.argsort(x, axis=1), axis=1),
        jn.einsum("ij,kj->ik", x, x),
        jn.where(x > n, x, -np.inf),
    )
    return {
        "y": y,
        "numbers": numbers,
        "half": half,
        "z": z.real,
        "taken": taken,
        "int": jn.arange(3) * 2,
        name: x.astype(int),
    }


def test_dtypes_indices_numbers(tmp_path):
    x = jn.array(rng.normal(size=(4, 3)))
    for n in (2, 1.5):
        program = saved(tmp_path / "f.npz", complicated, x, n, "na\nme 'x")
        same(program(x, n, "na\nme 'x"), Jit(complicated)(x, n, "na\nme 'x"))
        same(program(x, n + 1, "na\nme 'x"), Jit(complicated)(x, n + 1, "na\nme 'x"))


@pytest.mark.parametrize("dtype", ["float64", "float16", ml_dtypes.bfloat16, "int8", "complex128", "bool"])
def test_inputs_variables_and_constants_of_any_dtype(tmp_path, dtype):
    v, c = StateVar(jn.array([1, 0], dtype)), jn.array([1, 1], dtype)
    x = jn.array([0, 1], dtype)
    program = saved(tmp_path / "f.npz", lambda x: (x * v, c + x), x)
    same(program(x), (x * v, c + x))


def test_static_arguments_are_part_of_it(tmp_path):
    program = saved(tmp_path / "f.npz", lambda x, n, flag: x * n if flag else x, X, 3, True, static_argnums=1)
    same(program(X, 3, True), jn.array(X) * 3)
    with pytest.raises(
        ValueError, match=r"^<program '<lambda>'>: expected 3 as in the call that was recorded, got 4.$"
    ):
        program(X, 4, True)
    with pytest.raises(
        ValueError, match=r"^<program '<lambda>'>: expected 3 as in the call that was recorded, got 3.0.$"
    ):
        program(X, 3.0, True)


def test_arguments_are_checked(tmp_path):
    program = saved(tmp_path / "f.npz", lambda x, options: x * options["k"], X, {"k": 2.0})
    with pytest.raises(
        ValueError, match=r"expected argument 0 \(x\) as float32\[2, 3, 16, 16\], got float32\[1, 3, 16, 16\]"
    ):
        program(X[:1], {"k": 2.0})
    with pytest.raises(ValueError, match=r"expected argument 0 \(x\) as float32\[2, 3, 16, 16\], got float16\["):
        program(X.astype("float16"), {"k": 2.0})
    with pytest.raises(ValueError, match=r"expected argument 1 \(options\)\['k'\] as float, got int"):
        program(X, {"k": 2})
    with pytest.raises(ValueError, match=r"expected argument 0 \(x\) as float32\[2, 3, 16, 16\], got str"):
        program("x", {"k": 2.0})
    with pytest.raises(ValueError, match=r"expected arguments like \('array', \{'k': 'array'\}\), got others"):
        program(X, 2.0)
    same(program(X.astype("float64"), {"k": 2.0}), jn.array(X) * 2)  # enters as float32


def test_gradients_and_lanes_of_a_loaded_program(tmp_path):
    net = nn.Linear(4, 2)
    program = saved(tmp_path / "net.npz", lambda x: (net(x) ** 2).sum(), T[0])
    wanted = cuobjax.GradValues(lambda x: (net(x) ** 2).sum(), net.vars())(T[0])
    found = cuobjax.GradValues(program, program.vars())(T[0])
    assert program.vars().keys() == {"net.(Linear).w", "net.(Linear).b"}
    for g, v in zip(found[0], program.vars(), strict=True):
        same(g, next(x for x in wanted[0] if x.shape == v.shape))
    np.testing.assert_allclose(on_host(cuobjax.Vectorize(program)(T))[0], on_host(wanted[1][0]), rtol=1e-5)


def test_from_one_device_to_another(tmp_path, xp):
    net = convnet()
    net.eval()
    y = on_host(net(X))
    Jit(net).lower(X).save(tmp_path / "net.npz")
    with cuobjax.device("cpu"):
        program = load_program(tmp_path / "net.npz")
        found = program(X)
        assert not is_cupy(found.raw)
        np.testing.assert_allclose(found, y, rtol=1e-5, atol=1e-6)


def test_a_step_from_one_device_to_another(tmp_path):
    net = nn.Linear(4, 2)
    gradients = cuobjax.GradValues(lambda x: (net(x) ** 2).mean(), net.vars())
    optimizer = cuobjax.optimizer.Adam(net.vars())
    step = Jit(lambda x: (gradients(x)[1][0], optimizer(0.1, gradients(x)[0]))[0])
    step.lower(T[0]).save(tmp_path / "step.npz")
    with cuobjax.device("cpu"):
        program = load_program(tmp_path / "step.npz")
        found = [on_host(program(T[0])) for _ in range(3)]
    np.testing.assert_allclose(found, [on_host(step(T[0])) for _ in range(3)], rtol=1e-5)
    assert found[0] > found[2]


def test_open_files_and_constants():
    net = nn.Linear(4, 2)
    file = io.BytesIO()
    Jit(net, cuobjax.VarCollection()).lower(T[0]).save(file)
    file.seek(0)
    program = load_program(file)
    assert not program.vars()
    same(program(T[0]), net(T[0]))
    with pytest.raises(DamagedFileError, match=r"^the file: expected variables, got a damaged file"):
        load_program(io.BytesIO(b"text"))


@autograd.extend.primitive
def own(x):
    return x * 2


@dataclasses.dataclass
class Result:
    y: object


@dataclasses.dataclass(frozen=True)
class Options:
    n: int = 2


@pytest.mark.parametrize(
    ("f", "args", "got"),
    [
        (
            lambda x: own(x) + 1,
            (),
            r"own, which is none of autograd's operations \(.*test_program_files.py:\d+ in <lam",
        ),
        (lambda x: Result(x), (), r"test_program_files.Result"),
        (lambda x, options: x * options.n, (Options(),), r"test_program_files.Options"),
        (lambda x: cuobjax.debug_print("x = {}", x) or x * 2, (), r"debug_print|print"),
    ],
)
def test_what_is_no_plain_data(tmp_path, f, args, got):
    lowered = Jit(f).lower(X, *args)
    with pytest.raises(TypeError, match=rf"^Lowered.save: expected a program of numbers, texts, arrays and .*{got}"):
        lowered.save(tmp_path / "f.npz")
    assert not list(tmp_path.iterdir())


def rewritten(path, change):
    with opened(path) as archive:
        named = dict(archive)
    text = json.loads(named["program"].tobytes())
    text = change(text) or text
    named["program"] = np.frombuffer(json.dumps(text).encode(), np.uint8)
    with open(path, "wb") as file:
        write(file, InMemory(named))


def small(path):
    layer = nn.Linear(4, 2)
    return saved(path, lambda x, k: jn.tanh(layer(x)).sum(axis=0)[:, None].transpose((1, 0)) * k, T[0], 2.0)


def of(text, name):
    return next(o for o in text["graph"]["operations"] if o[0] == name)


HOSTILE = {
    "operation": lambda text: of(text, "tanh").__setitem__(0, "os.system"),
    "python": lambda text: of(text, "tanh").__setitem__(0, "python system"),
    "axes": lambda text: of(text, "transpose")[2].update(axes="(0, 1)) or __import__('os').abort("),
    "nested": lambda text: of(text, "sum")[2].update(axis={"tuple": ["0"]}),
    "parameter": lambda text: of(text, "sum")[2].update(where=True),
    "arguments": lambda text: of(text, "sum")[1].append(0),
    "unmade": lambda text: of(text, "matmul").__setitem__(1, [len(text["graph"]["values"]) - 1, 0]),
    "range": lambda text: of(text, "matmul").__setitem__(1, [10**9, 0]),
    "twice": lambda text: of(text, "tanh").__setitem__(3, of(text, "matmul")[3]),
    "shape": lambda text: text["graph"]["values"][0].__setitem__(1, -1),
    "dtype": lambda text: text["graph"]["values"][0].__setitem__(0, "O"),
    "variable": lambda text: text["variables"][0].__setitem__(1, "Module"),
    "value": lambda text: text["variables"][0].__setitem__(2, "text"),
    "names": lambda text: text["variables"][0].__setitem__(0, text["variables"][1][0]),
    "read": lambda text: text.update(read=[-1, 0]),
    "written": lambda text: text.update(written=[0]),
    "given": lambda text: text.update(given=[]),
    "slots": lambda text: text.update(returned={"slot": 5}),
    "format": lambda text: text.update(format="another"),
    "missing": lambda text: {"format": "cuobjax program", "version": 1},
    "list": lambda text: [1],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files(tmp_path, name):
    small(tmp_path / "f.npz")
    rewritten(tmp_path / "f.npz", HOSTILE[name])
    with pytest.raises(
        DamagedFileError, match=r"f.npz: expected a program, got a damaged file or one of another kind \("
    ):
        load_program(tmp_path / "f.npz")


def test_damaged_files_and_others(tmp_path):
    path = tmp_path / "f.npz"
    small(path)
    content = path.read_bytes()
    for damaged in (content[:-10], content[: len(content) // 2], b"", b"text", content.replace(b"tanh", b"sinh")):
        path.write_bytes(damaged)
        with pytest.raises(DamagedFileError, match=r"f.npz: expected (variables|a program), got a damaged file"):
            load_program(path)
    cuobjax.io.save_var_collection(path, nn.Linear(2, 2).vars())
    with pytest.raises(DamagedFileError, match=r"f.npz: expected a program, got a damaged file or one of another kind"):
        load_program(path)
    with pytest.raises(FileNotFoundError):
        load_program(tmp_path / "g.npz")


def test_a_later_version(tmp_path):
    small(tmp_path / "f.npz")
    rewritten(tmp_path / "f.npz", lambda text: text.update(version=2))
    with pytest.raises(ValueError, match=r"f.npz: expected version 1 of programs, got 2. Save it with this version"):
        load_program(tmp_path / "f.npz")


def places(x, path=()):
    yield path
    for key, part in x.items() if isinstance(x, dict) else enumerate(x) if isinstance(x, list) else ():
        yield from places(part, (*path, key))


def test_any_change_is_refused_or_runs(tmp_path):
    """No change of the text leads anywhere but to another program or an ordinary error."""
    small(tmp_path / "f.npz")
    whole = (tmp_path / "f.npz").read_bytes()
    found = []
    rewritten(tmp_path / "f.npz", lambda text: found.extend(places(text)))
    values = [None, True, -1, 0, 7, 2.5, "x", [], {}, {"tuple": [1, 0]}, {"slice": [0, 1, None]}, {"array": 0}, "float"]
    for path in [found[i] for i in rng.permutation(len(found))[:60]]:
        for value in (values[i] for i in rng.permutation(len(values))[:4]):

            def change(text, path=path, value=value):
                if not path:
                    return {"value": value}
                functools.reduce(lambda part, key: part[key], path[:-1], text)[path[-1]] = value
                return None

            (tmp_path / "f.npz").write_bytes(whole)
            rewritten(tmp_path / "f.npz", change)
            with contextlib.suppress(ValueError):  # one of version 2 is no damaged one
                program = load_program(tmp_path / "f.npz")
                with contextlib.suppress(TypeError, IndexError, ArithmeticError, AttributeError):
                    program(T[0], 2.0)

"""Variables in files: formats, what loading checks, rotation and damage."""

import errno
import inspect
import io as std_io
import json
import math
import os
import pickle
import platform
import stat
import struct
import subprocess
import sys
import threading
import weakref
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cuobjax
import cuobjax.numpy as jn
from cuobjax import RandomState, StateVar, TrainRef, TrainVar, VarCollection
from cuobjax.io import Checkpoint, DamagedFileError, load_var_collection, save_var_collection
from cuobjax.io.collection import read_variable
from cuobjax.io.formats import replacement, sweep
from cuobjax.nn import BatchNorm0D, Linear, Sequential
from cuobjax.optimizer import Adam
from cuobjax.util import Renamer

try:
    import safetensors
except ImportError:
    safetensors = None
try:
    import ml_dtypes
except ImportError:
    ml_dtypes = None

needs_safetensors = pytest.mark.skipif(safetensors is None, reason="needs the extra: io")
needs_ml_dtypes = pytest.mark.skipif(ml_dtypes is None, reason="needs the extra: io")
formats_here = pytest.mark.parametrize("ending", ["npz", "safetensors"])


def values(vc):
    return {name: np.asarray(v.value) for name, v in vc.items()}


def collection(seed=0):
    """Variables of several dtypes and shapes, a shared weight and a TrainRef among them."""
    rng = np.random.default_rng(seed)
    w = TrainVar(rng.normal(size=(3, 4)).astype(np.float32))
    return VarCollection(
        {
            "net.w": w,
            "net.b": TrainVar(rng.normal(size=5)),
            "step": StateVar(np.int32(seed + 1)),
            "mask": StateVar(rng.random(3) < 0.5),
            "none": StateVar(np.zeros((0, 2), np.float32)),
            "half": StateVar(rng.normal(size=2).astype(np.float16)),
            "wave": StateVar(rng.normal(size=(2, 1)).astype(np.complex64)),
            "key": RandomState(seed),
            "shared.w": w,
            "optimizer.w": TrainRef(w),
        }
    )


def same(vc, expected):
    for name, value in expected.items():
        np.testing.assert_array_equal(np.asarray(vc[name].value), value, err_msg=name, strict=True)


@formats_here
def test_round_trip(tmp_path, xp, ending):
    path = tmp_path / f"variables.{ending}"
    saved, loaded = collection(1), collection(2)
    save_var_collection(path, saved)
    load_var_collection(str(path), loaded)
    same(loaded, values(saved))
    assert all(v.value.device == cuobjax.default_device() for v in loaded)
    assert isinstance(loaded["net.w"].value.raw, xp.ndarray)
    assert os.listdir(tmp_path) == [path.name]


def test_round_trip_of_a_model_with_its_optimizer(tmp_path):
    def model():
        net = Sequential([Linear(3, 4), BatchNorm0D(4), Linear(4, 1)])
        return net, net.vars() + Adam(net.vars()).vars()

    (net, saved), (_, loaded) = model(), model()
    net(jn.ones((5, 3)), training=True)
    save_var_collection(tmp_path / "model.npz", saved)
    load_var_collection(tmp_path / "model.npz", loaded)
    same(loaded, values(saved))


def test_values_on_a_gpu_are_saved_and_loaded_on_the_cpu(tmp_path, xp):
    v = StateVar(xp.arange(3.0))
    save_var_collection(tmp_path / "v.npz", VarCollection(v=v))
    with cuobjax.device("cpu"):
        w = StateVar(np.zeros(3))
        load_var_collection(tmp_path / "v.npz", VarCollection(v=w))
        assert str(w.value.device) == "cpu"
        np.testing.assert_array_equal(w.value, [0, 1, 2])


def test_binary_files_need_no_path(tmp_path):
    file = std_io.BytesIO()
    file.write(b"before")
    save_var_collection(file, collection(1))
    file.seek(6)
    loaded = collection(2)
    load_var_collection(file, loaded)
    same(loaded, values(collection(1)))
    with open(tmp_path / "f", "wb") as opened:
        save_var_collection(opened, collection(1))
    load_var_collection(tmp_path / "f", collection(2))


def test_a_path_in_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_var_collection("here", collection())
    assert os.listdir() == ["here"]  # the name as it is, no ending is added


def test_an_empty_collection(tmp_path):
    save_var_collection(tmp_path / "v.npz", VarCollection())
    with np.load(tmp_path / "v.npz", allow_pickle=False) as archive:
        assert {name: array.tolist() for name, array in archive.items()} == {"names": []}
    load_var_collection(tmp_path / "v.npz", VarCollection())


def test_the_file_is_objaxs(tmp_path):
    """`names`, and the arrays under their numbers, and nothing else: what Objax reads."""
    save_var_collection(tmp_path / "v.npz", collection(1))
    with np.load(tmp_path / "v.npz", allow_pickle=False) as archive:
        members = dict(archive)
    assert members["names"].dtype.kind == "U"
    assert members["names"].tolist() == ["net.w", "net.b", "step", "mask", "none", "half", "wave", "key"]
    assert list(members) == ["names", *"01234567"]
    np.testing.assert_array_equal(members["7"], np.array([0, 1], np.uint32), strict=True)


def test_a_file_of_objax_loads(tmp_path):
    """What Objax's own function writes: see the row of save_var_collection in its documentation."""
    linear = Linear(2, 3)
    optimizer = Adam(linear.vars())
    names = ["(Linear).b", "(Linear).w", "(Adam).step", "(Adam).m(ModuleList)[0]", "(Adam).m(ModuleList)[1]"]
    arrays = [np.ones(3, np.float32), np.full((2, 3), 2, np.float32), np.uint32(7)]
    arrays += [np.full(3, 3, np.float32), np.full((2, 3), 4, np.float32)]
    np.savez(tmp_path / "objax.npz", names=np.array(names), **{str(i): a for i, a in enumerate(arrays)})
    trained = list(linear.vars().keys())
    states = {f"(Adam).m(ModuleList)[{i}]": f"(Adam).m{name}" for i, name in enumerate(trained)}
    vc = linear.vars() + optimizer.vars().filter("*.step") + optimizer.vars().filter("*.m(*")
    load_var_collection(tmp_path / "objax.npz", vc, renamer=Renamer(states))
    assert linear.w.value.sum() == 12
    assert optimizer.step.value == 7
    assert [x.value.sum() for x in optimizer.m] == [9, 24]


@needs_ml_dtypes
@formats_here
@pytest.mark.parametrize("dtype", ["bfloat16", "float8_e5m2", "float8_e4m3fn"])
def test_s24_bfloat16_survives(tmp_path, ending, dtype):
    if dtype.startswith("float8") and cuobjax.default_device().kind == "gpu":
        pytest.skip("CuPy has no such dtype")
    dtype = np.dtype(getattr(ml_dtypes, dtype))
    x = np.linspace(-2, 2, 6).astype(dtype).reshape(2, 3)
    v, beside = StateVar(np.zeros((2, 3), dtype)), StateVar(np.zeros(2, np.float32))
    save_var_collection(tmp_path / f"v.{ending}", VarCollection(v=StateVar(x), beside=StateVar(np.ones(2, np.float32))))
    load_var_collection(tmp_path / f"v.{ending}", VarCollection(v=v, beside=beside))
    assert v.dtype == dtype
    np.testing.assert_array_equal(np.asarray(v.value).view(np.uint8), x.view(np.uint8))
    np.testing.assert_array_equal(beside.value, [1, 1])
    with pytest.raises(ValueError, match=rf"^Error when restoring variable v: expected float32 \(2, 3\), got {dtype}"):
        load_var_collection(tmp_path / f"v.{ending}", VarCollection(v=StateVar(np.zeros((2, 3), np.float32))))


@needs_ml_dtypes
def test_s24_bfloat16_of_objax_loads(tmp_path):
    """Objax writes the bits without the dtype."""
    x = np.linspace(-2, 2, 4).astype(ml_dtypes.bfloat16)
    np.savez(tmp_path / "v.npz", names=np.array(["v"]), **{"0": x.view("V2")})
    v = StateVar(np.zeros(4, ml_dtypes.bfloat16))
    load_var_collection(tmp_path / "v.npz", VarCollection(v=v))
    np.testing.assert_array_equal(np.asarray(v.value), x)
    with pytest.raises(ValueError, match=r"expected float16 \(4,\), got (\|V2|void16) \(4,\)"):
        load_var_collection(tmp_path / "v.npz", VarCollection(v=StateVar(np.zeros(4, np.float16))))


@needs_ml_dtypes
@pytest.mark.parametrize("name", ["object", "finfo", "nothing", "float8_e5m2"])
def test_only_dtypes_of_the_same_bits_are_read(tmp_path, name):
    np.savez(tmp_path / "v.npz", names=np.array(["v"]), dtypes=np.array([name]), **{"0": np.ones(1, np.uint64)})
    with pytest.raises(DamagedFileError):
        load_var_collection(tmp_path / "v.npz", VarCollection(v=StateVar(np.ones(1, np.uint64))))


def test_ml_dtypes_is_an_extra(tmp_path):
    members = {"names": np.array(["v"]), "dtypes": np.array(["bfloat16"]), "0": np.ones(1, np.uint16)}
    np.savez(tmp_path / "v.npz", **members)
    program = """
import sys
sys.modules["ml_dtypes"] = None
import cuobjax, numpy
vc = cuobjax.VarCollection(v=cuobjax.StateVar(numpy.ones(1, "uint16")))
cuobjax.io.load_var_collection(sys.argv[1], vc)
"""
    environment = os.environ | {"CUOBJAX_DEVICE": "cpu"}  # CuPy needs the package
    command = [sys.executable, "-c", program, tmp_path / "v.npz"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert "bfloat16: expected the package ml_dtypes. Run `pip install cuobjax[io]`." in last, done.stderr


@needs_safetensors
@pytest.mark.usefixtures("float64_by_default")
def test_safetensors_of_other_programs_load(tmp_path):
    from safetensors.numpy import load_file, save_file

    save_file({"w": np.ones(3, np.float32), "b": np.zeros(2)}, tmp_path / "v.safetensors", {"format": "pt"})
    w = StateVar(np.zeros(3, np.float32))
    load_var_collection(tmp_path / "v.safetensors", VarCollection({"net.w": w}), Renamer({"w": "net.w"}))
    np.testing.assert_array_equal(w.value, np.ones(3))
    save_var_collection(tmp_path / "v.safetensors", collection(1))
    assert load_file(tmp_path / "v.safetensors")["net.b"].tolist() == values(collection(1))["net.b"].tolist()
    turned = StateVar(np.arange(6.0).reshape(2, 3).T)
    save_var_collection(tmp_path / "v.safetensors", VarCollection(v=turned))
    assert load_file(tmp_path / "v.safetensors")["v"].tolist() == [[0, 3], [1, 4], [2, 5]]
    with pytest.raises(TypeError, match=r"^cuobjax\.io: expected dtypes of \.safetensors, got complex128"):
        save_var_collection(tmp_path / "v.safetensors", VarCollection(v=StateVar(np.ones(2, np.complex128))))
    assert load_file(tmp_path / "v.safetensors").keys() == {"v"}


def test_s24_shared_variables_are_saved_once_and_found_by_any_name(tmp_path):
    w = TrainVar(np.arange(3.0))
    save_var_collection(tmp_path / "v.npz", VarCollection(ref=TrainRef(w), a=w, b=w))
    with np.load(tmp_path / "v.npz") as archive:
        assert archive["names"].tolist() == ["ref"]
    for names in (["x", "ref"], ["ref"], ["b", "ref", "x"]):
        new = TrainVar(np.zeros(3))
        load_var_collection(tmp_path / "v.npz", VarCollection((name, new) for name in names))
        np.testing.assert_array_equal(new.value, [0, 1, 2])
    new = TrainVar(np.zeros(3))
    load_var_collection(tmp_path / "v.npz", VarCollection(x=new, ref=TrainRef(new)))
    np.testing.assert_array_equal(new.value, [0, 1, 2])


def test_s24_nothing_is_assigned_if_a_variable_is_missing(tmp_path):
    save_var_collection(tmp_path / "v.npz", VarCollection(p=StateVar(np.ones(3)), zz=StateVar(np.ones(2))))
    p, q = StateVar(np.zeros(3)), StateVar(np.zeros(2))
    with pytest.raises(ValueError) as caught:
        load_var_collection(tmp_path / "v.npz", VarCollection(p=p, q=q))
    assert str(caught.value) == (
        "Missing value for variables currently in the model: ['q']. The following variables on disk were not used, "
        "maybe the missing variable was renamed from one of these: {'zz'}."
    )
    np.testing.assert_array_equal(p.value, np.zeros(3))
    load_var_collection(tmp_path / "v.npz", VarCollection(p=p, q=q), Renamer({"zz": "q"}))
    np.testing.assert_array_equal(p.value, np.ones(3))
    np.testing.assert_array_equal(q.value, np.ones(2))


@pytest.mark.usefixtures("float64_by_default")
def test_s24_nothing_is_assigned_if_a_shape_or_dtype_differs(tmp_path):
    save_var_collection(
        tmp_path / "v.npz",
        VarCollection(p=StateVar(np.ones(3)), q=StateVar(np.ones(2)), r=StateVar(np.ones(1)), s=StateVar(np.ones(4))),
    )
    p, q = StateVar(np.zeros(3)), StateVar(np.zeros(3))
    r = StateVar(np.zeros(1, np.float32))
    with pytest.raises(ValueError) as caught:
        load_var_collection(tmp_path / "v.npz", VarCollection(p=p, q=q, r=r))
    assert str(caught.value).splitlines() == [
        "Error when restoring variable q: expected float64 (3,), got float64 (2,).",
        "Error when restoring variable r: expected float32 (1,), got float64 (1,).",
    ]
    assert not isinstance(caught.value, DamagedFileError)
    for v in (p, q, r):
        np.testing.assert_array_equal(v.value, np.zeros(v.shape))
    load_var_collection(tmp_path / "v.npz", VarCollection(p=p))  # other names on the disk are ignored
    np.testing.assert_array_equal(p.value, np.ones(3))


def test_a_renamer_is_a_function(tmp_path):
    net = Linear(2, 3)
    save_var_collection(tmp_path / "a.npz", net.vars())
    remedy = r"got \{'a': 'b'\}. Write cuobjax.util.Renamer\(\{'a': 'b'\}\)"
    with pytest.raises(TypeError, match=f"^load_var_collection: expected renamer as a function of names, {remedy}"):
        load_var_collection(tmp_path / "a.npz", net.vars(), {"a": "b"})
    with pytest.raises(TypeError, match=f"^load_state_dict: expected renamer as a function of names, {remedy}"):
        cuobjax.io.load_state_dict(net, cuobjax.io.state_dict(net), {"a": "b"})


def test_a_renamer_keeps_names_apart(tmp_path):
    save_var_collection(tmp_path / "v.npz", VarCollection(a=StateVar(np.ones(1)), b=StateVar(np.zeros(1))))
    with pytest.raises(ValueError, match=r"^load_var_collection: expected new names .*, got 'x' again, for 'b'\."):
        load_var_collection(tmp_path / "v.npz", VarCollection(x=StateVar(np.ones(1))), lambda name: "x")


def test_a_renamer_leaves_values_out(tmp_path):
    save_var_collection(tmp_path / "v.npz", VarCollection(a=StateVar(np.ones(1)), b=StateVar(np.zeros(1))))
    found = load_var_collection(tmp_path / "v.npz", VarCollection(x=StateVar(np.ones(1))), {"b": "x"}.get)
    assert found == ({"x": "x"}, [], [])


def test_modules_are_no_collections(tmp_path):
    with pytest.raises(TypeError, match=r"got Linear\. Pass net\.vars\(\)\.$"):
        save_var_collection(tmp_path / "v.npz", Linear(1, 1))
    assert os.listdir(tmp_path) == []


def test_traced_values_are_not_saved(tmp_path):
    v = TrainVar(np.float32(1))

    def loss():
        save_var_collection(tmp_path / "v.npz", VarCollection(v=v))
        return v * 1

    with pytest.raises(RuntimeError, match=r"^save_var_collection: expected a call outside of transformations"):
        cuobjax.Grad(loss, VarCollection(v=v))()
    assert os.listdir(tmp_path) == []


def test_nothing_is_unpickled(tmp_path):
    class Bomb:
        def __reduce__(self):
            return pytest.fail, ("unpickled",)

    np.savez(tmp_path / "v.npz", names=np.array(["v"]), **{"0": np.array([Bomb()], object)})
    with pytest.raises(DamagedFileError, match=r"the header .*'\|O'"):
        load_var_collection(tmp_path / "v.npz", VarCollection(v=StateVar(np.ones(1))))


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (save_var_collection, "file vc"),
        (load_var_collection, "file vc renamer strict"),
        (Checkpoint, "logdir keep_ckpts makedir verbose best asynchronous"),
        (Checkpoint.save, "self vc idx run metric"),
        (Checkpoint.restore, "self vc idx strict"),
        (Checkpoint.checkpoint_idx, "filename"),
    ],
)
def test_parameters_are_objaxs_and_more(function, names):
    assert list(inspect.signature(function).parameters) == names.split()
    fields = Checkpoint.DIR_NAME, Checkpoint.FILE_MATCH, Checkpoint.FILE_FORMAT
    assert fields == ("ckpt", "*.npz", "%010d.npz")


# Whole runs.


def numbers(vc):
    return {name: np.asarray(v.value).tobytes() for name, v in vc.items()}


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_a_run_goes_on_bit_for_bit(tmp_path, asynchronous, ending):
    class Own(Checkpoint):
        FILE_MATCH, FILE_FORMAT = f"*.{ending}", f"%010d.{ending}"

    def begun():
        cuobjax.random.seed(len(asynchronous * "x"))
        net = cuobjax.nn.Sequential([cuobjax.nn.Linear(3, 4), cuobjax.nn.Dropout(0.5), cuobjax.nn.Linear(4, 1)])
        optimizer = cuobjax.optimizer.Adam(net.vars())
        gradients = cuobjax.GradValues(lambda x: (net(x, training=True) ** 2).mean(), net.vars())

        def step():
            g, v = gradients(cuobjax.random.normal((8, 3)))
            optimizer(0.1, g)
            return float(v[0])

        return net.vars() + optimizer.vars(), step

    vc, step = begun()
    checkpoint = Own(tmp_path, 2, verbose=False, asynchronous=asynchronous)
    losses = [step() for _ in range(3)]
    checkpoint.save(vc, 3, run={"epoch": 3, "losses": losses, "options": {"lr": 0.1, "name": "é"}, "x": np.ones(2)})
    expected = [step() for _ in range(4)], numbers(vc)
    vc, step = begun()
    cuobjax.random.seed(99)
    other = Own(tmp_path, 2, verbose=False)
    assert other.run == {}
    checkpoint.wait()
    assert other.restore(vc)[0] == 3
    assert other.run == {"epoch": 3, "losses": losses, "options": {"lr": 0.1, "name": "é"}, "x": [1, 1]}
    assert not other.loaded.unused and not other.loaded.missing
    assert ([step() for _ in range(4)], numbers(vc)) == expected


def saved(path):
    return sorted(int(name.stem) for name in (path / "ckpt").iterdir())


@pytest.mark.parametrize(("best", "kept"), [("max", [2, 5, 6]), ("min", [3, 5, 6])])
def test_the_best_one_stays(tmp_path, best, kept):
    v = StateVar(jn.zeros(()))
    vc = VarCollection(v=v)
    for i, metric in enumerate([5, 9, 1, 3, math.nan, 2], 1):
        v.value = jn.array(float(i))
        checkpoint = Checkpoint(tmp_path, 2, verbose=False, best=best)  # each one reads the metrics of the files
        checkpoint.save(vc, i, metric=jn.array(metric))
    assert saved(tmp_path) == kept
    checkpoint = Checkpoint(tmp_path, 2, verbose=False, best=best)
    assert checkpoint.restore(vc, "best")[0] == kept[0] == float(v.value)
    with pytest.raises(ValueError, match=f"expected a metric, as best='{best}'"):
        checkpoint.save(vc, 7)
    with pytest.raises(ValueError, match="expected an index or 'best', got 'last'"):
        checkpoint.restore(vc, "last")
    with pytest.raises(FileNotFoundError, match="There is no checkpoint with a metric"):
        Checkpoint(tmp_path / "other", 1, best=best).restore(vc, "best")
    with pytest.raises(ValueError, match=r"expected best='max' or 'min' in Checkpoint\(...\) for 'best', got None"):
        Checkpoint(tmp_path, 2).restore(vc, "best")


def test_values_are_those_of_the_moment(tmp_path):
    v, gate, writing = StateVar(jn.ones(3)), threading.Event(), threading.Event()

    class Slow(Checkpoint):
        @staticmethod
        def SAVE_FN(path, vc):
            writing.set()
            assert gate.wait(30)
            save_var_collection(path, vc)

    checkpoint = Slow(tmp_path, 3, verbose=False, asynchronous=True)
    checkpoint.save(VarCollection(v=v), 1)
    assert writing.wait(30) and saved(tmp_path) == []
    v.value = jn.zeros(3)
    gate.set()
    checkpoint.restore(VarCollection(v=v))
    np.testing.assert_array_equal(v.value, 1)


def test_errors_of_the_thread_arrive(tmp_path):
    class Broken(Checkpoint):
        @staticmethod
        def SAVE_FN(path, vc):
            raise OSError(28, "No space left on device", path)

    vc = VarCollection(v=StateVar(jn.ones(3)))
    checkpoint = Broken(tmp_path, 3, verbose=False, asynchronous=True)
    for call in (checkpoint.wait, lambda: checkpoint.save(vc, 2), lambda: checkpoint.restore(vc)):
        checkpoint.save(vc, 1)
        with pytest.raises(OSError, match="No space left"):
            call()
    assert checkpoint.restore(vc) == (0, "")


def test_a_program_that_ends_says_what_was_not_saved(tmp_path):
    program = """
import gc, sys, threading
import cuobjax, cuobjax.numpy as jn

class Broken(cuobjax.io.Checkpoint):
    @staticmethod
    def SAVE_FN(path, vc):
        raise OSError(28, "No space left on device", path)

vc = cuobjax.VarCollection(v=cuobjax.StateVar(jn.ones(3)))
Broken(sys.argv[1], 3, asynchronous=True).save(vc, 1)
while threading.active_count() > 1:
    pass
gc.collect()  # nobody has the checkpoint any more
cuobjax.io.Checkpoint(sys.argv[1], 3, asynchronous=True).save(vc, 2)
"""
    done = subprocess.run([sys.executable, "-c", program, tmp_path], capture_output=True, text=True, check=True)
    assert "the last one was not saved. OSError: [Errno 28] No space left on device" in done.stderr
    assert saved(tmp_path) == [2]


def test_replicas_are_not_saved_in_a_thread(tmp_path):
    vc = VarCollection(v=StateVar(jn.ones(3)))
    with vc.replicate(), pytest.raises(ValueError, match="expected variables of one value, got replicas"):
        Checkpoint(tmp_path, 3, asynchronous=True).save(vc, 1)


@pytest.mark.parametrize("given", [{"run": {"epoch": 1}}, {"metric": 3}])
def test_another_format_keeps_nothing_of_a_run(tmp_path, given):
    class Texts(Checkpoint):
        FILE_MATCH, FILE_FORMAT = "*.txt", "%d.txt"
        SAVE_FN = staticmethod(lambda file, vc: np.savetxt(file, np.asarray(vc["v"].value)))

    with pytest.raises(ValueError, match=r"expected a SAVE_FN that writes .npz or .safetensors, out of which run"):
        Texts(tmp_path, 3).save(VarCollection(v=StateVar(jn.ones(3))), 1, **given)


def test_a_network_that_has_got_a_dropout_goes_on_with_the_default_generator(tmp_path):
    net, checkpoint = Linear(2, 1), Checkpoint(tmp_path, 3, verbose=False)
    checkpoint.save(Sequential([net]).vars(), 1)
    expected = cuobjax.random.normal((3,))
    checkpoint.restore(Sequential([net, cuobjax.nn.Dropout(0.5)]).vars())
    assert (cuobjax.random.normal((3,)) == expected).all()


@pytest.mark.parametrize("metric", ["good", [1, 2], np.ones(2), 1j])
def test_a_metric_is_a_number(tmp_path, metric):
    with pytest.raises(TypeError, match=r"^Checkpoint\.save: expected metric as a number, got .*\.$"):
        Checkpoint(tmp_path, 3).save(collection(), 1, metric=metric)
    assert os.listdir(tmp_path / "ckpt") == []


@pytest.mark.parametrize("file", [None, 3.5, std_io.StringIO("PK")])
@pytest.mark.parametrize("call", [load_var_collection, save_var_collection])
def test_other_things_than_files(file, call):
    message = rf"^cuobjax\.io: expected a path or a binary file, got {type(file).__name__}\. Open it with mode 'rb'"
    with pytest.raises(TypeError, match=message):
        call(file, collection())


def test_what_a_run_may_remember(tmp_path):
    itself = {}
    itself["itself"] = itself
    with pytest.raises(TypeError, match="expected run as nested dictionaries, lists, texts and numbers"):
        Checkpoint(tmp_path, 3).save(collection(), 1, run=itself)
    with pytest.raises(TypeError, match="expected run as nested dictionaries, lists, texts and numbers"):
        Checkpoint(tmp_path, 3).save(VarCollection(v=StateVar(jn.ones(3))), 1, run={"f": len})
    with pytest.raises(TypeError, match=r"lists, texts and numbers\. The key 5 is no text"):
        Checkpoint(tmp_path, 3).save(VarCollection(v=StateVar(jn.ones(3))), 1, run={"history": [{5: 0.1}]})
    with pytest.raises(TypeError, match=r"Checkpoint\.save: expected run as a dictionary, got \[1\]\."):
        Checkpoint(tmp_path, 3).save(collection(), 1, run=[1])
    with pytest.raises(ValueError, match="expected best as 'max', 'min' or None, got 'most'"):
        Checkpoint(tmp_path, 3, best="most")
    assert saved(tmp_path) == []


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_what_is_in_a_file(tmp_path, ending):
    vc = VarCollection(a=StateVar(jn.ones((2, 3))), b=StateVar(jn.ones((), dtype="bfloat16")), c=StateVar(jn.arange(3)))
    save_var_collection(tmp_path / f"v.{ending}", vc)
    expected = {"a": ((2, 3), "float32"), "b": ((), "bfloat16"), "c": ((3,), "int32")}
    assert cuobjax.io.list_variables(tmp_path / f"v.{ending}") == expected
    (tmp_path / f"w.{ending}").write_bytes((tmp_path / f"v.{ending}").read_bytes()[:30])
    with pytest.raises(DamagedFileError, match="damaged file"):
        cuobjax.io.list_variables(tmp_path / f"w.{ending}")


def test_arrays_of_a_gpu_are_brought_one_by_one(tmp_path, monkeypatch):
    alive = []

    def host(variable):
        x = np.array(variable.value)
        alive.append(weakref.ref(x))
        assert sum(r() is not None for r in alive) <= 2
        return x

    monkeypatch.setattr("cuobjax.io.collection.host_array", host)
    save_var_collection(tmp_path / "v.npz", VarCollection({str(i): StateVar(jn.ones(50)) for i in range(9)}))
    assert len(alive) == 9


# Networks that have changed since.


def three_layers():
    net = cuobjax.nn.Sequential([Linear(4, 4) for _ in range(3)])
    return net, Adam(net.vars())


def trained(path):
    """A network and its optimizer after a step, saved at a path."""
    net, opt = three_layers()
    gradients = [v.value + i for i, v in enumerate(net.vars())]
    opt(0.1, gradients)
    save_var_collection(path, net.vars() + opt.vars())
    return net, opt


def test_states_of_optimizers_are_those_of_their_variables(tmp_path):
    _, opt = trained(tmp_path / "v.npz")
    other, _ = three_layers()
    cuobjax.freeze(other[0])
    fewer = Adam(other.vars())
    loaded = load_var_collection(tmp_path / "v.npz", other.vars() + fewer.vars())
    assert loaded.matched["(Adam).m(Sequential)[1](Linear).w"] == "(Adam).m(Sequential)[1](Linear).w"
    assert loaded.missing == []
    assert "(Adam).m(Sequential)[0](Linear).w" in loaded.unused
    for mine, theirs in zip(fewer.m, opt.m[2:], strict=True):
        np.testing.assert_array_equal(mine.value, theirs.value)


def test_states_are_not_loaded_for_other_variables(tmp_path):
    net = cuobjax.nn.Sequential([Linear(4, 4), Linear(4, 4)])
    save_var_collection(tmp_path / "v.npz", Adam(net[:1].vars("a")).vars())
    for vc in (net[:1].vars("b"), net[1:].vars(), net.vars("a")):
        with pytest.raises(ValueError, match=r"Missing value for variables .*\(Adam\)\.m"):
            load_var_collection(tmp_path / "v.npz", Adam(vc).vars())


def test_unfreezing_keeps_the_states_that_were_saved(tmp_path):
    net, _ = three_layers()
    cuobjax.freeze(net[0])
    opt = Adam(net.vars())
    opt(0.1, [v.value + 1 for v in net.vars().subset(TrainVar)])
    save_var_collection(tmp_path / "v.npz", opt.vars())
    cuobjax.unfreeze(net)
    more = Adam(net.vars())
    loaded = load_var_collection(tmp_path / "v.npz", more.vars(), strict=False)
    assert loaded.missing[:2] == [
        "(Adam).train_vars(Sequential)[0](Linear).b",
        "(Adam).train_vars(Sequential)[0](Linear).w",
    ]
    assert more.step.value == 1
    np.testing.assert_array_equal(more.m[3].value, opt.m[1].value)
    np.testing.assert_array_equal(more.m[1].value, np.zeros((4, 4)))


def test_random_states_that_are_missing_stay_with_a_warning(tmp_path):
    old = cuobjax.nn.Sequential([Linear(3, 2)])
    save_var_collection(tmp_path / "v.npz", old.vars())
    new = cuobjax.nn.Sequential([Linear(3, 2), cuobjax.nn.Dropout(0.9, generator=cuobjax.random.Generator(3))])
    key = np.asarray(new[1].keygen.key.value)
    with pytest.warns(
        UserWarning, match=r"random states that are not in the file stay: .*\(Dropout\)\.keygen"
    ) as caught:
        loaded = load_var_collection(tmp_path / "v.npz", new.vars())
    assert caught[0].filename == __file__
    assert loaded.missing == ["(Sequential)[1](Dropout).keygen(Generator)._key"]
    np.testing.assert_array_equal(new[0].w.value, old[0].w.value)
    np.testing.assert_array_equal(new[1].keygen.key.value, key)


def test_a_missing_variable_keeps_its_value_on_request(tmp_path, capsys):
    ckpt = Checkpoint(tmp_path, 2, verbose=False)
    assert ckpt.loaded is None
    ckpt.save(VarCollection(a=StateVar(np.ones(2)), z=StateVar(np.ones(3))), 1)
    vc = VarCollection(a=StateVar(np.zeros(2)), b=StateVar(np.full(2, 5)))
    with pytest.raises(ValueError, match=r"Missing value .*\['b'\].*\nWith strict=False, what is missing keeps"):
        ckpt.restore(vc)
    assert ckpt.restore(vc, strict=False)[0] == 1
    assert ckpt.loaded == ({"a": "a"}, ["b"], ["z"])
    np.testing.assert_array_equal(np.stack(vc.tensors()), [[1, 1], [5, 5]])


def test_a_part_of_a_list_of_variables_is_refused(tmp_path):
    """As in an optimizer that numbers its states."""

    class Numbered(cuobjax.Module):
        def __init__(self, count):
            self.m = cuobjax.ModuleList(StateVar(np.full(2, i)) for i in range(count))

    save_var_collection(tmp_path / "v.npz", Numbered(3).vars())
    fewer = Numbered(2).vars()
    with pytest.raises(
        ValueError, match=r"the file has \(Numbered\)\.m\(ModuleList\)\[2\], so a longer list of variables"
    ):
        load_var_collection(tmp_path / "v.npz", fewer)
    load_var_collection(tmp_path / "v.npz", fewer, strict=False)
    layers = cuobjax.nn.Sequential([Linear(2, 2) for _ in range(3)])
    save_var_collection(tmp_path / "v.npz", layers.vars())
    load_var_collection(tmp_path / "v.npz", layers[:2].vars())  # whole layers have names of their own


def test_errors_of_files_name_what_was_given(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no such folder\. Make it first.*: '.*/no'$"):
        save_var_collection(tmp_path / "no" / "v.npz", collection())
    (tmp_path / "v.npz").mkdir()
    with pytest.raises(OSError, match=r"v\.npz'$"):
        save_var_collection(tmp_path / "v.npz", collection())
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError, match=r"file/v\.npz'$"):
        save_var_collection(tmp_path / "file" / "v.npz", collection())
    assert sorted(os.listdir(tmp_path)) == ["file", "v.npz"]
    ckpt = Checkpoint(tmp_path, 2, verbose=False)
    for index in (1, 3):
        ckpt.save(collection(), index)
    with pytest.raises(FileNotFoundError, match=r"There is no checkpoint 2\. Those that are there: 1, 3: '.*2\.npz'"):
        ckpt.restore(collection(), 2)


# Files that replace others.


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def interrupted():
        with replacement(path) as file:
            file.write(b"ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b"old", ["file"])
    with replacement(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b"new", ["file"])


def test_a_pipe_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe.npz")
    (tmp_path / "link.npz").symlink_to(tmp_path / "pipe.npz")
    for path in ("pipe.npz", "link.npz"):
        with pytest.raises(
            ValueError, match=rf"{path}: expected the path of a file, got that of a device or a pipe\. O"
        ):
            save_var_collection(tmp_path / path, collection())
    assert stat.S_ISFIFO((tmp_path / "pipe.npz").stat().st_mode)


def test_a_file_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    done = []
    for name in ("fsync", "replace"):
        call = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, name=name, call=call: (done.append(name), call(*args)))
    save_var_collection(tmp_path / "v.npz", collection())
    assert done == ["fsync", "replace", "fsync"]


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "disk full")

    save_var_collection(tmp_path / "v.npz", collection(1))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        save_var_collection(tmp_path / "v.npz", collection(2))
    monkeypatch.undo()
    assert os.listdir(tmp_path) == ["v.npz"]
    loaded = collection(3)
    load_var_collection(tmp_path / "v.npz", loaded)
    same(loaded, values(collection(1)))


@pytest.mark.parametrize(("number", "raised"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_folders_that_cannot_be_synchronized(tmp_path, monkeypatch, number, raised):
    calls = []

    def fsync(fd):
        calls.append(fd)
        if len(calls) == 2:
            raise OSError(number, "folder")

    monkeypatch.setattr(os, "fsync", fsync)
    if raised:
        with pytest.raises(OSError, match="folder"):
            save_var_collection(tmp_path / "v.npz", collection())
    else:
        save_var_collection(tmp_path / "v.npz", collection())
    assert len(calls) == 2


# Checkpoints.


def names(folder):
    return sorted(os.listdir(folder / "ckpt"))


def test_checkpoints_are_saved_restored_and_announced(tmp_path, capsys):
    ckpt = Checkpoint(tmp_path / "run", 3)
    vc = VarCollection(v=StateVar(np.zeros(2)))
    assert ckpt.restore(vc) == (0, "")
    assert capsys.readouterr().out == "No checkpoints found. Skipping restoring variables.\n"
    for i in (1, 2):
        vc["v"].value = np.full(2, float(i))
        ckpt.save(vc, np.int64(i))
    path = str(tmp_path / "run" / "ckpt" / "0000000002.npz")
    assert ckpt.restore(vc) == (2, path)
    assert capsys.readouterr().out == f"Resuming from {path}\n"
    assert Checkpoint(str(tmp_path / "run"), 3, verbose=False).restore(vc, idx=1)[0] == 1
    np.testing.assert_array_equal(vc["v"].value, [1, 1])
    assert capsys.readouterr().out == ""
    assert ckpt.checkpoint_idx(path) == Checkpoint.checkpoint_idx("0000000002.npz") == 2
    with pytest.raises(FileNotFoundError, match=r"0000000009\.npz"):
        ckpt.restore(vc, 9)


def test_the_folder_is_made_on_request(tmp_path):
    vc = VarCollection(v=StateVar(np.zeros(2)))
    ckpt = Checkpoint(tmp_path / "run", 3, makedir=False, verbose=False)
    assert not (tmp_path / "run").exists()
    assert ckpt.restore(vc) == (0, "")
    with pytest.raises(
        FileNotFoundError, match=r"There is no such folder\. Make it first, as with os\.makedirs: '.*ckpt'$"
    ):
        ckpt.save(vc, 1)
    Checkpoint(tmp_path / "run", 3)
    Checkpoint(tmp_path / "run", 3)
    ckpt.save(vc, 1)


def test_wrong_arguments(tmp_path):
    ckpt = Checkpoint(tmp_path, 1)
    with pytest.raises(TypeError, match=r"^Must pass a VarCollection to restore; received type <class 'dict'>\.$"):
        ckpt.restore({})
    with pytest.raises(TypeError, match=r"^Must pass a VarCollection to save; received type <class 'dict'>\.$"):
        ckpt.save({}, 1)
    with pytest.raises(TypeError, match=r"^Checkpoint.save: expected idx as an integer, got 1.5"):
        ckpt.save(VarCollection(), 1.5)
    with pytest.raises(ValueError, match=r"^Checkpoint.save: expected idx of at least 0, got -1"):
        ckpt.save(VarCollection(), -1)  # its file would come before all others
    assert not [*tmp_path.rglob("*.npz")]
    with pytest.raises(TypeError, match=r"^Checkpoint.restore: expected idx as an integer, got 1.5"):
        ckpt.restore(VarCollection(), 1.5)
    with pytest.raises(ValueError, match=r"^Checkpoint.restore: expected idx of at least 0, got -1"):
        ckpt.restore(VarCollection(), -1)
    for keep in ("3", 2.5, None, [1]):
        with pytest.raises(TypeError, match=r"^Checkpoint: expected keep_ckpts as an integer, got ") as raised:
            Checkpoint(tmp_path, keep)
        assert repr(keep) in str(raised.value)
    with pytest.raises(ValueError, match=r"^Checkpoint: expected keep_ckpts of at least 0, got -1\. 0 keeps all\.$"):
        Checkpoint(tmp_path, -1)


@pytest.mark.parametrize(
    ("keep", "saved", "left"),
    [
        (2, [5, 10, 2], [2, 10]),  # what is saved last stays, though its number is the lowest
        (2, [5, 10, 2, 3], [3, 10]),
        (1, [10, 2], [2]),
        (0, [3, 1, 2], [1, 2, 3]),
        (2, [1, 1, 2, 2, 3], [2, 3]),
        (2, [10**10 - 1, 10**10, 10**10 + 1], [10**10, 10**10 + 1]),  # more digits than the format has
    ],
)
def test_s25_rotation_goes_by_number_and_spares_what_was_saved_last(tmp_path, keep, saved, left):
    ckpt = Checkpoint(tmp_path, keep, verbose=False)
    vc = VarCollection(v=StateVar(np.zeros(())))
    for i in saved:
        vc["v"].value = np.float64(i)
        ckpt.save(vc, i)
    assert sorted(map(ckpt.checkpoint_idx, names(tmp_path))) == left
    assert ckpt.restore(vc)[0] == left[-1]
    assert vc["v"].value == left[-1]


def test_s25_files_of_other_names_are_let_alone(tmp_path):
    ckpt = Checkpoint(tmp_path, 1, verbose=False)
    others = ["best.npz", "3.npz", "0000000099.npz.tmp", "notes"]
    for name in others:
        (tmp_path / "ckpt" / name).touch()
    vc = VarCollection(v=StateVar(np.zeros(1)))
    ckpt.save(vc, 1)
    ckpt.save(vc, 2)
    assert names(tmp_path) == sorted(["0000000002.npz", *others])
    assert ckpt.restore(vc)[0] == 2


@formats_here
def test_fields_may_be_overridden(tmp_path, ending):
    class Mine(Checkpoint):
        DIR_NAME = "saved [1]"
        FILE_MATCH = f"step2-*.{ending}"
        FILE_FORMAT = f"step2-%d.{ending}"

    ckpt = Mine(tmp_path, 2, verbose=False)
    vc = VarCollection(v=StateVar(np.zeros(1)))
    for i in (8, 9, 10):
        vc["v"].value = np.full(1, float(i))
        ckpt.save(vc, i)
    assert sorted(os.listdir(tmp_path / "saved [1]")) == [f"step2-10.{ending}", f"step2-9.{ending}"]
    assert ckpt.restore(vc) == (10, str(tmp_path / "saved [1]" / f"step2-10.{ending}"))
    assert vc["v"].value[0] == 10


def test_functions_may_be_overridden(tmp_path):
    class Text(Checkpoint):
        LOAD_FN = staticmethod(lambda file, vc: vc["v"].assign(np.loadtxt(file)))
        SAVE_FN = staticmethod(lambda file, vc: np.savetxt(file, np.asarray(vc["v"].value)))

    vc = VarCollection(v=StateVar(np.arange(3.0)))
    Text(tmp_path, 1).save(vc, 1)
    vc["v"].value = np.zeros(3)
    assert Text(tmp_path, 1, verbose=False).restore(vc)[0] == 1
    np.testing.assert_array_equal(vc["v"].value, [0, 1, 2])


def test_a_damaged_newest_checkpoint_is_skipped_with_a_warning(tmp_path, capsys):
    ckpt = Checkpoint(tmp_path, 0)
    vc = VarCollection(v=StateVar(np.zeros(4)))
    paths = []
    for i in (1, 2, 3):
        vc["v"].value = np.full(4, float(i))
        ckpt.save(vc, i)
        paths.append(tmp_path / "ckpt" / f"{i:010}.npz")
    paths[2].write_bytes(paths[2].read_bytes()[:-30])
    with pytest.warns(UserWarning, match=r"^Checkpoint\.restore: skipped a checkpoint\. .*0000000003\.npz: expected"):
        assert ckpt.restore(vc) == (2, str(paths[1]))
    np.testing.assert_array_equal(vc["v"].value, np.full(4, 2))
    assert capsys.readouterr().out == f"Resuming from {paths[1]}\n"
    with pytest.raises(DamagedFileError, match=r"0000000003\.npz"):  # asked for by number, nothing is skipped
        ckpt.restore(vc, 3)
    paths[0].write_bytes(b"")
    paths[1].write_bytes(b"")
    with pytest.raises(DamagedFileError, match=r"0000000001\.npz"), pytest.warns(UserWarning, match="skipped"):
        ckpt.restore(vc)  # to begin anew without a word would be worse
    np.testing.assert_array_equal(vc["v"].value, np.full(4, 2))


@pytest.mark.usefixtures("float64_by_default")
def test_a_newest_checkpoint_that_does_not_fit_is_not_skipped(tmp_path):
    ckpt = Checkpoint(tmp_path, 0)
    ckpt.save(VarCollection(v=StateVar(np.zeros(4))), 1)
    ckpt.save(VarCollection(v=StateVar(np.zeros(5))), 2)
    with pytest.raises(ValueError, match=r"^Error when restoring variable v: .* \(4,\), got float64 \(5,\)"):
        ckpt.restore(VarCollection(v=StateVar(np.zeros(4))))


# Damage.


@pytest.fixture(scope="module", params=["npz", "safetensors"])
def whole(request, tmp_path_factory):
    """A path, the bytes of a file that was saved there, and the values in it."""
    with cuobjax.device("cpu"):
        path = tmp_path_factory.mktemp("damage") / f"v.{request.param}"
        saved = collection(1)
        save_var_collection(path, saved)
        return path, path.read_bytes(), values(saved)


def check(whole, content):
    """A damaged file is refused and nothing is assigned, or it holds the right values all the same."""
    path, _, expected = whole
    path.write_bytes(content)
    loaded = collection(2)
    before = values(loaded)
    try:
        load_var_collection(path, loaded)
        noticed = ""
    except DamagedFileError as error:
        noticed = str(error)
    assert noticed == "" or noticed.startswith(f"{path}: ")
    same(loaded, before if noticed else expected)
    return bool(noticed)


def test_every_truncation_is_noticed(whole, on_the_cpu):
    for length in range(0, len(whole[1]), 7):
        assert check(whole, whole[1][:length])
    assert not check(whole, whole[1])


def test_damage_to_the_arrays_is_noticed(whole, on_the_cpu):
    """Each bit of them is covered by a checksum."""
    for value in whole[2].values():
        start = whole[1].find(value.tobytes())
        for position in range(start, start + value.nbytes):
            assert check(whole, whole[1][:position] + bytes([whole[1][position] ^ 1]) + whole[1][position + 1 :])


def test_compressed_names_are_not_much_longer_than_the_file(tmp_path):
    path = tmp_path / "v.npz"
    header = b"{'descr': '<U100000000', 'fortran_order': False, 'shape': (1,), }"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0.npy", b"")
        with archive.open("names.npy", "w") as member:
            member.write(b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header)
            for _ in range(400):
                member.write(bytes(1_000_000))
    for read in (cuobjax.io.list_variables, lambda path: load_var_collection(path, collection())):
        with pytest.raises(DamagedFileError, match=r"\(1,\) as names"):
            read(path)


def test_damage_to_the_size_of_an_array_is_noticed(tmp_path):
    """NumPy would read less than there is, and no checksum."""
    save_var_collection(tmp_path / "v.npz", VarCollection(p=StateVar(np.ones(1)), q=StateVar(np.ones(1))))
    content = (tmp_path / "v.npz").read_bytes()
    assert content.count(b"'shape': (2,)") == 1  # the names
    (tmp_path / "v.npz").write_bytes(content.replace(b"'shape': (2,)", b"'shape': (1,)"))
    with pytest.raises(DamagedFileError, match=r"names\.npy"):
        load_var_collection(tmp_path / "v.npz", VarCollection(p=StateVar(np.ones(1))))


@pytest.mark.parametrize("read", [
    lambda path: load_var_collection(path, VarCollection(v=StateVar(np.ones(2)))), cuobjax.io.list_variables,
])  # fmt: skip
@pytest.mark.parametrize(("names", "numbers"), [(2**58, 2), (1, 2**60)])
def test_a_giant_declared_shape_takes_no_memory(tmp_path, read, names, numbers):
    path = tmp_path / "v.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for name, dtype, size, content in ("names", "<U1", names, b"v\0\0\0"), ("0", "<f8", numbers, bytes(16)):
            with archive.open(f"{name}.npy", "w") as member:
                header = {"descr": dtype, "fortran_order": False, "shape": (size,)}
                np.lib.format.write_array_header_1_0(member, header)
                member.write(content)
    with pytest.raises(DamagedFileError, match=rf"bytes in (names|0)\.npy for \w+ \({max(names, numbers)},\)"):
        read(path)


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_one_value_is_compared_with_its_checksum(tmp_path, ending):
    path = tmp_path / f"v.{ending}"
    save_var_collection(path, VarCollection({"v": StateVar(jn.array([3.0, 5.0])), "w": StateVar(jn.zeros(2))}))
    np.testing.assert_array_equal(read_variable(path, "v"), [3, 5])
    assert read_variable(path, "u") is None
    content = path.read_bytes()
    assert content.count(np.float32(5).tobytes()) == 1
    path.write_bytes(content.replace(np.float32(5).tobytes(), np.float32(7).tobytes()))
    with pytest.raises(DamagedFileError, match=r"checksum|CRC"):
        read_variable(path, "v")


@pytest.mark.parametrize("wrong", [{"shape": [2**60]}, {"shape": [-2]}, {"shape": [2.0]}, {"data_offsets": [8, 0]}])
def test_a_header_that_lies_is_noticed_without_the_arrays(tmp_path, wrong):
    header = json.dumps({"v": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **wrong}}).encode()
    path = tmp_path / "v.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(8))
    for call in (lambda: cuobjax.io.list_variables(path), lambda: read_variable(path, "v")):
        with pytest.raises(DamagedFileError, match=r"bytes \d to \d after 0 for v, float32|as offsets and shape of v"):
            call()


def test_a_file_without_its_directory_is_damaged(tmp_path):
    """The end of a zip file may say that there is nothing in it."""
    path = tmp_path / "v.npz"
    save_var_collection(path, collection(1))
    content = path.read_bytes()
    end = content.rindex(b"PK\5\6")
    path.write_bytes(content[: end + 4] + bytes(18))
    with pytest.raises(DamagedFileError, match="no member names"):
        load_var_collection(path, collection(2))


def test_a_name_that_is_damaged_is_no_missing_variable(tmp_path):
    path = tmp_path / "v.safetensors"
    save_var_collection(path, collection(1))
    path.write_bytes(path.read_bytes().replace(b'"key"', b'"jey"'))
    with pytest.raises(DamagedFileError, match="wrong checksum"):
        load_var_collection(path, collection(2))


@pytest.mark.parametrize("content", [b"[1", b"[1]", b"\xff", b'{"metric": []}'])
def test_other_bytes_for_a_run_are_damage(tmp_path, content):
    checkpoint = Checkpoint(tmp_path, 3, best="max", verbose=False)
    vc = VarCollection({"(Checkpoint).run": StateVar(np.frombuffer(content, np.uint8))})
    save_var_collection(tmp_path / "ckpt" / "0000000001.npz", vc)
    with pytest.raises(DamagedFileError, match=r"\(Checkpoint\).run: expected what Checkpoint.save writes"):
        checkpoint.restore(VarCollection())
    with pytest.raises(FileNotFoundError, match="no checkpoint with a metric"):
        checkpoint.restore(VarCollection(), "best")


@given(data=st.data())
def test_random_damage_is_noticed_or_harmless(whole, data):
    content = bytearray(whole[1])
    with cuobjax.device("cpu"):
        for _ in range(data.draw(st.integers(1, 3), "how often")):
            start = data.draw(st.integers(0, len(content) - 1), "start")
            match data.draw(st.sampled_from(["flip", "zero", "cut", "insert", "random"]), "what"):
                case "flip":
                    content[start] ^= 1 << data.draw(st.integers(0, 7), "bit")
                case "zero":
                    stop = min(len(content), start + data.draw(st.integers(1, 600), "how many"))
                    content[start:stop] = bytes(stop - start)
                case "cut":
                    del content[start : start + data.draw(st.integers(1, 600), "how many")]
                case "insert":
                    content[start:start] = data.draw(st.binary(min_size=1, max_size=20), "bytes")
                case "random":
                    noise = data.draw(st.binary(min_size=1, max_size=20), "bytes")
                    content[start : start + len(noise)] = noise
            if not content:
                break
        check(whole, bytes(content))


def test_leftovers_of_processes_that_are_gone_are_removed(tmp_path):
    checkpoint = Checkpoint(tmp_path, keep_ckpts=2)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    folder = tmp_path / "ckpt"
    mine, dead = (folder / f"0000000007.npz.{platform.node()}-{process}-1.tmp" for process in (os.getpid(), gone.pid))
    mine.touch(), dead.touch()
    checkpoint.save(collection(1), 8)
    assert mine.exists() and not dead.exists()


def test_what_stands_at_a_path_keeps_its_mode_and_its_links(tmp_path):
    path, link = tmp_path / "v.npz", tmp_path / "link.npz"
    save_var_collection(path, collection(1))
    os.chmod(path, 0o600)
    link.symlink_to(path)
    save_var_collection(os.fsencode(link), collection(2))
    assert link.is_symlink() and path.stat().st_mode & 0o777 == 0o600
    vc = collection(1)
    load_var_collection(os.fsencode(path), vc)
    assert int(vc["step"].value) == 3


def test_threads_that_save_to_one_path(tmp_path):
    path = tmp_path / "v.npz"

    def save():
        for _ in range(20):
            save_var_collection(path, collection(1))

    threads = [threading.Thread(target=save) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load_var_collection(path, collection(2))
    assert os.listdir(tmp_path) == ["v.npz"]


def test_a_newest_checkpoint_that_cannot_be_opened_is_skipped(tmp_path):
    checkpoint = Checkpoint(tmp_path, keep_ckpts=3, verbose=False)
    checkpoint.save(collection(1), 1)
    (tmp_path / "ckpt" / "0000000002.npz").mkdir()
    with pytest.warns(UserWarning, match="skipped"):
        assert checkpoint.restore(collection(2))[0] == 1


def test_what_another_user_writes_is_not_removed(tmp_path, monkeypatch):
    """The system does not let us ask for processes of others, so they live."""

    def refuse(process, signal):
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    unfinished = tmp_path / f"vars.npz.{platform.node()}-1-0.tmp"
    unfinished.touch()
    sweep(str(tmp_path))
    assert unfinished.exists()


def test_a_copy_of_what_saves_in_the_background_has_nothing_to_wait_for(tmp_path):
    checkpoint = Checkpoint(tmp_path, 5, verbose=False, asynchronous=True)
    vc = VarCollection({"v": TrainVar(jn.ones(2))})
    checkpoint.save(vc, 1)
    again = pickle.loads(pickle.dumps(checkpoint))
    again.save(vc, 2)
    again.wait()
    assert len([*(tmp_path / "ckpt").iterdir()]) == 2


def test_one_name_of_two_arrays(tmp_path):
    header = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})
    header = header[:-1] + ", " + header[1:]
    content = struct.pack("<Q", len(header)) + header.encode() + bytes(4)
    (tmp_path / "v.safetensors").write_bytes(content)
    np.savez(tmp_path / "v.npz", names=np.array(["w", "w"]), **{"0": np.ones(1), "1": np.ones(1)})
    for name in ("v.safetensors", "v.npz"):
        with pytest.raises(DamagedFileError, match="one name of several arrays"):
            cuobjax.io.list_variables(tmp_path / name)

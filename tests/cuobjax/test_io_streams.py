"""Files and memory: one array at a time is in it twice; what happens in the middle of that."""

import io as std_io
import tracemalloc

import numpy as np
import pytest

import cuobjax
import cuobjax.numpy as jn
from cuobjax import StateVar, TrainVar, VarCollection, nn
from cuobjax.io import Checkpoint, load_state_dict, load_var_collection, save_state_dict, save_var_collection
from cuobjax.io import collection as io_collection

COUNT, SIZE = 10, 1 << 18  # 1 MB each


def megabytes(values):
    return VarCollection({f"v{i}": StateVar(np.full(SIZE, x, np.float32)) for i, x in enumerate(values)})


@pytest.fixture
def traced():
    """Counts the memory of what is made from here on."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


def peak(f):
    """How many MB more than before there are at most while `f` runs."""
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    f()
    return (tracemalloc.get_traced_memory()[1] - before) / (4 * SIZE)


@pytest.mark.parametrize("ending", ["npz", "safetensors"])
def test_variables_are_written_and_read_one_by_one(tmp_path, on_the_cpu, traced, ending):
    path, vc = tmp_path / f"v.{ending}", megabytes(range(COUNT))
    assert peak(lambda: save_var_collection(path, vc)) < 3
    vc = megabytes([0] * COUNT)
    assert peak(lambda: load_var_collection(path, vc)) < 4
    assert [float(v.value[0]) for v in vc] == list(range(COUNT))


@pytest.mark.parametrize("ending", ["pt", "safetensors", "npz"])
def test_weights_of_pytorch_are_written_and_read_one_by_one(tmp_path, on_the_cpu, traced, ending):
    net = nn.Sequential([nn.Linear(512, 512, use_bias=False) for _ in range(COUNT)])
    path = tmp_path / f"net.{ending}"
    assert peak(lambda: save_state_dict(path, net)) < 3
    assert peak(lambda: load_state_dict(net, path)) < 4


def interrupted_in_the_middle(monkeypatch, error, count=3):
    """Lets the assignment of the variable number `count` fail once."""
    put, calls = io_collection.device_put, []

    def broken(x, device):
        calls.append(x)
        if len(calls) == count:
            raise error
        return put(x, device)

    monkeypatch.setattr(io_collection, "device_put", broken)


def test_an_interrupt_comes_when_all_are_assigned(tmp_path, monkeypatch):
    save_var_collection(tmp_path / "v.npz", VarCollection({str(i): StateVar(jn.ones(2)) for i in range(5)}))
    vc = VarCollection({str(i): StateVar(jn.zeros(2)) for i in range(5)})
    interrupted_in_the_middle(monkeypatch, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        load_var_collection(tmp_path / "v.npz", vc)
    assert all((v.value == 1).all() for v in vc)


def test_a_disk_that_breaks_in_the_middle_is_told(tmp_path, monkeypatch):
    save_var_collection(tmp_path / "v.npz", VarCollection({str(i): StateVar(jn.ones(2)) for i in range(5)}))
    vc = VarCollection({str(i): StateVar(jn.zeros(2)) for i in range(5)})
    interrupted_in_the_middle(monkeypatch, OSError(5, "Input/output error"))
    with pytest.raises(OSError, match="Input/output") as caught:
        load_var_collection(tmp_path / "v.npz", vc)
    assert caught.value.__notes__ == ["2 of 5 variables have new values. Load again."]


@pytest.mark.parametrize("within", ["Jit", "GradValues", "Vectorize", "Remat"])
def test_nothing_is_saved_or_loaded_within_a_transformation(tmp_path, within):
    net = nn.Linear(2, 1)
    w = net.w.value
    path = tmp_path / "v.npz"
    save_var_collection(path, VarCollection(w=TrainVar(jn.zeros((2, 1)))))
    checkpoint = Checkpoint(tmp_path, 2, verbose=False)
    transform = getattr(cuobjax, within)
    for where, call in {
        "load_var_collection": lambda: load_var_collection(path, VarCollection(w=net.w)),
        "save_var_collection": lambda: save_var_collection(path, net.vars()),
        "load_state_dict": lambda: load_state_dict(net, {}),
        "save_state_dict": lambda: save_state_dict(path, net),
        "state_dict": lambda: cuobjax.io.state_dict(net),
        "Checkpoint.save": lambda: checkpoint.save(net.vars(), 1),
        "Checkpoint.restore": lambda: checkpoint.restore(net.vars()),
    }.items():

        def step(x):
            call()  # noqa: B023
            return (net(x) ** 2).sum()

        with pytest.raises(
            RuntimeError, match=rf"^{where}: expected a call outside of transformations, got one within"
        ):
            (transform(step) if within == "Remat" else transform(step, net.vars()))(jn.ones((3, 2)))
    assert net.w.value is w
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["ckpt", "v.npz"]


def test_one_format_to_another(tmp_path):
    """The content of a file says what it is, not its name."""
    vc = VarCollection(v=StateVar(jn.arange(3)))
    save_var_collection(tmp_path / "v.safetensors", vc)
    file = std_io.BytesIO((tmp_path / "v.safetensors").read_bytes())
    vc["v"].assign(jn.zeros(3, "int32"))
    load_var_collection(file, vc)
    assert vc["v"].value.tolist() == [0, 1, 2]
    np.savez(tmp_path / "v.npz", **{"names": ["v"], "0": np.arange(3, 6, dtype=">i4")})
    load_var_collection(tmp_path / "v.npz", vc)
    assert vc["v"].value.tolist() == [3, 4, 5]

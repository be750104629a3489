"""Files of PyTorch without PyTorch; tests/data/tensors.py made one with it."""

import io as std_io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

import cuobjax
from cuobjax import StateVar, VarCollection, nn
from cuobjax.io import DamagedFileError, list_variables, load_state_dict, save_state_dict, state_dict
from cuobjax.io.formats import opened
from cuobjax.util import Renamer

TENSORS = Path(__file__).parent.parent / "data" / "tensors.pt"
BASE = np.arange(12, dtype="float32").reshape(3, 4)


def test_tensors_of_pytorch():
    with opened(TENSORS) as archive:
        archive.check(archive)
        found = dict(archive)
        assert {name: (x.shape, x.dtype.name) for name, x in found.items()} == archive.stored
    views = {name.removeprefix("views."): x for name, x in found.items() if name.startswith("views.")}
    expected = {"base": BASE, "turned": BASE.T, "row": BASE[1], "steps": BASE[:, ::2], "same": np.ones(5, "float32")}
    assert views.keys() == expected.keys()
    for name, x in views.items():
        np.testing.assert_array_equal(x, expected[name], strict=True)
    dtypes = {name.removeprefix("dtypes."): x for name, x in found.items() if name.startswith("dtypes.")}
    assert len(dtypes) == 10
    for name, x in dtypes.items():
        assert x.dtype.name == name
        np.testing.assert_array_equal(
            x.astype("float32" if name != "complex64" else name), np.arange(3) if name != "bool" else [0, 1, 1]
        )
    assert (found["number"].shape, float(found["number"])) == ((), 2.5)
    assert found["none"].shape == (0, 3)
    assert found["parameter"].tolist() == [4]
    assert "epoch" not in found and found["model.1.num_batches_tracked"].dtype == "int64"


def test_a_network_within_a_file_of_more():
    net = nn.Sequential([nn.Linear(2, 1), nn.BatchNorm0D(1)])
    loaded = load_state_dict(net, TENSORS, Renamer({"model.": ""}), strict=False)
    assert loaded.missing == [] and "views.base" in loaded.unused
    assert net[0].w.value.tolist() == [[0.5], [0.5]]
    with pytest.raises(ValueError, match=r"6 variables have no value"):
        load_state_dict(net, TENSORS)
    row = StateVar(np.zeros(4, "float32"))
    cuobjax.io.load_var_collection(TENSORS, VarCollection({"views.row": row}))
    np.testing.assert_array_equal(row.value, BASE[1])


@pytest.mark.parametrize("ending", ["pt", "pth", "bin", "safetensors", "npz"])
def test_out_and_in_again(tmp_path, ending):
    net = nn.Sequential([nn.Conv2D(2, 3, (1, 2), groups=1), nn.BatchNorm2D(3), nn.LSTM(3, 2, layers=2), nn.GRU(2, 2)])
    net.append(cuobjax.nn.MultiHeadAttention(4, 2))
    other = nn.Sequential([nn.Conv2D(2, 3, (1, 2), groups=1), nn.BatchNorm2D(3), nn.LSTM(3, 2, layers=2), nn.GRU(2, 2)])
    other.append(cuobjax.nn.MultiHeadAttention(4, 2))
    for v in net.vars():
        v.assign(cuobjax.random.normal(v.shape))
    save_state_dict(tmp_path / f"net.{ending}", net)
    expected = {name: (x.shape, x.dtype.name) for name, x in state_dict(net).items()}
    assert list_variables(tmp_path / f"net.{ending}") == expected
    assert expected["0.weight"][0] == (3, 2, 1, 2) and expected["1.running_mean"][0] == (3,)
    assert expected["2.weight_ih_l1"][0] == (8, 2) and expected["4.in_proj_weight"][0] == (12, 4)
    loaded = load_state_dict(other, tmp_path / f"net.{ending}")
    assert (loaded.missing, loaded.unused) == ([], [])
    for a, b in zip(net.vars(), other.vars(), strict=True):
        np.testing.assert_array_equal(a.value, b.value)


def test_arguments(tmp_path):
    net = nn.Linear(2, 1)
    with pytest.raises(
        ValueError, match=r"^save_state_dict: expected a path that ends with \.safetensors, .*\.pt.*got 'n"
    ):
        save_state_dict("net.txt", net)
    with pytest.raises(TypeError, match=r"^save_state_dict: expected a module, got str"):
        save_state_dict(net, "net.pt")
    with pytest.raises(TypeError, match=r"^state_dict: expected a module, got VarCollection"):
        state_dict(net.vars())
    net.half = StateVar(np.zeros(1, "complex64"))
    cuobjax.io.save_state_dict(tmp_path / "net.pt", net)
    file = std_io.BytesIO()
    save_state_dict(file, net)
    file.seek(0)
    assert load_state_dict(net, file).missing == []


# Hostile files.


def written(path, code, members=()):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", code)
        for name, content in members:
            archive.writestr(name, content)
    return path


def tensor(shape, strides, *, offset=0, count=2, storage="torch\nFloatStorage", key="0"):
    """The pickle of {"w": a tensor}."""

    def data(x):
        return pickle.dumps(x, 2)[2:-1]

    identity = [data("storage"), b"c" + storage.encode() + b"\n", data(key), data("cpu"), data(count)]
    parts = [b"(" + b"".join(identity) + b"tQ", data(offset), data(shape), data(strides), data(False), b"}"]
    return b"\x80\2}" + data("w") + b"ctorch._utils\n_rebuild_tensor_v2\n(" + b"".join(parts) + b"tRs."


def test_the_helper_writes_what_is_read(tmp_path):
    path = written(tmp_path / "w.pt", tensor((2,), (1,)), [("a/data/0", np.ones(2, "float32").tobytes())])
    with opened(path) as archive:
        assert archive["w"].tolist() == [1, 1]


def laughs():
    """Each dictionary holds the one before it twice: 2 ** 40 ways to the innermost one."""
    inner = b"}q\0"
    for i in range(40):
        inner = b"}(X\1\0\0\0a" + inner + b"X\1\0\0\0bh" + bytes([i]) + b"uq" + bytes([i + 1])
    return b"\x80\2" + inner + b"."


def tuples():
    """The same of tuples, which would be long to print: number 40 of the memo."""
    return b"()q\0" + b"".join(b"h%ch%c\x86q%c" % (i, i, i + 1) for i in range(40)) + b"tb"


ITSELF = b"\x80\2}q\0X\1\0\0\0ah\0s."
DEEP = b"\x80\2})" + b"\x85" * 100_000 + b"Ns."
DEEPER = b"\x80\2}" + b"X\1\0\0\0a}" * 20_000 + b"s" * 20_000 + b"."


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (b"cos\nsystem\n(X\2\0\0\0lstR.", "os system, which is no tensor"),
        (pickle.dumps(nn.Linear), "class|no tensor|dictionary"),
        (pickle.dumps({"w": Path()}, 2), r"pathlib.*which (is no tensor|stands in no)"),
        (b"\x80\2}cbuiltins\neval\nX\1\0\0\0asb.", ".*"),
        (b"\x80\2}" + b"r\xff\xff\xff\xff" + b".", None),  # a memo of four billion places in Python's unpickler
        (b"\x80\2}" + b"\x8d" + b"\xff" * 7 + b"\x7f" + b".", "bytes|expected|not enough"),
        (b"\x80\4\x8e" + b"\xff" * 7 + b"\x7f" + b".", "bytes|expected|not enough"),
        (laughs(), "one dictionary in two places"),
        (b"\x80\4" + tuples() + b"h(h(\x93.", "a name that is no text"),
        (b"\x80\2" + tuples() + b"h()R.", "tuple, which is no tensor"),
        (b"\x80\2" + tuples() + b"ccollections\nOrderedDict\nh(N\x86\x85\x85R.", "argument"),
        (tensor((), ()).replace(b"K\2tQ", b"h(tQ").replace(b"}", tuples() + b"}", 1), "other things than integers"),
        (ITSELF, "one dictionary in two places"),
        (DEEP, "keys that are no texts"),
        (DEEPER, "too many in each other|recursion"),
        (b"\x80\2}", "exhausted|STOP"),
        (b"\x80\2.", "unpack"),
        (b"", "exhausted"),
        (b"t.", "pop from empty list"),
        (tensor((2**40,), (1,)), "bytes of float32 in 0"),
        (tensor((2**40,), (1,), count=2**40), "bytes of float32 in 0"),
        (tensor((2,), (1,), offset=1), "bytes of float32 in 0"),
        (tensor((2,), (-1,), offset=1), "as numbers of w"),
        (tensor((-2, -1), (0, 0)), "as numbers of w"),
        (tensor((2.0,), (1,)), "other things than integers as numbers of w"),
        (tensor((1,) * 40, (1,) * 40), "as numbers of w"),
        (tensor((2,), (1, 1)), "argument 2 is shorter|longer"),
        (tensor((2,), (1,), key="../0"), "KeyError"),
        (tensor((2,), (1,), storage="os\nsystem"), "as a storage"),
        (tensor((2,), (1,)).replace(b"ctorch\nFloatStorage\n", b"X\1\0\0\0a"), "a storage of no class"),
        (b"\x80\2}X\1\0\0\0wctorch._utils\n_rebuild_tensor_v2\n(NK\0))\x89}tRs.", "something else than a storage"),
        (b"\x80\2R.", "too little on the stack"),
        (tensor((2,), (1,), storage="torch\nStrangeStorage"), "KeyError"),
    ],
)  # fmt: skip
def test_hostile_pickles(tmp_path, code, said):
    path = written(tmp_path / "w.pt", code, [("a/data/0", bytes(8))])
    if said is None:
        assert list_variables(path) == {}
        return
    with pytest.raises(DamagedFileError, match=rf"w\.pt: expected variables, got a damaged file .*({said})"):
        list_variables(path)


def test_one_number_as_many(tmp_path):
    """A tensor of one number in steps of 0 needs no memory, until it fits a variable."""
    path = written(tmp_path / "w.pt", tensor((2**40,), (0,)), [("a/data/0", bytes(8))])
    assert list_variables(path)["w"].shape == (2**40,)
    net = nn.Linear(2, 1)
    with pytest.raises(
        ValueError, match=r"^load_state_dict: weight: expected a value for \(2, 1\), got \(1099511627776,\)"
    ):
        load_state_dict(net, path, Renamer({"w": "weight"}), strict=False)


def test_other_files_of_pytorch(tmp_path):
    (tmp_path / "old.pt").write_bytes(b"\x80\2\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\2M\xe9\3.")
    with pytest.raises(DamagedFileError, match=r"a pickle\. Save it again with a PyTorch that writes zip files"):
        list_variables(tmp_path / "old.pt")
    written(tmp_path / "big.pt", tensor((2,), (1,)), [("a/data/0", bytes(8)), ("a/byteorder", b"big")])
    with pytest.raises(DamagedFileError, match="the order of bytes of another processor"):
        list_variables(tmp_path / "big.pt")
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/data.pkl", tensor((2**24,), (1,), count=2**24))
        archive.writestr("a/data/0", bytes(2**26))
    with pytest.raises(DamagedFileError, match=r"compression 8 of a/data\.pkl"):
        list_variables(tmp_path / "bomb.pt")

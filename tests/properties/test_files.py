"""Damaged files of every format: one clear error and nothing changed, or the right values; never much memory."""

import contextlib
import copy
import io as std_io
import json
import os
import zipfile

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cuobjax
import cuobjax.numpy as jn
from cuobjax import Jit, RandomState, StateVar, TrainVar, VarCollection, nn
from cuobjax.io import Checkpoint, DamagedFileError, load_program, load_state_dict, load_var_collection
from cuobjax.io.formats import InMemory, opened, write

from ..fuzz.zipped import zipped

pytestmark = pytest.mark.usefixtures("on_the_cpu")
KINDS = ["npz", "compressed", "safetensors", "pt"]
MOST = 1 << 20  # bytes of what a damaged file may make, out of some thousand


def variables(seed):
    rng = np.random.default_rng(seed)
    return VarCollection(
        w=TrainVar(rng.normal(size=(3, 4)).astype("float32")),
        b=TrainVar(rng.normal(size=5).astype("float32")),
        step=StateVar(np.int32(seed + 1)),
        none=StateVar(np.zeros((0, 2), "float32")),
        half=StateVar(rng.normal(size=2).astype(ml_dtypes.bfloat16)),
        key=RandomState(seed),
    )


def numbers(vc):
    return {name: np.asarray(v.value).copy() for name, v in vc.items()}


def whole(kind):
    """A whole file of a kind, and the values in it."""
    with cuobjax.device("cpu"):
        arrays = numbers(variables(1))
    file = std_io.BytesIO()
    if kind == "compressed":
        named = {str(i): x for i, x in enumerate(arrays.values())}
        np.savez_compressed(file, names=np.array([*arrays]), **named)
    else:
        named = arrays | {"key": arrays["key"].view("int32")} if kind == "pt" else arrays
        write(file, InMemory(named), f"v.{kind}")
    return file.getvalue(), arrays


WHOLE = {kind: whole(kind) for kind in KINDS}


@st.composite
def damaged(draw, content):
    """A file with bits turned, zeros, cuts, insertions, other bytes, or pieces of itself in other places."""
    content = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, max(0, len(content) - 1)))
        count = draw(st.integers(1, 300))
        match draw(st.sampled_from(["flip", "flip", "zero", "cut", "end", "insert", "random", "ones", "copy"])):
            case "flip" if content:
                content[start] ^= 1 << draw(st.integers(0, 7))
            case "zero":
                content[start : start + count] = bytes(len(content[start : start + count]))
            case "ones":
                content[start : start + 8] = b"\xff" * len(content[start : start + 8])
            case "cut":
                del content[start : start + count]
            case "end":
                del content[start:]
            case "insert":
                content[start:start] = draw(st.binary(min_size=1, max_size=20))
            case "random":
                noise = draw(st.binary(min_size=1, max_size=20))
                content[start : start + len(noise)] = noise
            case "copy":
                other = draw(st.integers(0, max(0, len(content) - 1)))
                content[start : start + count] = content[other : other + count]
    return bytes(content)


def require_text(error, *beginnings):
    assert str(error).startswith(beginnings), error


def require_noticed_or_harmless(content, expected):
    vc = variables(2)
    before = numbers(vc)
    try:
        load_var_collection(std_io.BytesIO(content), vc)
    except DamagedFileError as error:
        require_text(error, "the file: expected variables, got a damaged file or one of another kind (")
        expected = before
    except ValueError as error:  # a whole file, but of other variables
        require_text(error, "Missing value", "Error when restoring")
        expected = before
    for name, x in numbers(vc).items():
        np.testing.assert_array_equal(x, expected[name], err_msg=name, strict=True)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_damage_is_noticed_or_harmless(kind, data):
    content, expected = WHOLE[kind]
    require_noticed_or_harmless(data.draw(damaged(content)), expected)


def of_zip(content):
    with zipfile.ZipFile(std_io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("kind", ["npz", "pt"])
@given(data=st.data())
def test_hostile_members_are_refused_or_data(kind, data):
    """Members are altered and the checksums made right again: only the parsers are left."""
    members = of_zip(WHOLE[kind][0])
    names = [*members] if kind == "npz" else [next(name for name in members if name.endswith("data.pkl"))]
    name = data.draw(st.sampled_from(names))
    members[name] = data.draw(damaged(members[name]))
    require_no_harm(zipped(members))


@given(data=st.data())
def test_hostile_headers_are_refused_or_data(data):
    content, _ = WHOLE["safetensors"]
    length = int.from_bytes(content[:8], "little")
    header = data.draw(damaged(content[8 : 8 + length])).replace(b"cuobjax", b"program").replace(b"crc32", b"sum32")
    require_no_harm(len(header).to_bytes(8, "little") + header + content[8 + length :])


def require_no_harm(content):
    """A file without checksums is refused, or an altered one of plain arrays, no larger than it is."""
    vc = variables(2)
    for call in (
        lambda: load_var_collection(std_io.BytesIO(content), vc, strict=False),
        lambda: load_state_dict(nn.Linear(3, 4), std_io.BytesIO(content), strict=False),
    ):
        try:
            call()
        except (ValueError, TypeError) as error:
            require_text(error, "the file: ", "Error when restoring", "load_state_dict: ")
    try:
        with opened(std_io.BytesIO(content)) as archive:
            for name, (shape, dtype) in archive.stored.items():
                if np.prod(shape, dtype=object) < MOST:
                    x = archive[name]
                    assert (x.shape, x.dtype.name) == (shape, dtype)
    except DamagedFileError:
        pass


def program(path):
    layer = nn.Linear(3, 2)
    with cuobjax.device("cpu"):
        Jit(lambda x, k: jn.tanh(layer(x)).sum(axis=0)[:, None].transpose((1, 0)) * k).lower(jn.ones((2, 3)), 2.0).save(
            path
        )


@pytest.fixture(scope="module")
def programs():
    file = std_io.BytesIO()
    program(file)
    return file.getvalue()


def require_refused_or_run(content):
    try:
        loaded = load_program(std_io.BytesIO(content))
    except DamagedFileError as error:
        require_text(error, "the file: expected ")
        return
    except ValueError as error:
        require_text(error, "the file: expected version 1 of programs")
        return
    with contextlib.suppress(TypeError, ValueError, IndexError, ArithmeticError, AttributeError):
        loaded(jn.ones((2, 3)), 2.0)


@given(data=st.data())
def test_damaged_programs_are_refused(programs, data):
    require_refused_or_run(data.draw(damaged(programs)))


@given(data=st.data())
def test_hostile_programs_are_refused_or_run(programs, data):
    """A part of the program's text is replaced, and the checksum made right again."""
    with opened(std_io.BytesIO(programs)) as archive:
        named = dict(archive)
    text = json.loads(named["program"].tobytes())
    for _ in range(data.draw(st.integers(1, 3))):
        part = text
        while True:
            keys = [*part] if isinstance(part, dict) else [*range(len(part))]
            if not keys:
                break
            key = data.draw(st.sampled_from(keys))
            if isinstance(part[key], dict | list) and data.draw(st.booleans()):
                part = part[key]
                continue
            part[key] = copy.deepcopy(data.draw(REPLACEMENTS))
            break
    named["program"] = np.frombuffer(json.dumps(text).encode(), np.uint8)
    file = std_io.BytesIO()
    write(file, InMemory(named))
    require_refused_or_run(file.getvalue())


REPLACEMENTS = st.sampled_from([
    None, True, -1, 0, 1, 2, 7, 2**70, 2.5, "x", "sum", "matmul", "float", "float32", "O", [], {}, [1, 0],
    ["float32", 2], ["float32", 2**40], {"tuple": [1, 0]}, {"slice": [0, 1, None]}, {"array": 0}, {"array": 10**9},
    {"scalar": 0}, {"slot": 0}, {"float": "inf"}, {"dict": [0]}, {"dtype": "float64"}, {"geometry": [1]},
    {"complex": [1, 2]}, {"index": 0}, {"device": 0},
])  # fmt: skip


@given(data=st.data())
def test_damaged_checkpoints_are_skipped(tmp_path_factory, data):
    """Whatever the newest file holds, a run goes on from it or from the one before."""
    folder = tmp_path_factory.mktemp("run")
    checkpoint, vc = Checkpoint(folder, 2, verbose=False), variables(1)
    checkpoint.save(vc, 1, run={"epoch": 1})
    vc["step"].assign(jn.array(9, "int32"))
    checkpoint.save(vc, 2, run={"epoch": 2})
    newest = folder / "ckpt" / "0000000002.npz"
    newest.write_bytes(data.draw(damaged(newest.read_bytes())))
    vc = variables(2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *args, **kwargs: None)
        idx, _ = checkpoint.restore(vc)
    assert (checkpoint.run["epoch"], int(vc["step"].value)) == {1: (1, 2), 2: (2, 9)}[idx]
    assert {*os.listdir(folder / "ckpt")} == {"0000000001.npz", "0000000002.npz"}

"""Disks that are full or may only be read: one clear line, the old file stays, no variable changes, nothing is left."""

import errno
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import cuobjax
import cuobjax.numpy as jn
from cuobjax import StateVar, VarCollection
from cuobjax.io import Checkpoint, load_var_collection, save_state_dict, save_var_collection


def mounted(folder, options):
    """Whether a file system in memory could be mounted, for which one has to be root."""
    if os.name != "posix" or os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True).returncode == 0


@pytest.fixture
def small_disk(tmp_path):
    """A folder with room for 1 MB."""
    if not mounted(tmp_path, "size=1m"):
        pytest.skip("needs the right to mount a file system")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def network(size):
    net = cuobjax.Module()
    net.v = StateVar(np.arange(size, dtype="float32"))
    return net


SAVE = {
    "net.npz": lambda path, net: save_var_collection(path, net.vars()),
    "net.safetensors": lambda path, net: save_var_collection(path, net.vars()),
    "net.pt": save_state_dict,
    "program.npz": lambda path, net: cuobjax.Jit(lambda x: x + net.v, net.vars()).lower(jn.ones(())).save(path),
}
BEFORE, LARGE = 1 << 10, 1 << 19  # numbers: 4 kB and 2 MB


@pytest.mark.parametrize("name", SAVE)
def test_a_full_disk(small_disk, name):
    path = small_disk / name
    SAVE[name](path, network(BEFORE))
    content, net = path.read_bytes(), network(LARGE)
    value = net.v.value
    with pytest.raises(OSError, match=rf"^\[Errno {errno.ENOSPC}\] .*: '{path}'$"):
        SAVE[name](path, net)
    assert path.read_bytes() == content
    assert os.listdir(small_disk) == [name]
    assert net.v.value is value


@pytest.mark.parametrize("name", SAVE)
def test_a_folder_that_may_only_be_read(small_disk, name):
    path = small_disk / name
    SAVE[name](path, network(BEFORE))
    content = path.read_bytes()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(OSError, match=rf"^\[Errno {errno.EROFS}\] .*: '{path}'$"):
        SAVE[name](path, network(BEFORE))
    assert path.read_bytes() == content
    with pytest.raises(OSError, match=rf"^\[Errno {errno.EROFS}\] .*: '{small_disk}/run'$"):
        Checkpoint(small_disk / "run", 3)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_checkpoints_on_a_full_disk(small_disk, asynchronous):
    """The room of two is needed for a moment; the old one goes only when the new one is whole."""
    checkpoint = Checkpoint(small_disk, 1, verbose=False, asynchronous=asynchronous)
    vc = VarCollection(v=StateVar(np.zeros(BEFORE, "float32")), large=StateVar(np.ones(150_000, "float32")))
    checkpoint.save(vc, 1, run={"epoch": 1})
    checkpoint.wait()
    vc["v"].assign(jn.ones(BEFORE))

    def save():
        checkpoint.save(vc, 2, run={"epoch": 2})
        checkpoint.wait()

    with pytest.raises(OSError, match=rf"No space left on device: '{small_disk}/ckpt/0000000002\.npz'$"):
        save()
    assert os.listdir(small_disk / "ckpt") == ["0000000001.npz"]
    assert float(vc["v"].value[0]) == 1
    assert checkpoint.restore(vc)[0] == 1 and checkpoint.run == {"epoch": 1}
    assert float(vc["v"].value[0]) == 0


LIMITED = """
import resource, signal, sys
import cuobjax, numpy
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
net = cuobjax.Module()
net.v = cuobjax.StateVar(numpy.ones(100_000, "float32"))
for name in sys.argv[1:]:
    try:
        if name.endswith("pt"):
            cuobjax.io.save_state_dict(name, net)
        else:
            cuobjax.io.save_var_collection(name, net.vars())
    except OSError as error:
        print(error)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit of the size of files")
def test_files_that_are_too_large(tmp_path):
    names = ["net.npz", "net.safetensors", "net.pt"]
    for name in names:
        (tmp_path / name).write_bytes(b"old")
    command = [sys.executable, "-c", LIMITED, *names]
    path = os.pathsep.join([os.getcwd(), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONPATH": path, "CUOBJAX_DEVICE": "cpu"}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout.splitlines() == [f"[Errno {errno.EFBIG}] File too large: '{name}'" for name in names], (
        done.stderr
    )
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == dict.fromkeys(names, b"old")


def test_a_stream_that_breaks_changes_nothing(tmp_path):
    class Broken:
        name = "pipe"

        def __init__(self, file):
            self.file, self.left = file, 3

        def __getattr__(self, attribute):
            return getattr(self.file, attribute)

        def read(self, *args):
            self.left -= 1
            if self.left < 0:
                raise OSError(errno.EIO, "Input/output error")
            return self.file.read(*args)

    save_var_collection(tmp_path / "v.npz", VarCollection(v=StateVar(jn.ones(3))))
    v = StateVar(jn.zeros(3))
    with open(tmp_path / "v.npz", "rb") as file, pytest.raises((OSError, ValueError), match="Input/output error"):
        load_var_collection(Broken(file), VarCollection(v=v))
    assert v.value.tolist() == [0, 0, 0]

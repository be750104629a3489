"""Looks for files that break their readers, guided by the branches that they take (atheris, libFuzzer).

    python -m tests.fuzz.files -runs=10000

Without other arguments it begins with whole files of every format, takes no more than 512 MB at once, and leaves a file
`crash-...` that breaks something. Checksums stop a fuzzer, so the first byte of an input says what the rest is: a file,
or a part of one with a right checksum around it.
"""

import contextlib
import io
import sys
from pathlib import Path

try:
    import atheris
except ModuleNotFoundError:
    if __name__ != "__main__":
        raise
    print("fuzz: skipped, as the package atheris is missing. Where it is there for this Python: pip install atheris")
    sys.exit()

# atheris takes all of cuobjax along with a module of it, so what is not to be followed comes first.
import cuobjax
import cuobjax.numpy as jn

READERS = ["cuobjax.io.formats", "cuobjax.io.pretrained", "cuobjax.transforms.plain", "json", "pickletools", "zipfile"]
with atheris.instrument_imports(include=READERS):  # these tell which branches an input takes
    import json
    import tempfile
    import zipfile

    import numpy as np

    from cuobjax.io import DamagedFileError, list_variables, load_program, load_state_dict, load_var_collection
    from cuobjax.io.formats import InMemory, opened, write

    from .zipped import zipped

LIMITS = ["-max_len=8192", "-rss_limit_mb=4096", "-malloc_limit_mb=512", "-timeout=20"]


def of_array(content):
    whole = {"names": np.array(["w", "b"]), "0": np.ones((2, 3), "float32"), "1": np.ones(3, "float32")}
    members = {}
    for name, x in whole.items():
        member = io.BytesIO()
        np.save(member, x)
        members[f"{name}.npy"] = member.getvalue()
    return zipped(members | {f"{'names' if content[:1] == b'n' else 0}.npy": content[1:]})


def of_header(content):
    return len(content).to_bytes(8, "little") + content + bytes(36)


def of_program(content):
    file = io.BytesIO()
    write(file, InMemory({"program": np.frombuffer(content, np.uint8), "array 0": np.ones((3, 2), "float32")}))
    return file.getvalue()


ERRORS = (TypeError, ValueError, LookupError, ArithmeticError, AttributeError, cuobjax.DeviceError)  # of a program
KINDS = {
    b"f": bytes,
    b"t": lambda content: zipped({"a/data.pkl": content, "a/data/0": bytes(24), "a/data/1": bytes(12)}),
    b"a": of_array,
    b"h": of_header,
    b"p": of_program,
}


def test_one_input(content: bytes) -> None:
    file = KINDS.get(content[:1], bytes)(content[1:])
    net = cuobjax.nn.Linear(2, 3)
    vc = cuobjax.VarCollection(w=net.w, b=net.b)
    before = vc.tensors()
    refused = 0
    for read in (lambda f: load_var_collection(f, vc), lambda f: load_state_dict(net, f)):
        try:
            read(io.BytesIO(file))
        except (ValueError, TypeError):
            refused += 1
    if refused == 2 and any(a is not b for a, b in zip(before, vc.tensors(), strict=True)):
        raise AssertionError("a refused file has changed variables")
    try:
        list_variables(io.BytesIO(file))
        with opened(io.BytesIO(file)) as archive:
            archive.check(archive)
    except DamagedFileError:
        pass
    try:
        program = load_program(io.BytesIO(file))
    except ValueError:
        return
    with contextlib.suppress(*ERRORS):
        program(jn.ones((2, 3)))


def seeds(folder: Path) -> None:
    """Whole files, and the parts of them that the other kinds have."""
    net = cuobjax.nn.Linear(2, 3)
    for ending in ("npz", "safetensors", "pt"):
        path = folder / f"net.{ending}"
        cuobjax.io.save_state_dict(path, net)
        content = path.read_bytes()
        path.write_bytes(b"f" + content)
        if ending == "pt":
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                (folder / "pickle").write_bytes(b"t" + archive.read("archive/data.pkl"))
        if ending == "safetensors":
            length = int.from_bytes(content[:8], "little")
            (folder / "header").write_bytes(b"h" + content[8 : 8 + length].replace(b"crc32", b"other"))
    for name, x in {b"n": np.array(["w", "b"]), b"0": np.ones((2, 3), "float32")}.items():
        member = io.BytesIO()
        np.save(member, x)
        (folder / f"array {name.decode()}").write_bytes(b"a" + name + member.getvalue())
    file = io.BytesIO()
    cuobjax.Jit(lambda x: jn.tanh(x @ jn.ones((3, 2))).sum(axis=0)[:, None]).lower(jn.ones((2, 3))).save(file)
    file.seek(0)
    with opened(file) as archive:
        text = archive["program"].tobytes()
    (folder / "program").write_bytes(b"p" + json.dumps(json.loads(text)).encode())
    (folder / "whole program").write_bytes(b"f" + file.getvalue())


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, cuobjax.device("cpu"):
        seeds(Path(folder))
        atheris.Setup([sys.argv[0], *LIMITS, *sys.argv[1:], folder], test_one_input)
        atheris.Fuzz()


if __name__ == "__main__":
    main()

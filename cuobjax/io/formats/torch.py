"""What `torch.save` writes of a `state_dict`: a zip file of storages, and a pickle that says which tensors they hold.

Nothing is unpickled: the few instructions that such a pickle has are carried out here, on plain data.

Source: the documentation of Python's pickletools and of PyTorch's serialization; the files themselves.
"""

import math
import pickle
import pickletools
import zipfile
from collections.abc import Callable, Iterable
from typing import IO, Any, NamedTuple

import numpy as onp

from .arrays import Archive, Arrays, Raw, Stored, as_bits, as_named, bits_of, filled, members_of, read_to_the_end

__all__ = ["Torch", "write_torch"]

_STORAGES = {
    "BoolStorage": "bool", "ByteStorage": "uint8", "CharStorage": "int8", "ShortStorage": "int16",
    "IntStorage": "int32", "LongStorage": "int64", "HalfStorage": "float16", "FloatStorage": "float32",
    "DoubleStorage": "float64", "BFloat16Storage": "bfloat16", "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}  # fmt: skip
_NAMES = {dtype: name for name, dtype in _STORAGES.items()}
_OTHERS = {  # dtypes without a storage of their own
    f"torch {name}": name for name in ("uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2")
}
_LONGEST, _LONGEST_PREFIX, _MOST_AXES = 100_000_000, 1000, 32  # bytes of the pickle; letters before a name


class _Name(str):
    """A function or class that a pickle names."""

    __slots__ = ()


class _Storage(NamedTuple):
    dtype: str
    key: str
    size: int


class _Tensor(NamedTuple):
    """A tensor: from which element of a storage on, and how many elements lie between neighbours along each axis."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: str

    @property
    def extent(self) -> int:
        """How many elements of the storage lie between the first and the last one, these included."""
        return 1 + sum((n - 1) * stride for n, stride in zip(self.shape, self.strides, strict=True))


class Torch(Archive):
    """A file that `torch.save` wrote of tensors in dictionaries; the names of nested ones are joined by dots."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file)
        self._zip = zipfile.ZipFile(file)
        self._members = members_of(self._zip, self.size, compressed=False)
        (pickled,) = [name for name in self._members if name.count("/") == 1 and name.endswith("/data.pkl")]
        self._root = pickled.removesuffix("data.pkl")
        if self._members[pickled].file_size > _LONGEST:
            raise ValueError(f"a pickle of {self._members[pickled].file_size} bytes")
        order = f"{self._root}byteorder"
        if order in self._members and self._zip.read(order) != b"little":
            raise ValueError("numbers in the order of bytes of another processor")
        code = self._zip.read(pickled)
        self._tensors: dict[str, _Tensor] = {}
        room = 1000 + 10 * len(code)  # for names, which are longer where dictionaries are nested
        for name, tensor in _named(_run(code), "", set()):
            room -= len(name)
            if name in self._tensors or room < 0:
                raise ValueError("one name of several tensors, or more names than there is room for")
            self._require_consistent(name, tensor)
            self._tensors[name] = tensor
        self.stored = {name: Stored(tensor.shape, tensor.dtype) for name, tensor in self._tensors.items()}

    def _require_consistent(self, name, tensor):
        (dtype, key, count), offset, shape, strides, _ = tensor
        size = self._member(tensor).file_size
        numbers = (count, offset, *shape, *strides)
        if {type(n) for n in numbers} != {int}:  # other things may be long to print
            raise ValueError(f"other things than integers as numbers of {name}")
        if any(not 0 <= n < 2**63 for n in numbers) or len(shape) > _MOST_AXES:
            raise ValueError(f"{numbers} as numbers of {name}")
        room, itemsize = count * bits_of(dtype).itemsize, bits_of(tensor.dtype).itemsize
        if room != size or (math.prod(shape) and (offset + tensor.extent) * itemsize > size):
            raise ValueError(f"{size} bytes of {dtype} in {key} for {name}, {shape} with steps {strides} from {offset}")

    def _member(self, tensor):
        return self._members[f"{self._root}data/{tensor.storage.key}"]

    def _check(self, names: Iterable[str]) -> None:
        for member in {member.filename: member for member in map(self._member, map(self._tensors.get, names))}.values():
            with self._zip.open(member) as opened:
                read_to_the_end(opened.read)

    def _read(self, name: str) -> Raw:
        tensor = self._tensors[name]
        bits = bits_of(tensor.dtype)
        if not math.prod(tensor.shape):
            return filled(lambda n: b"", tensor.shape, bits, tensor.dtype)
        with self._zip.open(self._member(tensor)) as opened:
            opened.seek(tensor.offset * bits.itemsize)
            flat = filled(opened.read, (tensor.extent,), bits, bits.name)
        steps = tuple(n * flat.itemsize for n in tensor.strides)
        return as_named(onp.lib.stride_tricks.as_strided(flat, tensor.shape, steps, writeable=False), tensor.dtype)


def _named(x, prefix, seen):
    """The tensors in nested dictionaries, with their names; other things are left out."""
    if id(x) in seen or len(prefix) > _LONGEST_PREFIX:
        raise ValueError("one dictionary in two places, or too many in each other")
    seen.add(id(x))
    if not isinstance(x, dict):
        raise ValueError(f"a {type(x).__name__.strip('_').lower()} in place of a dictionary of tensors")
    for key, part in x.items():
        if isinstance(part, _Tensor):
            yield f"{prefix}{key}", part
        elif isinstance(part, dict):
            yield from _named(part, f"{prefix}{key}.", seen)


def _run(code: bytes) -> Any:
    """What a pickle describes: dictionaries, lists, tuples, texts, numbers and tensors."""
    machine = _Machine()
    for opcode, argument, _ in pickletools.genops(code):
        action = _ACTIONS.get(opcode.name)
        if action is None:
            raise ValueError(f"{opcode.name}, which stands in no pickle of tensors")
        action(machine, argument)
    (result,) = machine.stack
    return result


class _Machine:
    """The stack of a pickle: `marks` are the places that it goes back to."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def since_mark(self) -> list[Any]:
        start = self.marks.pop()
        parts = self.stack[start:]
        del self.stack[start:]
        return parts

    def last(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise ValueError("too little on the stack")
        parts = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return parts

    def push(self, x: Any) -> None:
        self.stack.append(x)

    def memoize(self, n: int | None) -> None:
        self.memo[len(self.memo) if n is None else n] = self.stack[-1]

    def reduce(self) -> None:
        function, args = self.last(2)
        if not isinstance(function, _Name) or function not in _FUNCTIONS:
            said = function if isinstance(function, _Name) else type(function).__name__  # others may be of any length
            raise ValueError(f"{said:.80}, which is no tensor. In PyTorch write torch.save(net.state_dict(), path)")
        self.push(_FUNCTIONS[function](*args))

    def set_items(self, pairs: list[Any]) -> None:
        if not all(isinstance(key, str | int) for key in pairs[::2]):
            raise ValueError("keys that are no texts")
        self.stack[-1].update(zip(pairs[::2], pairs[1::2], strict=True))

    def name(self) -> None:
        parts = self.last(2)
        if not all(isinstance(part, str) for part in parts):
            raise ValueError("a name that is no text")
        self.push(_Name(" ".join(parts)))


def _tensor(storage, offset, shape, strides, requires_grad, hooks, dtype=None, metadata=None):
    if [type(x) for x in (storage, shape, strides)] != [_Storage, tuple, tuple] or type(dtype) not in (
        _Name,
        type(None),
    ):
        raise ValueError("a tensor of something else than a storage")
    return _Tensor(storage, offset, shape, strides, storage.dtype if dtype is None else _OTHERS[dtype])


def _storage(identity):
    kind, name, key, _, count = identity
    if not isinstance(name, _Name):
        raise ValueError("a storage of no class")
    module, _, short = name.rpartition(" ")
    if kind != "storage" or module not in ("torch", "torch.storage") or not isinstance(key, str):
        raise ValueError(f"{name!s:.80} as a storage")
    return _Storage("uint8" if short == "UntypedStorage" else _STORAGES[short], key, count)


def _dictionary():
    """Without arguments: the items follow."""
    return {}


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "collections OrderedDict": _dictionary,
    "torch._utils _rebuild_tensor_v2": _tensor,
    "torch._utils _rebuild_tensor_v3": _tensor,
    "torch._utils _rebuild_parameter": lambda tensor, requires_grad, hooks: tensor,
}
_ACTIONS: dict[str, Callable[[_Machine, Any], Any]] = {
    **dict.fromkeys(("PROTO", "FRAME", "STOP"), lambda m, x: None),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"), _Machine.push),
    **dict.fromkeys(("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"), _Machine.push),
    "NONE": lambda m, x: m.push(None),
    "NEWTRUE": lambda m, x: m.push(True),
    "NEWFALSE": lambda m, x: m.push(False),
    "MARK": lambda m, x: m.marks.append(len(m.stack)),
    "EMPTY_TUPLE": lambda m, x: m.push(()),
    "EMPTY_LIST": lambda m, x: m.push([]),
    "EMPTY_DICT": lambda m, x: m.push({}),
    "TUPLE": lambda m, x: m.push(tuple(m.since_mark())),
    "TUPLE1": lambda m, x: m.push(tuple(m.last(1))),
    "TUPLE2": lambda m, x: m.push(tuple(m.last(2))),
    "TUPLE3": lambda m, x: m.push(tuple(m.last(3))),
    "APPEND": lambda m, x: m.last(1),  # lists hold no tensors that have names
    "APPENDS": lambda m, x: m.since_mark(),
    "SETITEM": lambda m, x: m.set_items(m.last(2)),
    "SETITEMS": lambda m, x: m.set_items(m.since_mark()),
    "GLOBAL": lambda m, x: m.push(_Name(x)),
    "STACK_GLOBAL": lambda m, x: m.name(),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT", "MEMOIZE"), _Machine.memoize),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda m, n: m.push(m.memo[n])),
    "BINPERSID": lambda m, x: m.push(_storage(*m.last(1))),
    "REDUCE": lambda m, x: m.reduce(),
    "BUILD": lambda m, x: m.last(1),  # the attributes of a state_dict say nothing of tensors
}


def write_torch(file: Any, arrays: Arrays) -> None:
    """Writes arrays as `torch.save` writes a dictionary of tensors.

    Raises:
        TypeError: If PyTorch does not have a dtype.
    """
    known = {*_NAMES, *_OTHERS.values()}
    others = sorted({stored.dtype for stored in arrays.stored.values()} - known)
    if others:
        raise TypeError(f"cuobjax.io: expected dtypes of PyTorch, got {', '.join(others)}. Save as .npz.")
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("archive/data.pkl", _pickled(arrays.stored))
        archive.writestr("archive/byteorder", b"little")
        for i, (name, array) in enumerate(arrays.items()):
            bits = onp.ascontiguousarray(as_bits(array)).astype(bits_of(arrays.stored[name].dtype), copy=False)
            with archive.open(f"archive/data/{i}", "w", force_zip64=True) as member:
                member.write(bits.reshape(-1).view(onp.uint8).data)
        archive.writestr("archive/version", b"3\n")


def _pickled(stored):
    """The pickle of {name: tensor}, in the instructions that PyTorch writes."""
    code = [pickle.PROTO, b"\2", pickle.EMPTY_DICT, pickle.MARK]
    for i, (name, (shape, dtype)) in enumerate(stored.items()):
        count = math.prod(shape)
        own = dtype in _NAMES
        kind = f"torch\n{_NAMES[dtype]}" if own else "torch.storage\nUntypedStorage"
        strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
        code += [
            _data(name), _name(f"torch._utils\n_rebuild_tensor_v{2 if own else 3}"), pickle.MARK,
            pickle.MARK, _data("storage"), _name(kind), _data(str(i)), _data("cpu"),
            _data(count if own else count * bits_of(dtype).itemsize), pickle.TUPLE, pickle.BINPERSID,
            _data(0), _data(tuple(shape)), _data(tuple(strides)), _data(False),
            _name("collections\nOrderedDict"), pickle.EMPTY_TUPLE, pickle.REDUCE,
            b"" if own else _name(f"torch\n{dtype}"), pickle.TUPLE, pickle.REDUCE,
        ]  # fmt: skip
    return b"".join([*code, pickle.SETITEMS, pickle.STOP])


def _data(x):
    """The instructions for plain data."""
    return pickletools.optimize(pickle.dumps(x, 2)).removeprefix(pickle.PROTO + b"\2").removesuffix(pickle.STOP)


def _name(x):
    return pickle.GLOBAL + f"{x}\n".encode()

"""Names, signatures, converters, images; constants and types."""

import copy
import enum
import functools
import inspect
import io
import math
import pickle
import re
import struct
import sys
import typing
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd
import cuobjax
import cuobjax.numpy as jn
from cuobjax import ConvPadding, util
from cuobjax import typing as cuobjax_typing
from cuobjax.constants import Interpolate
from cuobjax.util import EasyDict, Renamer, check, image


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (Renamer, "rules chain"), (util.args_indexes, "f args"), (util.class_name, "x"), (util.repr_function, "f"),
        (util.dummy_context_mgr, ""), (util.get_local_devices, ""), (util.ilog2, "x"), (util.local_kwargs, "kwargs f"),
        (util.map_to_device, "x"), (util.multi_host_barrier, ""),
        (util.override_args_kwargs, "f args kwargs new_kwargs"),
        (util.positional_args_names, "f"), (util.re_sign, "f"), (util.to_interpolate, "interpolate"),
        (util.to_padding, "padding ndim"), (util.to_tuple, "v n"), (image.from_file, "file"), (image.nchw, "x"),
        (image.image_grid, "image"), (image.nhwc, "x"), (image.normalize_to_uint8, "x"), (image.to_png, "x"),
        (image.normalize_to_unit_float, "x"),
        (check.assert_assigned_type_and_shape_match, "existing_tensor new_tensor"),
    ],
)  # fmt: skip
def test_parameters_are_objaxs(function, names):
    assert list(inspect.signature(function).parameters) == names.split()


# Dictionary, renamer, context.


def test_easy_dict():
    d = EasyDict(a=5, b=6)
    assert d == {"a": 5, "b": 6} == EasyDict({"a": 5, "b": 6}) == EasyDict([("a", 5), ("b", 6)])
    assert (d.a, d.b, list(d.items())) == (5, 6, [("a", 5), ("b", 6)])
    d.c = 7
    d["e"] = 8
    del d.a
    assert d == {"b": 6, "c": 7, "e": 8}
    assert d.e == 8
    with pytest.raises(AttributeError):
        _ = d.missing


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda d: pickle.loads(pickle.dumps(d))])
def test_easy_dict_is_copied_with_its_attributes(copied):
    d = EasyDict(a=5, nested=EasyDict(b=[6]))
    other = copied(d)
    assert type(other) is EasyDict
    assert other == d
    assert (other.a, other.nested.b) == (5, [6])
    other.a = 1
    assert other["a"] == 1
    assert d.a == 5


@pytest.mark.parametrize(
    "rules",
    [
        {"aa": "x", "bb": "y"},
        lambda s: s.replace("aa", "x").replace("bb", "y"),
        [(re.compile("a{2}"), "x"), ("bb", "y")],
    ],
)
def test_renamer(rules):
    r = Renamer(rules)
    assert [r(s) for s in ("baab", "baaab", "baaaab", "abba", "acca")] == ["bxb", "bxab", "bxxb", "aya", "acca"]


def test_renamers_order_and_chain():
    assert Renamer({"a": "b", "b": "a"})("abc") == "bac"  # in one pass
    assert Renamer({"a": "1", "ab": "2"})("ab") == "1b"  # the first that fits
    assert Renamer({"(W).": "[w]"})("(W).(W)x") == "[w](W)x"  # no regular expressions
    assert Renamer([("a{2}", "x"), ("xa", "y")])("baaab") == "byb"  # one after the other
    assert Renamer([(r"(\d)", r"<\1>")])("a1") == "a<1>"
    assert Renamer({})("abc") == Renamer([])("abc") == "abc"
    assert Renamer({"a": "b"}, Renamer({"b": "c"}, chain=str.upper))("ab") == "CC"
    assert Renamer(rules={"a": "b"}, chain=None)("a") == "b"


def test_renamer_of_a_collection():
    vc = cuobjax.nn.Linear(1, 1).vars().rename(Renamer({"(Linear)": "top"}))
    assert list(vc.keys()) == ["top.b", "top.w"]


def test_dummy_context():
    with util.dummy_context_mgr() as nothing:
        assert nothing is None


# Signatures.


def few(a, b, c, d=1, *, e=2, f=3, **kwargs):
    pass


def many(a, b, c, *args, e=2, f=3, **kwargs):
    pass


def closed(a, b, /, c, d=1, *, e=2):
    pass


def test_positional_args_names():
    assert util.positional_args_names(few) == ["a", "b", "c", "d"]
    assert util.positional_args_names(many) == ["a", "b", "c"]
    assert util.positional_args_names(closed) == ["a", "b", "c", "d"]
    assert util.positional_args_names(functools.partial(few, 1)) == ["b", "c", "d"]


def test_args_indexes():
    assert list(util.args_indexes(few, ["a", "c", "d"])) == [0, 2, 3]
    assert list(util.args_indexes(many, args=["c", "a"])) == [2, 0]
    for f in few, many:
        with pytest.raises(ValueError, match=r"does not have argument of name f") as caught:
            list(util.args_indexes(f, ["a", "f"]))
        assert caught.value.args[1] == (f, "f")


@pytest.mark.parametrize(
    ("f", "given", "taken"),
    [
        (few, {"a": 1, "z": 2}, {"a": 1, "z": 2}),
        (closed, {"e": 1, "c": 2, "z": 3}, {"c": 2, "e": 1}),
        (closed, {"a": 1, "d": 2}, {"d": 2}),  # a cannot be given by name
        (lambda *args: 0, {"args": 1}, {}),
        (lambda: 0, {"a": 1}, {}),
        (min, {"a": 1}, {}),  # says nothing about its parameters
        (few, {}, {}),
    ],
)
def test_local_kwargs(f, given, taken):
    assert util.local_kwargs(given, f) == taken


class Called:
    def __init__(self, **attributes):
        self.__dict__.update(attributes)

    def __call__(self, x, /, a, *args, b=1):
        """Nothing."""

    @util.re_sign(lambda a, c: 0)
    def signed(self, *args):
        """Nothing."""


@pytest.mark.parametrize(
    "f",
    [
        Called(), Called(__wrapped__=lambda c: 0), Called(__signature__=inspect.signature(lambda a, c: 0)), Called,
        Called().__call__, Called().signed, Called.signed, functools.partial(Called(), b=2),
        lambda x, a, /, b, *, c=0: 0, functools.wraps(Called.__call__)(lambda c: 0), 3, len, dict,
    ],
)  # fmt: skip
def test_local_kwargs_are_those_that_the_signature_names(f):
    given = dict.fromkeys("xabc", 0)
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        parameters = []
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    every = any(p.kind is p.VAR_KEYWORD for p in parameters)
    expected = given if every else {p.name: 0 for p in parameters if p.kind in named and p.name in given}
    assert util.local_kwargs(given, f) == expected


@pytest.mark.parametrize(
    ("f", "args", "kwargs", "new", "expected"),
    [
        (few, (1, 2, 3), {}, {}, ([1, 2, 3], {})),
        (few, (1, 2, 3), {}, {"b": 9}, ([1, 9, 3], {})),
        (few, (1, 2), {"c": 3}, {"c": 9}, ([1, 2], {"c": 9})),
        (few, (1, 2, 3), {}, {"d": 9}, ([1, 2, 3], {"d": 9})),
        (few, (1, 2, 3), {"e": 4}, {"e": 9, "z": 8, "a": 7}, ([7, 2, 3], {"e": 9, "z": 8})),
        (many, (1, 2, 3, 4, 5), {}, {"a": 9, "args": 8}, ([9, 2, 3, 4, 5], {"args": 8})),
        (closed, (1, 2), {}, {"a": 9, "e": 8}, ([9, 2], {"e": 8})),
        (lambda *args: 0, (1, 2), {}, {"x": 3}, ([1, 2], {"x": 3})),
    ],
)
def test_override_args_kwargs(f, args, kwargs, new, expected):
    before = dict(kwargs), dict(new)
    assert util.override_args_kwargs(f, args, kwargs, new) == expected
    assert (kwargs, new) == before


def test_override_args_kwargs_of_a_module_and_a_generator():
    layer = cuobjax.nn.Dropout(0.5)
    assert util.override_args_kwargs(layer, (i for i in "x"), {"training": True}, {"training": False}) == (
        ["x"],
        {"training": False},
    )
    assert util.override_args_kwargs(layer, ("x", True), {}, {"training": False}) == (["x", False], {})


def test_re_sign():
    @util.re_sign(closed)
    def other(*args):
        return args

    assert inspect.signature(other) == inspect.signature(closed)
    assert other(1, 2) == (1, 2)


def test_s27_class_names_are_those_that_users_write():
    assert util.class_name(cuobjax.nn.Linear(1, 1)) == util.class_name(cuobjax.nn.Linear) == "cuobjax.nn.Linear"
    assert util.class_name(cuobjax.TrainVar) == "cuobjax.TrainVar"
    assert util.class_name(cuobjax.optimizer.Adam) == "cuobjax.optimizer.Adam"
    assert util.class_name(cuobjax.random.DEFAULT_GENERATOR) == "cuobjax.random.Generator"
    assert util.class_name(cuobjax.constants.Interpolate) == "cuobjax.constants.Interpolate"
    assert util.class_name(3) == "builtins.int"

    class Own(cuobjax.Module):
        pass

    assert util.class_name(Own()) == f"{__name__}.{Own.__qualname__}"


class Callable:
    def __call__(self, x, scale=2):
        return x


@pytest.mark.parametrize(
    ("f", "shown"),
    [
        (cuobjax.functional.leaky_relu, "leaky_relu(*, negative_slope=0.01)"),
        (functools.partial(cuobjax.functional.leaky_relu, negative_slope=0.2), "leaky_relu(*, negative_slope=0.2)"),
        (cuobjax.functional.relu, "relu"),
        (closed, "closed(*, d=1, e=2)"),
        (Callable(), "Callable(*, scale=2)"),
        (lambda x: x, "<lambda>"),
        (min, "min"),
    ],
)
def test_s27_functions_show_their_defaults(f, shown):
    assert util.repr_function(f) == shown


# Converters.


@pytest.mark.parametrize("n", [0, 1, 2, 3, 16])
def test_ilog2(n):
    assert util.ilog2(1 << n) == util.ilog2(float(1 << n)) == util.ilog2(np.int32(1 << n)) == n
    assert util.ilog2((1 << n) + 0.01) == util.ilog2((2 << n) - 0.01) == n + 1


@given(st.integers(0, 300), st.integers(-1, 1))
def test_ilog2_is_exact(n, beside):
    x = 2**n + beside
    if x > 0:
        assert 2 ** util.ilog2(x) >= x > (2 ** util.ilog2(x)) // 2


def test_ilog2_of_fractions_and_nonsense():
    assert [util.ilog2(x) for x in (0.5, 0.25, 0.3, math.nextafter(1, 2), math.nextafter(1, 0))] == [-1, -2, -1, 1, 0]
    for x in 0, -1, 0.0, -2.5, math.inf, math.nan:
        with pytest.raises(ValueError, match=r"^ilog2: expected a positive number, got"):
            util.ilog2(x)


def test_to_positions():
    assert util.to_positions(1, "f") == util.to_positions(np.int64(1), "f") == util.to_positions((1,), "f") == (1,)
    assert util.to_positions([0, -1], "f") == util.to_positions(np.array([0, -1]), "f") == (0, -1)
    assert util.to_positions((), "f") == ()
    for wrong in (None, "0", 1.0, (1.0,), np.array(1.0)):
        with pytest.raises(
            TypeError, match=rf"^f: expected a position or a tuple of positions, got {re.escape(repr(wrong))}\.$"
        ):
            util.to_positions(wrong, "f")


def test_to_tuple():
    assert util.to_tuple((1, 2), 2) == util.to_tuple([1, 2], 2) == util.to_tuple(iter((1, 2)), 2) == (1, 2)
    assert util.to_tuple(1, 3) == (1, 1, 1)
    assert util.to_tuple(1.5, 2) == (1.5, 1.5)
    with pytest.raises(ValueError, match=r"^to_tuple: expected a number or 3 of them, got \(1, 2\)\."):
        util.to_tuple((1, 2), 3)


@pytest.mark.parametrize(
    ("padding", "ndim", "expected"),
    [
        (ConvPadding.SAME, 2, "SAME"),
        ("valid", 1, "VALID"),
        ("Same", 3, "SAME"),
        (2, 3, ((2, 2),) * 3),
        (np.int64(2), 1, ((2, 2),)),
        ((1, 2), 3, ((1, 2),) * 3),
        ([(1, 2), (3, 4)], 2, ((1, 2), (3, 4))),
        (((1, 2),), 1, ((1, 2),)),
    ],
)
def test_to_padding(padding, ndim, expected):
    assert util.to_padding(padding, ndim) == expected


@pytest.mark.parametrize("padding", ["full", None, 1.5, ((1, 2),), (1, 2, 3), ((1, 2), 3)])
def test_wrong_padding(padding):
    with pytest.raises(ValueError, match=r"^padding: expected 'SAME', 'VALID', a number, a pair or 2 pairs, got "):
        util.to_padding(padding, 2)


def test_to_interpolate():
    assert util.to_interpolate(Interpolate.BICUBIC) == util.to_interpolate("BiCubic") == "bicubic"
    assert [util.to_interpolate(kind.name) for kind in Interpolate] == [kind.value for kind in Interpolate]
    for wrong in "quadratic", 3, None:
        with pytest.raises(ValueError, match=r"^interpolate: expected an Interpolate or one of 'nearest', .*, got "):
            util.to_interpolate(wrong)


def test_check():
    old = jn.zeros((2, 3))
    check.assert_assigned_type_and_shape_match(old, jn.ones((2, 3)))
    with pytest.raises(TypeError, match=r"^Assignments to variable must be an instance of Array, but"):
        check.assert_assigned_type_and_shape_match(old, [1, 2])
    with pytest.raises(
        ValueError,
        match=r"^Assign can not change shape of variable\. The current variable shape is \(2, 3\), but the requested "
        r"new shape is \(3,\)\.$",
    ):
        check.assert_assigned_type_and_shape_match(old, jn.ones(3))


# Devices.


def test_local_devices(xp):
    devices = util.get_local_devices()
    assert cuobjax.default_device() in devices
    assert {d.kind for d in devices} == {cuobjax.default_device().kind}


def test_a_barrier_waits_for_the_device(xp):
    if xp is np:
        assert util.multi_host_barrier() is None
        return
    stream = xp.cuda.Stream(non_blocking=True)
    with stream:
        xp.ones(1000).sum()
    util.multi_host_barrier()
    assert stream.done


@pytest.fixture
def three_devices(monkeypatch, on_the_cpu):
    monkeypatch.setenv("CUOBJAX_CPU_DEVICES", "3")


def test_local_devices_of_the_cpu(three_devices):
    assert [str(d).partition(":")[0] for d in util.get_local_devices()] == ["cpu"] * 3
    assert util.map_to_device(np.zeros((3, 2))).shape == (3, 2)
    with pytest.raises(ValueError, match=r"^map_to_device: expected 3 items along the first axis, got shape \(2, 3\)"):
        util.map_to_device(np.zeros((2, 3)))


def test_map_to_device(xp):
    n = len(util.get_local_devices())
    x = np.arange(3.0 * n).reshape(n, 3)
    mapped = util.map_to_device([x, {"a": jn.array(x)}])
    for y in mapped[0], mapped[1]["a"]:
        assert isinstance(y, cuobjax.Array)
        assert y.device == cuobjax.default_device()
        np.testing.assert_array_equal(np.asarray(y), x)
    for wrong in np.zeros((n + 1, 2)), np.zeros(()):
        with pytest.raises(ValueError, match=rf"^map_to_device: expected {n} items along the first axis, got shape "):
            util.map_to_device([x, wrong])


# Images.


def test_axes_of_images(xp):
    x = xp.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    for kind in (lambda a: a, jn.array):
        assert image.nhwc(kind(x)).shape == (2, 4, 5, 3)
        assert image.nchw(kind(x)).shape == (2, 5, 3, 4)
        assert type(image.nchw(kind(x))) is type(kind(x))
        np.testing.assert_array_equal(*(np.asarray(jn.array(y)) for y in (image.nchw(image.nhwc(kind(x))), x)))
    assert image.nhwc(x[0]).shape == (4, 5, 3)
    assert image.nhwc(x[None]).shape == (1, 2, 4, 5, 3)
    assert float(image.nhwc(x)[1, 2, 3, 0]) == float(x[1, 0, 2, 3])


def test_axes_of_images_are_differentiable():
    x = jn.ones((3, 4, 5))
    gradient = autograd.grad(lambda a: (image.nhwc(a) * image.nhwc(x)).sum())(x)
    np.testing.assert_array_equal(np.asarray(gradient), np.ones((3, 4, 5)))


def test_image_grid():
    tiles = np.arange(2 * 3 * 1 * 4 * 5).reshape(2, 3, 1, 4, 5)
    grid = image.image_grid(tiles)
    assert grid.shape == (1, 8, 15)
    for i in range(2):
        for j in range(3):
            np.testing.assert_array_equal(grid[:, 4 * i : 4 * i + 4, 5 * j : 5 * j + 5], tiles[i, j])
    assert isinstance(image.image_grid(jn.array(tiles)), cuobjax.Array)


def test_pixels_survive_both_ways():
    pixels = np.arange(256, dtype=np.uint8)
    units = image.normalize_to_unit_float(pixels)
    assert (units[0], units[-1]) == (1 / 256 - 1, 1 - 1 / 256)
    for x in units, units.astype(np.float32), jn.array(units):
        back = image.normalize_to_uint8(x)
        assert type(back) is type(x)
        np.testing.assert_array_equal(np.asarray(back), pixels, strict=True)
    np.testing.assert_array_equal(image.normalize_to_uint8(np.array([-3.0, 3.0])), [0, 255])


def decoded(png):
    """The pixels (H, W, C) in an unfiltered PNG file: an independent reading of its chunks."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(png):
        size = int.from_bytes(png[at : at + 4])
        kind, content = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert int.from_bytes(png[at + 8 + size : at + 12 + size]) == zlib.crc32(kind + content)
        chunks[kind], at = content, at + 12 + size
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, depth, color, *rest = struct.unpack(">2I5B", chunks[b"IHDR"])
    assert (depth, rest) == (8, [0, 0, 0])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, {0: 1, 4: 2, 2: 3, 6: 4}[color])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png(xp, rng, channels):
    pixels = rng.integers(0, 256, (5, 7, channels)).astype(np.uint8)
    units = image.nchw(image.normalize_to_unit_float(pixels))
    for x in pixels, xp.asarray(pixels), units, jn.array(units), xp.asarray(units.astype(np.float16)):
        np.testing.assert_array_equal(decoded(image.to_png(x)), pixels)
        if channels == 1:
            np.testing.assert_array_equal(decoded(image.to_png(x.reshape(5, 7))), pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_png_as_others_read_and_write_it(rng, tmp_path, dtype):
    images = pytest.importorskip("PIL.Image", reason="needs Pillow")
    pixels = rng.integers(0, 256, (5, 7, 3)).astype(np.uint8)
    x = pixels if dtype == np.uint8 else image.nchw(image.normalize_to_unit_float(pixels)).astype(dtype)
    with images.open(io.BytesIO(image.to_png(x))) as opened:
        np.testing.assert_array_equal(np.asarray(opened), pixels)
    images.fromarray(pixels).save(tmp_path / "x.png")
    with open(tmp_path / "x.png", "rb") as file:
        for source in tmp_path / "x.png", str(tmp_path / "x.png"), file:
            np.testing.assert_array_equal(image.from_file(source), image.nchw(image.normalize_to_unit_float(pixels)))
    images.fromarray(pixels[..., 0]).save(tmp_path / "grey.png")
    assert image.from_file(tmp_path / "grey.png").shape == (3, 5, 7)


@pytest.mark.parametrize("shape", [(), (7,), (0, 7), (5, 7, 5), (5, 7, 0), (0, 7, 3), (1, 5, 7, 3)])
def test_wrong_shapes_of_images(shape):
    with pytest.raises(ValueError, match=r"^to_png: expected an image of 1 to 4 channels, got shape "):
        image.to_png(np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match=r"^to_png: expected an image of 1 to 4 channels, got shape "):
        image.to_png(jn.zeros(shape[::-1]))


def test_wrong_dtypes_of_images():
    with pytest.raises(ValueError) as caught:
        image.to_png(np.zeros((5, 7, 3), np.int32))
    assert caught.value.args == ("Unsupported array type, expecting float or uint8", np.dtype("int32"))


def test_pillow_is_optional(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"^image\.from_file: expected the package Pillow\. Run `pip in"):
        image.from_file("x.png")


# Constants and types.


def test_constants():
    assert {kind.name: kind.value for kind in ConvPadding} == {"SAME": "SAME", "VALID": "VALID"}
    assert issubclass(Interpolate, enum.Enum)
    names = "NEAREST LINEAR BILINEAR TRILINEAR TRIANGLE CUBIC BICUBIC TRICUBIC LANCZOS3 LANCZOS5".split()
    assert {kind.name: kind.value for kind in Interpolate} == {name: name.lower() for name in names}


def test_types_are_usable_in_annotations():
    assert cuobjax_typing.JaxArray is cuobjax.Array

    def f(x: cuobjax_typing.JaxArray, file: cuobjax_typing.FileOrStr, padding: cuobjax_typing.ConvPaddingInt) -> None:
        pass

    assert set(typing.get_type_hints(f)) == {"x", "file", "padding", "return"}
    assert str in typing.get_args(cuobjax_typing.FileOrStr)
    assert int in typing.get_args(cuobjax_typing.ConvPaddingInt)
    scalars = [kind for union in typing.get_args(cuobjax_typing.JaxDType) for kind in typing.get_args(union)]
    assert {np.dtype(kind).name for kind in scalars} >= {"float32", "complex64", "int8", "uint64"}

"""Loaders, augmentations and bars of progress."""

import collections
import copy
import gc
import io
import itertools
import pickle
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from autograd.backend import CPU, local_devices
from cuobjax.data import Loader, brightness, contrast, cutout, flip, mixup, prefetch, progress, random_crop, saturation

N = 10
Pair = collections.namedtuple("Pair", "image label")


def columns():
    return Pair(np.arange(2.0 * N).reshape(N, 2), np.arange(N))


def seen(batches):
    """The labels of batches, one list for each."""
    return [np.asarray(batch.label).tolist() for batch in batches]


def rows(batches):
    return sorted(itertools.chain(*seen(batches)))


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_batches_of_columns(workers):
    loader = Loader(columns(), 4, workers=workers)
    batches = [*loader]
    assert seen(batches) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert len(loader) == 3 and len(Loader(columns(), 4, drop_last=True)) == 2
    assert seen(Loader(columns(), 4, drop_last=True, workers=workers)) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    first = batches[0]
    assert type(first) is Pair and (first.image.dtype, first.label.dtype) == ("float32", "int32")
    assert {x.device for x in first} == {objax.default_device()}
    np.testing.assert_array_equal(np.concatenate([b.image for b in batches]), columns().image)


def test_sizes_of_numpy():
    assert len([*Loader(columns(), np.int64(4))]) == 3


def test_batches_do_not_share_memory_with_the_data():
    data = np.zeros((4, 2), "float32")
    (batch,) = Loader(data, 4)
    data[:] = 1
    assert not batch.any()


@pytest.mark.parametrize("workers", [0, 2])
def test_each_epoch_has_an_order_of_its_own_which_the_seed_decides(workers):
    def epochs(seed):
        loader = Loader(columns(), 3, shuffle=True, workers=workers, generator=objax.random.Generator(seed))
        return [seen(loader) for _ in range(3)]

    first = epochs(1)
    assert first == epochs(1) != epochs(2)
    assert len({str(epoch) for epoch in first}) == 3
    assert all(sorted(itertools.chain(*epoch)) == [*range(N)] for epoch in first)


def test_the_default_generator_gives_the_order():
    objax.random.seed(5)
    first = seen(Loader(columns(), 3, shuffle=True))
    objax.random.seed(5)
    assert first == seen(Loader(columns(), 3, shuffle=True))


def noisy(batch, generator):
    return batch._replace(image=batch.image + objax.random.normal(batch.image.shape, generator=generator))


def examples():
    return [Pair(np.float32(i) * np.ones(2), i) for i in range(N)]


SOURCES = {
    "columns": lambda: (columns(), True), "examples": lambda: (examples(), True),
    "function": lambda: (lambda: iter(examples()), 4),
}  # fmt: skip


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("stop", [0, 2, 4, 5, 6, 8])
def test_a_checkpoint_goes_on_bit_for_bit(kind, workers, stop, tmp_path):
    data, shuffle = SOURCES[kind]()

    def make(seed):
        return Loader(data, 3, shuffle, transform=noisy, workers=workers, generator=objax.random.Generator(seed))

    def steps(loader, epochs=3):
        while int(loader.epoch) < epochs:
            for batch in loader:
                yield np.asarray(batch.image)

    expected = [*steps(make(1))]
    assert len(expected) == 12
    loader = make(1)
    running = steps(loader)
    for _ in range(stop):
        next(running)
    objax.io.save_var_collection(tmp_path / "place.npz", loader.vars())
    running.close()
    other = make(2)
    objax.io.load_var_collection(tmp_path / "place.npz", other.vars())
    np.testing.assert_equal([*steps(other)], expected[stop:])


def test_a_loop_that_ends_early_ends_the_epoch():
    loader = Loader(columns(), 4)
    for _ in loader:
        break
    assert (int(loader.epoch), int(loader.position)) == (0, 0)
    with pytest.raises(ZeroDivisionError):
        [1 / 0 for _ in loader]
    gc.collect()
    assert len([*loader]) == 3 and int(loader.epoch) == 1


def test_steps_go_on_over_the_ends_of_epochs():
    loader = Loader([*range(5)], batch=2)
    steps = loader.steps(7)
    assert len(steps) == 7
    assert [x.tolist() for x in steps] == [[0, 1], [2, 3], [4]] * 2 + [[0, 1]]
    assert (int(loader.epoch), int(loader.position)) == (2, 0)
    assert [*loader.steps(0)] == []
    with pytest.raises(ValueError, match="expected a batch in each epoch, got none"):
        next(iter(Loader([1, 2], batch=3, drop_last=True).steps(1)))
    with pytest.raises(ValueError, match=r"Loader.steps: .*-1"):
        loader.steps(-1)


def test_an_exception_that_is_at_hand_ends_the_epoch():
    loader = Loader(columns(), 4)
    try:
        for _ in loader:
            raise ZeroDivisionError
    except ZeroDivisionError:  # whose traceback has the frame of the loop
        assert len([*loader]) == 3
    opened = iter(loader)
    next(opened)
    assert len([*loader]) == 3 and (int(loader.epoch), int(loader.position)) == (2, 0)
    with pytest.raises(RuntimeError, match="Loader: expected one loop at a time, got a position that another loop"):
        next(opened)
    assert len([*loader]) == 3 and (int(loader.epoch), int(loader.position)) == (3, 0)


def test_a_place_of_other_batches_is_refused():
    loader = Loader(columns(), 4)
    with objax.device("cpu"):
        loader.position.value = jn.array(4)
    with pytest.raises(ValueError, match="Loader: expected a position of at most 3 batches, got 4"):
        next(iter(loader))
    assert int(loader.position) == 4 and int(loader.epoch) == 0


def test_two_loops_at_once():
    loader = Loader(columns(), 4)
    with pytest.raises(RuntimeError, match="give each loop a Loader of its own"):
        [*zip(loader, loader, strict=True)]
    assert len([*loader]) == 3


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_of_a_loader_go_on(copied):
    loader = Loader(columns(), 3, shuffle=True)
    running = iter(loader)
    next(running)
    other = copied(loader)
    assert seen(other) == seen(running)
    assert int(other.epoch) == int(loader.epoch) == 1


def test_augmentations_and_builtins_are_transforms():
    images = np.arange(32, dtype="float32").reshape(8, 1, 2, 2)
    loaders = [Loader(images, 8, transform=flip, generator=objax.random.Generator(3)) for _ in range(2)]
    first, again = (np.asarray(*loader) for loader in loaders)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, images)
    (found,) = Loader({"x": images}, 8, transform=dict)
    assert found["x"].shape == images.shape


def test_examples_are_put_together():
    data = [{"x": np.ones(2) * i, "n": i, "s": f"text {i}", "t": (float(i), None)} for i in range(4)]
    (batch,) = Loader(data, 4)
    assert batch["s"] == ["text 0", "text 1", "text 2", "text 3"]
    assert batch["x"].shape == (4, 2) and batch["n"].dtype == "int32" and batch["t"][0].dtype == "float32"
    (batch,) = Loader(data, 4, collate=lambda some: {"count": len(some)})
    assert batch == {"count": 4}


def test_lists_of_numbers_are_arrays():
    """As tokenizers give them, in mappings of their own."""
    ids, mask = [[1, 2, 3], [4, 5, 0]], [[1, 1, 1], [1, 1, 0]]
    examples = [{"input_ids": i, "attention_mask": m, "text": ["a", "b"]} for i, m in zip(ids, mask, strict=True)]
    (of_examples,) = Loader(examples, 2)
    (of_columns,) = Loader({"input_ids": ids, "attention_mask": mask}, 2)
    (given,) = prefetch([collections.UserDict(input_ids=ids, attention_mask=mask)])
    (ordered,) = prefetch([collections.OrderedDict(input_ids=ids, attention_mask=mask)])
    assert type(ordered) is collections.OrderedDict and of_examples["text"] == [["a", "a"], ["b", "b"]]
    for batch in (of_examples, of_columns, given, ordered):
        for name, expected in (("input_ids", ids), ("attention_mask", mask)):
            assert batch[name].dtype == "int32" and batch[name].tolist() == expected
    assert [*Loader([3, "a"], 2)] == [[3, "a"]]
    with pytest.raises(ValueError, match=r"got \(3,\) and, in example 1, \(2,\). Pad them, or pass collate=f"):
        next(iter(Loader([{"input_ids": [1, 2, 3]}, {"input_ids": [1, 2]}], 2)))


def test_a_function_gives_each_epoch():
    calls = []

    def lines():
        calls.append(1)
        yield from range(7)

    loader = Loader(lines, 3)
    assert [x.tolist() for x in loader] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [x.tolist() for x in Loader(lines, 3, drop_last=True)] == [[0, 1, 2], [3, 4, 5]]
    mixed = [np.concatenate([*Loader(lines, 3, shuffle=3)]).tolist() for _ in range(4)]
    assert all(sorted(x) == [*range(7)] for x in mixed) and any(x != [*range(7)] for x in mixed)
    assert len(calls) == 6


def test_arrays_of_a_device_are_indexed_there():
    x = jn.arange(8) * 2
    loader = Loader({"x": x}, 4, shuffle=True, workers=2)
    found = [batch["x"] for batch in loader]
    assert {y.device for y in found} == {x.device}
    assert sorted(np.concatenate(found).tolist()) == np.asarray(x).tolist()


@pytest.mark.parametrize("to", list(dict.fromkeys([CPU, local_devices()[-1]])), ids=str)
def test_arrays_of_one_device_are_put_on_another(to):
    for batches in (Loader(jn.arange(4), 2, to=to), prefetch([jn.arange(2)], to=to), Loader(np.arange(4), 2, to=to)):
        assert {x.device for x in batches} == {to}


def test_workers_work_beside_each_other_and_ahead():
    meet = threading.Barrier(2, timeout=30)

    def together(batch):
        meet.wait()
        return batch

    loader = Loader(columns(), 3, workers=2, transform=together, drop_last=False)
    assert rows(loader) == [*range(N)] and len(loader) == 4
    begun = []
    loader = Loader(columns(), 1, workers=1, ahead=3, transform=lambda b: begun.append(1) or b)
    batches = iter(loader)
    next(batches)
    while len(begun) < 4:
        time.sleep(0.001)
    batches.close()
    assert len(begun) <= 5
    assert not [t for t in threading.enumerate() if t.name.startswith("cuobjax.data")]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_error_arrives_in_its_place(workers):
    def broken(batch):
        if 4 in batch.label:
            raise OSError("unreadable")
        return batch

    found = []
    with pytest.raises(OSError, match="unreadable"):
        found.extend(batch.label.tolist() for batch in Loader(columns(), 2, workers=workers, transform=broken))
    assert found == [[0, 1], [2, 3]]
    assert not [t for t in threading.enumerate() if t.name.startswith("cuobjax.data")]


def test_prefetch_takes_batches_of_anything():
    class Foreign:
        """A tensor of another library."""

        def __init__(self, x):
            self.x = x

        def __array__(self, dtype=None, copy=None):
            return np.array(self.x, dtype)

    batches = ({"x": Foreign([i, 0.5]), "name": "a"} for i in range(3))
    found = [*prefetch(batches)]
    assert [b["x"].tolist() for b in found] == [[0, 0.5], [1, 0.5], [2, 0.5]]
    assert found[0]["x"].dtype == "float32" and found[0]["name"] == "a"
    assert [x.tolist() for x in prefetch([np.ones(1)], ahead=0)] == [[1]]

    def fails():
        yield np.ones(1)
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        [*prefetch(fails())]


def test_batches_are_released():
    made = []

    def transform(batch):
        made.append(weakref.ref(batch.image))
        return batch

    for batch in Loader(columns(), 1, transform=transform):
        del batch
        gc.collect()
        assert sum(r() is not None for r in made) <= 2


def test_a_loader_trains_a_network_under_jit():
    net = objax.nn.Linear(2, 1)
    optimizer = objax.optimizer.Adam(net.vars())
    gradients = objax.GradValues(lambda b: ((net(b.image) - b.label[:, None]) ** 2).mean(), net.vars())

    @objax.Jit
    def step(batch):
        g, v = gradients(batch)
        optimizer(0.1, g)
        return v[0]

    losses = []
    loader = Loader(columns(), 5, shuffle=True)
    for _ in range(60):
        losses += [step(batch) for batch in loader]
    assert float(losses[-1]) < float(losses[0]) / 20


@pytest.mark.parametrize(("call", "message"), [
    (lambda: Loader(columns(), 0), "Loader: expected batch of at least 1, got 0"),
    (lambda: Loader(columns(), 2.5), "Loader: expected batch as an integer, got 2.5"),
    (lambda: Loader(columns(), 2, shuffle="yes"), "Loader: expected shuffle as an integer, got 'yes'"),
    (lambda: Loader(columns(), 2, workers=-1), "Loader: expected workers of at least 0, got -1"),
    (lambda: Loader((np.ones(3), np.ones(4)), 2), r"one number of examples as their first axis, got \(3,\), \(4,\)"),
    (lambda: Loader((np.ones(3), 5), 2), "one number of examples as their first axis, got .*int"),
    (lambda: Loader(iter([1]), 2), "got list_iterator. Pass a function that returns it anew for each epoch"),
    (lambda: Loader("images.npz", 2), "Loader: expected arrays, a sequence or a function, got str. Read the"),
    (lambda: flip(np.ones((1, 3, 4)), "a"), "flip: expected p as a number, got 'a'"),
    (lambda: random_crop(np.ones((1, 3, 4)), size="a"), r"random_crop: expected size of integers, got 'a'"),
    (lambda: random_crop(np.ones((1, 3, 4)), size=-1), "random_crop: expected size of at least 1"),
    (lambda: cutout(np.ones((1, 3, 4)), 1, "a"), "cutout: expected value as a number, got 'a'"),
    (lambda: mixup(np.ones((1, 3)), np.ones((1, 2)), "a"), "mixup: expected alpha as a number, got 'a'"),
    (lambda: brightness(np.ones((1, 3, 4)), None), "brightness: expected amount as a number, got None"),
    (lambda: Loader(3, 2), "Loader: expected arrays, a sequence or a function, got int. Pass arrays"),
    (lambda: Loader(lambda: iter([1]), 2, shuffle=True), "expected shuffle as the size of a buffer for a function"),
    (lambda: len(Loader(lambda: iter([1]), 2)), "a function does not say how many examples there are"),
    (lambda: [*Loader([np.ones(2), np.ones(2), np.ones(3)], 3)],
     r"expected arrays of one shape in a batch, got \(2,\) and, in example 2, \(3,\). Pad them"),
    (lambda: [*Loader([np.ones(2), 3], 2)], r"one shape in a batch, got \(2,\) and, in example 1, \(\)"),
    (lambda: [*Loader([3, np.ones(2)], 2)], r"one shape in a batch, got \(\) and, in example 1, \(2,\)"),
    (lambda: [*Loader([(1, 2), (1, 2, 3)], 2)], "example 1 of a batch is another structure than the first one"),
    (lambda: Loader(columns(), batch_size=3), "Write batch"),
    (lambda: Loader(columns(), 3, num_workers=3), "Write workers, which are threads"),
    (lambda: Loader(columns(), 3).state_dict(), r"loader.vars\(\) are its place"),
    (lambda: [*prefetch([], ahead=-1)], "prefetch: expected ahead of at least 0, got -1"),
    (lambda: flip(np.ones((3, 4))), r"flip: expected images of shape \(..., C, H, W\), got \(3, 4\)"),
    (lambda: flip(np.ones((1, 3, 4)), axis=0), "flip: expected axis -1, left to right, or -2"),
    (lambda: random_crop(np.ones((1, 3, 4)), 0, 4), r"expected a size of at most \(3, 4\), got \(4, 4\)"),
    (lambda: cutout(np.ones((1, 3, 4)), -1), "cutout: expected size of at least 0, got -1"),
    (lambda: cutout(np.ones((1, 3, 4)), 1, p=2), "cutout: expected p from 0 to 1, got 2"),
    (lambda: cutout(np.ones((1, 3, 4), "uint8"), 1, 0.5), "from 0 to 255 for images of uint8, got value=0.5"),
    (lambda: cutout(np.ones((1, 3, 4), "uint8"), 1, -1), "from 0 to 255 for images of uint8, got value=-1"),
    (lambda: cutout(np.ones((1, 3, 4), "int8"), 1, np.inf), "from -128 to 127 for images of int8, got value=inf"),
    (lambda: mixup(np.ones((2, 3)), np.ones((2, 2)), 0), "mixup: expected alpha greater than 0, got 0"),
    (lambda: brightness(np.ones((1, 3, 4), "uint8")), "expected floating-point images, got dtype uint8. Write x / 255"),
    (lambda: contrast(np.ones((1, 3, 4)), 2), "contrast: expected amount from 0 to 1, got 2"),
    (lambda: mixup(np.ones((2, 3)), np.arange(2)), r"expected floating-point y, got .*functional.one_hot\(y, classes"),
    (lambda: mixup(np.ones((2, 3)), np.ones(3)), r"one number of examples, got \(2, 3\) and \(3,\)"),
])  # fmt: skip
def test_wrong_arguments(call, message):
    with pytest.raises((TypeError, ValueError, AttributeError), match=message):
        call()


# Augmentations.

IMAGES = np.random.default_rng(0).random((6, 3, 5, 7), "float32")


def drawn(f, x=IMAGES, seed=3, **options):
    return np.asarray(f(jn.array(x), generator=objax.random.Generator(seed), **options))


def test_flipped_images():
    for axis in (-1, -2):
        found = drawn(flip, axis=axis)
        flipped = [np.array_equal(y, np.flip(x, axis)) for x, y in zip(IMAGES, found, strict=True)]
        kept = [np.array_equal(y, x) for x, y in zip(IMAGES, found, strict=True)]
        assert all(a != b for a, b in zip(flipped, kept, strict=True)) and 0 < sum(flipped) < 6
    np.testing.assert_array_equal(drawn(flip, p=1.0), IMAGES[..., ::-1])


def test_cropped_images_are_parts_of_those_with_a_border():
    found = drawn(random_crop, padding=2, size=(4, 6), mode="reflect")
    whole = np.pad(IMAGES, ((0, 0), (0, 0), (2, 2), (2, 2)), "reflect")
    places = []
    for image, part in zip(whole, found, strict=True):
        fits = [(i, j) for i in range(6) for j in range(6) if np.array_equal(image[:, i : i + 4, j : j + 6], part)]
        places.append(fits[0])
    assert len({*places}) > 2
    assert drawn(random_crop, padding=0).tobytes() == IMAGES.tobytes()
    assert drawn(random_crop, (IMAGES * 255).astype("uint8")).dtype == "uint8"


def test_cut_out_squares():
    found = drawn(cutout, size=3, value=-1.0)
    for x, y in zip(IMAGES, found, strict=True):
        cut = (y == -1).all(0)
        assert ((y == -1) == cut).all() and np.array_equal(y[:, ~cut], x[:, ~cut])
        rows, columns = cut.any(1).sum(), cut.any(0).sum()
        assert cut.sum() == rows * columns and 2 <= rows <= 3 and 2 <= columns <= 3
    assert drawn(cutout, size=3, p=0.0).tobytes() == IMAGES.tobytes()


def test_mixed_examples():
    labels = np.eye(6, dtype="float32")
    x, y = mixup(jn.array(IMAGES), jn.array(labels), 1.0, objax.random.Generator(1))
    np.testing.assert_allclose(y.sum(1), 1, rtol=1e-6)
    y = np.asarray(y)
    np.testing.assert_allclose(x, np.tensordot(y, IMAGES, 1), rtol=1e-5)
    assert (y > 0).sum(1).max() == 2


@pytest.mark.parametrize(("f", "kept"), [
    (brightness, lambda x: x / x.sum((1, 2, 3), keepdims=True)), (contrast, lambda x: x.mean((1, 2, 3))),
    (saturation, lambda x: x.mean(1)),
])  # fmt: skip
def test_colours(f, kept):
    found = drawn(f, amount=0.5)
    np.testing.assert_allclose(kept(found), kept(IMAGES), rtol=1e-5)
    ratios = found.std((1, 2, 3)) / IMAGES.std((1, 2, 3))
    assert (ratios > 0.49).all() and (ratios < 1.51).all() and len({*ratios.round(4)}) == 6
    np.testing.assert_allclose(drawn(f, amount=0), IMAGES, rtol=1e-6)


ALL = [flip, random_crop, lambda x, generator: cutout(x, 3, generator=generator), brightness, contrast, saturation]


@pytest.mark.parametrize("f", ALL)
def test_augmentations_compile_vectorize_and_keep_dtypes(f):
    expected = drawn(f)
    generator = objax.random.Generator(3)
    compiled = objax.Jit(lambda x: f(x, generator=generator), generator.vars())
    np.testing.assert_array_equal(compiled(jn.array(IMAGES)), expected)
    each = objax.Vectorize(lambda x: f(x, generator=generator), generator.vars())(jn.array(IMAGES))
    assert each.shape == IMAGES.shape and not np.array_equal(np.asarray(each), IMAGES)
    assert drawn(f, IMAGES[0]).shape == IMAGES[0].shape
    assert drawn(f, IMAGES.reshape(2, 3, 3, 5, 7)).shape == (2, 3, 3, 5, 7)
    assert drawn(f, IMAGES.astype("float16")).dtype == "float16"
    assert drawn(f, IMAGES[:0]).shape == (0, 3, 5, 7)


# Progress.


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_bar_shows_steps_and_figures(monkeypatch):
    tqdm = pytest.importorskip("tqdm").tqdm
    monkeypatch.setattr(tqdm, "monitor_interval", 0)  # it has no thread then
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    accuracy = objax.metrics.Accuracy()
    accuracy.update(np.eye(2), np.array([0, 0]))
    steps = progress(Loader(columns(), 4), "epoch 1")
    for batch in steps:
        steps.show(loss=jn.mean(batch.image), accuracy=accuracy, note="fine")
    assert "epoch 1: 100%" in terminal.getvalue() and "3/3" in terminal.getvalue()
    assert "loss=17.5, accuracy=0.5, note=fine" in terminal.getvalue()


def test_no_bar_where_nobody_looks(monkeypatch):
    monkeypatch.setattr("sys.stderr", io.StringIO())
    steps = progress(range(3))
    for i in steps:
        steps.show(loss=i)
    assert progress([0], hide=True).__class__.__name__ == "Progress"
    assert sys.stderr.getvalue() == ""


def test_without_tqdm_there_is_one_warning(monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with pytest.warns(UserWarning, match=r"expected the package tqdm. Run `pip install cuobjax\[data\]`"):
        assert [*progress(range(2), hide=False)] == [0, 1]


def test_a_loop_goes_on_in_a_thread_while_a_program_is_recorded():
    loader = Loader(np.arange(6), 2, shuffle=True)
    expected, batches = [*copy.deepcopy(loader)], iter(prefetch(loader, ahead=1))
    found = [next(batches)]
    with ThreadPoolExecutor(1) as pool:

        @objax.Jit
        def f(x):
            found.extend(pool.submit(lambda: [*batches]).result())
            return x + 1

        f(jn.ones(2))
    assert len(found) == len(expected) == 3 and int(loader.epoch) == 1
    assert sorted(np.concatenate(found)) == [*range(6)]


def test_what_is_drawn_while_a_program_is_recorded_is_on_the_device(xp):
    """Random numbers are made of variables, which a thread reads in another way meanwhile."""

    def noisy(x, generator):
        return x + objax.random.normal(x.shape, generator=generator)

    batches, found = iter(Loader(np.ones((6, 2)), 2, transform=noisy, workers=1, ahead=1)), []
    with ThreadPoolExecutor(1) as pool:
        device = objax.default_device()

        def rest():
            with objax.device(device):
                return [*batches]

        @objax.Jit
        def f(x):
            found.extend(pool.submit(rest).result())
            return x + 1

        f(jn.ones(2))
    assert [(type(x), x.device) for x in found] == 3 * [(objax.Array, device)]


def test_a_border_has_a_width():
    with pytest.raises(ValueError, match="random_crop: expected padding of at least 0, got -1"):
        random_crop(np.ones((1, 4, 4)), padding=-1)


def test_a_loader_prints_its_options():
    text = "cuobjax.data.Loader(batch=4, shuffle=True, drop_last=False, workers=0, ahead=0)"
    assert repr(Loader(columns(), batch=4, shuffle=True)) == text


def test_a_bar_of_steps_that_nobody_can_count_with_figures(capsys, monkeypatch):
    monkeypatch.setattr("tqdm.tqdm.monitor_interval", 0)  # no thread that looks whether bars are old
    bar = progress(Loader(lambda: iter(range(10)), batch=4), "epoch", hide=False)
    for _ in bar:
        bar.show(loss=jn.array(0.25), rates=np.array([1, 2]))
    assert "loss=0.25, rates=[1 2]" in capsys.readouterr().err


def test_lists_of_different_lengths_and_arrays_in_a_list():
    rows = [{"tokens": [[1], [2, 3]], "x": jn.array([1.0, 2.0])}, {"tokens": [[4], [5, 6]], "x": jn.array([3.0, 4.0])}]
    (batch,) = Loader(rows, batch=2)
    (first,), second = batch["tokens"]
    assert [np.asarray(x).tolist() for x in (first, *second)] == [[1, 4], [2, 5], [3, 6]]
    assert np.asarray(batch["x"]).tolist() == [[1, 2], [3, 4]]

"""Batches that other libraries make, as they are."""

import numpy as np
import pytest

import cuobjax as objax
import cuobjax.numpy as jn
from autograd import Array
from cuobjax.data import Loader, prefetch

pytestmark = pytest.mark.exchange


def test_batches_of_a_dataloader():
    data = pytest.importorskip("torch.utils.data")
    torch = pytest.importorskip("torch")
    x, y = torch.randn(10, 3), torch.arange(10)
    batches = [*prefetch(data.DataLoader(data.TensorDataset(x, y), batch_size=4))]
    assert [(type(a), a.dtype, b.dtype) for a, b in batches] == [(Array, "float32", "int32")] * 3
    np.testing.assert_array_equal(jn.concatenate([a for a, _ in batches]), x.numpy())
    with pytest.raises(TypeError, match=r"got DataLoader. It gives batches: pass it to cuobjax.data.prefetch"):
        Loader(data.DataLoader(data.TensorDataset(x, y)), batch=2)


def test_datasets_of_pytorch():
    data = pytest.importorskip("torch.utils.data")
    torch = pytest.importorskip("torch")

    class Tokens(data.Dataset):
        def __len__(self):
            return 5

        def __getitem__(self, i):
            return {"input_ids": torch.arange(4) + i, "attention_mask": torch.ones(4, dtype=torch.long), "name": f"{i}"}

    whole = [*Loader(Tokens(), batch=3)]
    assert [batch["name"] for batch in whole] == [["0", "1", "2"], ["3", "4"]]
    np.testing.assert_array_equal(whole[1]["input_ids"], [[3, 4, 5, 6], [4, 5, 6, 7]])

    class Numbers(data.IterableDataset):
        def __iter__(self):
            return iter(range(5))

    assert [batch.tolist() for batch in Loader(lambda: iter(Numbers()), batch=3)] == [[0, 1, 2], [3, 4]]


def test_batches_do_not_follow_a_buffer():
    torch = pytest.importorskip("torch")
    buffer = torch.zeros(2)

    def batches():
        for i in range(4):
            buffer.fill_(i)
            yield buffer

    assert [batch.tolist() for batch in [*prefetch(batches())]] == [[i, i] for i in range(4)]


def test_arrays_of_jax():
    jax_numpy = pytest.importorskip("jax.numpy")
    batches = [*Loader((jax_numpy.ones((10, 3)), jax_numpy.arange(10)), batch=4)]
    assert next((x.shape, x.dtype, y.dtype) for x, y in batches) == ((4, 3), "float32", "int32")


def test_images_of_pillow():
    Image = pytest.importorskip("PIL.Image")
    pictures = [Image.fromarray(np.full((4, 5, 3), i, np.uint8)) for i in range(5)]
    for images, labels in Loader([*zip(pictures, range(5), strict=True)], batch=5):
        assert (images.shape, images.dtype) == ((5, 4, 5, 3), "uint8")
        np.testing.assert_array_equal(images[:, 0, 0, 0], labels)
    assert next(iter(Loader(pictures, batch=2))).shape == (2, 4, 5, 3)


def test_frames_of_pandas():
    pandas = pytest.importorskip("pandas")
    numbers = pandas.DataFrame({"a": np.arange(6.0), "b": np.arange(6.0) ** 2}, index=range(5, -1, -1))
    order = []
    for x, a in Loader((numbers, numbers["a"]), batch=3, shuffle=True):  # by place, whatever the labels are
        assert x.shape == (3, 2) and x.dtype == "float32"
        np.testing.assert_array_equal(x, np.stack([a, np.asarray(a) ** 2], 1))
        order += a.tolist()
    assert sorted(order) == [*range(6)]
    net = objax.nn.Linear(2, 1)
    np.testing.assert_array_equal(net(numbers), net(numbers.to_numpy()))
    mixed = numbers.assign(name=list("abcdef"))
    first = next(iter(Loader(mixed, batch=2)))
    assert first.keys() == {"a", "b", "name"} and first["name"].tolist() == ["a", "b"]
    assert first["b"].tolist() == [0, 1]

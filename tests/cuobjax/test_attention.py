"""Attention in all but its values, which `test_sequence_values.py` compares with PyTorch's."""

import tracemalloc

import ml_dtypes
import numpy as np
import pytest

import autograd
import cuobjax
import cuobjax.numpy as jn
from autograd.kernels import compiled
from cuobjax import functional, nn

attention = functional.attention


def formula(q, k, v, mask=None, causal=False):
    """softmax(q k^T / sqrt(D)) v in float64."""
    q, k, v = [np.asarray(cuobjax.device_put(x, "cpu")).astype("float64") for x in (q, k, v)]
    s = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    s = np.where(np.tri(*s.shape[-2:], s.shape[-1] - s.shape[-2]) > 0, s, -np.inf) if causal else s
    s = s if mask is None else np.where(mask, s, -np.inf)
    p = np.exp(s - s.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True) @ v


def on_host(x):
    return np.asarray(cuobjax.device_put(x, "cpu"))


@pytest.mark.usefixtures("on_the_cpu")
def test_memory_grows_with_the_length_not_with_its_square(monkeypatch):
    monkeypatch.setattr(compiled, "threads", lambda: 1)  # each thread has memory of its own, if it comes in time
    peaks = {}
    for length in (1024, 4096):
        q = cuobjax.random.normal((1, 2, length, 32))
        gradient = autograd.grad(lambda x: (attention(x, x, x, causal=True) ** 2).sum())
        gradient(q)  # which loads what is compiled
        tracemalloc.start()
        gradient(q)
        peaks[length] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peaks[4096] < 5 * peaks[1024]
    assert peaks[4096] < 4096 * 4096 * 4 / 2  # one matrix of scores has twice as much


def test_many_blocks_are_one():
    q, k = cuobjax.random.normal((2, 3, 300, 8)), cuobjax.random.normal((2, 3, 500, 8))
    np.testing.assert_allclose(on_host(attention(q, k, k, causal=True)), formula(q, k, k, causal=True), atol=2e-5)


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize("biased", [False, True])
def test_gradients_of_many_blocks_are_those_of_the_formula(kv_heads, biased):
    """Three blocks of queries, each with other keys."""
    q, k, v = (cuobjax.random.normal((2, n, length, 8)) for n, length in ((4, 150), (kv_heads, 160), (kv_heads, 160)))
    bias = cuobjax.random.normal((4, 1, 160)) if biased else jn.zeros((1, 1, 1))
    g = cuobjax.random.normal((2, 4, 150, 8))

    def direct(q, k, v, bias):
        k, v = jn.repeat(k, 4 // kv_heads, 1), jn.repeat(v, 4 // kv_heads, 1)
        seen = jn.tril(jn.ones((150, 160), dtype=bool), 10)
        scores = jn.where(seen, q @ k.swapaxes(2, 3) * 8**-0.5 + bias, -1e30)
        p = jn.exp(scores - scores.max(-1, keepdims=True)) * seen
        return (p / jn.maximum(p.sum(-1, keepdims=True), 1e-30) @ v * g).sum()

    def ours(q, k, v, bias):
        return (attention(q, k, v, bias=bias if biased else None, causal=True) * g).sum()

    wanted = (0, 1, 2, 3) if biased else (0, 1, 2)
    for found, right in zip(*[autograd.grad(f, wanted)(q, k, v, bias) for f in (ours, direct)], strict=True):
        np.testing.assert_allclose(on_host(found), on_host(right), atol=2e-4, rtol=2e-3)


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16])
def test_half_precision_has_sums_in_single(dtype):
    q = (cuobjax.random.normal((2, 2, 70, 16)) * 3).astype(dtype)
    y = attention(q, q, q)
    assert y.dtype == q.dtype
    np.testing.assert_allclose(on_host(y.astype("float32")), formula(*[q.astype("float32")] * 3), rtol=1e-2, atol=2e-2)
    gradient = autograd.grad(lambda x: attention(x, x, x).sum())(q)
    exact = autograd.grad(lambda x: attention(x, x, x).sum())(q.astype("float32"))
    assert gradient.dtype == q.dtype
    assert abs(on_host(gradient.astype("float32")) - on_host(exact)).max() < 0.03 * abs(on_host(exact)).max()


def test_shapes_of_other_ranks():
    q, k = cuobjax.random.normal((5, 4)), cuobjax.random.normal((6, 4))
    np.testing.assert_allclose(on_host(attention(q, k, k)), formula(q, k, k), atol=1e-5)
    q, k = cuobjax.random.normal((2, 3, 4, 5, 4)), cuobjax.random.normal((2, 3, 4, 6, 4))
    mask = np.random.default_rng(0).random((3, 1, 5, 6)) > 0.2
    np.testing.assert_allclose(on_host(attention(q, k, k, mask=mask)), formula(q, k, k, mask), atol=1e-5)


def test_queries_without_keys_give_zero():
    q = cuobjax.random.normal((1, 2, 3, 4))
    mask = np.ones((3, 3), bool)
    mask[1] = False
    y, pull = autograd.vjp(lambda x: attention(x, x, x, mask=mask), q)
    assert (on_host(y)[:, :, 1] == 0).all()
    assert np.isfinite(on_host(pull(jn.ones_like(y))[0])).all()


def test_dropout_keeps_the_mean_and_is_new_each_time():
    q = jn.ones((1, 1, 64, 4))
    generator = cuobjax.random.Generator(3)
    first, second = [on_host(attention(q, q, q, keep=0.5, key=generator())) for _ in range(2)]
    assert abs(first.mean() - 1) < 0.1
    assert (first != second).any()
    with pytest.raises(ValueError, match="attention: expected a probability to keep above 0"):
        attention(q, q, q, keep=0)
    with pytest.raises(ValueError, match="attention: expected a key with keep < 1"):
        attention(q, q, q, keep=0.5)


def test_under_jit_vectorize_and_remat():
    x = cuobjax.random.normal((3, 2, 4, 6, 8))
    layer = lambda x: attention(x, x, x, causal=True)
    np.testing.assert_allclose(
        on_host(cuobjax.Vectorize(layer)(x)), np.stack([on_host(layer(y)) for y in x]), atol=1e-6
    )
    net = nn.MultiHeadAttention(8, heads=2, kv_heads=1, rotary=True)
    y = cuobjax.random.normal((2, 5, 8))
    loss = cuobjax.GradValues(lambda x: (net(x) ** 2).sum(), net.vars())
    again = cuobjax.GradValues(lambda x: (cuobjax.Remat(net)(x) ** 2).sum(), net.vars())
    for other in (cuobjax.Jit(loss), again):
        for one, two in zip(loss(y)[0], other(y)[0], strict=True):
            np.testing.assert_allclose(on_host(one), on_host(two), rtol=1e-4, atol=1e-5)


def test_rotary_scores_depend_on_distances():
    q, k = cuobjax.random.normal((8,)), cuobjax.random.normal((8,))
    score = lambda i, j: float(
        (functional.rotary_embedding(q[None], [i]) * functional.rotary_embedding(k[None], [j])).sum()
    )
    assert abs(score(3, 1) - score(12, 10)) < 1e-4
    assert abs(score(3, 1) - score(3, 2)) > 1e-3
    x = np.array([[1.0, 0.0], [1.0, 0.0]])
    np.testing.assert_allclose(on_host(functional.rotary_embedding(x)), [[1, 0], [np.cos(1), np.sin(1)]], rtol=1e-6)
    integers = functional.rotary_embedding(x.astype("int32"))
    np.testing.assert_allclose(on_host(integers), [[1, 0], [np.cos(1), np.sin(1)]], rtol=1e-6)


def test_sinusoidal_embedding_is_that_of_the_paper():
    y = on_host(functional.sinusoidal_embedding([0, 3], 4))
    np.testing.assert_allclose(y, [[0, 0, 1, 1], [np.sin(3), np.sin(0.03), np.cos(3), np.cos(0.03)]], rtol=1e-5)


@pytest.mark.parametrize("jit", [False, True])
@pytest.mark.parametrize("rotary", [False, True])
def test_decoding_with_a_cache_is_the_whole(rotary, jit):
    net = nn.TransformerBlock(16, heads=4, kv_heads=2, causal=True, rotary=rotary)
    x = cuobjax.random.normal((2, 7, 16))
    cache = net.attention.cache(2, capacity=9)
    step = (cuobjax.Jit if jit else lambda f: f)(lambda part: net(part, cache=cache))
    parts = [step(x[:, :3])] + [step(x[:, i : i + 1]) for i in range(3, 7)]
    np.testing.assert_allclose(on_host(jn.concatenate(parts, 1)), on_host(net(x)), rtol=1e-4, atol=1e-5)
    assert int(cache.length) == 7
    cache.reset()
    np.testing.assert_allclose(on_host(step(x[:, :3])), on_host(parts[0]), rtol=1e-4, atol=1e-5)


def test_blocks_of_encoders_and_decoders():
    encoder, decoder = (
        nn.TransformerBlock(8, 2),
        nn.TransformerBlock(8, 2, causal=True, cross=True, ncontext=8, keep=0.5),
    )
    source, x = cuobjax.random.normal((2, 5, 8)), cuobjax.random.normal((2, 3, 8))
    padding = jn.array([[True] * 5, [True] * 3 + [False] * 2])
    context = encoder(source, mask=padding)
    y = decoder(x, context, context_mask=padding, training=False)
    assert y.shape == (2, 3, 8)
    changed = encoder(jn.where(padding[:, :, None], source, 9.0), mask=padding)
    np.testing.assert_allclose(
        on_host(decoder(x, changed, context_mask=padding, training=False)), on_host(y), rtol=1e-4, atol=1e-5
    )
    assert (on_host(decoder(x, context, training=True)) != on_host(decoder(x, context, training=True))).any()
    with pytest.raises(ValueError, match="TransformerBlock: expected a context, as cross=True"):
        decoder(x)
    with pytest.raises(ValueError, match="TransformerBlock: expected no context, as it has cross=False"):
        encoder(x, x)
    with pytest.raises(ValueError, match="TransformerBlock: expected cross=True with ncontext"):
        nn.TransformerBlock(8, 2, ncontext=4)


def test_repr_shows_the_arguments():
    layer = nn.MultiHeadAttention(8, heads=4, kv_heads=2, causal=True)
    text = "cuobjax.nn.MultiHeadAttention(nin=8, heads=4, kv_heads=2, ncontext=8, causal=True, rotary=False, "
    assert repr(layer).startswith(text + "use_bias=True, keep=1, w_init=xavier_normal")
    assert repr(nn.TransformerBlock(8, 2)).startswith(
        "cuobjax.nn.TransformerBlock(nin=8, heads=2, nhidden=32, causal=False"
    )


Q = jn.ones((2, 4, 5, 8))
MISTAKES = [
    (lambda: attention(Q, Q[0], Q), r"expected q \(..., H, T, D\), k .* of one rank, got"),
    (lambda: attention(Q, Q[..., :4], Q), "expected queries and keys of one width.*Is the layout"),
    (lambda: attention(Q, Q[:, :, :0], Q[:, :, :0]), "a value for each of one or more keys"),
    (lambda: attention(Q, Q[:, :3], Q[:, :3]), "heads of q that are a multiple of those of k and v"),
    (lambda: attention(Q, Q[:1], Q[:1]), "expected equal leading axes"),
    (
        lambda: attention(Q, Q[:, :, :3], Q[:, :, :3], causal=True),
        "causal=True at least as many keys as queries, got 3",
    ),
    (
        lambda: attention(Q, Q, Q, mask=np.ones((4, 5), bool)),
        r"expected mask to broadcast to \(2, 4, 5, 5\), got \(4, 5\)",
    ),
    (lambda: attention(Q, Q, Q, bias=np.ones(3)), r"expected bias to broadcast to \(2, 4, 5, 5\)"),
    (lambda: functional.rotary_embedding(jn.ones((4, 3))), r"expected x \(..., T, D\) with an even D, got \(4, 3\)"),
    (lambda: functional.rotary_embedding(Q, [1, 2]), r"expected positions that broadcast to \(2, 4, 5\), got \(2,\)"),
    (lambda: functional.rotary_embedding(Q, jn.ones((7, 5))), r"expected positions that broadcast to \(2, 4, 5\)"),
    (lambda: functional.rotary_embedding(Q[0, 0], jn.ones((7, 5))), r"expected positions that broadcast to \(5,\)"),
    (lambda: functional.sinusoidal_embedding([1], 3), "expected an even nout, got 3"),
    (
        lambda: nn.MultiHeadAttention(10, 3),
        "expected heads that divide nin, and kv_heads that divide heads, got nin 10",
    ),
    (lambda: nn.MultiHeadAttention(6, 2, rotary=True), "expected heads with an even number of features"),
    (lambda: nn.MultiHeadAttention(8, 2)(jn.ones((5, 8))), r"expected x of shape \(N, T, 8\), got \(5, 8\)"),
    (lambda: nn.KVCache(2, 2, 4, 8)(Q, Q), r"KVCache: expected keys and values \(2, 2, T, 8\) with T up to 4"),
]


@pytest.mark.parametrize(("call", "message"), MISTAKES)
def test_mistakes_say_what_is_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_mistakes_of_types_say_what_is_expected():
    with pytest.raises(TypeError, match="attention: expected a mask of booleans, got float32"):
        attention(Q, Q, Q, mask=jn.ones((5, 5)))
    with pytest.raises(TypeError, match="attention: expected real numbers, got int32"):
        attention(*[Q.astype("int32")] * 3)
    layer = nn.MultiHeadAttention(8, 2)
    with pytest.raises(ValueError, match="MultiHeadAttention: expected a cache alone, got a context, mask or bias"):
        layer(jn.ones((1, 2, 8)), mask=np.ones((1, 2), bool), cache=layer.cache(1, 4))


def test_a_mask_that_may_be_of_keys_or_of_queries_and_keys_is_refused():
    layer, x, mask = nn.MultiHeadAttention(8, 2), jn.ones((3, 3, 8)), np.tril(np.ones((3, 3), bool))
    with pytest.raises(ValueError, match=r"may be of keys, .* or of queries and keys, .* Write mask\[:, None, None\]"):
        layer(x, mask=mask)
    assert layer(x, mask=mask[None, None]).shape == layer(x, mask=mask[:, None, None]).shape == x.shape


def test_a_mask_that_may_be_of_sequences_or_of_heads_is_refused():
    layer, x, mask = nn.MultiHeadAttention(8, 2), jn.ones((2, 3, 8)), np.tril(np.ones((2, 3, 3), bool))
    with pytest.raises(ValueError, match=r"may be of sequences, .* or of heads, .* N = heads\. Write mask\[:, None\]"):
        layer(x, mask=mask)
    assert layer(x, mask=mask[:, None]).shape == layer(x, mask=mask[None]).shape == x.shape
    assert layer(jn.ones((3, 3, 8)), mask=mask).shape == (3, 3, 8)  # of heads


def test_weights_that_training_drops_average_to_all_weights():
    layer = nn.MultiHeadAttention(8, 2, keep=0.5, generator=cuobjax.random.Generator(3))
    x = cuobjax.random.normal((1, 4, 8), generator=cuobjax.random.Generator(4))
    y = on_host(layer(jn.tile(x, (20_000, 1, 1)), training=True))
    error = y.std(0).max() / len(y) ** 0.5
    assert error > 0
    np.testing.assert_allclose(y.mean(0), on_host(layer(x, training=False))[0], rtol=0, atol=5 * error)

"""GPT and ViT: what they compute, decoding, training, mistakes."""

import numpy as np
import pytest

import cuobjax
import cuobjax.numpy as jn
from cuobjax import random, zoo


def on_host(x):
    return np.asarray(cuobjax.device_put(x, "cpu"))


def gpt(**arguments):
    return zoo.GPT(11, length=12, nfeatures=16, heads=4, layers=2, **arguments)


def test_sizes_are_those_of_the_papers(monkeypatch):
    monkeypatch.setattr(random, "normal", lambda shape, **_: jn.zeros(shape))  # drawing them takes seconds
    count = lambda net: sum(v.size for v in net.vars().subset(cuobjax.TrainVar))
    blocks = 12 * (12 * 768 * 768 + 13 * 768)
    assert count(zoo.GPT(50257)) == 124_439_808 == 50257 * 768 + 1024 * 768 + blocks + 2 * 768
    assert count(zoo.ViT(3, 1000)) == 86_567_656


@pytest.mark.parametrize("arguments", [{}, {"rotary": True, "kv_heads": 2}])
def test_a_token_sees_those_before_it(arguments):
    net = gpt(**arguments)
    x = np.array([[1, 2, 3, 4, 5]])
    y = on_host(net(x))
    assert y.shape == (1, 5, 11)
    changed = on_host(net(np.array([[1, 2, 3, 9, 5]])))
    np.testing.assert_allclose(changed[:, :3], y[:, :3], rtol=1e-4, atol=1e-6)
    assert abs(changed[:, 3:] - y[:, 3:]).min(-1).max() > 0


@pytest.mark.parametrize("arguments", [{}, {"rotary": True, "kv_heads": 2}])
def test_generating_with_caches_is_generating_without(arguments):
    net = gpt(**arguments)
    for block in net.blocks:  # weights that make tokens differ
        for v in block.vars().subset(cuobjax.TrainVar):
            v.assign(v.value * 8 if v.ndim == 2 else v.value)
    tokens = np.array([[1, 2, 3], [7, 7, 7]])
    expected = tokens
    for _ in range(6):
        expected = np.concatenate([expected, on_host(net(expected))[:, -1:].argmax(-1)], 1)
    np.testing.assert_array_equal(on_host(net.generate(tokens, 6, temperature=0)), expected)
    np.testing.assert_array_equal(on_host(net.generate(tokens, 6, top_k=1)), expected)
    np.testing.assert_array_equal(on_host(net.generate(tokens, 0)), tokens)


def test_drawn_tokens_follow_the_seed_and_the_logits():
    net, tokens = gpt(), np.zeros((200, 1), int)
    one, two = [on_host(net.generate(tokens, 2, generator=cuobjax.random.Generator(5))) for _ in range(2)]
    np.testing.assert_array_equal(one, two)
    assert len(set(one[:, 1])) == 11
    logits = on_host(net(tokens[:1]))[0, 0]
    drawn = on_host(net.generate(tokens, 1, top_k=3))[:, 1]
    assert set(drawn) == set(np.argsort(logits)[-3:])


def test_they_learn():
    cuobjax.random.seed(0)
    net, x = gpt(), np.array([[1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]])
    loss = lambda x: cuobjax.functional.loss.cross_entropy_logits_sparse(net(x[:, :-1]), x[:, 1:]).mean()
    gradients, optimizer = cuobjax.GradValues(loss, net.vars()), cuobjax.optimizer.Adam(net.vars())

    @cuobjax.Jit
    def step(x):
        g, values = gradients(x)
        optimizer(0.01, g)
        return values[0]

    losses = [float(step(jn.array(x))) for _ in range(40)]
    assert losses[-1] < 0.1 < 2 < losses[0]
    np.testing.assert_array_equal(on_host(net.generate(x[:, :5], 3, temperature=0))[0, 5:], [2, 3, 4])


def test_images_are_read_in_patches():
    net = zoo.ViT(1, 3, size=4, patch=2, nfeatures=8, heads=2, layers=1, keep=0.5)
    x = cuobjax.random.normal((2, 1, 4, 4))
    y = on_host(net(x, training=False))
    assert y.shape == (2, 3)
    swapped = jn.concatenate([x[:, :, 2:], x[:, :, :2]], 2)
    net.positions.assign(net.positions.value * 0)
    np.testing.assert_allclose(
        on_host(net(swapped, training=False)), on_host(net(x, training=False)), rtol=1e-4, atol=1e-5
    )
    assert (on_host(net(x, training=True)) != on_host(net(x, training=True))).any()


MISTAKES = [
    (lambda: gpt()(np.zeros(3, int)), r"GPT: expected tokens \(N, T\) with T from 1 to 12, got \(3,\)"),
    (lambda: gpt()(np.zeros((1, 13), int)), "GPT: expected tokens"),
    (lambda: gpt().generate(np.zeros((1, 9), int), 4), r"GPT.generate: expected tokens \(N, T\) with 0 < T <= 8"),
    (
        lambda: gpt().generate([[1]], 1, temperature=-1),
        "GPT.generate: expected temperature >= 0 and top_k from 1 to 11",
    ),
    (lambda: gpt().generate([[1]], 1, temperature=float("nan")), "GPT.generate: expected temperature >= 0"),
    (lambda: gpt().generate([[1]], 1, top_k=12), "GPT.generate: expected temperature >= 0 and top_k from 1 to 11"),
    (lambda: gpt().caches(1, 13), "GPT.caches: expected a capacity of at most 12, got 13"),
    (lambda: zoo.ViT(3, 10, size=30, patch=8), "ViT: expected a patch that divides the size, got patch 8 and size 30"),
    (
        lambda: zoo.ViT(3, 2, 8, 4, 8, 2, 1)(jn.ones((1, 8, 8, 3))),
        r"ViT: expected images \(N, 3, 8, 8\), got \(1, 8, 8, 3\)",
    ),
]


@pytest.mark.parametrize(("call", "message"), MISTAKES)
def test_mistakes_say_what_is_expected(call, message):
    with pytest.raises(ValueError, match=message):
        call()

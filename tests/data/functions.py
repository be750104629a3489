"""Makes functions.npz: PyTorch's values of normalizations, activations and losses, and their gradients.

    python tests/data/functions.py    # needs torch (made with torch 2.13, in float64)

tests/cuobjax/test_function_values.py compares: it has a function of each name here.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

results = {}
random = np.random.default_rng(7)


def case(name, function, *inputs, fixed=()):
    """The result of a function and the gradients of the sum of result * (1, 2, 3, 0, 1, ...)."""
    tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
    y = function(*tensors, *[torch.tensor(x) for x in fixed])
    (y * ((torch.arange(y.numel()) + 1) % 4).reshape(y.shape)).sum().backward()
    results[f"{name}/y"] = y.detach().numpy()
    for i, (x, tensor) in enumerate(zip(inputs, tensors, strict=True)):
        results[f"{name}/input{i}"], results[f"{name}/gradient{i}"] = x, tensor.grad.numpy()
    for i, x in enumerate(fixed):
        results[f"{name}/fixed{i}"] = x


def normal(*shape):
    return np.round(random.normal(size=shape), 3)


# Normalizations: x, gamma, beta.
x, gamma, beta = normal(3, 4, 5), normal(5), normal(5)
case("layer_norm", lambda x, g, b: F.layer_norm(x, (5,), g, b), x, gamma, beta)
case("layer_norm_of_two_axes", lambda x, g, b: F.layer_norm(x, (4, 5), g, b), x, normal(4, 5), normal(4, 5))
case("rms_norm", lambda x, g: F.rms_norm(x, (5,), g, 1e-6), x, gamma)
image, gamma, beta = normal(2, 6, 3, 2), normal(6), normal(6)
case("group_norm", lambda x, g, b: F.group_norm(x, 3, g, b), image, gamma, beta)
case("instance_norm", lambda x, g, b: F.instance_norm(x, weight=g, bias=b), image, gamma, beta)
case("batch_norm", lambda x, g, b: F.batch_norm(x, None, None, g, b, True), image, gamma, beta)

# Activations.
points = np.concatenate([np.linspace(-9, 9, 31), normal(9)])
for name in "gelu silu mish elu selu celu hardsigmoid hardswish hardtanh relu6".split():
    case(name, getattr(F, name), points)
case("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"), points)
case("celu_2", lambda x: F.celu(x, 2.0), points)
case("glu", lambda x: F.glu(x, 1), image)
case("prelu", F.prelu, image, normal(6))

# Losses; those of rows are one number for each of them.
logits, other, classes = normal(6, 5), normal(6, 5), np.array([0, 4, 2, 2, 1, 3])
p = np.round(random.dirichlet(np.ones(5), 6), 3)
p /= p.sum(1, keepdims=True)
masks, sign, same = (random.uniform(size=(6, 5)) > 0.5) * 1.0, random.choice([-1.0, 1.0], (6, 5)), np.arange(6) % 2
case("softmax", lambda x: F.softmax(x, 1), logits)
case("log_softmax", lambda x: F.log_softmax(x, 1), logits)
case("cross_entropy_logits", lambda x, y: F.cross_entropy(x, y, reduction="none"), logits, fixed=[p])
case("cross_entropy_logits_sparse", lambda x, y: F.cross_entropy(x, y, reduction="none"), logits, fixed=[classes])
case(
    "smoothed",
    lambda x, y: F.cross_entropy(x, y, reduction="none", label_smoothing=0.2),
    logits,
    fixed=[classes],
)
case(
    "weighted",
    lambda x, y: F.cross_entropy(x, y, torch.tensor([1.0, 2.0, 3.0, 0.5, 0.25]).double(), reduction="none"),
    logits,
    fixed=[classes],
)
case(
    "sigmoid_cross_entropy_logits",
    lambda x, y: F.binary_cross_entropy_with_logits(x, y, reduction="none"),
    logits,
    p,
)
case("kl_logits", lambda x, y: F.kl_div(F.log_softmax(x, 1), y, reduction="none").sum(1), logits, fixed=[p])


def focal(x, y, alpha=0.25, gamma=2.0):
    """As torchvision.ops.sigmoid_focal_loss."""
    p, ce = x.sigmoid(), F.binary_cross_entropy_with_logits(x, y, reduction="none")
    return (alpha * y + (1 - alpha) * (1 - y)) * ce * (1 - (p * y + (1 - p) * (1 - y))) ** gamma


def focal_sparse(x, y, gamma=2.0):
    log_p = F.log_softmax(x, 1).gather(1, y[:, None])[:, 0]
    return -((1 - log_p.exp()) ** gamma) * log_p


case("focal_logits", focal, logits, fixed=[masks])
case("focal_logits_sparse", focal_sparse, logits, fixed=[classes])
case("hinge_sparse", lambda x, y: F.multi_margin_loss(x, y, reduction="none"), logits, fixed=[classes])
case(
    "margin_ranking", lambda x, y, s: F.margin_ranking_loss(x, y, s, 0.3, reduction="none"), logits, other, fixed=[sign]
)
for name, function in {
    "huber": lambda x, y: F.huber_loss(x, y, reduction="none", delta=0.7),
    "smooth_l1": lambda x, y: F.smooth_l1_loss(x, y, reduction="none", beta=0.7),
    "mean_squared_error": lambda x, y: F.mse_loss(x, y, reduction="none"),
    "mean_absolute_error": lambda x, y: F.l1_loss(x, y, reduction="none"),
}.items():
    case(name, lambda x, y, f=function: f(x, y).mean(1), logits, other)
variance = np.round(random.uniform(0.1, 2, (6, 5)), 3)
case("gaussian_nll", lambda m, v, y: F.gaussian_nll_loss(m, y, v, reduction="none"), logits, variance, other)
counts = random.integers(0, 5, (6, 5)) * 1.0
case("poisson_nll", lambda x, y: F.poisson_nll_loss(x, y, reduction="none"), logits, fixed=[counts])
case("cosine_similarity", F.cosine_similarity, logits, other)
case(
    "cosine_embedding",
    lambda x, y, same: F.cosine_embedding_loss(x, y, 2 * same - 1, 0.1, reduction="none"),
    logits,
    other,
    fixed=[same],
)
case("triplet", lambda a, p, n: F.triplet_margin_loss(a, p, n, reduction="none"), logits, other, normal(6, 5))
case(
    "info_nce",
    lambda x, y: F.cross_entropy(F.normalize(x) @ F.normalize(y).T / 0.2, torch.arange(6), reduction="none"),
    logits,
    other,
)

# CTC: logits (N, T, classes), labels, lengths of both.
spoken, words = normal(4, 9, 5), np.array([[1, 2, 2, 3], [4, 4, 1, 1], [2, 1, 3, 4], [3, 3, 3, 1]])
lengths = [np.array([9, 8, 5, 7]), np.array([4, 3, 2, 0])]


def ctc(x, words, steps, letters):
    return F.ctc_loss(F.log_softmax(x, 2).transpose(0, 1), words, steps, letters, reduction="none")


case("ctc_logits", ctc, spoken, fixed=[words, *lengths])

# What came later, so that the numbers above stay as they are.
for name in "softsign hardshrink softshrink".split():
    case(name, getattr(F, name), points)
case("normalize", F.normalize, normal(3, 4))
case("normalize_1", lambda x: F.normalize(x, 1, 0), normal(3, 4))
planes, columns = normal(2, 3, 6, 5), normal(2, 12, 20)
case("unfold", lambda x: F.unfold(x, (3, 2), dilation=(1, 2), padding=(1, 0), stride=(2, 1)), planes)
case("fold", lambda x: F.fold(x, (6, 5), 2), columns)

np.savez_compressed(Path(__file__).with_suffix(".npz"), **results)

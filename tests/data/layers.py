"""Makes layers.npz: what PyTorch and JAX compute, for tests/cuobjax/test_layers_values.py.

    python tests/data/layers.py    # needs torch and jax (made with torch 2.13, jax 0.10)

Inputs are small integers, so that results of sums of products are exact.
"""

# ruff: noqa: B023 (functions are called at once)
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import torch
import torch.nn.functional as F

results = {}


def numbers(*shape, period=7):
    """Integers around 0 that do not repeat along any axis."""
    n = int(np.prod(shape))
    return ((np.arange(n) * 5 % 11 + np.arange(n) % period) % period - period // 2).reshape(shape).astype("float32")


def gradients(name, f, *arrays):
    """The result of f and the gradients of the sum of result * (0, 1, 2, 3, 0, ...)."""
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    y = f(*tensors)
    (y * (torch.arange(y.numel()) % 4).reshape(y.shape)).sum().backward()
    results[f"{name}/y"] = y.detach().numpy()
    for i, t in enumerate(tensors):
        results[f"{name}/gradient{i}"] = t.grad.numpy()


SPATIAL = {1: (9,), 2: (7, 6), 3: (4, 3, 5)}
for rank, spatial in SPATIAL.items():
    conv = getattr(F, f"conv{rank}d")
    transpose = getattr(F, f"conv_transpose{rank}d")
    x, w = numbers(2, 4, *spatial), numbers(6, 2, *[3, 2, 3][:rank], period=5)
    gradients(f"conv{rank}", lambda x, w: conv(x, w, stride=2, padding=2, dilation=2, groups=2), x, w)
    w = numbers(4, 3, *[3, 2, 4][:rank], period=5)
    gradients(
        f"transpose{rank}",
        lambda x, w: transpose(x, w, stride=2, padding=1, output_padding=1, dilation=2, groups=2),
        x,
        w,
    )
    w = numbers(4, 1, *[3] * rank, period=5)
    gradients(f"depthwise{rank}", lambda x, w: conv(x, w, padding=1, groups=4), x, w)
    for kind, padding in (("SAME", "SAME"), ("VALID", "VALID"), ("pairs", [(1, 2), (0, 1), (2, 0)][:rank])):
        for stride, dilation in ((1, 1), (2, 1), (3, 2), (4, 1)):
            axes = "DHW"[-rank:]
            w = numbers(*[3, 2, 4][:rank], 2, 4, period=5)
            results[f"objax{rank}/{kind}/{stride}/{dilation}"] = np.asarray(
                jax.lax.conv_transpose(
                    x[:1], w, (stride,) * rank, padding, rhs_dilation=(dilation,) * rank,
                    dimension_numbers=(f"NC{axes}", f"{axes}IO", f"NC{axes}"), transpose_kernel=True,
                )
            )  # fmt: skip
    for size in (2, 3, 5):
        gradients(f"adaptive_average{rank}/{size}", lambda x: getattr(F, f"adaptive_avg_pool{rank}d")(x, size), x)
        gradients(f"adaptive_max{rank}/{size}", lambda x: getattr(F, f"adaptive_max_pool{rank}d")(x, size), x)
    gradients(f"average{rank}", lambda x: getattr(F, f"avg_pool{rank}d")(x, 3, 2, 1), x)
    gradients(f"max{rank}", lambda x: getattr(F, f"max_pool{rank}d")(x, 3, 2, 1), x)

x = numbers(1, 2, 5, 8)
for mode in ("nearest", "linear", "cubic", "lanczos3", "lanczos5"):
    for shape in ((10, 16), (3, 3), (7, 4), (5, 13), (1, 1), (13, 2)):
        name = f"resize/{mode}/{shape[0]}/{shape[1]}"
        results[name] = np.asarray(jax.image.resize(x, (1, 2, *shape), mode))
        results[f"{name}/gradient"] = np.asarray(
            jax.grad(lambda x: (jax.image.resize(x, (1, 2, *shape), mode) ** 2).sum())(jnp.asarray(x))
        )
results["shuffle"] = F.pixel_shuffle(torch.tensor(numbers(2, 12, 4, 6)), 2).numpy()

# Weight and spectral normalization: y, and the gradients of the sum of y * (0, 1, 2, 3, 0, ...), by name.
for kind, layer, x in (
    ("linear", torch.nn.Linear(3, 4), numbers(2, 3)),
    ("conv", torch.nn.Conv2d(2, 4, 3, padding=1), numbers(2, 2, 4, 5)),
):
    for wrap in (torch.nn.utils.parametrizations.weight_norm, torch.nn.utils.parametrizations.spectral_norm):
        name = f"{wrap.__name__}/{kind}"
        w = torch.tensor(numbers(*layer.weight.shape, period=5) + 0.5)
        plain = torch.nn.Linear(3, 4) if kind == "linear" else torch.nn.Conv2d(2, 4, 3, padding=1)
        plain.weight.data, plain.bias.data = w, torch.arange(4.0)
        torch.manual_seed(0)
        wrapped = wrap(plain).train()
        normalized = wrapped.parametrizations.weight
        results[f"{name}/w"] = w.numpy()
        if wrap is torch.nn.utils.parametrizations.weight_norm:
            normalized.original0.data = normalized.original0.data * 2
        else:
            results[f"{name}/before/u"], results[f"{name}/before/v"] = (
                getattr(normalized[0], f"_{key}").numpy().copy() for key in "uv"
            )
        y = wrapped(torch.tensor(x))
        (y * (torch.arange(y.numel()) % 4).reshape(y.shape)).sum().backward()
        results[f"{name}/y"] = y.detach().numpy()
        for key, parameter in normalized.named_parameters():
            results[f"{name}/{key}"] = parameter.grad.numpy()
        if wrap is torch.nn.utils.parametrizations.spectral_norm:
            results[f"{name}/after/u"] = normalized[0]._u.numpy()
            results[f"{name}/evaluated"] = wrapped.eval()(torch.tensor(x)).detach().numpy()

np.savez_compressed(Path(__file__).with_suffix(".npz"), **results)

"""The cases in plain NumPy, forward and backward as a careful person writes them: the yardstick and the oracle."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy.special import erf

from benchmarks.cases import STRIDES, Case, Inputs

VERSION = f"NumPy {np.__version__}"

Answer = tuple[Any, list[np.ndarray]]


def prepare(case: Case, inputs: Inputs) -> Callable[[], Answer]:
    return partial(globals()[case.function], *inputs.differentiated, **inputs.fixed)


def to_numpy(answer: Answer) -> Answer:
    return answer


def forward(x, scale, shift, cycles):
    h = x
    for _ in range(cycles):
        h = np.tanh(h)
        h = h * scale
        h = h + shift
    return h.sum(), []


def chain(x, scale, shift, cycles):
    h, kept = x, []
    for _ in range(cycles):
        h = np.tanh(h)
        kept.append(h)
        h = h * scale
        h = h + shift
    dh = np.ones_like(h)
    for y in reversed(kept):
        dh = dh * scale
        dh = dh * (1 - y * y)
    return h.sum(), [dh]


def mlp(w1, b1, w2, b2, w3, b3, x, labels):
    h1 = np.maximum(x @ w1 + b1, 0)
    h2 = np.maximum(h1 @ w2 + b2, 0)
    logits = h2 @ w3 + b3
    shifted = logits - logits.max(1, keepdims=True)
    exponentials = np.exp(shifted)
    totals = exponentials.sum(1, keepdims=True)
    rows = np.arange(len(x))
    loss = (np.log(totals[:, 0]) - shifted[rows, labels]).mean()

    dlogits = exponentials / totals
    dlogits[rows, labels] -= 1
    dlogits /= len(x)
    dz2 = (dlogits @ w3.T) * (h2 > 0)
    dz1 = (dz2 @ w2.T) * (h1 > 0)
    return loss, [x.T @ dz1, dz1.sum(0), h1.T @ dz2, dz2.sum(0), h2.T @ dlogits, dlogits.sum(0)]


def cross_entropy(logits, labels):
    rows = np.arange(len(logits))
    shifted = logits - logits.max(1, keepdims=True)
    exponentials = np.exp(shifted)
    totals = exponentials.sum(1, keepdims=True)
    loss = (np.log(totals[:, 0]) - shifted[rows, labels]).mean()
    exponentials /= totals
    exponentials[rows, labels] -= 1
    exponentials /= len(logits)
    return loss, [exponentials]


def layer_norm(x, gamma, beta, weights):
    scale = 1 / np.sqrt(x.var(1, keepdims=True) + np.float32(1e-5))
    z = (x - x.mean(1, keepdims=True)) * scale
    total = ((z * gamma + beta) * weights).sum()
    h = weights * gamma
    dx = (h - h.mean(1, keepdims=True) - z * (h * z).mean(1, keepdims=True)) * scale
    return total, [dx, (weights * z).sum(0), weights.sum(0)]


def deep50(*parameters, x):
    weights, biases = parameters[::2], parameters[1::2]
    states = [x]
    for w, b in zip(weights, biases, strict=True):
        states.append(np.tanh(states[-1] @ w + b))
    h = states.pop()
    loss = np.mean(h * h)

    gradients = []
    dh = h * (2 / h.size)
    for i in reversed(range(len(weights))):
        dz = dh * (1 - h * h)
        h = states.pop()
        gradients += [dz.sum(0), h.T @ dz]
        if i:
            dh = dz @ weights[i].T
    return loss, gradients[::-1]


def rnn(w_input, w_hidden, bias, steps, initial):
    states = [initial]
    for x in steps:
        states.append(np.tanh(x @ w_input + states[-1] @ w_hidden + bias))
    h = states.pop()
    loss = np.mean(h * h)

    dw_input, dw_hidden, dbias = np.zeros_like(w_input), np.zeros_like(w_hidden), np.zeros_like(bias)
    dh = h * (2 / h.size)
    for x in steps[::-1]:
        dz = dh * (1 - h * h)
        h = states.pop()
        dw_input += x.T @ dz
        dw_hidden += h.T @ dz
        dbias += dz.sum(0)
        if states:
            dh = dz @ w_hidden.T
    return loss, [dw_input, dw_hidden, dbias]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(w_input, w_hidden, bias, x):
    count, size = x.shape[1], w_hidden.shape[0]
    h = c = np.zeros((len(x), size), x.dtype)
    hs, cs, gates = [h], [c], []
    for t in range(count):
        pre = x[:, t] @ w_input + h @ w_hidden + bias
        i, f, g, o = pre[:, :size], pre[:, size : 2 * size], pre[:, 2 * size : 3 * size], pre[:, 3 * size :]
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c = f * c + i * g
        h = o * np.tanh(c)
        hs.append(h)
        cs.append(c)
        gates.append((i, f, g, o))
    states = np.stack(hs[1:])
    dw_input, dw_hidden, dbias = np.zeros_like(w_input), np.zeros_like(w_hidden), np.zeros_like(bias)
    dh, dc = np.zeros_like(h), np.zeros_like(c)
    for t in reversed(range(count)):
        i, f, g, o = gates[t]
        out = np.tanh(cs[t + 1])
        dh = dh + hs[t + 1] * (2 / states.size)
        dc = dc + dh * o * (1 - out * out)
        parts = dc * g * i * (1 - i), dc * cs[t] * f * (1 - f), dc * i * (1 - g * g), dh * out * o * (1 - o)
        dpre = np.concatenate(parts, 1)
        dw_input += x[:, t].T @ dpre
        dw_hidden += hs[t].T @ dpre
        dbias += dpre.sum(0)
        dh, dc = dpre @ w_hidden.T, dc * f
    return np.mean(states * states), [dw_input, dw_hidden, dbias]


def normalized(x, gamma, beta):
    z = x - x.mean(-1, keepdims=True)
    r = 1 / np.sqrt((z * z).mean(-1, keepdims=True) + 1e-5)
    z *= r
    return z * gamma + beta, z, r


def normalized_back(g, z, r, gamma):
    h = g * gamma
    dx = r * (h - h.mean(-1, keepdims=True) - z * (h * z).mean(-1, keepdims=True))
    return dx, [(g * z).sum((0, 1)), g.sum((0, 1))]


def linear_back(g, x, w):
    g, x = g.reshape(-1, g.shape[-1]), x.reshape(-1, x.shape[-1])
    return g @ w.T, [x.T @ g, g.sum(0)]


def block(wq, bq, wk, wv, bv, wo, bo, w1, b1, w2, b2, gamma1, beta1, gamma2, beta2, x, heads):
    n, t, d = x.shape
    split = lambda y: y.reshape(n, t, heads, d // heads).transpose(0, 2, 1, 3)
    joined = lambda y: y.transpose(0, 2, 1, 3).reshape(n, t, d)
    a, z1, r1 = normalized(x, gamma1, beta1)
    q, k, v = split(a @ wq + bq), split(a @ wk), split(a @ wv + bv)
    scale = (d // heads) ** -0.5
    s = q @ k.swapaxes(2, 3) * scale
    p = np.exp(s - s.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    y = joined(p @ v)
    x1 = x + y @ wo + bo
    m, z2, r2 = normalized(x1, gamma2, beta2)
    u = m @ w1 + b1
    cdf = (0.5 * (1 + erf(u / np.sqrt(2)))).astype(u.dtype)
    h = u * cdf
    result = x1 + h @ w2 + b2
    g = result * (2 / result.size)

    dh, to_second = linear_back(g, h, w2)
    du = dh.reshape(u.shape) * (cdf + u * np.exp(-u * u / 2) / np.float32(np.sqrt(2 * np.pi)))
    dm, to_first = linear_back(du, m, w1)
    dx1, to_norm2 = normalized_back(dm.reshape(x.shape), z2, r2, gamma2)
    dx1 = dx1 + g
    dy, to_output = linear_back(dx1, y, wo)
    dy = split(dy.reshape(x.shape))
    dp = dy @ v.swapaxes(2, 3)
    ds = p * (dp - (dp * p).sum(-1, keepdims=True)) * scale
    dq, dk, dv = joined(ds @ k), joined(ds.swapaxes(2, 3) @ q), joined(p.swapaxes(2, 3) @ dy)
    da, projections = 0, []
    for grad, w in ((dq, wq), (dk, wk), (dv, wv)):
        part, pair = linear_back(grad, a, w)
        da, projections = da + part, projections + pair
    _, to_norm1 = normalized_back(da.reshape(x.shape), z1, r1, gamma1)
    del projections[3]
    gradients = [*projections, *to_output, *to_first, *to_second, *to_norm1, *to_norm2]
    return np.mean(result * result), gradients


def jacobian(x, w):
    return (1 - np.tanh(w @ x) ** 2)[:, None] * w, []


def jacobian_by_rows(x, w):
    return np.stack([(1 - np.tanh(w @ x)[i] ** 2) * w[i] for i in range(len(w))]), []


def add_repeatedly(x, constant, count):
    h = x
    for _ in range(count):
        h = h + constant
    return h.sum(), [np.ones_like(h)]


def multiply_repeatedly(x, constant, count):
    h = x
    for _ in range(count):
        h = h * constant
    dh = np.ones_like(h)
    for _ in range(count):
        dh = dh * constant
    return h.sum(), [dh]


def tanh_repeatedly(x, constant, count):
    h, kept = x, []
    for _ in range(count):
        h = np.tanh(h)
        kept.append(h)
    total = h.sum()
    dh = np.ones_like(h)
    while kept:
        h = kept.pop()
        dh = dh * (1 - h * h)
    return total, [dh]


def conv(*kernels, x):
    kernels = [np.ascontiguousarray(w.transpose(3, 2, 0, 1)) for w in kernels]
    columns, h = [], x
    for w in kernels:
        n, channels, height, width = h.shape
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(h, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3), (2, 3))
        columns.append(np.ascontiguousarray(windows.transpose(1, 4, 5, 0, 2, 3)).reshape(channels * 9, -1))
        y = w.reshape(len(w), -1) @ columns[-1]
        h = np.maximum(y.reshape(len(w), n, height, width).transpose(1, 0, 2, 3), 0)
    value, g = (h * h).mean(), h * np.float32(2 / h.size)
    gradients = []
    for i, w in reversed([*enumerate(kernels)]):
        g_rows = g.transpose(1, 0, 2, 3).reshape(len(w), -1)
        gradients.append((g_rows @ columns[i].T).reshape(w.shape).transpose(2, 3, 1, 0))
        if i:
            n, channels, height, width = g.shape[0], w.shape[1], *g.shape[2:]
            of_windows = (w.reshape(len(w), -1).T @ g_rows).reshape(channels, 3, 3, n, height, width)
            padded = np.zeros((channels, n, height + 2, width + 2), np.float32)
            for a in range(3):
                for b in range(3):
                    padded[:, :, a : a + height, b : b + width] += of_windows[:, a, b]
            before = columns[i].reshape(channels, 9, n, height, width)[:, 4]  # the middle of a window
            g = (padded[:, :, 1:-1, 1:-1] * (before > 0)).transpose(1, 0, 2, 3)
    return value, gradients[::-1]


def convolved(x, w, stride):
    """The convolution of x with w (k, k, in, out), and the function from its gradient to those of x and w."""
    k, (n, channels, size, _) = len(w), x.shape
    pad, reach, columns_of = k // 2, size + 2 * (k // 2), np.lib.stride_tricks.sliding_window_view
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    windows = columns_of(padded, (k, k), (2, 3))[:, :, ::stride, ::stride]
    out = windows.shape[2]
    columns = np.ascontiguousarray(windows.transpose(1, 4, 5, 0, 2, 3)).reshape(channels * k * k, -1)
    matrix = np.ascontiguousarray(w.transpose(3, 2, 0, 1)).reshape(w.shape[3], -1)

    def back(g):
        rows = g.transpose(1, 0, 2, 3).reshape(len(matrix), -1)
        of_windows = (matrix.T @ rows).reshape(channels, k, k, n, out, out)
        total = np.zeros((channels, n, reach, reach), x.dtype)
        for a in range(k):
            for b in range(k):
                total[:, :, a : a + out * stride : stride, b : b + out * stride : stride] += of_windows[:, a, b]
        dw = (rows @ columns.T).reshape(-1, channels, k, k).transpose(2, 3, 1, 0)
        return total[:, :, pad : pad + size, pad : pad + size].transpose(1, 0, 2, 3), dw

    return (matrix @ columns).reshape(-1, n, out, out).transpose(1, 0, 2, 3), back


def unit(x, parameters, stride=1):
    """Convolution and batch norm, and the function from the gradient to that of x; it appends those of parameters."""
    w, gamma, beta = parameters
    h, convolution_back = convolved(x, w, stride)
    axes = 0, 2, 3
    z = h - h.mean(axes, keepdims=True)
    r = 1 / np.sqrt((z * z).mean(axes, keepdims=True) + np.float32(1e-5))
    z *= r

    def back(g, gradients):
        h = g * gamma
        dz = r * (h - h.mean(axes, keepdims=True) - z * (h * z).mean(axes, keepdims=True))
        dx, dw = convolution_back(dz)
        gradients[:0] = [dw, (g * z).sum(axes, keepdims=True), g.sum(axes, keepdims=True)]
        return dx

    return z * gamma + beta, back


def resnet(*parameters, x, labels):
    units, (w, b) = iter(zip(*[iter(parameters[:-2])] * 3, strict=True)), parameters[-2:]
    y, stem_back = unit(x, next(units))
    blocks, h = [], np.maximum(y, 0)
    for stride in STRIDES:
        y, first_back = unit(h, next(units), stride)
        middle = np.maximum(y, 0)
        y, second_back = unit(middle, next(units))
        side, side_back = unit(h, next(units), stride) if stride > 1 else (h, None)
        blocks.append((h, middle, first_back, second_back, side_back))
        h = np.maximum(y + side, 0)
    last, features = h, h.mean((2, 3))
    value, (dlogits,) = cross_entropy(features @ w + b, labels)
    gradients = [features.T @ dlogits, dlogits.sum(0)]
    g = np.broadcast_to((dlogits @ w.T)[:, :, None, None] / last[0, 0].size, last.shape)
    for before, middle, first_back, second_back, side_back in reversed(blocks):
        g = g * (last > 0)
        to_side = side_back(g, gradients) if side_back else g
        g = first_back(second_back(g, gradients) * (middle > 0), gradients) + to_side
        last = before
    stem_back(g * (last > 0), gradients)
    return value, gradients


def depthwise(w, x):
    padded, (_, _, height, width) = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), x.shape
    shifted = [padded[:, :, a : a + height, b : b + width] for a in range(3) for b in range(3)]
    y = sum(part * k[:, None, None] for part, k in zip(shifted, w.reshape(9, -1), strict=True))
    g = y * np.float32(2 / y.size)
    return (y * y).mean(), [np.stack([(part * g).sum((0, 2, 3)) for part in shifted]).reshape(w.shape)]


def adam(*variables, gradients):
    new = []
    for p, g in zip(variables, gradients, strict=True):
        m, v = 0.1 * g, 0.001 * (g * g)  # the first step: the means were 0
        new.append(p - 0.1 * (m / 0.1) / (np.sqrt(v / 0.001) + 1e-8))
    return np.float32(0), new

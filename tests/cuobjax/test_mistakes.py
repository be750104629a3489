"""What people write who come from PyTorch, JAX, Flax, Objax or HIPS autograd, and what the errors tell them."""

import textwrap

import pytest

from tests.cuobjax.mistakes import arrays, networks, transforms

TABLES = {**arrays.ROWS, **networks.ROWS, **transforms.ROWS}
ROWS = [(theme, *row) for theme, rows in TABLES.items() for row in rows]
PROGRAM = """
import contextvars
import functools
import math
import threading
import numpy as np
import autograd
import autograd.numpy as anp
import cuobjax
import cuobjax.numpy as jn
from autograd import custom_vjp, grad, jacobian, vjp, vmap
from cuobjax import Grad, GradValues, Jit, Module, ModuleList, Parallel, StateVar, TrainRef, TrainVar, Vectorize
from cuobjax import functional as F
from cuobjax import io, nn, optimizer, random

x, n = jn.ones((2, 3)), jn.arange(3)
v, s = TrainVar(jn.ones(3)), StateVar(jn.zeros(3))
net = nn.Linear(3, 2)
loss = lambda x: (net(x) ** 2).mean()
gradients = Grad(loss, net.vars())
opt = optimizer.SGD(net.vars())
"""
# What the errors say to write for names of other libraries.
REMEDIES = """
autograd.stop_gradient(x); np.asarray(x); cuobjax.device_put(x, "cpu"); x.astype("float32"); x.reshape((3, 2))
np.broadcast_to(x, (4, 2, 3)); x.transpose((1, 0)); np.expand_dims(x, 0); x.ndim; x.size; x.T; x.conj().mT; x @ x.T
x.clip(0, 1); np.array_split(x, 3); np.take_along_axis(x, jn.array([[0], [1]]), 1); x.take(jn.array([0]), 1)
np.where(x > 0, 3, x); x[x > 0]; np.linalg.norm(x); np.sort(x)[..., -2:]; x == x; x**x; x.device; x.raw.flags
np.abs(x); np.ceil(x); np.exp(x); np.flip(x); np.floor(x); np.isnan(x); np.median(x); np.sign(x); np.sqrt(x)
np.square(x); np.tile(x, 2); np.unique(x); F.relu(x); F.log_softmax(x); F.logsumexp(x); F.sigmoid(x); F.softmax(x)
v.assign(v.value + x[0]); v.assign(v.value - x[0]); cuobjax.freeze(net, "*.w"); cuobjax.unfreeze(net); net.vars()
io.save_var_collection("net.npz", net.vars()); io.load_var_collection("net.npz", net.vars())
io.save_var_collection("opt.npz", opt.vars()); io.load_var_collection("opt.npz", opt.vars())
print(cuobjax.summary(net, x)); cuobjax.functional_call(net, net.vars().tensors(), x); opt(0.1, gradients(x))
optimizer.Adam(net.vars()); random.normal((2, 3)); random.uniform((2, 3)); random.seed(3); cuobjax.Jit(loss)(x)
random.normal((3,), generator=random.Generator(3)); x.at[0].set(1); nn.Conv2D(1, 2, 3); nn.BatchNorm1D(3)
nn.Sequential([functools.partial(F.max_pool_2d, size=2), F.flatten, lambda x: x])(jn.ones((1, 1, 2, 2)))
nn.Sequential([functools.partial(F.average_pool_2d, size=2), F.relu, jn.tanh])(jn.ones((1, 1, 2, 2)))
nn.Sequential([nn.LSTM(3, 4), lambda y, *rest: y, nn.Linear(4, 2)])(jn.ones((2, 5, 3)))
F.loss.cross_entropy_logits_sparse(x, jn.array([0, 1])).mean(); F.loss.mean_squared_error(x, x).mean()
nn.Sequential([functools.partial(F.pad, pad_width=((0, 0), (0, 0), (1, 1), (1, 1)), mode="wrap")])(x[None, None])
functools.partial(F.unfold, size=2)(x[None, None]); F.softmax((x + cuobjax.random.gumbel(x.shape)) / 0.5)
nn.Linear(3, 2, w_init=nn.init.orthogonal); nn.Linear(3, 2, w_init=functools.partial(jn.full, fill_value=3.0))
z = jn.ones((2, 4, 3, 3)); z * nn.Dropout(0.5)(jn.ones((*z.shape[:2], 1, 1)), training=True); F.softmax(-x)
z = jn.ones((2, 4, 3, 3)); z.reshape((2, 2, 2, 3, 3)).swapaxes(1, 2).reshape(z.shape); jn.linalg.norm(x - x, axis=-1)
cuobjax.ModuleList(nn.TransformerBlock(8, 2) for _ in range(2))
opt(0.1, optimizer.clip_by_global_norm(gradients(x), 1.0))
F.loss.sigmoid_cross_entropy_logits(x, x).mean(); F.loss.mean_absolute_error(x, x).mean()
0.5 * x * (1 + autograd.scipy.special.erf(x / 2**0.5)); autograd.tree.tree_map(jn.sin, [x]); jn.concatenate([x, x], 0)
functools.partial(cuobjax.Jit, static_argnums=1)(lambda x, n: x)(x, 3); jn.stack([x, x]); int(jn.array(2.0))
functools.partial(cuobjax.Vectorize, batch_axis=(0,))(loss)(x)
functools.partial(cuobjax.Parallel, reduce=jn.mean)(net)(jn.ones((12, 3)))
cuobjax.Parallel(net)(jn.ones((12, 3)))
cuobjax.Vectorize(net)(x); autograd.vmap(loss)(x); autograd.value_and_grad(loss)(x)
cuobjax.Jacobian(loss, net.vars()); autograd.scan, autograd.cond, autograd.while_loop; autograd.jvp, autograd.checkpoint
"""


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("theme", "text", "kind", "part"), ROWS, ids=[f"{row[0]}-{i}" for i, row in enumerate(ROWS)])
def test_mistakes_are_explained(theme, text, kind, part, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    exec(PROGRAM, names)
    with pytest.raises(kind) as raised:
        exec(textwrap.dedent(text), names)
    error, texts = raised.value, []
    while error is not None:
        texts += [str(error), *getattr(error, "__notes__", ())]
        error = error.__cause__
    assert part in "\n".join(texts)


@pytest.mark.parametrize("text", REMEDIES.strip().split("\n"), ids=range(len(REMEDIES.strip().split("\n"))))
def test_remedies_run(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    exec(PROGRAM, names)
    exec(text, names)

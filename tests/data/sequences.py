"""Makes sequences.npz, PyTorch's values for `tests/cuobjax/test_sequence_values.py`: `python tests/data/sequences.py`.

Needs PyTorch (2.13 made the file), which the tests do not.
"""

from pathlib import Path

import numpy as np
import torch

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
found = {}


def note(name, **arrays):
    found.update({f"{name}.{key}": x.detach().numpy() for key, x in arrays.items() if x is not None})


for kind in ("RNN", "LSTM", "GRU"):  # two layers, two directions, sequences of lengths 5, 3 and 1
    net = getattr(torch.nn, kind)(2, 3, num_layers=2, bidirectional=True, batch_first=True)
    x, h = torch.randn(3, 5, 2, requires_grad=True), torch.randn(4, 3, 3)
    state = (h, torch.randn(4, 3, 3)) if kind == "LSTM" else h
    packed = torch.nn.utils.rnn.pack_padded_sequence(x, [5, 3, 1], batch_first=True)
    y, last = net(packed, state)
    y = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=True)[0]
    g = torch.randn_like(y)
    ((y * g).sum() + sum((s**2).sum() for s in (last if kind == "LSTM" else (last,)))).backward()
    first, end = [(s if kind == "LSTM" else (s,)) for s in (state, last)]
    note(kind, x=x, y=y, g=g, to_x=x.grad, **{f"first{i}": s for i, s in enumerate(first)})
    note(kind, **{f"last{i}": s for i, s in enumerate(end)})
    note(kind, **dict(net.named_parameters()), **{f"to_{name}": p.grad for name, p in net.named_parameters()})

for name, causal, grouped in (("plain", False, False), ("causal", True, False), ("grouped", False, True)):
    q, k, v = (
        torch.randn(2, 4, 5, 3),
        torch.randn(2, 2 if grouped else 4, 5, 3),
        torch.randn(2, 2 if grouped else 4, 5, 2),
    )
    mask = None if causal else torch.rand(2, 1, 5, 5) > 0.3
    arrays = [a.requires_grad_() for a in (q, k, v)]
    y = torch.nn.functional.scaled_dot_product_attention(*arrays, mask, is_causal=causal, enable_gqa=grouped)
    g = torch.randn_like(y)
    (y * g).sum().backward()
    note(name, q=q, k=k, v=v, mask=mask, y=y, g=g, to_q=q.grad, to_k=k.grad, to_v=v.grad)

for name, dims in (("self", None), ("cross", 4)):
    layer = torch.nn.MultiheadAttention(6, 2, kdim=dims, vdim=dims, batch_first=True)
    torch.nn.init.normal_(layer.in_proj_bias), torch.nn.init.normal_(layer.out_proj.bias)
    x = torch.randn(2, 4, 6)
    context = x if dims is None else torch.randn(2, 5, dims)
    padding = torch.arange(context.shape[1]) >= torch.tensor([[3], [2]])
    y, _ = layer(x, context, context, key_padding_mask=padding)
    note(name, x=x, context=context, padding=padding, y=y, **dict(layer.named_parameters()))

np.savez_compressed(Path(__file__).with_name("sequences.npz"), **found)

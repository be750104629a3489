"""Makes networks.npz: networks of PyTorch, their states, an input and its output, for tests/cuobjax/test_state_dict.py.

python tests/data/networks.py    # needs torch (made with torch 2.13)
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

results = {}


def record(name, net, x):
    """The state of a network, after a step in training for its statistics, and what it makes of x in evaluation."""
    with torch.no_grad():
        net.train()(x * 1.5 + 0.5 if x.is_floating_point() else x)
        y = net.eval()(x)
    results.update({f"{name}/state/{key}": value.numpy() for key, value in net.state_dict().items()})
    results[f"{name}/x"], results[f"{name}/y"] = x.numpy(), y.numpy()


class Block(nn.Module):
    """A residual block with normalization first."""

    def __init__(self, nin, nout, stride):
        super().__init__()
        self.proj_conv = nn.Conv2d(nin, nout, 1, stride, bias=False)
        self.norm_0 = nn.BatchNorm2d(nin)
        self.conv_0 = nn.Conv2d(nin, nout // 4, 1, bias=False)
        self.norm_1 = nn.BatchNorm2d(nout // 4)
        self.conv_1 = nn.Conv2d(nout // 4, nout // 4, 3, stride, 1, bias=False)
        self.norm_2 = nn.BatchNorm2d(nout // 4)
        self.conv_2 = nn.Conv2d(nout // 4, nout, 1, bias=False)

    def forward(self, x):
        first = torch.relu(self.norm_0(x))
        y = self.conv_1(torch.relu(self.norm_1(self.conv_0(first))))
        return self.conv_2(torch.relu(self.norm_2(y))) + self.proj_conv(first)


torch.manual_seed(0)
record("mlp", nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3)), torch.randn(4, 5))
record(
    "convnet",
    nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 4, 3, stride=2, padding=1, groups=2), nn.ReLU(), nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1),
        nn.Flatten(), nn.Linear(6 * 7 * 7, 3),
    ),
    torch.randn(2, 3, 16, 16),
)  # fmt: skip
record(
    "norms",
    nn.Sequential(
        nn.Conv1d(3, 4, 3, padding=1), nn.GroupNorm(2, 4), nn.PReLU(4), nn.LayerNorm([6]),
        nn.InstanceNorm1d(4, affine=True), nn.BatchNorm1d(4),
    ),
    torch.randn(2, 3, 6),
)  # fmt: skip
record("block", Block(4, 8, 2), torch.randn(2, 4, 6, 6))
record("words", nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 2)), torch.tensor([[0, 1], [4, 2]]))


class First(nn.Module):
    """The first result of a layer, of a recurrent one or of attention to itself."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return (self.layer(x, x, x) if isinstance(self.layer, nn.MultiheadAttention) else self.layer(x))[0]


for kind in (nn.RNN, nn.LSTM, nn.GRU):
    layer = kind(3, 4, num_layers=2, bidirectional=True, batch_first=True)
    record(kind.__name__.lower(), First(layer), torch.randn(2, 5, 3))
record("attention", First(nn.MultiheadAttention(6, 2, batch_first=True)), torch.randn(2, 5, 6))
np.savez_compressed(Path(__file__).with_suffix(".npz"), **results)

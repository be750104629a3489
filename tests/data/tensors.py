"""Makes tensors.pt, a file of PyTorch with all that its dictionaries of tensors may have.

    python tests/data/tensors.py

Written with PyTorch 2.13.0 on the CPU.
"""

from pathlib import Path

import torch

base = torch.arange(12.0).reshape(3, 4)
net = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1))
for parameter in net.parameters():
    parameter.data.fill_(0.5)
torch.save(
    {
        "model": net.state_dict(),
        "epoch": 3,
        "losses": [1.0, 0.5],
        "views": {
            "base": base, "turned": base.T, "row": base[1], "steps": base[:, ::2], "same": torch.ones(1).expand(5),
        },
        "dtypes": {
            str(dtype).removeprefix("torch."): torch.tensor([0, 1, 2]).to(dtype)
            for dtype in (
                torch.bool, torch.uint8, torch.uint16, torch.int16, torch.int64, torch.float16, torch.bfloat16,
                torch.float64, torch.complex64, torch.float8_e5m2,
            )
        },
        "number": torch.tensor(2.5),
        "none": torch.zeros(0, 3),
        "parameter": torch.nn.Parameter(torch.tensor([4.0])),
    },
    Path(__file__).with_suffix(".pt"),
)  # fmt: skip

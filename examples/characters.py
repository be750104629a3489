"""An LSTM or a GPT writes Python, one byte after the other: `python -m examples.characters --net gpt`.

They learn from the source text of Python's standard library, which is on every machine. How good they are is how many
bits a byte of other text would take if they compressed it. xz needs no learning: what it takes is hard to reach in a
minute. The LSTM takes one on a CPU, the GPT three.

Sources: Hochreiter & Schmidhuber 1997, Long Short-Term Memory; Radford et al. 2019, Language Models are Unsupervised
Multitask Learners.
"""

import lzma
import math
import sys
import sysconfig
from pathlib import Path

import numpy as np

import cuobjax
import cuobjax.numpy as jn
from cuobjax import nn, plot, random
from cuobjax.data import progress
from cuobjax.functional.loss import cross_entropy_logits_sparse
from cuobjax.optimizer import AdamW, clip_by_global_norm
from cuobjax.optimizer.scheduler import CosineAnnealing, Warmup
from cuobjax.zoo import GPT
from examples.shared import example


class LSTM(cuobjax.Module):
    """Bytes (N, T) to logits of the next ones (N, T, 256)."""

    def __init__(self, width: int):
        self.embedding = nn.Embedding(256, width)
        self.lstm = nn.LSTM(width, width)
        self.head = nn.Linear(width, 256)

    def __call__(self, x):
        return self.with_state(x)[0]

    def with_state(self, x, state=None):
        y, state = self.lstm(self.embedding(x), state)
        return self.head(y), state

    def generate(self, x, count: int, temperature: float = 1.0):
        """Bytes x (N, T) and `count` others, drawn one after the other."""
        written, step = [x], cuobjax.Jit(self.with_state)
        logits, state = step(x)
        for _ in range(count):
            written.append(random.categorical(logits[:, -1] / temperature)[:, None])
            logits, state = step(written[-1], state)
        return jn.concatenate(written, axis=1)


def source_text(count: int) -> bytes:
    """The first bytes of the standard library's modules in the order of their names."""
    folder = Path(sysconfig.get_path("stdlib"))
    return b"\n".join(path.read_bytes() for path in sorted(folder.glob("*.py")))[:count]


@example(
    net=("lstm", "lstm or gpt"),
    steps=(1200, "batches to learn from"),
    batch=(16, "pieces of text in each"),
    length=(64, "bytes of a piece"),
    width=(128, "features of a byte"),
    lr=(0.003, "largest learning rate of AdamW"),
    text=(1_000_000, "bytes of text; the last tenth is for testing"),
)
def main(options):
    if options.net not in ("lstm", "gpt"):
        sys.exit(f"characters: expected --net lstm or gpt, got {options.net}")
    if options.net == "gpt" and options.width % 4:
        sys.exit(f"characters: expected --width as a multiple of 4, the number of heads, got {options.width}")
    text = source_text(options.text)
    learned, other = text[: len(text) * 9 // 10], text[len(text) * 9 // 10 :]
    if len(other) <= options.length:
        sys.exit(f"characters: expected --text of more than 10 times --length, got {len(text)} bytes")
    data = jn.array(np.frombuffer(learned, np.uint8), "int32")
    net = LSTM(options.width) if options.net == "lstm" else GPT(256, options.length, options.width, heads=4, layers=2)

    def bits(pieces):
        """Of a byte, the mean over pieces of text (N, length + 1)."""
        return cross_entropy_logits_sparse(net(pieces[:, :-1]), pieces[:, 1:]).mean() / math.log(2)

    gradients = cuobjax.GradValues(bits, net.vars())
    optimizer = AdamW(net.vars(), weight_decay=0.01)
    schedule = Warmup(CosineAnnealing(options.steps, base_lr=options.lr), steps=options.steps // 10 + 1)

    @cuobjax.Jit
    def step(lr):
        starts = random.randint((options.batch, 1), 0, len(learned) - options.length)
        g, v = gradients(data[starts + jn.arange(options.length + 1)])
        optimizer(lr, clip_by_global_norm(g, 1.0))
        return v[0]

    measured = []
    steps = progress(range(options.steps), "training")
    for i in steps:
        measured.append(step(schedule(i)))
        steps.show(bits=measured[-1])

    whole = len(other) // (options.length + 1) * (options.length + 1)
    pieces = np.frombuffer(other[:whole], np.uint8).astype("int32").reshape(-1, options.length + 1)
    ours = np.mean([float(bits(some)) for some in np.array_split(pieces, max(1, len(pieces) // 64))])
    xz = 8 * (len(lzma.compress(text)) - len(lzma.compress(learned))) / len(other)
    print(f"{options.net}: {ours:.3f} bits per byte of other text; xz, which has seen the same: {xz:.3f}")
    start = jn.array([[*b"def "]])
    count = 300 if options.net == "lstm" else options.length - start.size  # a GPT has as many positions as it learned
    written = bytes(net.generate(start, count, temperature=0.7)[0].tolist())
    print(f"what it writes:\n{written.decode(errors='replace').rstrip()}")
    return plot.curves({options.net: measured}, "bits per byte")


if __name__ == "__main__":
    main()

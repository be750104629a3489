"""A small GPT that learns to write documentation: `python -m examples.text`.

Its texts are the docstrings of Python's standard library, which are on every machine. Batches are those of Hugging
Face's tools: dictionaries of `input_ids` and `attention_mask`, padded to the longest text. `--torch` has PyTorch's
DataLoader make them. Where the package tokenizers is installed, tokens are learned from the texts, else they are bytes.
"""

import argparse
import ast
import importlib.util
import sys
from pathlib import Path

import numpy as np

import cuobjax
import cuobjax.numpy as jn
from cuobjax.functional.loss import cross_entropy_logits_sparse
from cuobjax.optimizer import AdamW, clip_by_global_norm
from cuobjax.optimizer.scheduler import CosineAnnealing, Warmup
from cuobjax.zoo import GPT

BLOCK = 32  # lengths of batches are multiples of it, so that `Jit` records few programs
HELD_OUT = 10  # every tenth text is for testing


def texts(count: int) -> list[str]:
    """The first docstrings of the standard library, each once."""
    found: dict[str, None] = {}
    for name in sorted(sys.stdlib_module_names):
        spec = importlib.util.find_spec(name) if not name.startswith("_") else None
        path = Path((spec and spec.origin) or "")
        if path.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)):
                found[text] = None
        if len(found) >= count:
            break
    return [*found][:count]


class Bytes:
    """Tokens that are bytes; 256 ends a text."""

    size, end = 257, 256

    def encode(self, text: str) -> list[int]:
        return [*text.encode(), self.end]

    def decode(self, ids: list[int]) -> str:
        return bytes(i for i in ids if i < self.end).decode(errors="replace")


class Learned:
    """Pairs of bytes that are frequent in some texts, by the package tokenizers; 0 ends a text."""

    end = 0

    def __init__(self, of: list[str], size: int = 1024):
        from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # pyright: ignore

        self.known = Tokenizer(models.BPE())
        self.known.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        self.known.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=size, special_tokens=["<end>"], initial_alphabet=alphabet, show_progress=False
        )
        self.known.train_from_iterator(of, trainer)
        self.size = self.known.get_vocab_size()

    def encode(self, text: str) -> list[int]:
        return [*self.known.encode(text).ids, self.end]

    def decode(self, ids: list[int]) -> str:
        return self.known.decode(ids)


def tokenizer(of: list[str]) -> Bytes | Learned:
    return Learned(of) if importlib.util.find_spec("tokenizers") else Bytes()


def padded(length: int) -> int:
    """The next multiple of BLOCK."""
    return -(-length // BLOCK) * BLOCK


def collate(examples: list[dict[str, list[int]]]) -> dict[str, np.ndarray]:
    """Texts of different lengths as one batch, filled up with tokens whose mask is 0."""
    length = padded(max(len(x["input_ids"]) for x in examples))
    return {
        name: np.array([x[name] + [0] * (length - len(x[name])) for x in examples], np.int32)
        for name in ("input_ids", "attention_mask")
    }


def batches(examples: list[dict[str, list[int]]], size: int, by_torch: bool):
    """An iterable over the batches of an epoch, shuffled."""
    if not by_torch:
        return cuobjax.data.Loader(examples, size, shuffle=True, drop_last=True, collate=collate)
    import torch  # pyright: ignore[reportMissingImports]
    from torch.utils.data import DataLoader  # pyright: ignore[reportMissingImports]

    def of_tensors(some):
        return {name: torch.from_numpy(x) for name, x in collate(some).items()}

    return DataLoader(examples, size, shuffle=True, drop_last=True, collate_fn=of_tensors)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m examples.text",
        description=(__doc__ or "").splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--steps", type=int, default=400, help="how many batches to train on")
    parser.add_argument("--batch", type=int, default=32, help="texts in a batch")
    parser.add_argument("--texts", type=int, default=3000, help="how many docstrings to take")
    parser.add_argument("--length", type=int, default=128, help="tokens of a text at most")
    parser.add_argument("--width", type=int, default=128, help="features of a token")
    parser.add_argument("--torch", action="store_true", help="let PyTorch's DataLoader make the batches")
    options = parser.parse_args(arguments)
    if options.steps < 1:
        parser.error(f"--steps: expected at least 1, got {options.steps}")
    if options.width < 1 or options.width % 4:
        parser.error(f"--width: expected a multiple of 4, the number of heads, got {options.width}")
    if options.torch and not importlib.util.find_spec("torch"):
        sys.exit("text: the package torch is missing. Install it, or leave --torch out")

    cuobjax.random.seed(0)
    known = tokenizer(given := texts(options.texts))
    examples = []
    for text in given:
        ids = known.encode(text)[: options.length]
        examples.append({"input_ids": ids, "attention_mask": [1] * len(ids)})
    test, train = examples[::HELD_OUT], [x for i, x in enumerate(examples) if i % HELD_OUT]
    if len(train) < options.batch:
        parser.error(f"--texts: expected enough for a batch of {options.batch}, got {len(train)} to train on")
    loader = batches(train, options.batch, options.torch)

    net = GPT(known.size, padded(options.length), options.width, heads=4, layers=2)
    optimizer = AdamW(net.vars())
    schedule = Warmup(CosineAnnealing(options.steps, base_lr=3e-3), steps=max(1, options.steps // 10))
    perplexity = cuobjax.metrics.Perplexity()

    def predictions(batch):
        """Logits of all tokens but the first one, these tokens, and 1 where they are text."""
        ids, mask = batch["input_ids"], batch["attention_mask"]
        return net(ids[:, :-1]), ids[:, 1:], mask[:, 1:].astype("float32")

    def loss(batch):
        logits, ids, mask = predictions(batch)
        return (cross_entropy_logits_sparse(logits, ids) * mask).sum() / mask.sum()

    gradients = cuobjax.GradValues(loss, net.vars())

    @cuobjax.Jit
    def step(batch, lr):
        g, v = gradients(batch)
        optimizer(lr, clip_by_global_norm(g, 1.0))
        return v[0]

    @cuobjax.Jit
    def evaluate(batch):
        perplexity.update(*predictions(batch))

    print(f"{len(given)} texts, {sum(len(x['input_ids']) for x in examples)} tokens of {known.size} kinds")
    steps = cuobjax.data.progress(range(options.steps), "train")
    following, losses = iter(()), []
    for i in steps:
        if (batch := next(following, None)) is None:
            following = iter(cuobjax.data.prefetch(loader))
            batch = next(following)
        losses.append(step(batch, schedule(i)))
        steps.show(loss=losses[-1])
    for batch in cuobjax.data.Loader(test, options.batch, collate=collate):
        evaluate(batch)
    first, last = (float(jn.stack(some).mean()) for some in (losses[:10], losses[-10:]))
    print(f"loss {first:.2f} at first, {last:.2f} at last; perplexity of other texts {float(perplexity.value):.1f}")
    start = "Return the "
    written = net.generate([known.encode(start)[:-1]], options.length // 2, temperature=0.7, top_k=20)[0].tolist()
    print(known.decode([i for i in written if i != known.end]))


if __name__ == "__main__":
    main()

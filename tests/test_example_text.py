"""The example of texts: a GPT, masks, batches as Hugging Face's tools make them."""

import importlib.util
import re

import numpy as np
import pytest

from examples import text

FEW = ["--texts", "120", "--steps", "50", "--batch", "8", "--length", "48", "--width", "32"]


def figures(capsys, *arguments):
    """What a run prints: losses at first and last, perplexity."""
    text.main([*FEW, *arguments])
    first, second, *written = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"120 texts, \d+ tokens of (257|1024) kinds", first) and written[0].startswith("Return the ")
    return [float(x) for x in re.findall(r"\d+\.\d+", second)]


def test_learns_and_writes(capsys):
    first, last, perplexity = figures(capsys)
    assert last < first - 0.3 and 1 < perplexity < 1024


def test_padding_does_not_count():
    known = text.Bytes()
    examples = [{"input_ids": known.encode(x), "attention_mask": [1] * (len(x) + 1)} for x in ("ab", "abc")]
    batch = text.collate(examples)
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (2, text.BLOCK)
    assert batch["attention_mask"].sum(1).tolist() == [3, 4]
    assert [known.decode(ids[m == 1].tolist()) for ids, m in zip(*batch.values(), strict=True)] == ["ab", "abc"]


def test_without_torch_one_line_says_so(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="text: the package torch is missing"):
        text.main(["--torch"])


@pytest.mark.parametrize(
    ("given", "message"),
    [(["--steps", "0"], "at least 1, got 0"), (["--texts", "8"], "got 7 to"), (["--width", "7"], "multiple of 4")],
)
def test_too_little_is_said(capsys, given, message):
    with pytest.raises(SystemExit):
        text.main([*FEW, *given])
    assert message in capsys.readouterr().err


@pytest.mark.exchange
def test_batches_of_pytorch(capsys):
    pytest.importorskip("torch")
    first, last, _ = figures(capsys, "--torch")
    assert last < first - 0.3


@pytest.mark.exchange
def test_learned_tokens_give_the_text_back():
    pytest.importorskip("tokenizers")
    given = text.texts(200)
    known = text.Learned(given, 400)
    assert known.size == 400
    assert [known.decode(known.encode(x)[:-1]) for x in given] == given
    assert np.mean([len(known.encode(x)) for x in given]) < 0.7 * np.mean([len(x) for x in given])

"""The page of error messages: its code raises what the comments say, and what stands below the comments works."""

import contextlib
import io
import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "errors.md").read_text()


def examples():
    """(setup, code that raises, message, code that works), of every block of the page."""
    for section in PAGE.split("\n## ")[1:]:
        (setup,) = re.findall(r"```python setup\n(.*?)```", section, re.DOTALL)
        for block in re.findall(r"```python error\n(.*?)```", section, re.DOTALL):
            wrong, message, right = re.fullmatch(r"(.*?\n)((?:# [^\n]*\n)+)(.*)", block, re.DOTALL).groups()
            yield setup, wrong, " ".join(message.replace("\n# ", " ")[2:].split()), right


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("setup", "wrong", "message", "right"), [*examples()], ids=lambda text: text[:30].strip())
def test_message_is_raised_and_the_remedy_works(setup, wrong, message, right):
    names = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(setup, names)
        with pytest.raises(Exception) as caught:
            exec(wrong, names)
        exec(right, names)
    text = " ".join([f"{caught.type.__name__}: {caught.value}", *getattr(caught.value, "__notes__", ())])
    assert " ".join(text.split()) == message


def test_there_are_examples():
    assert len(list(examples())) >= 40
    assert PAGE.count("```python error") == len(list(examples()))

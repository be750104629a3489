"""The blocks of Objax's two guides, in guides/*.md, with the texts that they print."""

import ast
import contextlib
import doctest
import io
import re
from pathlib import Path

import pytest

GUIDES = Path(__file__).parent / "guides"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def comment_of(statement, lines):
    """The comment on the statement's last line, or else the comment lines right below it."""
    rest = lines[statement.end_lineno - 1].encode()[statement.end_col_offset :].decode().strip()
    if rest:
        return rest.removeprefix("# ")
    below = []
    for line in lines[statement.end_lineno :]:
        if not line.startswith("#"):
            break
        below.append(line.removeprefix("# "))
    return "\n".join(below)


def check_block(source, names):
    """Runs a block and returns how many comments it was compared with."""
    checked = 0
    for statement in ast.parse(source).body:
        wanted, printed = comment_of(statement, source.splitlines()), io.StringIO()
        code = compile(ast.Module([statement], []), "<guide>", "exec")
        raises = re.match(r"raises (\w+): (.*)", wanted)
        with contextlib.redirect_stdout(printed):
            if raises:
                with pytest.raises(Exception, match=f"^{re.escape(raises[2])}") as raised:
                    exec(code, names)
                assert raised.type.__name__ == raises[1]
            else:
                exec(code, names)
                same = doctest.OutputChecker().check_output(f"{wanted}\n", printed.getvalue() or "\n", doctest.ELLIPSIS)
                assert same, f"{ast.unparse(statement)}\nexpected:\n{wanted}\ngot:\n{printed.getvalue()}"
        checked += bool(wanted)
    return checked


@pytest.mark.filterwarnings("ignore:MyModule.bad is a list that holds TrainVar:UserWarning")
@pytest.mark.parametrize(("guide", "comments"), [("variables.md", 22), ("modules.md", 18)])
def test_guide(guide, comments):
    blocks = BLOCK.findall((GUIDES / guide).read_text())
    names = {"__name__": "guide"}
    assert sum(check_block(block, names) for block in blocks) == comments


def test_the_runner_notices_a_wrong_text():
    with pytest.raises(AssertionError, match=r"expected:\s+2\s+got:\s+1"):
        check_block("print(1)  # 2\n", {})
    with pytest.raises(AssertionError, match=r"expected:\s+got:\s+1"):
        check_block("print(1)\n", {})
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        check_block("x = 1  # raises ValueError: no\n", {})

"""The stubs of cuobjax.numpy are those that its functions give."""

import ast
import pathlib

import numpy as np
import pytest

from tests.typed import stubs

LOCK = (pathlib.Path(__file__).parents[2] / "requirements-dev.txt").read_text()


class WithoutTexts(ast.NodeTransformer):
    def visit_Expr(self, node):
        return ast.Pass() if isinstance(node.value, ast.Constant) else node


@pytest.mark.parametrize(("module", "path"), stubs.STUBS.items(), ids=stubs.STUBS)
def test_stub_is_current(module, path):
    """With its docstrings, which may be NumPy's, where NumPy is the version of the lock for the oldest Python."""
    found, expected = path.read_text(), stubs.Stub(module).text
    if f"numpy=={np.__version__} ; python_full_version < '3.12'" not in LOCK:
        found, expected = (ast.unparse(WithoutTexts().visit(ast.parse(text))) for text in (found, expected))
    assert found == expected, "run make stubs"

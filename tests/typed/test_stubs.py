"""The stubs of cuobjax.numpy are those that its functions give."""

import pytest

from tests.typed import stubs

TEXTS = stubs.stubs()


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.stem)
def test_stub_is_current(path):
    assert path.read_text() == TEXTS[path], "run make stubs"

"""The stubs of cuobjax.numpy are those that its functions give."""

import pytest

from tests.typed import stubs


@pytest.mark.parametrize(("module", "path"), stubs.STUBS.items(), ids=stubs.STUBS)
def test_stub_is_current(module, path):
    assert path.read_text() == stubs.Stub(module).text, "run make stubs"

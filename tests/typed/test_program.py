"""The typed program runs, too."""

import pytest

from tests.typed.program import USES


@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
def test_use(use):
    use()

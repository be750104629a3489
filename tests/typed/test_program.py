"""The typed program runs, and what type checkers are told there is true."""

import typing

import pytest

from tests.typed import program


def is_of_type(value, expected):
    assert isinstance(value, typing.get_origin(expected) or expected)
    return value


@pytest.mark.parametrize("use", program.USES, ids=lambda use: use.__name__)
def test_use(use, monkeypatch):
    monkeypatch.setattr(program, "assert_type", is_of_type)
    use()

"""The typed program runs, and its values have the types that it asserts."""

import typing

import pytest

from autograd import default_device
from tests.typed import program

pytestmark = pytest.mark.skipif(default_device().kind != "cpu", reason="about types; the program mixes in NumPy arrays")


def is_of_type(value, expected):
    assert isinstance(value, typing.get_origin(expected) or expected)
    return value


@pytest.mark.parametrize("use", program.USES, ids=lambda use: use.__name__)
def test_use(use, monkeypatch):
    monkeypatch.setattr(program, "assert_type", is_of_type)
    use()

"""A plugin for pytest: seeds each test, and ends a run that has imported another `autograd` than it should."""

import os
import random
import sys

import numpy
import pytest


def pytest_collection_finish():
    found = getattr(sys.modules.get("autograd"), "__file__", None)
    if found and not found.startswith(os.environ["CLIENTS_LIBRARY"]):
        pytest.exit(f"expected the autograd of {os.environ['CLIENTS_LIBRARY']}, got {found}", returncode=3)


def pytest_runtest_setup():
    random.seed(0)
    numpy.random.seed(0)  # noqa: NPY002 - what the tests draw from


pytest_configure = pytest_runtest_setup  # as names of tests may hold what they draw


def pytest_runtest_teardown():
    pytest_collection_finish()

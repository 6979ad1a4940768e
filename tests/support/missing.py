"""A program that tests need and the machine lacks."""

import os
from typing import NoReturn

import pytest


def missing(program: str, package: str) -> NoReturn:
    """Fails in CI, where everything must have run; elsewhere skips the test. Says what to install."""
    sentence = f"{program} is missing. Please install it:  sudo apt-get install {package}"
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)

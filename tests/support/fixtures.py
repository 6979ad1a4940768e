"""Replies as the vendors publish them: ``tests/fixtures/<platform>-<endpoint>-<variant>.json``."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "fixtures"


def fixture_bytes(name: str) -> bytes:
    """The body, as it comes over the wire."""
    return (FOLDER / f"{name}.json").read_bytes()


def load_fixture(name: str) -> Any:
    """What it says; fractions exact."""
    return json.loads(fixture_bytes(name), parse_float=Decimal)

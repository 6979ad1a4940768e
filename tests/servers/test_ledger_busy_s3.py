"""An S3 that is busy in the middle of a capture: nothing lost, nothing twice, nothing half."""

import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs
from sqlalchemy import text

from lib.errors import SourceUnavailable
from lib.ledger.store import Ledger
from lib.ledger.verify import verify
from tests.support.busy_s3 import front_of
from tests.support.kept import (
    Amounts,
    amounts_in_table,
    amounts_of,
    in_folder,
    put,
    s3_options,
    told,
)

pytest_plugins = ["tests.support.ledgers"]

ATTEMPTS = 2
"""How often pyarrow asks before it gives up."""

SAYS_WHY = re.compile(r"Ledger: it cannot be written: the store of objects gave [\w ]+\. Check ")
MOST_REQUESTS = 200
FOR_GOOD = 10**9


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is refused asks as often again as ever, but waits hundredths of a second before, not seconds."""
    hasty = fs.AwsDefaultS3RetryStrategy(max_attempts=ATTEMPTS - 1)  # it counts the later ones
    monkeypatch.setattr(fs, "S3FileSystem", partial(fs.S3FileSystem, retry_strategy=hasty))


def amounts(number: int) -> Amounts:
    return {("alpha", "input_tokens"): number, ("beta", "input_tokens"): 1}


def complaint_of(ledger: Ledger, said: Amounts) -> str:
    """What is told to whoever captures; nothing where that succeeds."""
    try:
        put(ledger, said)
    except SourceUnavailable as error:
        return str(error)
    return ""


def version_of_table(ledger: Ledger) -> Any:
    """Another one after each commit to it."""
    with ledger.database.engine.connect() as connection:
        return connection.scalar(text("SELECT metadata_location FROM iceberg_tables"))


@pytest.mark.parametrize(
    ("refused", "step"),
    [(FOR_GOOD, 1), (ATTEMPTS, 5)],
    ids=["until nobody asks any more", "until one thing was refused"],
)
def test_busy_from_any_request_on_half_a_capture_is_invisible_and_the_next_completes_it(
    tmp_path: Path, bucket: str, s3_server: str, refused: int, step: int
) -> None:
    database = f"sqlite:///{tmp_path}/catalog.db"
    healthy = Ledger(database, bucket, s3_options(s3_server))
    kept = amounts(0)
    put(healthy, kept)
    with front_of(s3_server) as front:
        ledger = Ledger(database, bucket, s3_options(front.url))
        for number in range(0, MOST_REQUESTS, step):
            version, said = version_of_table(healthy), amounts(number + 1)
            front.count_anew(busy=range(number, number + refused))
            if complaint := complaint_of(ledger, said):
                assert SAYS_WHY.match(complaint)
                assert amounts_of(healthy) == kept, f"half a capture after request {number}"
            if not front.refused:
                break
            # Where the table is as it was, the next round shows that a capture goes on from there
            if version_of_table(healthy) != version:
                put(healthy, amounts_of(healthy))  # others read the table as it counts, at once
                assert amounts_of(healthy) == amounts_in_table(healthy)
                put(healthy, said)
                assert amounts_of(healthy) == amounts_in_table(healthy) == said
                kept = said
    assert 20 < number < MOST_REQUESTS - step, "a capture asks for less, or more, than was tried"
    assert amounts_of(healthy) == amounts_in_table(healthy) == said
    assert {finding.kind for finding in verify(healthy)} <= {"orphan"}
    undisturbed = in_folder(tmp_path)
    put(undisturbed, said)
    assert told(healthy) == told(undisturbed)


def test_busy_whenever_something_is_asked_for_the_first_time_a_capture_succeeds_by_itself(
    tmp_path: Path, bucket: str, s3_server: str
) -> None:
    with front_of(s3_server) as front:
        ledger = Ledger(f"sqlite:///{tmp_path}/catalog.db", bucket, s3_options(front.url))
        for number in range(3):
            front.count_anew(at_first=True)
            put(ledger, amounts(number))
            assert front.refused > 20, "it was hardly busy"
            front.count_anew()
            assert amounts_of(ledger) == amounts_in_table(ledger) == amounts(number)
        assert verify(ledger) == []

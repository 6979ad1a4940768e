"""The examples of docs/ledger.md read a ledger without a line of ours, and a copy made as it says can be used."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from lib.ledger.query import ask, check_ledger_query
from lib.ledger.store import Ledger
from lib.ledger.verify import verify
from lib.ledger.warehouse import Month
from tests.support.kept import NOW, Amounts, amounts_of, put
from tests.support.servers import ROOT

if TYPE_CHECKING:
    from tests.support.postgres_server import Database

pytest_plugins = ["tests.support.ledgers", "tests.support.postgres_server"]

EXAMPLES = re.findall(
    r"^```python\n(.*?)^```$", (ROOT / "docs/ledger.md").read_text(encoding="utf-8"), re.M | re.S
)
OF_FOLDER = [example for example in EXAMPLES if "data/ledger" in example]
(OF_POSTGRES,) = [example for example in EXAMPLES if "LEDGER_URL" in example]

NOTHING_OF_OURS = (
    "import sys\nassert not [name for name in sys.modules if name.split('.')[0] == 'lib']\n"
)
REDIS = Month("tenants", "redis.example:6379", "2026-09")
EXACT: Amounts = {
    ("alpha", "billed_cost"): Decimal("12345678901234567890.123456789012345678"),
    ("beta", "billed_cost"): Decimal("1.2345678901e-05"),
    (None, "input_tokens"): 2**63 - 1,
    ("gone", "images"): None,
}


def fill(ledger: Ledger) -> Ledger:
    """Two platforms, a month that was captured twice, and one in a place with odd letters."""
    put(ledger, {("alpha", "billed_cost"): 7})
    put(ledger, EXACT, hours=1)
    put(ledger, {("ü%/=&'", "input_tokens"): 3, ("b", "requests"): 4}, REDIS)
    return ledger


def at_home(folder: Path) -> Ledger:
    """A ledger in its usual place below a folder."""
    home = folder / "data" / "ledger"
    return Ledger(f"sqlite:///{home}/catalog.db", str(home / "warehouse"))


def read(example: str, folder: Path, **settings: str) -> list[tuple[Any, ...]]:
    """What an example prints, run as a program of its own."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", example + NOTHING_OF_OURS],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return sorted((*key, None if sum_ == "None" else Decimal(sum_)) for *key, sum_ in rows)


def told_by(ledger: Ledger) -> list[tuple[Any, ...]]:
    """The same from our own query."""
    query = check_ledger_query(
        since=NOW.date().replace(month=9, day=1),
        until=NOW.date().replace(month=10, day=31),
        by=["month", "platform", "metric"],
    )
    amounts = ask(ledger, query).amounts
    assert {amount.nature for amount in amounts} == {"flow"}
    return sorted((*amount.group, amount.unit, amount.quantity) for amount in amounts)


def test_every_example_is_run() -> None:
    assert {*OF_FOLDER, OF_POSTGRES} == {*EXAMPLES}
    assert len(OF_FOLDER) == 3


@pytest.mark.parametrize("example", OF_FOLDER, ids=["files", "captures", "pyiceberg"])
def test_an_example_sums_to_what_our_query_says(example: str, tmp_path: Path) -> None:
    ledger = fill(at_home(tmp_path))
    assert read(example, tmp_path) == told_by(ledger)
    put(ledger, {("alpha", "billed_cost"): 1}, hours=2)
    assert verify(ledger) == [], "reading has left nothing behind"


@pytest.mark.parametrize("any_ledger", ["s3"], indirect=True)
def test_a_user_who_may_only_select_reads_a_ledger_in_postgresql_and_s3(
    any_ledger: Ledger, database: "Database", tmp_path: Path
) -> None:
    fill(any_ledger)
    reader = database.reader()
    database.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader['user']}")
    s3 = any_ledger.warehouse._s3
    printed = read(
        OF_POSTGRES,
        tmp_path,
        LEDGER_URL=database.url(**reader),
        AWS_REGION=s3["region"],
        AWS_ENDPOINT_URL=s3["endpoint"],
        AWS_ACCESS_KEY_ID=s3["access-key-id"],
        AWS_SECRET_ACCESS_KEY=s3["secret-access-key"],
    )
    assert printed == told_by(any_ledger)


def copied(ledger: Ledger, to: Path, between: Any) -> None:
    """A copy in the order of docs/ledger.md; ``.backup`` of sqlite3 does what the first step does."""
    assert ledger.database.file is not None
    to.mkdir()
    with (
        closing(sqlite3.connect(ledger.database.file)) as live,
        closing(sqlite3.connect(to / "catalog.db")) as copy,
    ):
        live.backup(copy)
    between()
    shutil.copytree(ledger.warehouse.place, to / "warehouse")


def test_a_copy_made_while_a_capture_ran_is_restored_and_goes_on(tmp_path: Path) -> None:
    ledger, copy = fill(at_home(tmp_path)), tmp_path / "copy"
    copied(ledger, copy, lambda: put(ledger, {("alpha", "billed_cost"): 1}, hours=2))
    shutil.rmtree(tmp_path / "data")
    (tmp_path / "data").mkdir()
    shutil.copytree(copy, tmp_path / "data" / "ledger")
    restored = at_home(tmp_path)
    assert {finding.kind for finding in verify(restored)} == {"orphan"}
    assert amounts_of(restored) == EXACT
    put(restored, {("alpha", "billed_cost"): 2}, hours=3)
    assert amounts_of(restored) == {("alpha", "billed_cost"): 2}
    assert read(OF_FOLDER[0], tmp_path) == told_by(restored)


def test_a_copy_at_another_place_is_read_through_its_captures(tmp_path: Path) -> None:
    ledger = fill(at_home(tmp_path))
    (tmp_path / "elsewhere" / "data").mkdir(parents=True)
    copied(ledger, tmp_path / "elsewhere" / "data" / "ledger", lambda: None)
    expected = told_by(ledger)
    shutil.rmtree(tmp_path / "data")
    assert read(OF_FOLDER[1], tmp_path / "elsewhere") == expected

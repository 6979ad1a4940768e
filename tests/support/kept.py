"""What platforms said, for ledgers to keep; and what a ledger has of it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from lib.ledger.keeping import Outcome, Said, keep
from lib.ledger.query import Amount, ask, check_ledger_query
from lib.ledger.store import Ledger
from lib.ledger.warehouse import Month
from lib.usage.measure import SCHEMA, Counted, Name, measures
from lib.usage.metrics import Nature

NOW = datetime(2026, 11, 21, 1, 40, tzinfo=UTC)
OCTOBER = Month("openai", "api.example", "2026-10")

Amounts = dict[tuple[str | None, str], Decimal | int | None]
"""Sub-account and metric to quantity."""


def month_rows(
    amounts: Amounts,
    key: Month = OCTOBER,
    part: str = "completions",
    *,
    length: timedelta = timedelta(days=1),
    nature: Nature = "flow",
) -> pa.Table:
    """Measures of the first day of a month, or of so much time from its beginning."""
    start = pd.Timestamp(f"{key.month}-01", tz="UTC")
    tables = [
        measures(
            key.platform,
            key.account,
            pd.DataFrame(
                {
                    "start": [start],
                    "end": [start + length],
                    "part": [part],
                    "sub_account": pd.array([sub_account], dtype=object),
                    "value": pd.array([value], dtype=object),
                }
            ),
            [Counted("value", metric, "tokens", nature, nulls=True)],
        )
        for (sub_account, metric), value in amounts.items()
    ]
    return pa.concat_tables(tables) if tables else SCHEMA.empty_table()


def said(
    amounts: Amounts,
    key: Month = OCTOBER,
    *,
    hours: float = 0,
    names: Any = (),
    length: timedelta = timedelta(days=1),
    nature: Nature = "flow",
    **more: Any,
) -> Said:
    """What a platform said some hours after ``NOW``."""
    asked = NOW + timedelta(hours=hours)
    until = datetime(2026, 11, 4, tzinfo=UTC)
    kept_names = tuple(Name(*name) for name in names)
    rows = month_rows(amounts, key, length=length, nature=nature)
    return Said(key, asked, until, rows, kept_names, **more)


def put(ledger: Ledger, amounts: Amounts, key: Month = OCTOBER, **more: Any) -> Outcome:
    """Enters it."""
    return keep(ledger, said(amounts, key, **more))


def amounts_of(ledger: Ledger, key: Month = OCTOBER) -> Amounts:
    """What counts for a month."""
    (capture,) = [capture for capture in ledger.captures() if capture.key == key]
    rows = ledger.warehouse.rows(capture.files).to_pylist()
    assert len(rows) == capture.rows
    return {(row["sub_account"], row["metric"]): row["quantity"] for row in rows}


def told(ledger: Ledger) -> tuple[Amount, ...]:
    """What is told to whoever asks for October."""
    whole = {"since": date(2026, 10, 1), "until": date(2026, 10, 31)}
    answer = ask(ledger, check_ledger_query(by=["sub_account", "metric"], **whole))
    assert answer.complete
    return answer.amounts


def amounts_in_table(ledger: Ledger, key: Month = OCTOBER) -> Amounts:
    """What other engines see of a month, each row once."""
    rows = [
        row
        for row in ledger.warehouse.table().scan().to_arrow().to_pylist()
        if (row["platform"], row["account"], row["month"]) == key
    ]
    seen = {(row["sub_account"], row["metric"]): row["quantity"] for row in rows}
    assert len(seen) == len(rows), "a row stands there twice"
    return seen


def in_folder(folder: Path) -> Ledger:
    """One in SQLite and a folder."""
    return Ledger(f"sqlite:///{folder / 'ledger' / 'catalog.db'}", str(folder / "ledger" / "files"))


def s3_options(server: str) -> dict[str, str]:
    """How a ledger reaches a server."""
    keys = {"access-key-id": "test", "secret-access-key": "test"}
    return {"endpoint": server, "region": "eu-1", **keys}


every_kind = pytest.mark.parametrize("any_ledger", ["folder", "postgres", "s3"], indirect=True)

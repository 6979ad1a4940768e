"""Months of bills, and of what finance prices itself, for ledgers to keep."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pandas as pd
import pyarrow as pa

from lib.ledger.keeping import Outcome, Said, keep
from lib.ledger.store import Ledger
from lib.ledger.warehouse import Month
from lib.usage.measure import Counted, Name, measures
from lib.usage.metrics import Nature
from tests.support.kept import NOW, OCTOBER

SEPTEMBER = OCTOBER._replace(month="2026-09")
STORED = Month("comet-chargeback", "comet.example", "2026-10")


class Bill(NamedTuple):
    """An amount of one day of a month."""

    day: int
    sub_account: str | None
    amount: Any
    unit: str = "USD"
    metric: str = "billed_cost"
    nature: Nature = "flow"
    principal: str | None = None


def megabytes(day: int, workspace: str, amount: Any) -> Bill:
    """How much a workspace stores at the beginning of a day."""
    return Bill(day, workspace, amount, "MB", "storage_mb", "level")


def put_bills(
    ledger: Ledger,
    bills: Iterable[Bill],
    key: Month = OCTOBER,
    *,
    names: Iterable[tuple[str, str, str]] = (),
    asked_at: datetime = NOW,
    **more: Any,
) -> Outcome:
    """Enters what a platform said of a month.

    Args:
        names: kind, id and name.
    """
    rows = pa.concat_tables(_measures(bill, key) for bill in bills)
    kept_names = tuple(Name(*name) for name in names)
    end_of_month = pd.Timestamp(f"{key.month}-01", tz="UTC") + pd.offsets.MonthBegin()
    return keep(ledger, Said(key, asked_at, end_of_month.to_pydatetime(), rows, kept_names, **more))


def _measures(bill: Bill, key: Month) -> pa.Table:
    start = pd.Timestamp(f"{key.month}-{bill.day:02}", tz="UTC")
    amount = None if bill.amount is None else Decimal(str(bill.amount))
    frame = pd.DataFrame(
        {
            "start": [start],
            "end": [start + timedelta(days=0 if bill.nature == "level" else 1)],
            "part": ["costs"],
            "sub_account": pd.array([bill.sub_account], dtype=object),
            "principal": pd.array([bill.principal], dtype=object),
            "value": pd.array([amount], dtype=object),
        }
    )
    counted = Counted("value", bill.metric, bill.unit, bill.nature, nulls=True)
    return measures(key.platform, key.account, frame, [counted])

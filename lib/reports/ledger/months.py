"""What the ledger holds of each month, as a Report."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from lib.reports.report import Column, Report, SourceStatus, Table

KIND = "ledger-status"

COLUMNS = (
    Column("platform", "Platform"),
    Column("account", "Account"),
    Column("month", "Month"),
    Column("rows", "Rows", "int", "rows"),
    Column("complete", "Complete", "bool"),
    Column("captured_at", "As of", "datetime", help="When what is kept was asked for."),
    Column("confirmed_at", "Confirmed", "datetime", help="When the same last came again."),
    Column("provisional_until", "Provisional until", "datetime"),
    Column("lacks", "Lacks", help="Sources that gave no answer, or not all of it."),
    Column("lost", "No longer given", help="What the source can give no more."),
)
_BRIEF = ("platform", "month", "rows", "complete", "captured_at", "lacks", "lost")


def build_months(
    rows: Iterable[Mapping[str, Any]],
    *,
    sources: Iterable[SourceStatus],
    now: datetime,
    notes: Iterable[str] = (),
    demo: bool = False,
) -> Report:
    """One row per platform, account and month.

    Args:
        rows: with the keys of ``COLUMNS``.
        sources: one per platform and account.
    """
    table = months_table(rows)
    frame = table.frame
    return Report(
        kind=KIND,
        title="What the ledger holds",
        period=None,
        filters={},
        generated_at=now,
        sources=tuple(sources),
        totals={"rows": int(frame["rows"].sum()), "months": len(frame)},
        figures=(),
        charts=(),
        tables=(table,),
        notes=tuple(notes),
        demo=demo,
        main_table="months",
        is_unused=frame.empty,
        state_at=now,
    )


def months_table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """One row per capture that counts, the latest month of each platform first."""
    keys = [column.key for column in COLUMNS]
    newest_first = sorted(rows, key=lambda row: str(row["month"]), reverse=True)
    in_turn = sorted(newest_first, key=lambda row: (str(row["platform"]), str(row["account"])))
    frame = pd.DataFrame(in_turn, columns=keys).astype({"rows": "Int64", "complete": "boolean"})
    for key in ("captured_at", "confirmed_at", "provisional_until"):
        frame[key] = pd.to_datetime(frame[key], utc=True)
    return Table("months", "Months", frame, COLUMNS, brief=_BRIEF)

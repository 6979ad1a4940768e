"""Amounts out of the ledger as a Report."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from lib.periods import Period
from lib.reports.report import Column, Report, SourceStatus, Table

KIND = "ledger-query"

LABELS = {
    "platform": "Platform",
    "account": "Account",
    "part": "Part",
    "sub_account": "Sub-account",
    "resource": "Resource",
    "principal": "Principal",
    "sku": "SKU",
    "metric": "Metric",
    "month": "Month",
    "day": "Day",
    "days": "Days",
}
_PERSONAL = ("principal",)


def build_amounts(
    rows: Iterable[tuple[Any, ...]],
    by: Iterable[str],
    *,
    period: Period,
    filters: Mapping[str, object],
    sources: Iterable[SourceStatus],
    now: datetime,
    demo: bool = False,
) -> Report:
    """One table of amounts.

    Args:
        rows: a value per column of ``by``, then quantity (Decimal or None), unit, and whether nothing
            of it is missing.
        sources: one per platform and account.
    """
    columns = (
        *(Column(key, LABELS[key], personal=key in _PERSONAL) for key in by),
        Column("quantity", "Quantity", "decimal", counts=True),
        Column("unit", "Unit"),
        Column("complete", "Complete", "bool"),
    )
    frame = pd.DataFrame([*rows], columns=[column.key for column in columns], dtype=object)
    return Report(
        kind=KIND,
        title="Amounts in the ledger",
        period=period,
        filters=filters,
        generated_at=now,
        sources=tuple(sources),
        totals={},
        figures=(),
        charts=(),
        tables=(Table("amounts", "Amounts", frame, columns),),
        demo=demo,
        main_table="amounts",
        is_unused=frame.empty,
    )

"""Money of several days for a ledger to keep, rules of who pays, and an overview without a ledger."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

import pandas as pd

from lib.allocation.allocate import allocate
from lib.allocation.rule_set import RuleSet
from lib.ledger.keeping import Said, keep
from lib.ledger.limits import Parts
from lib.ledger.rule_sets import Published, publish, published
from lib.ledger.store import Ledger
from lib.ledger.warehouse import Month
from lib.periods import Period
from lib.reports.allocation.select import MonthBefore, OverviewAnswer
from lib.status import SourceStatus
from lib.usage.measure import Counted, Name, measures
from tests.support.rule_sets import frame_of

NOW = datetime(2026, 11, 21, 1, 40, tzinfo=UTC)
OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 31))
WELL = SourceStatus("ledger", "openai api.example", "ok", NOW, 3)


class Spent(NamedTuple):
    """What one platform counts on one day: money, unless told otherwise."""

    day: date
    amount: Any
    sub_account: str | None = "alpha"
    principal: str | None = None
    unit: str = "USD"
    metric: str = "billed_cost"
    platform: str = "openai"


def put_spent(
    ledger: Ledger,
    spent: Iterable[Spent],
    *,
    asked: datetime | None = None,
    names: Sequence[Name] = (),
    failed: frozenset[str] = frozenset(),
    limits: Parts | None = None,
) -> None:
    """Enters it, a capture per platform and month.

    Args:
        asked: when the platform was asked; by default just now, when all of it is over.
        limits: what the platform itself limits.
    """

    def place(row: Spent) -> tuple[str, str]:
        return row.platform, f"{row.day:%Y-%m}"

    at = asked or datetime.now(UTC) - timedelta(minutes=5)
    for (platform, month), rows in groupby(sorted(spent, key=place), key=place):
        key = Month(platform, "api.example", month)
        table = measures(key.platform, key.account, _frame([*rows]), [_COUNTED])
        until = datetime.fromisoformat(f"{month}-01").replace(tzinfo=UTC) + timedelta(days=35)
        unknown = frozenset({"billed_cost"}) if failed else frozenset[str]()
        said = Said(key, at, until, table, tuple(names), failed=failed, unknown_metrics=unknown)
        keep(ledger, replace(said, limits=limits or {}))


_COUNTED = Counted("amount", unit_column="unit", metric_column="metric", nulls=True)


def _frame(rows: list[Spent]) -> pd.DataFrame:
    starts = pd.to_datetime([row.day for row in rows], utc=True)
    columns = {
        name: pd.Series([getattr(row, name) for row in rows], dtype=object)
        for name in ("amount", "sub_account", "principal", "unit", "metric")
    }
    columns["amount"] = columns["amount"].map(
        lambda value: None if value is None else Decimal(value)
    )
    return pd.DataFrame(
        {"start": starts, "end": starts + timedelta(days=1), "part": "costs", **columns}
    )


def let_count(ledger: Ledger, rule_set: RuleSet, by: str = "ann@company.com") -> Published:
    """Publishes rules over whatever counts."""
    over = published(ledger).version
    return publish(ledger, rule_set, over=over, by=by, reason="tests", now=datetime.now(UTC))


_OF_BEFORE = {
    "before_by_month": "by_month",
    "before_until": "until",
    "before_missing": "missing",
}


def answered(
    lines: Iterable[Sequence[Any]],
    rule_set: RuleSet,
    before: Iterable[Sequence[Any]] | None = None,
    **facts: Any,
) -> OverviewAnswer:
    """What an overview of October rests on, by default one that is over.

    Args:
        lines, before: of October and of September, each as ``bill`` makes it.
        facts: of the answer; those of the month before begin with ``before_``.
    """
    allocation = allocate(frame_of(lines), rule_set)
    earlier = None if before is None else allocate(frame_of(before), rule_set).lines
    facts_before = {name: facts.pop(name) for name in [*facts] if name in _OF_BEFORE}
    usual: dict[str, Any] = {
        "version": 1,
        "until": None,
        "settled_until": OCTOBER.end,
        "days": allocation.lines,
        "by_month": frozenset(),
        "trend": (),
        "names": {},
        "sources": (WELL,),
        "notes": allocation.notes,
        "unknown": allocation.unknown,
    }
    return OverviewAnswer(
        month="2026-10",
        period=OCTOBER,
        lines=allocation.lines,
        before=None
        if earlier is None
        else MonthBefore(
            earlier, earlier, **{_OF_BEFORE[name]: fact for name, fact in facts_before.items()}
        ),
        rule_set=rule_set,
        **(usual | facts),
    )

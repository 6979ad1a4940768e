"""What an overview of all platforms rests on, out of the ledger alone."""

from collections.abc import Set
from datetime import date, datetime, timedelta
from typing import NamedTuple

import pandas as pd

from lib.allocation.allocate import BILLED, Owed, allocate
from lib.allocation.names import FIELD_OF
from lib.allocation.rule_set import RuleSet
from lib.cache import FINAL_AFTER
from lib.errors import SourceUnavailable
from lib.ledger.limits_reached import limit_troubles, limits_reached
from lib.ledger.lines import DailyBills, MonthLines, daily_bills, days_of, month_lines
from lib.ledger.query import LedgerQuery, ask
from lib.ledger.rule_sets import known_names, published
from lib.ledger.store import Ledger
from lib.periods import Period, months_before
from lib.reports.allocation.overview import MONTHS
from lib.reports.allocation.select import MonthBefore, OverviewAnswer, Spend, days_compared

_DAY = timedelta(days=1)


def load_overview(ledger: Ledger, month: str, now: datetime) -> OverviewAnswer:
    """A month and the one before, as the rules that count now say who owes them.

    Raises:
        SourceUnavailable: nothing was captured of the month, or the ledger cannot be read.
    """
    rules = published(ledger)
    counting = rules.rule_set
    period = days_of(month)
    bills = daily_bills(ledger, month, counting)
    asked = _last_asked(bills, now)
    until = _last_whole_day(asked, period)
    lines = month_lines(ledger, month, counting, until=until)
    allocation = allocate(lines.lines, counting)
    days = _owed_daily(bills, lines, counting)
    billing = {line.platform for line in days.lines}
    return OverviewAnswer(
        month=month,
        period=period,
        lines=allocation.lines,
        before=_before(ledger, days_compared(period, until)[1], counting, now, billing),
        rule_set=counting,
        version=rules.version,
        until=until,
        settled_until=(asked - FINAL_AFTER).date() - _DAY,
        days=days.lines,
        by_month=days.by_month,
        trend=_trend(ledger, period),
        names={
            (name.platform, name.id): name.name
            for name in known_names(ledger)
            if name.kind in FIELD_OF
        },
        sources=lines.sources,
        notes=allocation.notes,
        unknown=allocation.unknown,
        limits=tuple(limits_reached(lines)),
        limit_troubles=tuple(limit_troubles(lines)),
    )


def _before(
    ledger: Ledger, compared: Period, rule_set: RuleSet, now: datetime, billing: Set[str]
) -> MonthBefore | None:
    """The month before, None where nothing was captured of it.

    Args:
        compared: its days that are compared.
        billing: platforms that bill now.
    """
    month = f"{compared.start:%Y-%m}"
    try:
        bills = daily_bills(ledger, month, rule_set)
        lines = month_lines(ledger, month, rule_set, until=compared.end)
    except SourceUnavailable:
        return None
    days = _owed_daily(bills, lines, rule_set)
    return MonthBefore(
        lines=allocate(lines.lines, rule_set).lines,
        days=days.lines,
        by_month=days.by_month,
        until=_last_whole_day(_last_asked(bills, now), days_of(month)),
        missing=lines.missing & (billing | {line.platform for line in days.lines}),
    )


def _last_whole_day(asked: datetime, month: Period) -> date | None:
    """The last day of a month that was over when everybody was asked; None where all of it was."""
    whole = asked.date() - _DAY
    return whole if whole < month.end else None


class _Days(NamedTuple):
    lines: tuple[Owed, ...]
    by_month: frozenset[str]


def _owed_daily(bills: DailyBills, lines: MonthLines, rule_set: RuleSet) -> _Days:
    """Who owes what of each day: a share goes by what its metric is in the whole month."""
    bases = lines.lines[lines.lines["metric"] != BILLED]
    owed = allocate(pd.concat([bills.lines, bases], ignore_index=True), rule_set).lines
    return _Days(tuple(line for line in owed if line.metric == BILLED), bills.by_month)


def _last_asked(bills: DailyBills, now: datetime) -> datetime:
    """When everybody that bills was last asked."""
    billing = {*zip(bills.lines["platform"], bills.lines["account"], strict=True)}
    asked = [
        capture.confirmed_at
        for capture in bills.captures
        if (capture.platform, capture.account) in billing
    ]
    return min([now, *asked])


def _trend(ledger: Ledger, period: Period) -> tuple[Spend, ...]:
    first = months_before(period.start, MONTHS - 1)
    query = LedgerQuery(Period(first, period.end), ("month", "platform"), (BILLED,), so_far=True)
    answer = ask(ledger, query)
    spends = [
        Spend(str(month), str(platform), amount.unit, amount.quantity, amount.complete)
        for amount in answer.amounts
        for month, platform in [amount.group]
    ]
    billing = {spend.platform for spend in spends}
    missing = sorted({(month, platform) for platform, _, month in answer.gaps})
    gaps = [Spend(*gap, "", None, complete=False) for gap in missing if gap[1] in billing]
    return (*spends, *gaps)

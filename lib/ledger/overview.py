"""What an overview of all platforms rests on, out of the ledger alone."""

from contextlib import suppress
from datetime import datetime, timedelta
from typing import NamedTuple

import pandas as pd

from lib.allocation.allocate import BILLED, Owed, allocate
from lib.allocation.names import FIELD_OF
from lib.allocation.rule_set import RuleSet
from lib.cache import FINAL_AFTER
from lib.errors import SourceUnavailable
from lib.ledger.lines import DailyBills, MonthLines, daily_bills, days_of, month_lines
from lib.ledger.query import LedgerQuery, ask
from lib.ledger.rule_sets import known_names, published
from lib.ledger.store import Ledger
from lib.periods import Period, month_before, months_before
from lib.reports.allocation.overview import MONTHS
from lib.reports.allocation.select import OverviewAnswer, Spend, days_compared

_DAY = timedelta(days=1)


def load_overview(
    ledger: Ledger, month: str, now: datetime, *, daily: bool = False
) -> OverviewAnswer:
    """A month and the one before, as the rules that count now say who owes them.

    Args:
        daily: what is owed of each day, also of a month that is over.

    Raises:
        SourceUnavailable: nothing was captured of the month, or the ledger cannot be read.
    """
    rules = published(ledger)
    counting = rules.rule_set
    period = days_of(month)
    # One that nobody asked for since stands as it did then, be it long over
    asked_at = [capture.confirmed_at for capture in ledger.captures() if capture.month == month]
    apart = daily or period.end + FINAL_AFTER >= min([now, *asked_at]).date()
    bills = daily_bills(ledger, month, counting) if apart else None
    whole = None if bills is None else _last_asked(bills, now).date() - _DAY
    until = whole if whole is not None and whole < period.end else None
    lines = month_lines(ledger, month, counting, until=until)
    asked = _last_asked(lines if bills is None else bills, now)
    allocation = allocate(lines.lines, counting)
    before, days_before = None, _Days()
    with suppress(SourceUnavailable):  # then there is nothing to compare with
        earlier = month_before(month)
        same_day = days_compared(period, until)[1].end
        lines_before = month_lines(ledger, earlier, counting, until=same_day)
        before = allocate(lines_before.lines, counting).lines
        if apart:
            days_before = _owed_daily(
                daily_bills(ledger, earlier, counting), lines_before, counting
            )
    days = _Days() if bills is None else _owed_daily(bills, lines, counting)
    return OverviewAnswer(
        month,
        period,
        allocation.lines,
        before,
        counting,
        rules.version,
        until,
        (asked - FINAL_AFTER).date() - _DAY,
        days.lines,
        days_before.lines,
        days.by_month,
        days_before.by_month,
        _trend(ledger, period),
        {
            (name.platform, name.id): name.name
            for name in known_names(ledger)
            if name.kind in FIELD_OF
        },
        lines.sources,
        allocation.notes,
        allocation.unknown,
    )


class _Days(NamedTuple):
    lines: tuple[Owed, ...] = ()
    by_month: frozenset[str] = frozenset()


def _owed_daily(bills: DailyBills, lines: MonthLines, rule_set: RuleSet) -> _Days:
    """Who owes what of each day: a share goes by what its metric is in the whole month."""
    bases = lines.lines[lines.lines["metric"] != BILLED]
    owed = allocate(pd.concat([bills.lines, bases], ignore_index=True), rule_set).lines
    return _Days(tuple(line for line in owed if line.metric == BILLED), bills.by_month)


def _last_asked(known: MonthLines | DailyBills, now: datetime) -> datetime:
    """When everybody that bills was last asked."""
    columns = (known.lines[name] for name in ("platform", "account", "metric"))
    billing = {
        (platform, account)
        for platform, account, metric in zip(*columns, strict=True)
        if metric == BILLED
    }
    asked = [
        capture.confirmed_at
        for capture in known.captures
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

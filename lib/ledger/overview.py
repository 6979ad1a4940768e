"""What an overview of all platforms rests on, out of the ledger alone."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from lib.allocation.allocate import BILLED, allocate
from lib.allocation.names import FIELD_OF
from lib.cache import FINAL_AFTER
from lib.errors import SourceUnavailable
from lib.ledger.limits import parts_of, troubles
from lib.ledger.lines import MonthLines, days_of, month_lines
from lib.ledger.query import LedgerQuery, ask
from lib.ledger.rule_sets import known_names, published
from lib.ledger.store import Ledger
from lib.periods import Period, month_before, months_before
from lib.reports.allocation.limits import Reached
from lib.reports.allocation.overview import MONTHS
from lib.reports.allocation.select import OverviewAnswer, Spend
from lib.reports.ledger.platforms import platform_label
from lib.sources.openai import NAME as OPENAI
from lib.sources.openai.limits import MONTH, SpendLimit, limit_of
from lib.usage.exact import exact_sum

_DAY = timedelta(days=1)


def load_overview(
    ledger: Ledger, month: str, now: datetime, *, daily: bool = False
) -> OverviewAnswer:
    """A month and the one before, as the rules that count now say who owes them.

    Args:
        daily: every day's lines apart, also of a month that is over.

    Raises:
        SourceUnavailable: nothing was captured of the month, or the ledger cannot be read.
    """
    rules = published(ledger)
    counting = rules.rule_set
    period = days_of(month)
    # One that nobody asked for since stands as it did then, be it long over
    asked_at = [capture.confirmed_at for capture in ledger.captures() if capture.month == month]
    apart = daily or period.end + FINAL_AFTER >= min([now, *asked_at]).date()
    lines = month_lines(ledger, month, counting, daily=apart)
    try:
        earlier = month_lines(ledger, month_before(month), counting, daily=apart)
    except SourceUnavailable:
        earlier = None
    asked = _last_asked(lines, now)
    whole = asked.date() - _DAY
    allocation = allocate(lines.lines, counting)
    before = None if earlier is None else allocate(earlier.lines, counting)
    return OverviewAnswer(
        month,
        period,
        allocation.lines,
        None if before is None else before.lines,
        counting,
        rules.version,
        whole if whole < period.end else None,
        (asked - FINAL_AFTER).date() - _DAY,
        lines.by_month,
        frozenset() if earlier is None else earlier.by_month,
        _trend(ledger, period),
        {
            (name.platform, name.id): name.name
            for name in known_names(ledger)
            if name.kind in FIELD_OF
        },
        lines.sources,
        allocation.notes,
        allocation.unknown,
        tuple(_limits(lines)),
        tuple(_limit_troubles(lines)),
    )


def _limits(lines: MonthLines) -> Iterator[Reached]:
    """What OpenAI limits, as it was last told in the month, beside what it billed."""
    for capture in lines.captures:
        if capture.platform != OPENAI:
            continue
        bill = _bill(lines, capture.account)
        for part in parts_of(capture.facts).values():
            for limit in map(limit_of, part["limits"]):
                as_of = datetime.fromisoformat(part["as_of"])
                yield Reached(capture.account, limit, as_of, _billed(bill, limit))


def _limit_troubles(lines: MonthLines) -> Iterator[str]:
    """Why not all of that is known."""
    for capture in lines.captures:
        for trouble in troubles(parts_of(capture.facts)):
            yield f"{platform_label(capture.platform)}: {trouble}"


class _Bill(NamedTuple):
    project: str | None
    currency: str
    amount: Decimal | None


def _bill(lines: MonthLines, account: str) -> list[_Bill]:
    frame = lines.lines
    own = (
        (frame["platform"] == OPENAI) & (frame["account"] == account) & (frame["metric"] == BILLED)
    )
    columns = ("sub_account", "unit", "quantity")
    return [*map(_Bill._make, zip(*(frame.loc[own, name] for name in columns), strict=True))]


def _billed(bill: Iterable[_Bill], limit: SpendLimit) -> Decimal | None:
    """What counts towards a limit; None where not all of it is known in its interval and currency.

    An amount that nobody knows, of no project, may be any project's.
    """
    if limit.interval != MONTH:
        return None
    amounts = []
    for line in bill:
        is_own = limit.project in (None, line.project)
        if line.amount is None and (is_own or line.project is None):
            return None
        if is_own and line.amount and line.currency != limit.currency:
            return None
        if is_own and line.amount:
            amounts.append(line.amount)
    return Decimal(exact_sum(amounts))


def _last_asked(lines: MonthLines, now: datetime) -> datetime:
    """When everybody that bills was last asked."""
    columns = (lines.lines[name] for name in ("platform", "account", "metric"))
    billing = {
        (platform, account)
        for platform, account, metric in zip(*columns, strict=True)
        if metric == BILLED
    }
    asked = [
        capture.confirmed_at
        for capture in lines.captures
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

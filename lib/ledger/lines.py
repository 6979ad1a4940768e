"""The lines of a month out of the ledger, for whoever says who owes them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import pandas as pd

from lib.allocation.allocate import BILLED, LINE, needed_metrics
from lib.allocation.rule_set import FIELDS, RuleSet
from lib.errors import SourceUnavailable
from lib.ledger.history import capture_statuses
from lib.ledger.query import LedgerAnswer, LedgerQuery, ask
from lib.ledger.store import Capture, Ledger
from lib.periods import Period, month_after, span
from lib.status import SourceStatus

_BY = LINE[1:]
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class MonthLines:
    """What ``allocate`` takes, of one month, and how complete it is.

    Args:
        lines: with the columns that ``allocate`` wants.
        captures: of the month.
        sources: one per platform and account.
        missing: platforms of which an account has no capture of it.
        complete: nothing of what decides is missing.
    """

    month: str
    lines: pd.DataFrame
    captures: tuple[Capture, ...]
    sources: tuple[SourceStatus, ...]
    missing: frozenset[str]
    complete: bool
    at: datetime


@dataclass(frozen=True)
class DailyBills:
    """What was billed on each day.

    Args:
        lines: as those of ``MonthLines``, less detailed.
        captures: of the month.
        by_month: platforms that bill for more than a day at once.
    """

    lines: pd.DataFrame
    captures: tuple[Capture, ...]
    by_month: frozenset[str]


def days_of(month: str) -> Period:
    """All days of a month such as ``2026-10``."""
    first = date.fromisoformat(f"{month}-01")
    return Period(first, date.fromisoformat(f"{month_after(month)}-01") - timedelta(days=1))


def month_lines(
    ledger: Ledger,
    month: str,
    rule_set: RuleSet,
    *,
    until: date | None = None,
    as_of: datetime | None = None,
) -> MonthLines:
    """The lines of a month that somebody is billed for, and those that rules price or share by.

    Where rules begin or end within the month, what is counted before and after are lines of their
    own, by the day each of it begins; of levels the last value of the month counts. What is not known
    is a line of its own beside what is known.

    Args:
        until: a day of the month after which lines are of their own, too.

    Raises:
        SourceUnavailable: nothing was captured of the month, or the ledger cannot be read.
    """
    wanted = needed_metrics(rule_set)
    days = days_of(month)
    answer = _asked(ledger, days, ("known", *_BY), wanted, as_of)
    rules_change = rule_set.changes_between(days.start, days.end)
    compared = {until + _DAY} if until and days.start <= until < days.end else set[date]()
    cuts = sorted({*rules_change, *compared})
    rows = [*_rows(answer, wanted, rules_change[-1])]
    if len(cuts) > 1:
        cut = replace(answer.query, by=("stretch", "known", *_BY), cuts=tuple(cuts))
        flows = (row for row in _rows(ask(ledger, cut), wanted) if row.nature == "flow")
        rows = [*(row for row in rows if row.nature != "flow"), *flows]
    return MonthLines(
        month,
        _frame(rows),
        answer.captures,
        tuple(capture_statuses(answer.captures, answer.gaps, answer.at)),
        frozenset(platform for platform, _, _ in answer.gaps),
        answer.complete,
        answer.at,
    )


def daily_bills(ledger: Ledger, month: str, rule_set: RuleSet) -> DailyBills:
    """What was billed on each day of a month, told apart by what rules go by and nothing else.

    Raises:
        SourceUnavailable: nothing was captured of the month, or the ledger cannot be read.
    """
    fields = {rule.field for rule in rule_set.rules}
    by = ("platform", "account", *(name for name in FIELDS[1:] if name in fields), "metric")
    wanted = {("", BILLED)}
    answer = _asked(ledger, days_of(month), ("day", "days", "known", *by), wanted, None)
    return DailyBills(
        _frame([*_rows(answer, wanted)]),
        answer.captures,
        frozenset(
            str(group["platform"])
            for amount in answer.amounts
            for group in [dict(zip(answer.query.by, amount.group, strict=True))]
            if group["days"] != "1"
        ),
    )


def _asked(
    ledger: Ledger,
    days: Period,
    by: tuple[str, ...],
    wanted: Iterable[tuple[str, str]],
    as_of: datetime | None,
) -> LedgerAnswer:
    names = tuple(sorted({metric for _, metric in wanted}))
    answer = ask(ledger, LedgerQuery(days, by, names, as_of=as_of, so_far=True))
    if not answer.captures:
        raise SourceUnavailable(
            "ledger",
            f"nothing was captured of {days.start:%Y-%m}{_what_there_is(ledger, as_of)}.",
            "Run ai-usage ledger capture.",
        )
    return answer


class _Line(NamedTuple):
    nature: str
    day: date
    platform: str
    account: str
    sub_account: str | None
    resource: str | None
    principal: str | None
    sku: str | None
    metric: str
    unit: str
    quantity: Decimal | None


def _rows(
    answer: LedgerAnswer, wanted: Iterable[tuple[str, str]], day: date | None = None
) -> Iterator[_Line]:
    """Of the metrics wanted.

    Args:
        day: of all of them; None where the answer tells each one's in its first column.
    """
    pairs = {*wanted}
    by = answer.query.by
    places = [by.index(name) if name in by else None for name in _BY]
    of_platform = by.index("platform")
    first = answer.query.period.start
    for amount in answer.amounts:
        group, metric = amount.group, amount.metric
        if metric == BILLED or (str(group[of_platform]), metric) in pairs:
            # What is unknown as a whole has no day
            its_day = day or (date.fromisoformat(group[0]) if group[0] else first)
            told = (None if place is None else group[place] for place in places)
            yield _Line._make((amount.nature, its_day, *told, amount.unit, amount.quantity))


def _frame(rows: Sequence[_Line]) -> pd.DataFrame:
    columns = [*LINE, "unit", "quantity"]
    return pd.DataFrame([row[1:] for row in rows], columns=columns, dtype=object)


def _what_there_is(ledger: Ledger, as_of: datetime | None) -> str:
    months = sorted({capture.month for capture in ledger.captures(as_of=as_of)})
    return f"; the ledger has {span(months[0], months[-1])}" if months else ""

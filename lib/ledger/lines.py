"""The lines of a month out of the ledger, for whoever says who owes them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pandas as pd

from lib.allocation.allocate import BILLED, LINE, needed_metrics
from lib.allocation.rule_set import RuleSet
from lib.errors import SourceUnavailable
from lib.ledger.history import capture_statuses
from lib.ledger.query import LedgerAnswer, LedgerQuery, ask, next_month
from lib.ledger.store import Capture, Ledger
from lib.periods import Period, span
from lib.status import SourceStatus

_BY = LINE[1:]  # a line's day is the first of those it was asked for


@dataclass(frozen=True)
class MonthLines:
    """What ``allocate`` takes, of one month, and how complete it is.

    Args:
        lines: with the columns that ``allocate`` wants.
        captures: of the month.
        sources: one per platform and account.
        complete: nothing of what decides is missing.
    """

    month: str
    lines: pd.DataFrame
    captures: tuple[Capture, ...]
    sources: tuple[SourceStatus, ...]
    complete: bool
    at: datetime


def days_of(month: str) -> Period:
    """All days of a month such as ``2026-10``."""
    first = date.fromisoformat(f"{month}-01")
    return Period(first, date.fromisoformat(f"{next_month(month)}-01") - timedelta(days=1))


def month_lines(
    ledger: Ledger, month: str, rule_set: RuleSet, *, as_of: datetime | None = None
) -> MonthLines:
    """The lines of a month that somebody is billed for, and those that rules price or share by.

    Where rules begin or end within the month, flows of the days before and after are lines of their
    own; of levels the last value of the month counts.

    Raises:
        SourceUnavailable: nothing was captured of the month, or the ledger cannot be read.
    """
    wanted = needed_metrics(rule_set)
    names = tuple(sorted({metric for _, metric in wanted}))
    days = days_of(month)
    cuts = rule_set.changes_between(days.start, days.end)
    parts = [
        (first, LedgerQuery(Period(first, last), _BY, names, as_of=as_of))
        for first, last in _stretches(cuts, days.end)
    ]
    answers = [(first, ask(ledger, query)) for first, query in parts]
    if not answers[0][1].captures:
        raise SourceUnavailable(
            "ledger",
            f"nothing was captured of {month}{_what_there_is(ledger, as_of)}.",
            "Run ai-usage ledger capture.",
        )
    last_day = cuts[-1]
    of_month = answers[0][1]
    if len(answers) > 1:
        of_month = ask(ledger, LedgerQuery(days, _BY, names, as_of=as_of))
    rows = [
        *(row for first, answer in answers for row in _rows(first, answer, wanted, flows=True)),
        *_rows(last_day, of_month, wanted, flows=False),
    ]
    columns = [*LINE, "unit", "quantity"]
    return MonthLines(
        month,
        pd.DataFrame(rows, columns=columns, dtype=object),
        of_month.captures,
        tuple(capture_statuses(of_month.captures, of_month.gaps, of_month.at)),
        of_month.complete,
        of_month.at,
    )


def _stretches(cuts: list[date], end: date) -> Iterator[tuple[date, date]]:
    for first, after in zip(cuts, [*cuts[1:], end + timedelta(days=1)], strict=True):
        yield first, after - timedelta(days=1)


def _rows(
    first: date, answer: LedgerAnswer, wanted: Iterable[tuple[str, str]], *, flows: bool
) -> Iterator[tuple[object, ...]]:
    pairs = {*wanted}
    for amount in answer.amounts:
        metric = amount.metric
        is_wanted = metric == BILLED or (amount.group[0], metric) in pairs
        if is_wanted and (amount.nature == "flow") == flows:
            yield (first, *amount.group, amount.unit, amount.quantity)


def _what_there_is(ledger: Ledger, as_of: datetime | None) -> str:
    months = sorted({capture.month for capture in ledger.captures(as_of=as_of)})
    return f"; the ledger has {span(months[0], months[-1])}" if months else ""

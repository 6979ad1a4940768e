"""The lines of a month out of the ledger, for whoever says who owes them."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import pandas as pd

from lib.allocation.allocate import BILLED, LINE, needed_metrics
from lib.allocation.rule_set import RuleSet
from lib.errors import SourceUnavailable
from lib.ledger.history import capture_statuses
from lib.ledger.query import LedgerAnswer, LedgerQuery, ask
from lib.ledger.store import Capture, Ledger
from lib.periods import Period, month_after, span
from lib.status import SourceStatus
from lib.usage.exact import exactly

_BY = LINE[1:]


@dataclass(frozen=True)
class MonthLines:
    """What ``allocate`` takes, of one month, and how complete it is.

    Args:
        lines: with the columns that ``allocate`` wants.
        captures: of the month.
        sources: one per platform and account.
        complete: nothing of what decides is missing.
        by_month: platforms that bill for more than a day at once; known where every day was asked for.
    """

    month: str
    lines: pd.DataFrame
    captures: tuple[Capture, ...]
    sources: tuple[SourceStatus, ...]
    complete: bool
    at: datetime
    by_month: frozenset[str] = frozenset()


def days_of(month: str) -> Period:
    """All days of a month such as ``2026-10``."""
    first = date.fromisoformat(f"{month}-01")
    return Period(first, date.fromisoformat(f"{month_after(month)}-01") - timedelta(days=1))


def month_lines(
    ledger: Ledger,
    month: str,
    rule_set: RuleSet,
    *,
    daily: bool = False,
    as_of: datetime | None = None,
) -> MonthLines:
    """The lines of a month that somebody is billed for, and those that rules price or share by.

    Where rules begin or end within the month, what is counted before and after are lines of their
    own, by the day each of it begins; of levels the last value of the month counts.

    Args:
        daily: every day's are lines of their own.

    Raises:
        SourceUnavailable: nothing was captured of the month, or the ledger cannot be read.
    """
    wanted = needed_metrics(rule_set)
    names = tuple(sorted({metric for _, metric in wanted}))
    days = days_of(month)
    of_month = LedgerQuery(days, _BY, names, as_of=as_of, so_far=True)
    answer = ask(ledger, of_month)
    if not answer.captures:
        raise SourceUnavailable(
            "ledger",
            f"nothing was captured of {month}{_what_there_is(ledger, as_of)}.",
            "Run ai-usage ledger capture.",
        )
    cuts = rule_set.changes_between(days.start, days.end)
    rows, by_month = [*_rows(answer, wanted, cuts[-1])], frozenset[str]()
    if daily or len(cuts) > 1:
        by_day = ask(ledger, replace(of_month, by=("day", "days", *_BY)))
        levels = [row for row in rows if row.nature != "flow"]
        by_month = frozenset(
            str(amount.group[2])
            for amount in by_day.amounts
            if amount.metric == BILLED and amount.group[1] != "1"
        )
        rows = [*levels, *_in_stretches(_rows(by_day, wanted), [] if daily else cuts)]
    columns = [*LINE, "unit", "quantity"]
    return MonthLines(
        month,
        pd.DataFrame([row[1:] for row in rows], columns=columns, dtype=object),
        answer.captures,
        tuple(capture_statuses(answer.captures, answer.gaps, answer.at)),
        answer.complete,
        answer.at,
        by_month,
    )


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
        day: of all of them; None where the answer tells each one's.
    """
    pairs = {*wanted}
    for amount in answer.amounts:
        group = amount.group[-len(_BY) :]
        if amount.metric == BILLED or (str(group[0]), amount.metric) in pairs:
            its_day = day or date.fromisoformat(
                amount.group[0] or f"{answer.query.period.start}"  # unknown as a whole
            )
            yield _Line._make((amount.nature, its_day, *group, amount.unit, amount.quantity))


def _in_stretches(lines: Iterable[_Line], cuts: Sequence[date]) -> Iterator[_Line]:
    """Flows, added up from each cut to the next as ``ask`` does: what is known of them, None where nothing
    is. Without cuts each day's as they are.
    """
    sums: dict[_Line, Decimal | None] = {}
    with exactly():
        for line in lines:
            if line.nature != "flow":
                continue
            first = cuts[bisect_right(cuts, line.day) - 1] if cuts else line.day
            key = line._replace(day=first, quantity=None)
            known = [part for part in (sums.get(key), line.quantity) if part is not None]
            sums[key] = sum(known[1:], known[0]) if known else None
    return (key._replace(quantity=quantity) for key, quantity in sums.items())


def _what_there_is(ledger: Ledger, as_of: datetime | None) -> str:
    months = sorted({capture.month for capture in ledger.captures(as_of=as_of)})
    return f"; the ledger has {span(months[0], months[-1])}" if months else ""

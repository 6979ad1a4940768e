"""A month's lines and those of the month before, added up as an overview needs them."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

from lib.allocation.allocate import Note, Owed
from lib.allocation.exchange import in_currency, united
from lib.allocation.projection import NotEnough, Projection, projection
from lib.allocation.rule_set import CostCentre, RuleSet
from lib.periods import Period, month_before
from lib.reports.allocation.limits import Reached
from lib.status import SourceStatus
from lib.usage.exact import exact_sum, exactly

Centre = str | None
"""Id of a cost centre; None: unallocated."""


class Spend(NamedTuple):
    """What a platform billed in a month, in one currency; None where it is not known."""

    month: str
    platform: str
    currency: str
    amount: Decimal | None
    complete: bool


@dataclass(frozen=True)
class MonthBefore:
    """The month before, to compare with.

    Args:
        lines: apart for the days that are compared and those after them.
        days: what was owed of each day, less detailed.
        by_month: platforms that billed by the month, not by the day.
        until: the last whole day that was captured of it; None for all of it.
        missing: platforms that bill of which nothing was captured of it.
    """

    lines: tuple[Owed, ...]
    days: tuple[Owed, ...]
    by_month: frozenset[str] = frozenset()
    until: date | None = None
    missing: frozenset[str] = frozenset()


@dataclass(frozen=True)
class OverviewAnswer:
    """What an overview rests on.

    Args:
        lines: of the month, apart for the days that are compared and those after them.
        before: the month before; None where nothing was captured of it.
        version: of the rules; 0 where none were published.
        until: the last whole day that was captured; None for a month that is over.
        settled_until: the last day that changes no more.
        days: what is owed of each day, less detailed.
        by_month: platforms that bill by the month, not by the day.
        trend: of thirteen months.
        names: platform and id to what it is called.
        unknown: how many lines have an amount that nobody knows.
        limits: what OpenAI itself limits; limit_troubles: why not all of that is known. Both are for those who
            see everything.
    """

    month: str
    period: Period
    lines: tuple[Owed, ...]
    before: MonthBefore | None
    rule_set: RuleSet
    version: int
    until: date | None
    settled_until: date
    days: tuple[Owed, ...]
    by_month: frozenset[str]
    trend: tuple[Spend, ...]
    names: Mapping[tuple[str, str], str]
    sources: tuple[SourceStatus, ...]
    notes: tuple[Note, ...]
    unknown: int
    limits: tuple[Reached, ...] = ()
    limit_troubles: tuple[str, ...] = ()


class Amounts(NamedTuple):
    """Money of one currency: what was billed, moved by shares, and rated; what was allocated before.

    ``compared`` is what is allocated in the days that ``before`` is of; ``unknown`` how many lines have an
    amount that nobody knows.
    """

    billed: Decimal
    shared: Decimal
    rated: Decimal
    compared: Decimal
    before: Decimal | None
    unknown: int = 0

    @property
    def allocated(self) -> Decimal:
        with exactly():
            return self.billed + self.shared


@dataclass
class _Sums:
    billed: Decimal
    shared: Decimal
    rated: Decimal
    compared: Decimal
    before: Decimal
    unknown: int = 0

    def add(self, other: "_Sums") -> None:
        self.billed += other.billed
        self.shared += other.shared
        self.rated += other.rated
        self.compared += other.compared
        self.before += other.before
        self.unknown += other.unknown


def days_compared(month: Period, until: date | None) -> tuple[Period, Period]:
    """The days of a month, and those of the month before, that are set side by side.

    Args:
        until: the last whole day of a month that runs; None: all of it.
    """
    last_of_before = month.start - timedelta(days=1)
    first_of_before = last_of_before.replace(day=1)
    if until is None:
        return month, Period(first_of_before, last_of_before)
    same_day = min(last_of_before, first_of_before + (until - month.start))
    return Period(month.start, until), Period(first_of_before, same_day)


class Selection:
    """The sums of an answer, in one currency as far as there are rates.

    Args:
        currency: the main one where no money is in any.
    """

    def __init__(self, answer: OverviewAnswer, currency: str = "") -> None:
        self.answer = answer
        self._otherwise = currency
        self.lines, used = united(answer.lines, answer.rule_set, answer.month)
        earlier = month_before(answer.month)  # at its own rates: as its own overview tells it
        before = answer.before
        self.before = None if before is None else united(before.lines, answer.rule_set, earlier)[0]
        self.notes = (*used, *(note.sentence for note in answer.notes))

    @property
    def is_running(self) -> bool:
        """Whether the month is not over."""
        return self.answer.until is not None

    @property
    def is_compared(self) -> bool:
        """Whether a day of this month is whole, and the same days of the month before are known."""
        before, (days, then) = self.answer.before, self.compared_days
        if before is None or days.start > days.end:
            return False
        told_apart = before.by_month <= self.answer.by_month or not self.is_running
        return told_apart and (before.until is None or before.until >= then.end)

    @cached_property
    def compared_days(self) -> tuple[Period, Period]:
        """The days of the month, and those of the month before, that are set side by side."""
        return days_compared(self.answer.period, self.answer.until)

    @cached_property
    def groups(self) -> list[tuple[Owed, "_Sums"]]:
        """A line for all days of both months that differ in nothing else, with their sums."""
        now, then = self.compared_days
        sums: dict[tuple[Any, ...], _Sums] = {}
        like: dict[tuple[Any, ...], Owed] = {}
        nothing = Decimal(0)

        def of(line: Owed) -> _Sums:
            moved = line.shared is not None
            key = (*line[1:10], line.currency, moved)
            if key not in sums:
                sums[key] = _Sums(nothing, nothing, nothing, nothing, nothing)
                like[key] = line._replace(shared=nothing if moved else None)
            return sums[key]

        with exactly():
            for line in self.lines:
                group = of(line)
                group.billed += line.billed or nothing
                group.shared += line.shared or nothing
                group.rated += line.rated or nothing
                group.unknown += line.is_unknown
                if line.allocated and self._is_in(line, now):
                    group.compared += line.allocated
            for line in self.before or ():
                if line.allocated and self._is_in(line, then):
                    of(line).before += line.allocated
        return [(like[key], group) for key, group in sums.items()]

    def by(self, key: Callable[[Owed], Any]) -> dict[tuple[Any, str], Amounts]:
        """What each has of each currency, by something that lines have."""
        parts: dict[tuple[Any, str], _Sums] = {}
        nothing = Decimal(0)
        with exactly():
            for line, group in self.groups:
                place = key(line), line.currency
                whole = parts.setdefault(place, _Sums(nothing, nothing, nothing, nothing, nothing))
                whole.add(group)
        return {
            place: Amounts(
                each.billed,
                each.shared,
                each.rated,
                each.compared,
                each.before if self.is_compared else None,
                each.unknown,
            )
            for place, each in parts.items()
        }

    def budgets(self) -> dict[str, tuple[Decimal, str, CostCentre]]:
        """Cost centre to its budget of the month, in the currency of its spend where there is a rate."""
        last = self.answer.period.end
        budgets = {}
        for identity, centre in self.answer.rule_set.centres_on(last).items():
            if centre.budget is None:
                continue
            amount, currency = centre.budget, centre.currency
            if self.currency and currency != self.currency:
                exchanged = in_currency(
                    amount, currency, self.currency, self.answer.rule_set, self.answer.month
                )
                amount, currency = (
                    (amount, currency) if exchanged is None else (exchanged, self.currency)
                )
            budgets[identity] = amount, currency, centre
        return budgets

    @cached_property
    def currency(self) -> str:
        """That of most of what is billed; of what shares bring, or is rated, where nothing is."""
        for kind in ("billed", "shared", "rated"):
            sums: dict[str, list[Decimal]] = defaultdict(list)
            for line in self.lines:
                _add(sums[line.currency], getattr(line, kind))
            known = {code: abs(exact_sum(each)) for code, each in sums.items() if each}
            if known:
                return max(known, key=lambda code: (known[code], code))
        return next(
            (centre.currency for centre in self.answer.rule_set.cost_centres if centre.currency),
            self._otherwise,
        )

    @cached_property
    def daily(self) -> dict[tuple[Centre, str], dict[date, Decimal | None]]:
        """Cost centre and platform to what is allocated on each day, in the main currency; None where it is not
        known. Of platforms that bill by the month it stands on its first day.
        """
        answer = self.answer
        lines = united(answer.days, answer.rule_set, answer.month)[0]
        of_before = answer.before.days if answer.before else ()
        before = united(of_before, answer.rule_set, month_before(answer.month))[0]
        days: dict[tuple[Centre, str], dict[date, Decimal | None]] = defaultdict(dict)
        with exactly():
            for line in (*before, *lines):
                if line.currency != self.currency or not (line.is_bill or line.shared is not None):
                    continue
                of_days = days[line.cost_centre, line.platform]
                known = of_days.get(line.day, Decimal(0))
                amount = line.allocated
                of_days[line.day] = None if known is None or amount is None else known + amount
        return days

    def projected(self, *centres: Centre) -> Projection | NotEnough | None:
        """What the month will have cost of some cost centres, of all where none is named, and never less than is
        billed so far; None for one that is over and settled.
        """
        answer = self.answer
        if answer.settled_until >= answer.period.end:
            return None
        sums: dict[date, Decimal | None] = dict.fromkeys(self.settled_days, Decimal(0))
        fixed = so_far = Decimal(0)
        with exactly():
            for (centre, platform), of_days in self.daily.items():
                if centres and centre not in centres:
                    continue
                for day, amount in of_days.items():
                    if platform in answer.by_month:
                        fixed += (amount or 0) if day >= answer.period.start else 0
                    elif day in sums:
                        known = sums[day]
                        sums[day] = None if known is None or amount is None else known + amount
            for line, group in self.groups:
                if line.currency == self.currency and (not centres or line.cost_centre in centres):
                    so_far += group.billed + group.shared
        projected = projection(sums, answer.month, answer.settled_until, fixed)
        return projected.at_least(so_far) if isinstance(projected, Projection) else projected

    @cached_property
    def settled_days(self) -> list[date]:
        """Days that change no more and are told apart: what was billed on none of them is 0, not unknown."""
        answer, before, first = self.answer, self.answer.before, self.compared_days[1].start
        known = [*_days(answer.period.start, min(answer.settled_until, answer.period.end))]
        if before is not None and before.by_month <= answer.by_month:
            last = answer.period.start - timedelta(days=1)
            known = [*_days(first, min(before.until or last, last)), *known]
        return known

    def _is_in(self, line: Owed, days: Period) -> bool:
        return line.platform in self.answer.by_month or days.start <= line.day <= days.end


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=ahead) for ahead in range((last - first).days + 1))


def _add(amounts: list[Decimal], amount: Decimal | None) -> None:
    if amount is not None:
        amounts.append(amount)

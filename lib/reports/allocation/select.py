"""A month's lines and those of the month before, added up as an overview needs them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

from lib.allocation.allocate import Owed
from lib.allocation.exchange import in_currency, united
from lib.allocation.projection import NotEnough, Projection, projection
from lib.allocation.rule_set import CostCentre, RuleSet
from lib.periods import Period
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
class OverviewAnswer:
    """What an overview rests on.

    Args:
        lines: of the month; of each day apart while it runs.
        before: of the month before; None where nothing was captured of it.
        version: of the rules; 0 where none were published.
        until: the last whole day that was captured; None for a month that is over.
        settled_until: the last day that changes no more.
        by_month: platforms that bill by the month, not by the day.
        trend: of thirteen months.
        names: platform and id to what it is called.
        unknown: how many lines have an amount that nobody knows.
    """

    month: str
    period: Period
    lines: tuple[Owed, ...]
    before: tuple[Owed, ...] | None
    rule_set: RuleSet
    version: int
    until: date | None
    settled_until: date
    by_month: frozenset[str]
    trend: tuple[Spend, ...]
    names: Mapping[tuple[str, str], str]
    sources: tuple[SourceStatus, ...]
    notes: tuple[str, ...]
    unknown: int


class Amounts(NamedTuple):
    """Money of one currency: what was billed, moved by shares, and rated; what was allocated before.

    ``compared`` is what is allocated in the days that ``before`` is of.
    """

    billed: Decimal
    shared: Decimal
    rated: Decimal
    compared: Decimal
    before: Decimal | None

    @property
    def allocated(self) -> Decimal:
        with exactly():
            return self.billed + self.shared


class Selection:
    """The sums of an answer, in one currency as far as there are rates."""

    def __init__(self, answer: OverviewAnswer) -> None:
        self.answer = answer
        self.lines, used = united(answer.lines, answer.rule_set, answer.month)
        before = answer.before
        self.before = None if before is None else united(before, answer.rule_set, answer.month)[0]
        self.notes = (*used, *answer.notes)

    @property
    def is_running(self) -> bool:
        """Whether the month is not over."""
        return self.answer.until is not None

    @property
    def is_compared(self) -> bool:
        """Whether something of the month before is known, and one day of this month is whole."""
        days, _ = self.compared_days
        return self.before is not None and days.start <= days.end

    @cached_property
    def compared_days(self) -> tuple[Period, Period]:
        """The days of the month, and those of the month before, that are set side by side."""
        first = self.answer.period.start
        last_of_before = first - timedelta(days=1)
        first_of_before = last_of_before.replace(day=1)
        until = self.answer.until
        if until is None:
            return self.answer.period, Period(first_of_before, last_of_before)
        same_day = min(last_of_before, first_of_before + (until - first))
        return Period(first, until), Period(first_of_before, same_day)

    def by(self, key: Callable[[Owed], Any]) -> dict[tuple[Any, str], Amounts]:
        """What each has of each currency, by something that lines have."""
        now, then = self.compared_days
        parts: dict[tuple[Any, str], tuple[list[Decimal], ...]] = defaultdict(
            lambda: ([], [], [], [], [])
        )
        for line in self.lines:
            billed, shared, rated, compared, _ = parts[key(line), line.currency]
            _add(billed, line.billed)
            _add(shared, line.shared)
            _add(rated, line.rated)
            if self._is_in(line, now):
                _add(compared, line.allocated)
        for line in self.before or ():
            if self._is_in(line, then):
                _add(parts[key(line), line.currency][-1], line.allocated)
        return {place: _amounts(*sums, is_known=self.is_compared) for place, sums in parts.items()}

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
            (centre.currency for centre in self.answer.rule_set.cost_centres if centre.currency), ""
        )

    @cached_property
    def of_centre(self) -> dict[Centre, list[Owed]]:
        """The lines of both months by cost centre."""
        lines: dict[Centre, list[Owed]] = defaultdict(list)
        for line in self.of_both:
            lines[line.cost_centre].append(line)
        return lines

    @property
    def of_both(self) -> tuple[Owed, ...]:
        """The lines of both months."""
        return (*(self.before or ()), *self.lines)

    def projected(self, lines: Iterable[Owed]) -> Projection | NotEnough | None:
        """What the month will have cost of some lines of both months; None for one that is over and settled."""
        answer = self.answer
        if answer.settled_until >= answer.period.end:
            return None
        daily: dict[date, list[Decimal]] = {day: [] for day in self._captured_days()}
        fixed: list[Decimal] = []
        unknown: set[date] = set()
        for line in lines:
            if line.currency != self.currency:
                continue
            if line.allocated is None:
                unknown |= {line.day} if line.is_bill else set()
            elif line.platform in answer.by_month:
                if line.day >= answer.period.start:
                    fixed.append(line.allocated)
            elif line.day in daily:
                daily[line.day].append(line.allocated)
        sums = {
            day: None if day in unknown else Decimal(exact_sum(each)) for day, each in daily.items()
        }
        return projection(sums, answer.month, answer.settled_until, Decimal(exact_sum(fixed)))

    def _captured_days(self) -> Iterable[date]:
        """Days on which nothing billed is 0, and not unknown."""
        first = self.compared_days[1].start if self.before is not None else self.answer.period.start
        last = self.answer.settled_until
        return (first + timedelta(days=ahead) for ahead in range((last - first).days + 1))

    def _is_in(self, line: Owed, days: Period) -> bool:
        return line.platform in self.answer.by_month or days.start <= line.day <= days.end


def _amounts(
    billed: list[Decimal],
    shared: list[Decimal],
    rated: list[Decimal],
    compared: list[Decimal],
    before: list[Decimal],
    *,
    is_known: bool,
) -> Amounts:
    first = [Decimal(exact_sum(each)) for each in (billed, shared, rated, compared)]
    then = Decimal(exact_sum(before)) if is_known else None
    return Amounts(first[0], first[1], first[2], first[3], then)


def _add(amounts: list[Decimal], amount: Decimal | None) -> None:
    if amount is not None:
        amounts.append(amount)

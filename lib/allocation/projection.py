"""What a month will have cost by its end, told from days that are settled, and days that stand out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from statistics import median
from typing import NamedTuple

from lib.periods import months_before
from lib.usage.exact import exactly

Daily = Mapping[date, Decimal | None]
"""UTC day to what it cost, in one currency. A day that is None or absent is not known, which is never
0: whoever knows that nothing was billed on a day says 0.
"""

RECENT_DAYS = 28
"""What is usual is what was so in as many days: every weekday four times."""

LEAST_DAYS = 14
"""So many of them must be known, or nothing is projected."""

SPIKE = 3
"""A day over so many times the median of the days before it stands out."""

LEAST_USABLE = 3
"""A median of fewer days says nothing."""

USABLE = Decimal(1)
"""Days below this are nobody's usual: three times nothing is nothing, too."""

FLOOR = Decimal(20)
"""Where the days before have no median, a day over this stands out."""

_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Range(NamedTuple):
    """What an amount lies between."""

    low: Decimal
    high: Decimal


@dataclass(frozen=True)
class Projection:
    """What a month will have cost: no cost, and never to be written into a file as one.

    Args:
        amount: all of the month.
        between: None where nothing is left to project: every day is settled and known.
        settled: what its settled days have cost, without those in ``unknown``.
        fixed: what was billed for the month as a whole.
        until: the last settled day that it rests on.
        unknown: settled days of the month of which nobody knows the cost. They are projected like those
            still to come, be the month over or not; such a projection is incomplete, and has to say so.
    """

    month: str
    amount: Decimal
    between: Range | None
    settled: Decimal
    fixed: Decimal
    until: date
    unknown: tuple[date, ...]

    def at_least(self, billed: Decimal) -> "Projection":
        """The same, and no less than what is billed so far, provisional days included."""
        between = self.between
        if between is not None:
            between = Range(max(between.low, billed), max(between.high, billed))
        return replace(self, amount=max(self.amount, billed), between=between)


@dataclass(frozen=True)
class NotEnough:
    """Too few days are known to project a month, which is not to be shown as 0.

    Args:
        known: how many of the last 28 settled days.
        lacking: weekdays that it would take, of which none is known; Monday is 0.
    """

    known: int
    lacking: tuple[int, ...]

    @property
    def why(self) -> str:
        """One sentence for people."""
        if self.known < LEAST_DAYS:
            what = f"{self.known} of the last {RECENT_DAYS} days known, {LEAST_DAYS} needed."
        else:
            what = f"no {_WEEKDAYS[self.lacking[0]]} of the last {RECENT_DAYS} days is known."
        return f"Not enough history: {what}"


class Spike(NamedTuple):
    """A day that stands out; ``usual`` is the median of those before it, None where there is none."""

    day: date
    amount: Decimal
    usual: Decimal | None


def projection(
    daily: Daily, month: str, settled_until: date, fixed: Decimal = Decimal(0)
) -> Projection | NotEnough:
    """What a month will have cost: its settled days as billed, each other day as its weekday usually is.

    Usual is the median of that weekday in the 28 days up to the last settled one, or up to the end of
    a month that is over. The range is what the same days would cost if all of them went as in the
    cheapest, or as in the dearest, of the four weeks of these 28 days. It always holds the amount, and
    without credits never begins below what is settled. It says what has been, not what is certain: of
    made-up months it held two in three.

    Args:
        daily: what is billed by the day, and nothing else. A later day than ``settled_until`` is
            provisional: what it says is left out, and it is projected.
        month: ``2026-10``.
        settled_until: the last UTC day that is complete and no longer provisional.
        fixed: what is billed for the month as a whole, in lines longer than a day. It is added as it
            is: in ``daily`` it would be one huge day, and the next month's would be made of it.

    Raises:
        ValueError: the month is not written so.
    """
    days = _days_of(month)
    until = min(settled_until, days[-1])
    known = {day: cost for day, cost in daily.items() if cost is not None and day <= until}
    recent = [*_days_up_to(until)]
    left = [day for day in days if day not in known]
    with exactly():
        usual = _usual(known, recent)
        of_recent = sum(day in known for day in recent)
        lacking = {day.weekday() for day in left} - usual.keys()
        if of_recent < LEAST_DAYS or lacking:
            return NotEnough(of_recent, tuple(sorted(lacking)))
        settled = sum((known[day] for day in days if day in known), Decimal(0))
        expected = _as_usual(left, usual)
        weeks = (recent[start : start + 7] for start in range(0, RECENT_DAYS, 7))
        ways = [expected, *(_as_usual(left, usual | _week(week, known)) for week in weeks)]
        billed = settled + fixed
        return Projection(
            month=month,
            amount=billed + expected,
            between=Range(billed + min(ways), billed + max(ways)) if left else None,
            settled=settled,
            fixed=fixed,
            until=until,
            unknown=tuple(day for day in left if day <= until),
        )


def spikes(daily: Daily, settled_until: date, floor: Decimal = FLOOR) -> list[Spike]:
    """Every settled day over three times the median of the 28 days before it, in their order.

    Days below ``USABLE`` are not in the median. Where fewer than three others are left, there is no
    median, and a day over ``floor`` stands out: it was quiet before. Where fewer than three are known
    at all, nobody knows whether it was, and nothing stands out: a history does not begin with an alarm.

    Args:
        daily: of one cost centre or platform, billed by the day.
        settled_until: later days are provisional, and left out.
    """
    found = []
    for day, cost in sorted(daily.items()):
        if cost is None or day > settled_until:
            continue
        before = [daily.get(other) for other in _days_up_to(day - timedelta(days=1))]
        known = [other for other in before if other is not None]
        usable = [other for other in known if other >= USABLE]
        if len(known) < LEAST_USABLE:
            continue
        with exactly():
            usual = median(usable) if len(usable) >= LEAST_USABLE else None
            if cost > (floor if usual is None else SPIKE * usual):
                found.append(Spike(day, cost, usual))
    return found


def _days_of(month: str) -> list[date]:
    first = date.fromisoformat(f"{month}-01")
    after = months_before(first, -1)
    return [first + timedelta(days=place) for place in range((after - first).days)]


def _days_up_to(day: date) -> Iterator[date]:
    """The 28 days that end with one."""
    return (day - timedelta(days=back) for back in range(RECENT_DAYS))


def _usual(known: Mapping[date, Decimal], recent: Iterable[date]) -> dict[int, Decimal]:
    """Weekday to the median of it."""
    by_weekday: dict[int, list[Decimal]] = defaultdict(list)
    for day in recent:
        if day in known:
            by_weekday[day.weekday()].append(known[day])
    return {weekday: median(costs) for weekday, costs in by_weekday.items()}


def _week(days: Sequence[date], known: Mapping[date, Decimal]) -> dict[int, Decimal]:
    """Weekday to what it cost in one week; without those that are not known, which are then as usual."""
    return {day.weekday(): known[day] for day in days if day in known}


def _as_usual(days: Iterable[date], usual: Mapping[int, Decimal]) -> Decimal:
    """What days cost together, each as its weekday."""
    return sum((usual[day.weekday()] for day in days), Decimal(0))

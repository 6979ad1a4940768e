"""What a period is compared with: a name, and the days it means."""

from calendar import monthrange
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches

from lib.errors import InputError
from lib.periods import EARLIEST, Period, months_before, months_of

NONE = "none"


@dataclass(frozen=True)
class Comparison:
    """One way to compare.

    Args:
        label: as a choice on screen.
        before: the days compared with; they end before the period starts.
    """

    label: str
    before: Callable[[Period], Period | None]


def _same_days(period: Period, months: int) -> Period:
    """The same days so many months before, or a multiple: the nearest that do not overlap."""
    back = months
    while _day_before(period.end, back) >= period.start:
        back += months
    return Period(_day_before(period.start, back), _day_before(period.end, back))


def _day_before(day: date, months: int) -> date:
    """The same day of an earlier month, or the last one that it has."""
    first = months_before(day, months)
    return first.replace(day=min(day.day, monthrange(first.year, first.month)[1]))


def _months_before(period: Period) -> Period:
    """As many whole months as the period touches, until the one before its first."""
    first = period.start.replace(day=1)
    return Period(months_before(first, months_of(period)), first - timedelta(days=1))


COMPARISONS = {
    NONE: Comparison("None", lambda _: None),
    "preceding": Comparison("Preceding days", Period.preceding),
    "same-days": Comparison("Same days, month before", lambda days: _same_days(days, 1)),
    "month-before": Comparison("Month before", _months_before),
    "year-before": Comparison("Same days, year before", lambda days: _same_days(days, 12)),
}
"""Comparisons by the name they have in links and commands."""


_UNITS_BEFORE = {1: "Month before", 3: "Quarter before", 12: "Year before"}


def label_of(name: str, period: Period | None) -> str:
    """A comparison as a choice on screen: a year's whole months before are the year before."""
    if name != "month-before" or period is None:
        return COMPARISONS[name].label
    months = months_of(period)
    of_calendar = months in _UNITS_BEFORE and (period.start.month - 1) % months == 0
    return _UNITS_BEFORE[months] if of_calendar else f"Preceding {months:,} months"


def compared(name: str, period: Period | None) -> Period | None:
    """The days that a period is compared with; None for ``none``, and of all time."""
    return None if period is None else COMPARISONS[name].before(period)


def days_compared(period: Period, before: Period) -> str:
    """The days compared with, in words that follow "against"; uneven numbers of days are said."""
    if before.days == period.days:
        return f"{before}, day for day"
    days = f"{before.days:,} day{'s' if before.days > 1 else ''}"
    return f"{before}, {days} against {period.days:,}"


def check_comparison(
    name: str,
    period: Period | None,
    among: Iterable[str] = tuple(COMPARISONS),
    *,
    parameter: str = "compare",
) -> str:
    """The name, when the period can be compared so.

    Args:
        among: what the platform can compare with.

    Raises:
        InputError: unknown, of all time, or with days before ``EARLIEST``.
    """
    known = list(among)
    if name not in known:
        near = get_close_matches(name, known, n=3, cutoff=0.5) or known
        raise InputError(parameter, f"{name[:40]!r} is unknown.", f"Use {', '.join(near)}.")
    if name != NONE and period is None:
        raise InputError(parameter, "there is nothing before all time.", "Choose days, too.")
    before = compared(name, period)
    if before is not None and before.start < EARLIEST:
        raise InputError(
            parameter, f"{before.start} lies before {EARLIEST}.", "Choose a later period."
        )
    return name

"""Periods that have a name, and the step from a period to the one before or after it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from typing import Literal

from lib.errors import InputError
from lib.periods import EARLIEST, Period, months_before, span

Unit = Literal["days", "month", "quarter", "year"]
"""What a period is one of; ``days`` is any number of them."""

_MONTHS: dict[Unit, int] = {"month": 1, "quarter": 3, "year": 12}
"""Units of the calendar, short to long, and their months."""


@dataclass(frozen=True)
class Preset:
    """A period relative to today.

    Args:
        label: as a choice on screen.
        unit: what it is one of, and steps by.
        back: how many of a calendar's unit it lies before the running one.
        days: how many whole days it has, so that today is in none, where its unit is days.
    """

    label: str
    unit: Unit
    back: int = 0
    days: int = 0


PRESETS = {
    "this-month": Preset("This month to date", "month"),
    "last-month": Preset("Last month", "month", back=1),
    "last-7-days": Preset("Last 7 whole days", "days", days=7),
    "last-30-days": Preset("Last 30 whole days", "days", days=30),
    "last-90-days": Preset("Last 90 whole days", "days", days=90),
    "this-quarter": Preset("This quarter to date", "quarter"),
    "last-quarter": Preset("Last quarter", "quarter", back=1),
    "this-year": Preset("This year to date", "year"),
    "last-year": Preset("Last year", "year", back=1),
}
"""Presets by the name they have in links and commands. One that runs ends today, one of days yesterday."""


def resolve(name: str, today: date, *, parameter: str = "period") -> Period:
    """The days that a preset means today.

    Raises:
        InputError: no such preset; it names near ones.
    """
    preset = PRESETS.get(name)
    if preset is None:
        near = get_close_matches(name, PRESETS, n=3, cutoff=0.5) or PRESETS
        raise InputError(parameter, f"{name[:40]!r} is unknown.", f"Use {', '.join(near)}.")
    if preset.unit == "days":
        return Period(today - timedelta(days=preset.days), today - timedelta(days=1))
    return _around(today, preset.unit, today, -preset.back)


def preset_of(period: Period, today: date, among: Iterable[str] = tuple(PRESETS)) -> str | None:
    """The first preset that means these days today."""
    return next((name for name in among if resolve(name, today) == period), None)


def unit_of(period: Period, today: date) -> Unit:
    """The shortest unit of the calendar that a period is, whole or until today; else days."""
    units = (unit for unit in _MONTHS if _around(period.start, unit, today) == period)
    return next(units, "days")


def step(period: Period, unit: Unit, by: Literal[-1, 1], today: date) -> Period | None:
    """The period before (-1) or after (1): the calendar's, or as many days.

    Args:
        unit: of the period, see ``unit_of``.

    Returns:
        None where it would lie before ``EARLIEST`` or in the future.
    """
    if unit == "days":
        move = timedelta(days=by * period.days)
        moved = Period(period.start + move, period.end + move)
        return moved if moved.start >= EARLIEST and moved.end <= today else None
    moved = _around(period.start, unit, today, by)
    return moved if EARLIEST <= moved.start <= today else None


def nearest(period: Period, days: Iterable[date], today: date) -> Period | None:
    """The period stepped, by its unit, until it holds the nearest of some days; None where there is none.

    Args:
        days: until today; those of the period itself are left out.
    """
    away = {
        day: max((period.start - day).days, (day - period.end).days)
        for day in days
        if day < period.start or day > period.end
    }
    if not away:
        return None
    there = _reaching(period, min(away, key=lambda day: (away[day], day)), today)
    return there if there.start >= EARLIEST else None


def _reaching(period: Period, day: date, today: date) -> Period:
    unit = unit_of(period, today)
    if unit != "days":
        return _around(day, unit, today)
    move = timedelta(days=(day - period.start).days // period.days * period.days)
    return Period(period.start + move, min(period.end + move, today))


def _around(day: date, unit: Unit, today: date, by: int = 0) -> Period:
    """The unit of the calendar that a day lies in, or one ``by`` units after; until today at most."""
    months = _MONTHS[unit]
    first = months_before(day, (day.month - 1) % months - by * months)
    return Period(first, min(months_before(first, -months) - timedelta(days=1), max(first, today)))


def title(period: Period, today: date) -> str:
    """A period as people call it: ``October 2026``, ``Q3 2026``, ``2025``, or its days."""
    start = period.start
    return {
        "month": f"{start:%B %Y}",
        "quarter": f"Q{(start.month + 2) // 3} {start.year}",
        "year": f"{start.year}",
        "days": span(period.start, period.end),
    }[unit_of(period, today)]

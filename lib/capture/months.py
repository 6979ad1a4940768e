"""Which months a capture asks for."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from lib.errors import InputError
from lib.ledger.store import Capture
from lib.periods import EARLIEST, month_after, months_before

REACH = 12
"""Months before this one that are asked for unless others are named."""


def month_of(moment: date) -> str:
    """``2026-10``."""
    return f"{moment:%Y-%m}"


def first_day(month: str) -> date:
    """Of a month such as ``2026-10``."""
    return date(int(month[:4]), int(month[5:]), 1)


def end_of(month: str) -> datetime:
    """The first moment after a month, UTC."""
    day = first_day(month_after(month))
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def last_day(month: str) -> date:
    """Of a month such as ``2026-10``."""
    return end_of(month).date() - timedelta(days=1)


def months_since(month: str, today: date) -> list[str]:
    """A month and all after it, up to this one."""
    months = []
    while month <= month_of(today):
        months.append(month)
        month = month_after(month)
    return months


def chosen_months(months: Iterable[str], since: str, today: date) -> list[str]:
    """The months that a person names, in order; empty where none is named.

    Raises:
        InputError: not a month, too early, or in the future.
    """
    named = [*dict.fromkeys(months)]
    for month in [*named, *filter(None, [since])]:
        _check(month, today)
    return sorted({*named, *(months_since(since, today) if since else ())})


def due_months(captured: Iterable[Capture], today: date, reach: int = REACH) -> list[str]:
    """This month, and earlier ones within reach that are missing, incomplete or may still change.

    Args:
        captured: what stands of one platform and account.
    """
    now = datetime(today.year, today.month, today.day, tzinfo=UTC)
    settled = {capture.month for capture in captured if capture.is_settled(now)}
    every = months_since(month_of(months_before(today, reach)), today)
    return [month for month in every if month not in settled]


def _check(month: str, today: date) -> None:
    try:
        day = datetime.strptime(month, "%Y-%m").date()
    except ValueError:
        raise InputError(
            "month", f"{month[:40]!r} is not a month.", "Write it as 2026-10."
        ) from None
    if len(month) != len("2026-10") or day < EARLIEST:
        raise InputError("month", f"{month[:40]!r} is not a month.", "Write it as 2026-10.")
    if day > today:
        raise InputError(
            "month", f"{month} lies in the future.", f"Choose {month_of(today)} or an earlier one."
        )

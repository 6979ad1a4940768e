"""What a person asks of a chargeback report: checked once, then carried through unchanged."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from lib.comparisons import NONE, check_comparison, compared
from lib.errors import InputError, check_given
from lib.periods import Period
from lib.presets import resolve

WINDOW, ACTIVE_WINDOW = "7d", "60d"
EVERY_ACCOUNT = "both"
ACCOUNTS = ("both", "personal", "service")
"""Which accounts are shown: people, programs, or both."""

MONTH_PRESETS = ("this-month", "last-month")
"""Presets that are a month."""

COMPARED_WITH = (NONE, "month-before", "year-before")
"""Comparisons of a month that are a month."""

_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}
_SPAN = re.compile(r"(\d{1,5})([dwmy])")
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")
_YEARS = range(2000, 2100)
_LONGEST_DAYS = 36_500


@dataclass(frozen=True)
class ChargebackQuery:
    """A checked question.

    Args:
        month: ``2024-09`` for servers that keep months; None means what the server gives without.
        compare: another month to compare with.
        window: days within which users and workspaces are new.
        active_window: days within which a user must have been seen to be active.
        workspaces: names; empty means all.
        exclude: a workspace whose name matches this shell pattern (``*`` and ``?``) is left out.
        accounts: one of ``ACCOUNTS``.
    """

    month: str | None = None
    compare: str | None = None
    window: str = WINDOW
    active_window: str = ACTIVE_WINDOW
    workspaces: tuple[str, ...] = ()
    exclude: str = ""
    accounts: str = EVERY_ACCOUNT

    @property
    def window_days(self) -> int:
        """Days of ``window``."""
        return days_of(self.window, "window")

    @property
    def active_days(self) -> int:
        """Days of ``active_window``."""
        return days_of(self.active_window, "active-window")

    def described(self) -> dict[str, object]:
        """The filters as they stand in every rendering of the report."""
        return {
            "month": self.month,
            "compare": self.compare,
            "window": self.window,
            "active_window": self.active_window,
            "workspaces": list(self.workspaces),
            "exclude": self.exclude,
            "accounts": self.accounts,
        }


def check_chargeback_query(
    *,
    month: str | None = None,
    compare: str | None = None,
    window: str = WINDOW,
    active_window: str = ACTIVE_WINDOW,
    workspaces: Iterable[str] = (),
    exclude: str = "",
    accounts: str = EVERY_ACCOUNT,
    now: datetime | None = None,
) -> ChargebackQuery:
    """A question that can be asked.

    Args:
        now: decides which months lie in the future; the clock when None.

    Raises:
        InputError: names the parameter that is unusable.
    """
    check_month("month", month, now)
    check_month("compare", compare, now)
    if compare and compare == month:
        raise InputError("compare", "both months are the same.", "Choose another one.")
    for parameter, value in (("window", window), ("active-window", active_window)):
        days_of(value, parameter)
    if accounts not in ACCOUNTS:
        raise InputError(
            "accounts", f"{accounts[:40]!r} is unknown.", f"Use {', '.join(ACCOUNTS)}."
        )
    chosen = check_given("workspace", workspaces)
    return ChargebackQuery(
        month or None, compare or None, window, active_window, chosen, exclude.strip(), accounts
    )


def check_month(parameter: str, text: str | None, now: datetime | None = None) -> None:
    """Refuses what is neither empty nor a month such as ``2024-09`` that has begun, in UTC.

    Raises:
        InputError: names the parameter.
    """
    if text and not (_MONTH.fullmatch(text) and int(text[:4]) in _YEARS):
        raise InputError(
            parameter, f"{text[:40]!r} is not a month of any report.", "Write it as 2024-09."
        )
    this_month = f"{now or datetime.now(UTC):%Y-%m}"
    if text and text > this_month:
        raise InputError(
            parameter, f"{text} lies in the future.", f"Choose {this_month} or an earlier month."
        )


def named_month(preset: str, today: date) -> str:
    """The month that a preset means today; nothing for nothing.

    Raises:
        InputError: no preset, or of another length.
    """
    if not preset:
        return ""
    if preset not in MONTH_PRESETS:
        raise InputError(
            "period", f"{preset[:40]!r} is not a month.", f"Use {' or '.join(MONTH_PRESETS)}."
        )
    return f"{resolve(preset, today).start:%Y-%m}"


def compared_month(comparison: str, month: str, today: date) -> str:
    """The month that a month is compared with, nothing for ``none``; the current report is of this one.

    Raises:
        InputError: no such comparison, or no month.
    """
    check_month("month", month)
    first = date.fromisoformat(f"{month}-01") if month else today.replace(day=1)
    name = check_comparison(comparison, Period(first, first), COMPARED_WITH)
    before = compared(name, Period(first, first))
    return f"{before.start:%Y-%m}" if before else ""


def days_of(span: str, parameter: str) -> int:
    """Days of a span such as ``7d``, ``2w``, ``3m`` (30 days each) or ``1y`` (365 days).

    Raises:
        InputError: not such a span, nothing at all, or more than a hundred years.
    """
    match = _SPAN.fullmatch(span)
    days = int(match[1]) * _DAYS[match[2]] if match else 0
    if not 0 < days <= _LONGEST_DAYS:
        raise InputError(
            parameter,
            f"{span[:40]!r} is not a span of time.",
            "Write a number and d, w, m or y, such as 7d or 2m.",
        )
    return days

"""What a person asks of the tenants' counters: checked once, then carried through unchanged."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal

from lib.comparisons import NONE, check_comparison, compared
from lib.errors import InputError, check_given
from lib.periods import Period, check_period, months_before, span

MONTHS = 6
"""Months shown by default, the current one included."""

SORTS = ("total_tokens", "requests", "tenant_id")
COMPARED_WITH = (NONE, "month-before", "year-before")
"""Counters cover whole months, so days of a month compare with nothing."""

Sort = Literal["total_tokens", "requests", "tenant_id"]


@dataclass(frozen=True)
class TenantQuery:
    """A checked question. A counter covers its whole period and cannot be split: every counter whose
    period starts in a month from the first day's to the last day's is taken.

    Args:
        period: the days asked for, inclusive, UTC.
        tenants: ids; empty means all.
        top: most rows of the tenants table; None means all. Totals are always over all.
        compare: one of ``COMPARED_WITH``.
    """

    period: Period
    tenants: tuple[str, ...] = ()
    sort: Sort = "total_tokens"
    top: int | None = None
    compare: str = NONE

    @property
    def before(self) -> Period | None:
        """The days compared with; their months count whole, too."""
        return compared(self.compare, self.period)

    @property
    def earlier(self) -> "TenantQuery | None":
        """The same question about what it is compared with, of all rows."""
        before = self.before
        return replace(self, period=before, compare=NONE, top=None) if before else None

    @property
    def first_month(self) -> str:
        """``2025-09``."""
        return f"{self.period.start:%Y-%m}"

    @property
    def last_month(self) -> str:
        """``2025-11``."""
        return f"{self.period.end:%Y-%m}"

    @property
    def months(self) -> str:
        """``2025-11``, or ``2025-09 to 2025-11``."""
        return span(self.first_month, self.last_month)

    def described(self) -> dict[str, object]:
        """The filters as they stand in every rendering of the report."""
        return {
            "months": self.months,
            "tenants": list(self.tenants),
            "sort": self.sort,
            "top": self.top,
            **({"compare": self.earlier.months} if self.earlier else {}),
        }


def check_tenant_query(
    *,
    since: date | None,
    until: date | None,
    today: date,
    tenants: Iterable[str] = (),
    sort: str = "total_tokens",
    top: int | None = None,
    compare: str = NONE,
) -> TenantQuery:
    """A question that can be asked; by default the last six months including the current one.

    Raises:
        InputError: names the parameter that is unusable.
    """
    last = until or today
    check_period(last, last, today)  # before it is reckoned with
    first = since or months_before(last, MONTHS - 1)
    if sort not in SORTS:
        raise InputError("sort", f"{sort[:40]!r} is unknown.", f"Use {', '.join(SORTS)}.")
    if top is not None and top < 1:
        raise InputError("top", f"{top} is not a number of tenants.", "Use 1 or more.")
    chosen = check_given("tenant", tenants)
    period = check_period(first, last, today)
    check_comparison(compare, period, COMPARED_WITH)
    return TenantQuery(period, chosen, sort, top, compare)  # type: ignore[arg-type]


def last_days(days: int, today: date) -> tuple[date, date]:
    """First and last day of "the last N days", today included.

    Raises:
        InputError: fewer than one day.
    """
    if days < 1:
        raise InputError("days", f"{days} is not a number of days.", "Use 1 or more.")
    return today - timedelta(days=min(days, 3_660)), today

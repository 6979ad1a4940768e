"""Months of which nothing was captured."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from lib.ledger.store import Capture
from lib.periods import Period, month_after

Gap = tuple[str, str, str]
"""Platform, account and month."""


def missing_months(captures: Iterable[Capture], period: Period) -> list[Gap]:
    """Months of a period without a capture: those between captured ones, and whole ones of it that no account
    of a platform has, from its first one on. The latter go by the account that was captured last.

    Args:
        captures: all that stand, of whatever time.
    """
    of_all_times = [*captures]
    first, last = f"{period.start:%Y-%m}", f"{period.end:%Y-%m}"
    between = [gap for gap in _between(of_all_times) if first <= gap[2] <= last]
    return sorted({*between, *_without_any(of_all_times, between, period)})


def _between(captures: Iterable[Capture]) -> Iterator[Gap]:
    months: dict[tuple[str, str], set[str]] = {}
    for capture in captures:
        months.setdefault((capture.platform, capture.account), set()).add(capture.month)
    for (platform, account), there in sorted(months.items()):
        month = min(there)
        while month < max(there):
            if month not in there:
                yield platform, account, month
            month = month_after(month)


def _without_any(captures: Sequence[Capture], told: Iterable[Gap], period: Period) -> Iterator[Gap]:
    of_platform: dict[str, list[Capture]] = {}
    for capture in captures:
        of_platform.setdefault(capture.platform, []).append(capture)
    known = {(platform, month) for platform, _, month in told}
    known |= {(capture.platform, capture.month) for capture in captures}
    after = f"{period.end + timedelta(days=1):%Y-%m}"
    for platform, its in of_platform.items():
        newest = max(its, key=lambda capture: (capture.month, capture.confirmed_at))
        month = max(min(capture.month for capture in its), f"{period.start:%Y-%m}")
        while month < after:
            if (platform, month) not in known:
                yield platform, newest.account, month
            month = month_after(month)

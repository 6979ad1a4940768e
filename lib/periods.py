"""UTC date ranges and the buckets that tile them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from lib.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SECONDS = {"1m": 60, "1h": 3_600, "1d": 86_400}
"""Bucket widths and their seconds. All three divide a UTC day."""

MAX_DAYS = {"1m": 31, "1h": 366, "1d": 1_096}
"""The longest range each width may cover, in days; docs/decisions/0002 gives the reasons."""

EARLIEST = date(2000, 1, 1)
"""No upstream knows days before."""


CalendarUnit = Literal["month", "week", "day", "hour"]

CALENDAR_UNITS: tuple[CalendarUnit, ...] = ("month", "week", "day", "hour")
"""What a bucket of the calendar may be, coarse to fine; weeks are those of ISO 8601."""

MOST_BUCKETS = 10_000
"""Buckets of a calendar unit in one report: a year of hours, and 27 years of days."""

_DAY_MS = 86_400_000
_WIDTHS_MS = {"week": 7 * _DAY_MS, "day": _DAY_MS, "hour": 3_600_000}
_MONDAY_MS = 3 * _DAY_MS
"""The week of 1970-01-01 began on a Monday, this long before."""


@dataclass(frozen=True)
class Period:
    """A range of whole UTC days, both ends inclusive."""

    start: date
    end: date

    @property
    def days(self) -> int:
        return (self.end - self.start).days + 1

    @property
    def start_epoch(self) -> int:
        """The first second of the range, in Unix seconds."""
        return epoch(self.start)

    @property
    def end_epoch(self) -> int:
        """The first second after the range, in Unix seconds."""
        return epoch(self.end + timedelta(days=1))

    def preceding(self) -> "Period":
        """The range of equal length that ends the day before this one starts."""
        return Period(self.start - timedelta(days=self.days), self.start - timedelta(days=1))

    def __str__(self) -> str:
        return f"{span(self.start, self.end)} (UTC)"


def span(first: object, last: object) -> str:
    """``2025-09 to 2025-11``; the one that it is where both are the same."""
    return f"{first}" if first == last else f"{first} to {last}"


def epoch(day: date) -> int:
    """Midnight UTC of a day, in Unix seconds."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def month_after(month: str) -> str:
    """``2027-01`` after ``2026-12``."""
    year, number = int(month[:4]), int(month[5:])
    return f"{year + number // 12:04}-{number % 12 + 1:02}"


def month_before(month: str) -> str:
    """``2026-12`` before ``2027-01``."""
    return f"{months_before(date.fromisoformat(f'{month}-01'), 1):%Y-%m}"


def months_before(day: date, months: int) -> date:
    """The first day of the month that lies ``months`` before a day's month."""
    index = day.year * 12 + day.month - 1 - months
    return date(index // 12, index % 12 + 1, 1)


def months_of(period: Period) -> int:
    """How many months of the calendar a period touches."""
    start, end = period.start, period.end
    return (end.year - start.year) * 12 + end.month - start.month + 1


def check_period(start: date, end: date, today: date, width: str | None = "1d") -> Period:
    """A period that upstreams can answer.

    Args:
        start: first UTC day.
        end: last UTC day, inclusive.
        today: the current UTC day.
        width: the bucket width, a key of ``MAX_DAYS``; None where a long range costs no more
            than a short one.

    Raises:
        InputError: reversed, before ``EARLIEST``, in the future, or longer than the width allows.
    """
    if start > today:
        raise InputError(
            "date range",
            f"it starts on {start}, in the future; today is {today} (UTC).",
            "Choose today or an earlier day as the start.",
        )
    if start > end:
        raise InputError(
            "date range", f"it starts on {start}, after its end {end}.", "Swap the two dates."
        )
    if start < EARLIEST:
        raise InputError(
            "date range", f"{start} lies before {EARLIEST}.", "Choose a later first day."
        )
    if end > today:
        raise InputError(
            "date range",
            f"{end} lies in the future; today is {today} (UTC).",
            "Choose today or an earlier day as the end.",
        )
    period = Period(start, end)
    if width is not None and period.days > MAX_DAYS[width]:
        widest = MAX_DAYS[width] == max(MAX_DAYS.values())
        raise InputError(
            "date range",
            f"{period.days:,} days{'' if widest else f' in buckets of {width}'} are too many: "
            f"the limit is {MAX_DAYS[width]:,} days.",
            "Choose a shorter range." if widest else "Choose a shorter range or wider buckets.",
        )
    return period


def parse_day(parameter: str, text: str) -> date:
    """A day written YYYY-MM-DD.

    Raises:
        InputError: names the parameter and shows the form that is wanted.
    """
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError as error:
        raise InputError(
            parameter, f"{text[:40]!r} is not a date.", "Write it as YYYY-MM-DD."
        ) from error


def check_month(parameter: str, text: str, today: date) -> str:
    """A month written YYYY-MM that has begun.

    Raises:
        InputError: names the parameter and shows the form that is wanted.
    """
    try:
        first = datetime.strptime(text, "%Y-%m").date()
    except ValueError:
        first = None
    if first is None or len(text) != len("2026-10"):
        raise InputError(parameter, f"{text[:40]!r} is no month.", "Write it as YYYY-MM.")
    if first > today:
        raise InputError(parameter, f"{text} lies in the future.", f"Today is {today} (UTC).")
    return text


def bucket_starts(start: int, end: int, width: str) -> range:
    """Starts of the aligned buckets that cover [start, end), in Unix seconds."""
    step = SECONDS[width]
    return range(start - start % step, end, step)


def runs(starts: Iterator[int] | list[int], step: int, limit: int) -> Iterator[tuple[int, int]]:
    """Contiguous windows [start, end) over sorted bucket starts, each of at most ``limit`` buckets."""
    first = last = None
    for start in starts:
        if first is None or last is None:
            first = last = start
        elif start == last + step and (start - first) // step < limit:
            last = start
        else:
            yield first, last + step
            first = last = start
    if first is not None and last is not None:
        yield first, last + step


def from_epoch(seconds: int) -> datetime:
    """Unix seconds as an aware UTC time."""
    return datetime.fromtimestamp(seconds, UTC)


def bucket_numbers(
    unit: CalendarUnit, epoch_ms: "npt.NDArray[np.int64]"
) -> "npt.NDArray[np.int64]":
    """The buckets that times lie in, UTC, numbered without a gap; the one of 1970-01-01 is 0."""
    if unit == "month":
        months = epoch_ms.astype("datetime64[ms]").astype("datetime64[M]")
        return months.astype("int64")
    shifted = epoch_ms + _MONDAY_MS if unit == "week" else epoch_ms
    return shifted // _WIDTHS_MS[unit]


def bucket_start(unit: CalendarUnit, number: int) -> datetime:
    """The first moment of a bucket, UTC."""
    if unit == "month":
        return datetime(1970 + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    shift = _MONDAY_MS if unit == "week" else 0
    return from_epoch((number * _WIDTHS_MS[unit] - shift) // 1_000)


def bucket_key(unit: CalendarUnit, number: int) -> str:
    """A bucket's name: ``2024-09``, ``2024-W36``, ``2024-09-05`` or ``2024-09-05-13``; sorts by time."""
    start = bucket_start(unit, number)
    if unit == "week":
        year, week, _ = start.isocalendar()
        return f"{year:04}-W{week:02}"
    return start.strftime({"month": "%Y-%m", "day": "%Y-%m-%d", "hour": "%Y-%m-%d-%H"}[unit])


def bucket_range(unit: CalendarUnit, first_ms: int, last_ms: int) -> range:
    """Numbers of all buckets from one moment to another, both in milliseconds since 1970."""
    import numpy as np  # noqa: PLC0415  # days of most platforms need none of it

    first, last = bucket_numbers(unit, np.array([first_ms, last_ms], np.int64)).tolist()
    return range(first, last + 1)


def check_buckets(unit: CalendarUnit, first_ms: int, last_ms: int) -> range:
    """As ``bucket_range``, within ``MOST_BUCKETS``.

    Raises:
        InputError: there are more; it names the finest unit that fits.
    """
    buckets = bucket_range(unit, first_ms, last_ms)
    if len(buckets) <= MOST_BUCKETS:
        return buckets
    coarser = CALENDAR_UNITS[: CALENDAR_UNITS.index(unit)]
    fitting = [
        larger for larger in coarser if len(bucket_range(larger, first_ms, last_ms)) <= MOST_BUCKETS
    ]
    use = f"Use {fitting[-1]}, or a shorter range." if fitting else "Choose a shorter range."
    ends = (f"{from_epoch(moment // 1_000):%Y-%m-%d}" for moment in (first_ms, last_ms))
    raise InputError(
        "units",
        f"{span(*ends)} has {len(buckets):,} {unit}s: the limit is {MOST_BUCKETS:,}.",
        use,
    )

"""UTC date ranges and the buckets that tile them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from lib.errors import InputError

SECONDS = {"1m": 60, "1h": 3_600, "1d": 86_400}
"""Bucket widths and their seconds. All three divide a UTC day."""

MAX_DAYS = {"1m": 31, "1h": 366, "1d": 1_096}
"""The longest range each width may cover, in days; docs/decisions/0002 gives the reasons."""

EARLIEST = date(2000, 1, 1)
"""No upstream knows days before; it also leaves room for a preceding period."""


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
        return f"{self.start} to {self.end} (UTC)"


def epoch(day: date) -> int:
    """Midnight UTC of a day, in Unix seconds."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


def check_period(start: date, end: date, today: date, width: str = "1d") -> Period:
    """A period that upstreams can answer.

    Args:
        start: first UTC day.
        end: last UTC day, inclusive.
        today: the current UTC day.
        width: the bucket width, a key of ``MAX_DAYS``.

    Raises:
        InputError: reversed, before ``EARLIEST``, in the future, or longer than the width allows.
    """
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
    if period.days > MAX_DAYS[width]:
        raise InputError(
            "date range",
            f"{period.days:,} days in buckets of {width} are too many: "
            f"the limit is {MAX_DAYS[width]:,} days.",
            "Choose a shorter range or wider buckets.",
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

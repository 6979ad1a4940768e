"""Values to text for people: the screen, the PDF and the terminal all read the same here."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from lib.quantities import (
    MISSING,
    Number,
    amount,
    decimal_of,
    duration,
    is_currency,
    is_missing,
    number,
    of_one,
    per,
    percent,
    quantity,
    says_unit,
    short,
    size,
    with_unit,
)
from lib.reports.report import ColumnKind, Delta, Figure, Report
from lib.reports.words import FilterWords

MAX_CHOICES = 12
MAX_CHOICE_LENGTH = 80
"""How many values of one filter, and how many characters of each, stand in the provenance."""


def visible(text: object) -> str:
    """Text on one line in which nothing acts: control, format and lone surrogate characters become ``?``.

    Line breaks, escape sequences and direction overrides in a name could otherwise move, colour or
    reorder the numbers beside it. The joiners that Persian, Indic and emoji spelling needs stay.
    """
    shown = str(text)
    return shown if shown.isascii() and shown.isprintable() else "".join(map(_visible, shown))


def _visible(character: str) -> str:
    if character in "\u200c\u200d":
        return character
    return "?" if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") else character


def cell(value: object, kind: ColumnKind = "text", unit: str = "", missing: str = "") -> str:
    """One table cell: money with two decimals (``<$0.01`` below a cent), megabytes as a scaled size.

    Every digit stands in the files for programs.
    """
    if is_missing(value):
        return missing or MISSING
    if kind in ("decimal", "float") and says_unit(unit):
        return quantity(decimal_of(value), unit)
    return CELLS[kind](value)


def _date(value: object) -> str:
    return f"{value:%Y-%m-%d}" if isinstance(value, date) else visible(value)


def utc(value: datetime) -> datetime:
    """A time in UTC; one without a zone is taken as UTC already."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def moment(value: datetime | None) -> str:
    """``2026-11-21 01:40 UTC``."""
    if value is None or is_missing(value):
        return MISSING
    return f"{utc(value):%Y-%m-%d %H:%M} UTC"


def _datetime(value: object) -> str:
    return moment(value) if isinstance(value, datetime) else visible(value)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_MS = range(-62_135_596_800_000, 253_402_300_800_000)
"""The milliseconds since 1970 that have a year from 1 to 9999."""


def _epoch_ms(value: object) -> str:
    milliseconds = int(decimal_of(value))
    if milliseconds in EPOCH_MS:
        return moment(EPOCH + timedelta(milliseconds=milliseconds)) if milliseconds else MISSING
    # A number that is no time is shown as it came: nothing that was sent may vanish
    return str(milliseconds)


CELLS: Mapping[ColumnKind, Callable[[Any], str]] = {
    "text": visible,
    "list": visible,
    "bool": lambda value: "yes" if value else "no",
    "int": number,
    "decimal": amount,
    "float": number,
    "percent": percent,
    "date": _date,
    "datetime": _datetime,
    "epoch_ms": _epoch_ms,
    "bytes": size,
    "duration": duration,
}
"""How each kind of column is written whose unit does not say it."""


def figure(shown: Figure) -> str:
    """A figure's exact value, with its unit unless the label already says it."""
    return _labelled(quantity(shown.value, shown.unit), shown)


def compact(shown: Figure) -> str:
    """A figure's value in three digits from a million up (``1.23 M``); else as ``figure`` writes it.

    The exact value belongs beside it, in a tooltip or a second line.
    """
    return _labelled(_compact(shown.value, shown.unit), shown)


def _compact(value: Number | None, unit: str) -> str:
    scaled = says_unit(unit) and not is_currency(unit)
    if value is None or is_missing(value) or scaled:
        return quantity(value, unit)
    exact = decimal_of(value)
    digits = short(abs(exact))
    if not digits:
        return quantity(value, unit)
    return with_unit(exact, digits, unit if is_currency(unit) else "")


def delta(change: Delta, unit: str = "", *, in_short: bool = False) -> str:
    """A change with amount and percent: ``+1,204 (+5.9 %)``; without a base, ``+1,204 (no base)``.

    That of a percentage is told in points: ``+1.2 points``.

    Args:
        in_short: the amount as ``compact`` writes it; the exact one belongs elsewhere.
    """
    amount_of = _compact if in_short else quantity
    told = _signed(change.change, amount_of(change.change, unit))
    if unit in ("percent", "%"):
        return f"{told.removesuffix(' %')} points"
    share = change.percent
    if is_missing(share):
        return f"{told} (no base)"
    return f"{told} ({_signed(share, quantity(share, 'percent'))})"


def _signed(value: Number | None, text: str) -> str:
    return f"+{text}" if value is not None and not is_missing(value) and value > 0 else text


def heading(label: str, unit: str) -> str:
    """A column's label with the unit that its cells leave out, said once: ``GPU time (hours)``."""
    told = not unit or says_unit(unit) or _says(label, unit)
    return label if told else f"{label} ({visible(unit)})"


def _says(label: str, unit: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(unit)}(?!\w)", label, re.IGNORECASE) is not None


def _labelled(text: str, shown: Figure) -> str:
    unit, one = visible(shown.unit), per(shown.unit)
    if not unit or text == MISSING or says_unit(unit):
        return f"{text} per {visible(one)}" if one and text != MISSING else text
    if unit.lower() in shown.label.lower():
        return text
    return f"{text} {of_one(unit) if text == '1' else unit}"


def provenance(report: Report) -> tuple[tuple[str, str], ...]:
    """Label and text of what stands beside every total: period or moment, source, times, completeness, filters.

    All renderings show these same lines. A report over no period has no such line, one without a
    host none for the source.
    """
    period = report.period
    days = f", {period.days:,} day{'s' if period.days > 1 else ''}" if period else ""
    lines = (
        ("Period", f"{period}{days}" if period else ""),
        ("Nearest data", f"{report.nearest}" if report.nearest else ""),
        ("State at", moment(report.state_at) if report.state_at else ""),
        ("Source", visible(report.host)),
        ("Generated", moment(report.generated_at)),
        ("Data as of", moment(report.as_of)),
        ("Completeness", completeness(report)),
        ("Filters", filters(report.filters, report.filter_words)),
        ("Demo", "Made-up data: none of these numbers is real." if report.demo else ""),
    )
    return tuple((label, text) for label, text in lines if text)


def completeness(report: Report) -> str:
    """One line that says whether all sources answered, and names those that did not."""
    named: dict[str, list[str]] = {"failed": [], "partial": [], "skipped": []}
    for source in report.sources:
        if source.status in named:
            named[source.status].append(visible(source.label))
    parts = [f"{status}: {', '.join(names)}" for status, names in named.items() if names]
    asked = len(report.sources) - len(named["skipped"])
    if report.complete:
        plural = "" if asked == 1 else "s"
        parts.insert(0, f"Complete ({asked} source{plural})" if asked else "Complete")
    else:
        parts.insert(0, "INCOMPLETE")
    return "; ".join(parts)


def filters(chosen: Mapping[str, object], words: FilterWords | None = None) -> str:
    """The filters as ``models: gpt-5, o4; batch: no``, or ``none``.

    Args:
        words: what the filters and their values are called; where it says nothing, their names stand.

    Of many or long values the beginning is shown; JSON and the zip's side file hold them whole.
    """
    parts = []
    for key, value in chosen.items():
        label, called = (words or {}).get(key, (visible(key).replace("_", " "), {}))
        many = value if isinstance(value, list | tuple | set | frozenset) else (value,)
        texts = [_filter_value(item) for item in many if item is not None]
        texts = [called.get(text, text) for text in texts]
        texts = sorted(texts) if isinstance(value, set | frozenset) else texts
        more = f" and {len(texts) - MAX_CHOICES:,} more" if len(texts) > MAX_CHOICES else ""
        if texts:
            shown = ", ".join(texts[:MAX_CHOICES])
            parts.append(f"{label}: {shown}{more}")
    return "; ".join(parts) or "none"


def _filter_value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = moment(value) if isinstance(value, datetime) else visible(value)
    return text if len(text) <= MAX_CHOICE_LENGTH else f"{text[: MAX_CHOICE_LENGTH - 1]}…"


def failures(report: Report) -> tuple[str, ...]:
    """What failed or answered in part, what happened and what to do: sources of which the same is said
    share a line.
    """
    alike: dict[tuple[str, str], list[str]] = {}
    for source in report.sources:
        if source.status in ("failed", "partial"):
            told = " ".join(visible(text) for text in (source.detail, source.remedy) if text)
            alike.setdefault((source.status, told), []).append(visible(source.label))
    return tuple(
        f"{', '.join(names)} ({status}){': ' + told if told else ''}"
        for (status, told), names in alike.items()
    )


def mark(report: Report) -> str:
    """The words of the watermark: ``INCOMPLETE``, ``DEMO DATA``, both, or nothing."""
    marks = ("" if report.complete else "INCOMPLETE", "DEMO DATA" if report.demo else "")
    return " · ".join(part for part in marks if part)

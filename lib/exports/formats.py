"""Values to text for people: the screen, the PDF and the terminal all read the same here."""

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext

import pandas as pd

from lib.reports.report import ColumnKind, Delta, Figure, Number, Report, SourceStatus

MISSING = "—"
"""What stands for a value that is not known. Never 0, never blank."""

SIGNS = {"USD": "$"}
"""Currencies written with a sign in front; every other one is written as a code behind."""

BYTE_UNITS = ("B", "KB", "MB", "GB", "TB", "PB")
"""Steps of 1,000: the one system of sizes in every rendering for people."""

SIZES = {"bytes": 1, "MB": 1_000_000}
"""Units that people read as a scaled size, with their bytes."""

COMPACT_STEPS = ((Decimal(10) ** 12, "tn"), (Decimal(10) ** 9, "bn"), (Decimal(10) ** 6, "M"))
"""Below a million a number stays whole: ``999,999`` is as short as its abbreviation."""

MAX_CHOICES = 12
MAX_CHOICE_LENGTH = 80
"""How many values of one filter, and how many characters of each, stand in the provenance."""

CENT = Decimal("0.01")
SMALLEST = Decimal("0.000001")


def is_missing(value: object) -> bool:
    """None, NaN, NaT, pd.NA and infinities: nothing that could be shown as a number."""
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    if isinstance(value, float):
        return not math.isfinite(value)
    return isinstance(value, Decimal) and not value.is_finite()


def is_currency(unit: str) -> bool:
    """Whether a unit is an ISO 4217 code, such as ``USD``."""
    return re.fullmatch("[A-Z]{3}", unit) is not None


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
    if kind in ("decimal", "float") and (unit in SIZES or is_currency(unit)):
        return quantity(_decimal(value), unit)
    return CELLS[kind](value, unit)


def _number(value: object, _: str) -> str:
    number = _decimal(value)
    if number == number.to_integral_value():
        return _grouped(number, 0)
    return _amount(number, "")


def _amount(value: object, unit: str) -> str:
    """With two decimals; a small one that is no money with four to six."""
    number = _decimal(value)
    size = abs(number)
    if size == 0 or size >= CENT:
        return _with_unit(number, _grouped(size, 2), unit)
    if size < SMALLEST:
        return _below(number, SMALLEST, unit)
    whole, fraction = _grouped(size, 6).split(".")
    return _with_unit(number, f"{whole}.{fraction[:4]}{fraction[4:].rstrip('0')}", unit)


def _percent(value: object, _: str) -> str:
    number = _decimal(value)
    if 0 < abs(number) < Decimal("0.05"):
        return f"{'>' if number < 0 else '<'}{'-' if number < 0 else ''}0.1 %"
    return f"{_grouped(number, 1)} %"


def _bytes(value: object, _: str) -> str:
    number = _decimal(value)
    size, step = abs(number), 0
    # The limits lie where rounding would write 1,000
    while step < len(BYTE_UNITS) - 1 and size >= Decimal("999.95" if step else "999.5"):
        size, step = size / 1000, step + 1
    return f"{'-' if number < 0 else ''}{_grouped(size, 1 if step else 0)} {BYTE_UNITS[step]}"


def _duration(value: object, _: str) -> str:
    seconds = float(_decimal(value))
    sign, seconds = ("-" if seconds < 0 else ""), abs(seconds)
    if seconds < 1:
        return f"{sign}{seconds:.3g} s"
    if round(seconds, 1) < 60:
        return f"{sign}{seconds:.1f} s"
    if round(seconds) < 3_600:
        return f"{sign}{round(seconds) // 60} min {round(seconds) % 60} s"
    minutes = round(seconds / 60)
    if minutes < 1_440:
        return f"{sign}{minutes // 60} h {minutes % 60} min"
    hours = round(seconds / 3_600)
    return f"{sign}{hours // 24:,} d {hours % 24} h"


def _date(value: object, _: str) -> str:
    return f"{value:%Y-%m-%d}" if isinstance(value, date) else visible(value)


def utc(value: datetime) -> datetime:
    """A time in UTC; one without a zone is taken as UTC already."""
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def moment(value: datetime | None) -> str:
    """``2026-11-21 01:40 UTC``."""
    if value is None or is_missing(value):
        return MISSING
    return f"{utc(value):%Y-%m-%d %H:%M} UTC"


def _datetime(value: object, _: str) -> str:
    return moment(value) if isinstance(value, datetime) else visible(value)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_MS = range(-62_135_596_800_000, 253_402_300_800_000)
"""The milliseconds since 1970 that have a year from 1 to 9999."""


def _epoch_ms(value: object, _: str) -> str:
    milliseconds = int(_decimal(value))
    if milliseconds in EPOCH_MS:
        return moment(EPOCH + timedelta(milliseconds=milliseconds)) if milliseconds else MISSING
    # A number that is no time is shown as it came: nothing that was sent may vanish
    return str(milliseconds)


CELLS: Mapping[ColumnKind, Callable[[object, str], str]] = {
    "text": lambda value, _: visible(value),
    "list": lambda value, _: visible(value),
    "bool": lambda value, _: "yes" if value else "no",
    "int": _number,
    "decimal": _amount,
    "float": _number,
    "percent": _percent,
    "date": _date,
    "datetime": _datetime,
    "epoch_ms": _epoch_ms,
    "bytes": _bytes,
    "duration": _duration,
}
"""How each kind of column is written; the second argument is the column's unit."""


def quantity(value: Number | None, unit: str = "") -> str:
    """A headline number with every digit: ``1,234,567``, ``$1,234.57``, ``1.4 GB``, ``12.5 %``, ``<$0.01``.

    Units that only name what is counted (``tokens``) are left to the label; see ``figure``.
    """
    if value is None or is_missing(value):
        return MISSING
    if unit in UNIT_KINDS:
        return CELLS[UNIT_KINDS[unit]](value, "")
    number = _decimal(value)
    if unit in SIZES:
        return _bytes(number * SIZES[unit], "")
    if is_currency(unit):
        if 0 < abs(number) < CENT:
            return _below(number, CENT, unit)
        return _with_unit(number, _grouped(abs(number), 2), unit)
    return _number(number, "")


UNIT_KINDS: Mapping[str, ColumnKind] = {
    "seconds": "duration",
    "percent": "percent",
    "%": "percent",
}
"""Units of figures that are written like a kind of column."""


def figure(shown: Figure) -> str:
    """A figure's exact value, with its unit unless the label already says it."""
    return _labelled(quantity(shown.value, shown.unit), shown)


def digits(value: Number | None) -> str:
    """A number with every digit it has, thousands separated: ``1,908.2277170302``."""
    return MISSING if value is None or is_missing(value) else f"{_decimal(value):,f}"


def compact(shown: Figure) -> str:
    """A figure's value in three digits from a million up (``1.23 M``); else as ``figure`` writes it.

    The exact value belongs beside it, in a tooltip or a second line.
    """
    if shown.value is None or is_missing(shown.value) or _says_unit(shown.unit):
        return figure(shown)
    number = _decimal(shown.value)
    short = _compact(abs(number))
    if not short:
        return figure(shown)
    return _labelled(
        _with_unit(number, short, shown.unit if is_currency(shown.unit) else ""), shown
    )


def _compact(size: Decimal) -> str:
    for step, suffix in COMPACT_STEPS:
        # 999,950,000 reads "1.00 bn", not "1,000 M": the step is chosen after rounding to three digits
        if size >= step * Decimal("0.9995") and size >= COMPACT_STEPS[-1][0]:
            part = size / step
            places = 2 if part < Decimal("9.995") else 1 if part < Decimal("99.95") else 0
            return f"{_grouped(part, places)} {suffix}"
    return ""


def delta(change: Delta, unit: str = "") -> str:
    """A change with amount and percent: ``+1,204 (+5.9 %)``; without a base, ``+1,204 (no base)``.

    That of a percentage is told in points: ``+1.2 points``.
    """
    if UNIT_KINDS.get(unit) == "percent":
        return f"{_signed(change.change, unit).removesuffix(' %')} points"
    percent = "no base" if is_missing(change.percent) else _signed(change.percent, "percent")
    return f"{_signed(change.change, unit)} ({percent})"


def _signed(value: Number | None, unit: str) -> str:
    text = quantity(value, unit)
    return f"+{text}" if value is not None and not is_missing(value) and value > 0 else text


def heading(label: str, unit: str) -> str:
    """A column's label with the unit that its cells leave out, said once: ``GPU time (hours)``."""
    told = not unit or _says_unit(unit) or is_currency(unit) or _says(label, unit)
    return label if told else f"{label} ({visible(unit)})"


def _says_unit(unit: str) -> bool:
    """Whether what is written of a number says its unit: ``48.5 GB``, ``12.5 %``."""
    return unit in UNIT_KINDS or unit in SIZES


def _says(label: str, unit: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(unit)}(?!\w)", label, re.IGNORECASE) is not None


def _labelled(text: str, shown: Figure) -> str:
    unit = visible(shown.unit)
    plain = _says_unit(shown.unit) or is_currency(shown.unit) or not unit or text == MISSING
    return text if plain or unit.lower() in shown.label.lower() else f"{text} {unit}"


def _decimal(value: object) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _grouped(number: Decimal, places: int) -> str:
    # format() is exact at any size, where quantize() refuses more than 28 digits; invoices round half up
    with localcontext() as context:
        context.rounding = ROUND_HALF_UP
        text = format(number, f",.{places}f")
    return text.removeprefix("-") if not text.strip("-0.,") else text


def _with_unit(number: Decimal, size: str, unit: str) -> str:
    sign = "-" if number < 0 else ""
    if unit in SIGNS:
        return f"{sign}{SIGNS[unit]}{size}"
    return f"{sign}{size} {unit}" if is_currency(unit) else f"{sign}{size}"


def _below(number: Decimal, limit: Decimal, unit: str) -> str:
    return f"{'>' if number < 0 else '<'}{_with_unit(number, format(limit, 'f'), unit)}"


def provenance(report: Report) -> tuple[tuple[str, str], ...]:
    """Label and text of what stands beside every total: period or moment, source, times, completeness, filters.

    All renderings show these same lines. A report over no period has no such line, one without a
    host none for the source.
    """
    period = report.period
    days = f", {period.days:,} day{'s' if period.days > 1 else ''}" if period else ""
    lines = (
        ("Period", f"{period}{days}" if period else ""),
        ("State at", moment(report.state_at) if report.state_at else ""),
        ("Source", visible(report.host)),
        ("Generated", moment(report.generated_at)),
        ("Data as of", moment(report.as_of)),
        ("Completeness", completeness(report)),
        ("Filters", filters(report.filters)),
        ("Demo", "Made-up data: none of these numbers is real." if report.demo else ""),
    )
    return tuple((label, text) for label, text in lines if text)


def completeness(report: Report) -> str:
    """One line that says whether all sources answered, and names those that did not."""
    named: dict[str, list[str]] = {"failed": [], "partial": [], "skipped": []}
    for source in report.sources:
        if source.status in named:
            named[source.status].append(visible(source.name))
    parts = [f"{status}: {', '.join(names)}" for status, names in named.items() if names]
    asked = len(report.sources) - len(named["skipped"])
    if report.complete:
        plural = "" if asked == 1 else "s"
        parts.insert(0, f"Complete ({asked} source{plural})" if asked else "Complete")
    else:
        parts.insert(0, "INCOMPLETE")
    return "; ".join(parts)


def filters(chosen: Mapping[str, object]) -> str:
    """The filters as ``models: gpt-5, o4; batch: no``, or ``none``.

    Of many or long values the beginning is shown; JSON and the zip's side file hold them whole.
    """
    parts = []
    for key, value in chosen.items():
        many = value if isinstance(value, list | tuple | set | frozenset) else (value,)
        texts = [_filter_value(item) for item in many if item is not None]
        texts = sorted(texts) if isinstance(value, set | frozenset) else texts
        more = f" and {len(texts) - MAX_CHOICES:,} more" if len(texts) > MAX_CHOICES else ""
        if texts:
            shown = ", ".join(texts[:MAX_CHOICES])
            parts.append(f"{visible(key).replace('_', ' ')}: {shown}{more}")
    return "; ".join(parts) or "none"


def _filter_value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = moment(value) if isinstance(value, datetime) else visible(value)
    return text if len(text) <= MAX_CHOICE_LENGTH else f"{text[: MAX_CHOICE_LENGTH - 1]}…"


def failures(report: Report) -> tuple[str, ...]:
    """One line for each source that failed or answered in part: what happened and what to do."""
    return tuple(
        _failure(source) for source in report.sources if source.status in ("failed", "partial")
    )


def _failure(source: SourceStatus) -> str:
    told = " ".join(visible(text) for text in (source.detail, source.remedy) if text)
    return f"{visible(source.name)} ({source.status}){': ' + told if told else ''}"


def mark(report: Report) -> str:
    """The words of the watermark: ``INCOMPLETE``, ``DEMO DATA``, both, or nothing."""
    marks = ("" if report.complete else "INCOMPLETE", "DEMO DATA" if report.demo else "")
    return " · ".join(part for part in marks if part)

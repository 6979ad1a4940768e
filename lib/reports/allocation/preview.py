"""What a draft of the rules would do to a month, as a Report."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from lib.allocation.allocate import Allocation
from lib.allocation.preview import IdleRule, Moved, Newcomer, Preview
from lib.allocation.rule_set import COLUMNS, written_value
from lib.periods import Period
from lib.reports.allocation.money import Amounts, added, main_currency, totals
from lib.reports.allocation.notes import unknown_amounts
from lib.reports.cells import typed_frame
from lib.reports.ledger.platforms import platform_label
from lib.reports.report import Column, Figure, Report, SourceStatus, Table
from lib.usage.exact import percent_of

KIND = "cost-centre-preview"
UNALLOCATED = "Unallocated"
_LACKING = (
    "Not all of {month} is kept: what is missing adds to these amounts, and a rule that decides nothing "
    "may be for it."
)

_NEWCOMERS = (
    Column("platform_label", "Platform"),
    Column("name", "Name"),
    Column("id", "Id"),
    Column("field", "Field"),
    Column("billed", "Billed", "decimal"),
    Column("rated", "Rated", "decimal", help="Showback; in no sum with what is billed."),
    Column("currency", "Currency"),
    Column("suggestion", "Suggestion", help="A cost centre that it may belong to."),
    Column("because", "Because"),
    Column("platform", "Platform id", told_by="platform_label"),
)
_MOVES = (
    Column("cost_centre", "Cost centre", missing=UNALLOCATED),
    Column("name", "Name"),
    Column("kind", "Kind", help="What it owes, or showback."),
    Column("before", "Now", "decimal", help="What it owes by the published rules."),
    Column("after", "Draft", "decimal"),
    Column("change", "Change", "decimal"),
    Column("currency", "Currency"),
)
_IDLE = (
    Column("why", "Why"),
    *(Column(cell.key, cell.key.replace("_", " ").capitalize()) for cell in COLUMNS["rules"]),
)


def build_preview(
    allocation: Allocation,
    shown: Preview,
    names: Mapping[str, str],
    *,
    month: str,
    period: Period,
    over: int,
    sources: Iterable[SourceStatus],
    now: datetime,
    complete: bool = True,
    demo: bool = False,
) -> Report:
    """What stays unallocated, which rules decide nothing, and what moves.

    Args:
        allocation: of the month, by the draft.
        names: what cost centres are called.
        over: the published version that it is compared with.
        complete: nothing of the month is missing.
    """
    billed = added((line.currency, line.billed) for line in allocation.lines)
    unallocated = dict.fromkeys(billed, Decimal(0)) | added(
        (line.currency, line.allocated) for line in allocation.lines if line.cost_centre is None
    )
    lacking = () if complete else (_LACKING.format(month=month),)
    return Report(
        kind=KIND,
        title=f"Preview of rules for {month}",
        period=period,
        filters={"month": month, "against_version": over},
        filter_words={"month": ("Month", {}), "against_version": ("Against version", {})},
        generated_at=now,
        sources=tuple(sources),
        totals=totals({"billed": billed, "unallocated": unallocated}, main_currency(billed)),
        figures=tuple(_figures(billed, unallocated, shown, incomplete=not complete)),
        charts=(),
        tables=(_newcomers(shown.newcomers), _moves(shown.moved, names), _idle(shown.idle)),
        notes=(
            *lacking,
            *(note.sentence for note in allocation.notes),
            *unknown_amounts(allocation.unknown),
        ),
        cautions=lacking,
        demo=demo,
        main_table="unallocated",
        is_unused=not billed,
    )


def _figures(
    billed: Amounts, unallocated: Amounts, shown: Preview, *, incomplete: bool
) -> Iterator[Figure]:
    for currency, amount in billed.items():
        of = f" ({currency})" if len(billed) > 1 else ""
        rest = unallocated[currency]
        share = percent_of(rest, amount)
        for key, label, value in (("billed", "Billed", amount), ("unallocated", UNALLOCATED, rest)):
            name = f"{key}_{currency.lower()}"
            yield Figure(name, f"{label}{of}", value, currency, incomplete=incomplete)
        yield Figure(
            f"share_{currency.lower()}", f"Unallocated share{of}", share, "%", is_sum=False
        )
    rated = added((newcomer.currency, newcomer.rated) for newcomer in shown.newcomers)
    for currency, amount in rated.items():
        if amount:
            name = f"unallocated_rated_{currency.lower()}"
            label = f"Unallocated, rated ({currency})"
            help_text = "Showback; in no sum with what is billed."
            yield Figure(name, label, amount, currency, help_text, incomplete=incomplete)
    yield Figure("idle", "Rules that decide nothing", len(shown.idle), "rules")


def _newcomers(newcomers: Iterable[Newcomer]) -> Table:
    rows = [*newcomers]
    cells = {name: [getattr(row, name) for row in rows] for name in Newcomer._fields}
    cells["platform_label"] = [platform_label(row.platform) for row in rows]
    for name in ("name", "suggestion", "because"):
        cells[name] = [text or None for text in cells[name]]
    return _table("unallocated", "Unallocated", _NEWCOMERS, cells)


def _moves(moves: Iterable[Moved], names: Mapping[str, str]) -> Table:
    rows = [*moves]
    cells = {name: [getattr(row, name) for row in rows] for name in (*Moved._fields, "change")}
    cells["name"] = [names.get(row.cost_centre or "", None) for row in rows]
    return _table("moves", "What moves", _MOVES, cells)


def _idle(idle: Iterable[IdleRule]) -> Table:
    rows = [*idle]
    cells = {
        cell.key: [written_value(getattr(row.rule, cell.key)) or None for row in rows]
        for cell in COLUMNS["rules"]
    }
    cells["why"] = [
        "others that come first take all of it" if row.shadowed else "matches nothing of the month"
        for row in rows
    ]
    return _table("idle_rules", "Rules that decide nothing", _IDLE, cells)


def _table(
    key: str, title: str, columns: tuple[Column, ...], cells: Mapping[str, list[Any]]
) -> Table:
    return Table(key, title, typed_frame(cells, columns), columns)

"""The breakdowns of a month: by cost centre, by platform, and what moved most."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from lib.allocation.budgets import share
from lib.allocation.preview import place_of
from lib.allocation.projection import Projection
from lib.allocation.rule_set import UNALLOCATED as UNALLOCATED_ID
from lib.quantities import Number
from lib.reports.allocation.select import Amounts, Selection
from lib.reports.allocation.words import UNALLOCATED, against
from lib.reports.cells import typed_frame
from lib.reports.ledger.platforms import in_order, platform_label
from lib.reports.report import Column, Table
from lib.usage.exact import exact_sum, exactly, percent_change

MOST = 10
"""Movers that are told."""


def by_cost_centre(
    selection: Selection, centres: Mapping[tuple[str | None, str], Amounts]
) -> Table:
    """What each cost centre owes, against its budget and last month; one row is unallocated."""
    names, budgets = selection.answer.rule_set.names, selection.budgets()
    places = sorted(
        {*centres, *((centre, code) for centre, (_, code, _) in budgets.items())},
        key=lambda place: (
            place[0] is None,
            -(centres[place].allocated if place in centres else 0),
            str(place[0]),
            place[1],
        ),
    )
    if not any(place[0] is None for place in places):
        places.append((None, selection.currency))
    cells: dict[str, list[Any]] = {"cost_centre": [], "name": []}
    cells |= {name: [] for name in (*_AMOUNTS, *_AGAINST, *_BUDGET, "currency")}
    for centre, currency in places:
        amounts = centres.get((centre, currency), nothing(selection))
        budget = budgets.get(centre or "")
        limit = budget[0] if budget and budget[1] == currency else None
        cells["cost_centre"].append(centre)
        cells["name"].append(names.get(centre or "", centre) if centre else UNALLOCATED)
        _add_amounts(selection, cells, amounts, currency)
        cells["budget"].append(limit)
        cells["budget_share"].append(share(amounts.allocated, limit))
        cells["projection"].append(_projected(selection, centre, currency))
    columns = (
        Column(
            "cost_centre",
            "Cost centre id",
            told_by="name",
            of="cost_centre",
            blank_of=UNALLOCATED_ID,
        ),
        Column("name", "Cost centre"),
        *_money(selection),
        Column("budget", "Budget", "decimal"),
        Column("budget_share", "Of budget", "percent"),
        Column(
            "projection",
            "Projection",
            "decimal",
            help="To the month's end; no cost, an estimate. Those of parts do not add up to that of the whole.",
        ),
        Column("currency", "Currency"),
    )
    frame = typed_frame(cells, columns)
    rest = frozenset(place for place, (centre, _) in enumerate(places) if centre is None)
    totals = _totals(cells)
    return Table(
        "by_cost_centre", "By cost centre", frame, columns, totals, brief=_BRIEF_CENTRE, rest=rest
    )


def by_platform(selection: Selection, platforms: Mapping[tuple[str | None, str], Amounts]) -> Table:
    """What each platform billed, and what of it is rated."""
    places = sorted(platforms, key=lambda place: (in_order(str(place[0]), ""), place[1]))
    cells: dict[str, list[Any]] = {"platform": [], "platform_label": []}
    cells |= {name: [] for name in (*_AMOUNTS, *_AGAINST, "currency")}
    for platform, currency in places:
        cells["platform"].append(platform)
        cells["platform_label"].append(platform_label(str(platform)))
        _add_amounts(selection, cells, platforms[platform, currency], currency)
    columns = (
        Column("platform", "Platform id", told_by="platform_label", of="platform"),
        Column("platform_label", "Platform"),
        *_money(selection),
        Column("currency", "Currency"),
    )
    totals = _totals(cells)
    frame = typed_frame(cells, columns)
    return Table("by_platform", "By platform", frame, columns, totals, brief=_BRIEF_PLATFORM)


def by_id(selection: Selection, key: str, title: str, field: str) -> Table:
    """What is owed by a field of lines; what has none is one row, and so are shares of each pool."""
    names = selection.answer.names
    sums = selection.by(
        lambda line: (
            line.platform,
            line.rule if line.shared is not None else None,
            getattr(line, field),
        )
    )
    places = sorted(
        sums, key=lambda place: (-sums[place].allocated, [str(part) for part in place[0]], place[1])
    )
    personal = field == "principal"
    wanted = ("platform", "platform_label", "name", "id", *_AMOUNTS, *_AGAINST, "currency", "share")
    cells: dict[str, list[Any]] = {name: [] for name in wanted}
    for (platform, rule, identity), currency in places:
        cells["platform"].append(platform)
        cells["platform_label"].append(platform_label(platform))
        cells["name"].append(names.get((platform, identity or ""), identity))
        cells["id"].append(identity)
        cells["share"].append(rule)
        _add_amounts(selection, cells, sums[(platform, rule, identity), currency], currency)
    columns = (
        Column("platform_label", "Platform"),
        Column("name", "Name", personal=personal, missing="(none)"),
        Column("id", "Id", told_by="name", personal=personal, of="" if personal else field),
        *_money(selection),
        Column(
            "platform", "Platform id", told_by="platform_label", of="" if personal else "platform"
        ),
        Column("share", "Share", help="What brought or took it, where it was shared."),
        Column("currency", "Currency"),
    )
    totals = _totals(cells)
    return Table(key, title, typed_frame(cells, columns), columns, totals, brief=_BRIEF_ID)


def movers(selection: Selection) -> Table:
    """The ids whose bill rose or fell most; persons are not told."""
    names = selection.answer.names
    by_id = selection.by(lambda line: place_of(line._replace(principal=None)))
    moved = [
        (abs(amounts.compared - amounts.before), key, currency, amounts)
        for (key, currency), amounts in by_id.items()
        if amounts.before is not None and amounts.compared != amounts.before
    ]
    moved.sort(key=lambda row: (-row[0], row[1]))
    cells: dict[str, list[Any]] = {
        name: [] for name in ("platform", "name", "id", "field", *_AGAINST, "now", "currency")
    }
    for _, key, currency, amounts in moved[:MOST]:
        platform, field, identity = key
        _against(cells, amounts)
        cells["now"].append(amounts.compared)
        for name, value in (
            ("platform", platform_label(platform)),
            ("name", names.get((platform, identity), identity)),
            ("id", identity),
            ("field", field),
            ("currency", currency),
        ):
            cells[name].append(value)
    columns = (
        Column("platform", "Platform"),
        Column("name", "Name"),
        Column("id", "Id", told_by="name"),
        Column("field", "Field"),
        Column("now", "Allocated", "decimal"),
        *_compared(selection),
        Column("currency", "Currency"),
    )
    return Table(
        "movers",
        "Biggest movers",
        typed_frame(cells, columns),
        columns,
        brief=("platform", "name", "now", "previous", "change", "change_percent"),
        note=f"Against {against(selection)}." if selection.is_compared else "",
    )


_MONEY = ("billed", "shared", "allocated", "rated")
_AMOUNTS = (*_MONEY, "unknown", "compared")
_AGAINST = ("previous", "change", "change_percent")
_BUDGET = ("budget", "budget_share", "projection")
_BRIEF_ID = ("platform_label", "name", "share", "allocated", "rated", "previous")
_BRIEF_PLATFORM = ("platform_label", "billed", "allocated", "rated", "previous", "change_percent")
_BRIEF_CENTRE = ("name", "allocated", "previous", "change_percent", "budget", "budget_share")


def nothing(selection: Selection) -> Amounts:
    """What somebody has to whom no line belongs."""
    zero = Decimal(0)
    return Amounts(zero, zero, zero, zero, zero if selection.is_compared else None)


def _add_amounts(
    selection: Selection, cells: Mapping[str, list[Any]], amounts: Amounts, currency: str
) -> None:
    for name in _MONEY:
        cells[name].append(getattr(amounts, name))
    cells["unknown"].append(amounts.unknown or None)
    # Of a month that is over it is what is allocated
    in_part = selection.is_running and amounts.before is not None
    cells["compared"].append(amounts.compared if in_part else None)
    _against(cells, amounts)
    cells["currency"].append(currency)


def _against(cells: Mapping[str, list[Any]], amounts: Amounts) -> None:
    before, change, percent = amounts.before, None, None
    if before is not None:
        with exactly():
            change = amounts.compared - before
        percent = percent_change(amounts.compared, before)
    for name, value in zip(_AGAINST, (before, change, percent), strict=True):
        cells[name].append(value)


def _money(selection: Selection) -> tuple[Column, ...]:
    now, _ = selection.compared_days
    return (
        Column("billed", "Billed", "decimal", help="What platforms billed and rules assign."),
        Column("shared", "Shared", "decimal", help="What shares move in, or out below 0."),
        Column("allocated", "Allocated", "decimal", help="Billed and shared: what is owed."),
        Column("rated", "Rated", "decimal", help="Showback; in no sum with what is billed."),
        Column("unknown", "Amounts not known", "int", help="Lines that are in no sum."),
        Column(
            "compared",
            "Of it compared",
            "decimal",
            help=f"Allocated in {now.start} to {now.end}; the change is of these days.",
        ),
        *_compared(selection),
    )


def _compared(selection: Selection) -> tuple[Column, ...]:
    days = against(selection)
    return (
        Column("previous", "Before", "decimal", help=f"Allocated in {days}."),
        Column("change", "Change", "decimal", help=f"Against {days}."),
        Column("change_percent", "Change %", "percent"),
    )


def _projected(selection: Selection, centre: str | None, currency: str) -> Decimal | None:
    if currency != selection.currency:
        return None
    projected = selection.projected(centre)
    return projected.amount if isinstance(projected, Projection) else None


def _totals(cells: Mapping[str, list[Any]]) -> dict[str, Number | None] | None:
    """Sums of what is known; none where rows are of several currencies."""
    if len({*cells["currency"]}) != 1:
        return None
    sums: dict[str, Number | None] = {
        name: None if None in cells[name] else Decimal(exact_sum(cells[name]))
        for name in (*_MONEY, "compared", "previous", "change")
    }
    return sums | {"unknown": sum(count or 0 for count in cells["unknown"]) or None}

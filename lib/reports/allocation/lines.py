"""The table of lines: what was billed, moved and rated, each with whom it belongs to and by which rule."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from lib.allocation.allocate import Owed
from lib.reports.cells import typed_frame
from lib.reports.ledger.platforms import platform_label
from lib.reports.report import Column, Table
from lib.usage.exact import exactly

_KEYS = ("platform", "account", "sub_account", "resource", "sku", "metric", "cost_centre", "rule")
_MONEY = ("billed", "shared", "allocated", "rated")

COLUMNS = (
    Column("platform", "Platform id", told_by="platform_label"),
    Column("platform_label", "Platform"),
    Column("account", "Account"),
    Column("sub_account", "Sub-account"),
    Column("resource", "Resource"),
    Column("sku", "SKU"),
    Column("metric", "Metric"),
    Column("cost_centre", "Cost centre", missing="Unallocated"),
    Column("rule", "Rule"),
    Column("billed", "Billed", "decimal", help="What the platform billed."),
    Column("shared", "Shared", "decimal", help="What shares move in, or out below 0."),
    Column("allocated", "Allocated", "decimal", help="Billed and shared: what is owed."),
    Column("rated", "Rated", "decimal", help="Showback at prices of finance."),
    Column("currency", "Currency"),
)


def lines_table(lines: Iterable[Owed]) -> Table:
    """A line per key, days and persons added up; None where a line has no money of a kind.

    What nobody knows is a line of its own without any: what is known of the same key stays in all sums.
    """
    sums: dict[tuple[str | None, ...], list[Decimal | None]] = defaultdict(lambda: [None] * 4)
    with exactly():
        for line in lines:
            key = (*(getattr(line, name) for name in _KEYS), line.currency, str(line.is_unknown))
            amounts = sums[key]
            for place, name in enumerate(_MONEY):
                amount = getattr(line, name)
                if amount is not None:
                    amounts[place] = amount + (amounts[place] or 0)
    rows = sorted(
        sums.items(), key=lambda item: tuple((part is None, part or "") for part in item[0])
    )
    cells: dict[str, list[object]] = {
        name: [key[place] for key, _ in rows] for place, name in enumerate((*_KEYS, "currency"))
    }
    for place, name in enumerate(_MONEY):
        cells[name] = [amounts[place] for _, amounts in rows]
    cells["platform_label"] = [platform_label(str(name)) for name in cells["platform"]]
    return Table("lines", "Lines", typed_frame(cells, COLUMNS), COLUMNS, records=True)

"""What is other in one rule set than in another."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from lib.allocation.rule_set import COLUMNS, RuleSet


class Change(NamedTuple):
    """A row that is there only before (``-``) or only after (``+``), as it is written.

    As text it is one line, whatever stands in its cells.
    """

    table: str
    sign: str
    cells: tuple[str, ...]

    def __str__(self) -> str:
        cells = (" ".join(cell.split()) or "-" for cell in self.cells)
        return f"{self.sign} {self.table}: {', '.join(cells)}"


def changes(before: RuleSet, after: RuleSet) -> list[Change]:
    """Row by row; one that was changed is there twice, as it was and as it is."""
    return [change for table in COLUMNS for change in _of_table(table, before, after)]


def _of_table(table: str, before: RuleSet, after: RuleSet) -> Iterator[Change]:
    was, is_now = (
        Counter(tuple(row.values()) for row in rule_set.rows(table)) for rule_set in (before, after)
    )
    rows = [
        *(Change(table, "-", cells) for cells in (was - is_now).elements()),
        *(Change(table, "+", cells) for cells in (is_now - was).elements()),
    ]
    return iter(sorted(rows, key=lambda change: (change.cells, change.sign == "+")))

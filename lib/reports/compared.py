"""Two tables of the same columns side by side: what was before, the change, and what is new or gone."""

import math
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import pandas as pd

from lib.reports.cells import typed, typed_frame
from lib.reports.report import Column, Number, Table
from lib.usage.exact import Exact, exact_sum, exactly, percent_of, values_of

PREVIOUS, CHANGE, PERCENT = "previous", "change", "percent"
"""What stands beside an amount: ``cost_previous``, ``cost_change``, ``cost_percent``."""

MARK = "compared"
"""The column that says ``new``, ``gone`` or ``both``."""

Key = tuple[Hashable, ...]
Parts = Mapping[Key, Mapping[Hashable, Exact]]
"""Of each row, the ids of its parts and by how much each of them changed."""

_HELP = {
    PREVIOUS: ("before", "In the period compared with."),
    CHANGE: ("change", "After less before."),
    PERCENT: ("change %", "Of what was before; none where nothing was."),
}

_BRIEF = (CHANGE, PERCENT)
"""What people need of the first amount: what it was before follows."""


@dataclass(frozen=True)
class Amount:
    """One column that is compared.

    Args:
        empty: what a missing value counts as: ``nothing``, as in the total; ``absent``: nothing only
            where its table has no such row; ``unknown`` in any case.
        adds_up: the rows of a table sum to its total; if they do not, nothing is said of changes.
    """

    key: str
    empty: Literal["nothing", "absent", "unknown"] = "nothing"
    adds_up: bool = True


@dataclass(frozen=True)
class _Sides:
    """Both tables, and where each row of the result stands in them; None where it does not.

    Args:
        unsure: rows of the result of which one side may lack a part.
        whole: no side lacks a part of the totals.
    """

    now: Table
    before: Table
    places: Sequence[tuple[int | None, int | None]]
    unsure: frozenset[int] = frozenset()
    whole: bool = True

    @cached_property
    def values(self) -> tuple[Mapping[str, list[Any]], ...]:
        """The cells of each side's own rows by column, None where missing."""
        return tuple(
            {str(key): _known_values(cells) for key, cells in table.frame.items()}
            for table in (self.now, self.before)
        )

    def cells(self, key: str) -> tuple[list[Any], list[Any]]:
        """The values of a column on both sides, None where missing."""
        return self.cells_of(0, key), self.cells_of(1, key)

    def cells_of(self, side: int, key: str) -> list[Any]:
        """The same of the present (0) or of what was before (1)."""
        values = self.values[side].get(key)
        if values is None:
            return [None] * len(self.places)
        return [None if (at := place[side]) is None else values[at] for place in self.places]

    def add_up(self, key: str) -> tuple[bool, bool]:
        """Whether the rows of each side sum to a total that is known: else a part of it is in no row."""
        now, before = self.values
        return _adds_up(self.now, key, now[key]), _adds_up(self.before, key, before[key])


def side_by_side(
    now: Table,
    before: Table,
    keys: Sequence[str],
    amounts: Sequence[Amount],
    *,
    names: Collection[str] = (),
    doubtful: Collection[str] = (),
    unsure: Collection[Key] = (),
) -> Table:
    """The table with previous, change and percent beside each amount; rows that are gone come last.

    A row is new or gone by its amounts: one that is merely listed has none. Where the first amount
    that is known on both sides is doubtful, no row is either.

    Args:
        now, before: the same columns, but for those of the present that are not compared.
        keys: columns that tell rows apart, on either side; ids, since names change.
        amounts: the one that matters most first: paper and terminal show its changes.
        names: further columns that hold for a row in both periods; the others are empty where it is gone.
        doubtful: amounts of which one side may lack a part: nothing is compared of them.
        unsure: keys of rows of which one side may lack a part: nothing is compared of them, nor of
            the totals; of a row that is in no table, where it is not known whose the part is.

    Raises:
        ValueError: two rows of a table have the same keys.
    """
    keys_of_now, keys_of_before = keys_of(now, keys), keys_of(before, keys)
    places = _matched(keys_of_now, keys_of_before)
    of_row = [
        *keys_of_now,
        *(keys_of_before[at] for here, at in places if here is None and at is not None),
    ]
    doubted = (
        frozenset(row for row, key in enumerate(of_row) if key in unsure) if unsure else frozenset()
    )
    sides = _Sides(now, before, places, doubted, whole=not unsure)
    table = _beside(sides, amounts, {*keys, *names}, doubtful)
    marks = _marks(sides, amounts, sure=_tells(sides, amounts) not in {None, *doubtful})
    place = min(_place(table, amount.key) for amount in amounts)
    return _with_column(
        table,
        place,
        Column(MARK, "Compared", help="Whether it has usage now, before, or both."),
        pd.Series(marks, dtype="str"),
    )


def step_by_step(
    now: Table,
    before: Table,
    step: str,
    amounts: Sequence[Amount],
    *,
    doubtful: Collection[str] = (),
) -> Table:
    """The table of steps of time beside that of the other period, the first with the first.

    Steps beyond the end of a shorter period stand last, under no name of their own.

    Args:
        step: the column that names the step; one more says with which it is compared.
        doubtful: as in ``side_by_side``.
    """
    both = min(len(now.frame), len(before.frame))
    places: list[tuple[int | None, int | None]] = [(at, at) for at in range(both)]
    places += [(at, None) for at in range(both, len(now.frame))]
    places += [(None, at) for at in range(both, len(before.frame))]
    sides = _Sides(now, before, places)
    table = _beside(sides, amounts, (), doubtful)
    column = next(column for column in now.columns if column.key == step)
    against = replace(
        column,
        key=f"{step}_{PREVIOUS}",
        label="Compared with",
        help="At the same place.",
        json_path=(),
    )
    place = _place(table, step) + 1
    cells = typed(sides.cells(step)[1], column.kind)
    return _with_column(table, place, against, cells, brief=against.key)


def parts_of(
    now: Iterable[tuple[Key, Hashable, Exact]], before: Iterable[tuple[Key, Hashable, Exact]]
) -> Parts:
    """By how much each part of each row changed.

    Args:
        now, before: key of the row, id of the part, amount.
    """
    changes: dict[Key, dict[Hashable, Exact]] = {}
    with exactly():
        for sign, amounts in ((1, now), (-1, before)):
            for key, part, amount in amounts:
                parts = changes.setdefault(key, {})
                parts[part] = parts.get(part, 0) + sign * amount
    return changes


def change_of(now: Number | None, before: Number | None) -> Number | None:
    """After less before, exact for whole numbers and money; None where one is unknown."""
    if now is None or before is None:
        return None
    if type(now) is int is type(before):
        return now - before
    if isinstance(now, float) or isinstance(before, float):
        return round(float(now) - float(before), 6)  # beyond that lies noise of binary fractions
    with exactly():
        return now - before


def _known_values(cells: "pd.Series[Any]") -> list[Any]:
    return [
        None if isinstance(value, float) and math.isnan(value) else value
        for value in values_of(cells)
    ]


def keys_of(table: Table, keys: Sequence[str]) -> list[Key]:
    """What tells the rows of a table apart, None where missing."""
    return [*zip(*(_known_values(table.frame[key]) for key in keys), strict=True)]


def _matched(now: Sequence[Key], before: Sequence[Key]) -> list[tuple[int | None, int | None]]:
    at_now = {key: at for at, key in enumerate(now)}
    at_before = {key: at for at, key in enumerate(before)}
    if len(at_now) < len(now) or len(at_before) < len(before):
        raise ValueError("two rows have the same keys")
    matched: list[tuple[int | None, int | None]] = [
        (at, at_before.get(key)) for key, at in at_now.items()
    ]
    return matched + [(None, at) for key, at in at_before.items() if key not in at_now]


def _beside(
    sides: _Sides, amounts: Sequence[Amount], names: Collection[str], doubtful: Collection[str]
) -> Table:
    """The columns of the present with three more behind each amount."""
    of_key = {amount.key: amount for amount in amounts}
    totals = dict(sides.now.totals or {})
    columns: list[Column] = []
    cells: dict[str, list[Any]] = {}
    for column in sides.now.columns:
        now = sides.cells_of(0, column.key)
        if column.key in names:
            pairs = zip(sides.places, now, sides.cells_of(1, column.key), strict=True)
            now = [was if at[0] is None else value for at, value, was in pairs]
        columns.append(column)
        cells[column.key] = now
        if amount := of_key.get(column.key):
            known = column.key not in doubtful
            columns += _columns_beside(column)
            cells |= _cells_beside(sides, amount, column, known=known)
            totals |= _totals_beside(sides, column, known=known)
    brief = sides.now.brief
    headline = amounts[0].key
    if headline in brief:
        at = brief.index(headline) + 1
        brief = (*brief[:at], *(f"{headline}_{part}" for part in _BRIEF), *brief[at:])
    kept = {key: value for key, value in totals.items() if key in cells}
    return replace(
        sides.now,
        frame=typed_frame(cells, columns),
        columns=tuple(columns),
        totals=kept or None,
        brief=brief,
    )


def _columns_beside(column: Column) -> Iterable[Column]:
    for part, (words, explained) in _HELP.items():
        if part == PERCENT and column.kind == "percent":
            continue  # the change of a percentage is told in points
        path = (
            (*column.json_path[:-1], f"{column.json_path[-1]}_{part}") if column.json_path else ()
        )
        key, label = f"{column.key}_{part}", f"{column.label} {words}"
        if part == PERCENT:
            yield Column(key, label, "percent", "", explained, path)
        else:
            yield replace(column, key=key, label=label, help=explained, json_path=path)


def _cells_beside(
    sides: _Sides, amount: Amount, column: Column, *, known: bool
) -> dict[str, list[Any]]:
    now, before = sides.cells(amount.key)
    whole = [known and (not amount.adds_up or adds_up) for adds_up in sides.add_up(amount.key)]
    changes: list[Number | None] = [None] * len(now)
    if all(whole):
        filled = [
            _filled(amount, [at[side] for at in sides.places], cells)
            for side, cells in enumerate((now, before))
        ]
        pairs = enumerate(zip(now, before, *filled, strict=True))
        changes = [
            None if row in sides.unsure or (after is None and was is None) else change_of(*amounts)
            for row, (after, was, *amounts) in pairs
        ]
    shown = [
        was if whole[1] and row not in sides.unsure else None for row, was in enumerate(before)
    ]
    percents = [_percent(change, was) for change, was in zip(changes, shown, strict=True)]
    beside: dict[str, list[Any]] = {PREVIOUS: shown, CHANGE: changes, PERCENT: percents}
    if column.kind == "percent":
        del beside[PERCENT]  # the change of a percentage is told in points
    return {f"{amount.key}_{part}": cells for part, cells in beside.items()}


def _filled(amount: Amount, places: Sequence[int | None], cells: Sequence[Any]) -> list[Any]:
    """The cells with nothing where a missing one means that."""
    if amount.empty == "unknown":
        return [*cells]
    return [
        0 if value is None and (at is None or amount.empty == "nothing") else value
        for at, value in zip(places, cells, strict=True)
    ]


def _totals_beside(sides: _Sides, column: Column, *, known: bool) -> dict[str, Number | None]:
    if column.key not in (sides.now.totals or {}):
        return {}
    now, before = ((side.totals or {}).get(column.key) for side in (sides.now, sides.before))
    before = before if known and sides.whole else None
    change = change_of(now, before)
    return {
        f"{column.key}_{PREVIOUS}": before,
        f"{column.key}_{CHANGE}": change,
        f"{column.key}_{PERCENT}": _percent(change, before),
    }


def _adds_up(table: Table, key: str, cells: Iterable[Any]) -> bool:
    whole = (table.totals or {}).get(key)
    rows = exact_sum(value for value in cells if value is not None)
    if whole is None:
        return False
    if isinstance(whole, float) or isinstance(rows, float):
        return math.isclose(whole, rows, rel_tol=1e-9, abs_tol=1e-6)
    return whole == rows


def _percent(change: Number | None, before: Number | None) -> float | None:
    if change is None or before is None or before <= 0:
        return None
    return percent_of(change, before) if change else 0.0  # most rows of a level stay as they were


def _tells(sides: _Sides, amounts: Sequence[Amount]) -> str | None:
    """The first amount whose rows make up a known total on both sides."""
    known = (amount.key for amount in amounts if amount.adds_up and all(sides.add_up(amount.key)))
    return next(known, None)


def _marks(sides: _Sides, amounts: Sequence[Amount], *, sure: bool) -> list[str | None]:
    has = [[False] * len(sides.places) for _ in range(2)]
    for amount in amounts:
        for used, cells in zip(has, sides.cells(amount.key), strict=True):
            used[:] = [before or bool(value) for before, value in zip(used, cells, strict=True)]
    only = {(True, True): "both"} | ({(True, False): "new", (False, True): "gone"} if sure else {})
    pairs = enumerate(zip(*has, strict=True))
    return [None if row in sides.unsure else only.get(pair) for row, pair in pairs]


def _place(table: Table, key: str) -> int:
    return [column.key for column in table.columns].index(key)


def _with_column(
    table: Table, place: int, column: Column, cells: "pd.Series[Any]", *, brief: str = ""
) -> Table:
    frame = table.frame.copy(deep=False)
    frame.insert(place, column.key, cells)
    columns = (*table.columns[:place], column, *table.columns[place:])
    shown = table.brief
    if shown and brief:
        named = [key for key in shown if [*frame].index(key) < place]
        shown = (*named, brief, *shown[len(named) :])
    return replace(table, frame=frame, columns=columns, brief=shown)

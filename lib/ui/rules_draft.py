"""A draft of the rules, for as long as a session lasts: what its editors were given, and what was typed into them.

An editor whose number of rows is fixed stays as it is when a cell of what it was given changes, and so does
the cell in which somebody types; one to which rows can be added is made anew, and loses both. So free rows
stand at the end of each table, and a row that is deleted is ticked.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import streamlit as st

from lib.allocation.read import Record
from lib.allocation.rule_set import COLUMNS, RuleSet

if TYPE_CHECKING:
    from lib.ledger.rule_sets import Published

FREE_ROWS = 20
DELETE = "delete"
"""The column of ticks."""

_DRAFT, _TOUCHED = "ccs_draft", "ccs_draft_touched"


@dataclass
class Draft:
    """The rows of each table, counted from 1, and from which version they were begun.

    Args:
        base: the version.
        rows: as they stand now; a row that is deleted, or free, is empty.
        given: as the editors were made with them.
        turn: names the editors; new ones know nothing of what was typed into others.
    """

    base: int
    rows: dict[str, list[Record]]
    given: dict[str, list[Record]] = field(default_factory=dict)
    turn: str = ""

    def editor(self, table: str) -> str:
        """The key of the editor of a table."""
        return f"ccs_edit_{table}_{self.turn}"

    def begin_editors(self) -> None:
        """Gives the rows to new editors, with free ones below them."""
        self.turn = uuid4().hex[:12]
        self.given = {table: _with_free_rows(table, self.rows[table]) for table in COLUMNS}
        self.rows = dict(self.given)

    def is_full(self, table: str) -> bool:
        """Whether something stands in the last row, so that more may have been pasted than there was room for."""
        return not _is_empty(self.rows[table][-1])

    def changed(self, base: RuleSet) -> int:
        """How many rows are other than in the version that it was begun from."""
        return sum(_changed(base.rows(table), self.rows[table], table) for table in COLUMNS)


def current_draft(newest: "Published") -> Draft:
    """The draft of this session, with what was typed last; without one, a new one of what counts now."""
    draft: Draft | None = st.session_state.get(_DRAFT)
    if draft is None:
        tables = {table: _records(newest.rule_set.rows(table)) for table in COLUMNS}
        draft = st.session_state[_DRAFT] = Draft(newest.version, tables)
        draft.begin_editors()
        return draft
    states = {table: st.session_state.get(draft.editor(table)) for table in COLUMNS}
    for table, state in states.items():
        if state is None:
            continue
        now = _edited(draft.given[table], state["edited_rows"])
        if now != draft.rows[table]:
            draft.rows[table] = now
            st.session_state[_TOUCHED] = table
    if None in states.values():  # another page was opened, and Streamlit has forgotten the editors
        draft.begin_editors()
    return draft


def touched_last() -> str:
    """The table that was typed into last: the open one, whenever what is wrong with it changes."""
    return str(st.session_state.get(_TOUCHED, next(iter(COLUMNS))))


def forget_draft() -> None:
    """The next one begins with what counts then."""
    st.session_state.pop(_DRAFT, None)


def _records(rows: Iterable[Mapping[str, str]]) -> list[Record]:
    return [Record(place, cells) for place, cells in enumerate(rows, 1)]


def _with_free_rows(table: str, rows: Iterable[Record]) -> list[Record]:
    """Those that say something, counted anew, and free ones."""
    kept = [row for row in rows if not _is_empty(row)]
    empty = Record(0, dict.fromkeys([cell.key for cell in COLUMNS[table]], ""))
    return [row._replace(row=place) for place, row in enumerate([*kept, *[empty] * FREE_ROWS], 1)]


def _edited(given: list[Record], typed: Mapping[int, Mapping[str, Any]]) -> list[Record]:
    """The rows with what was typed into their cells."""
    rows = list(given)
    for place, cells in typed.items():
        row = given[place]
        said = {key: "" if value is None else str(value) for key, value in cells.items()}
        gone = cells.get(DELETE)
        kept = {key: said.get(key, text) for key, text in row.cells.items()}
        rows[place] = row._replace(cells={} if gone else kept)
    return rows


def _is_empty(row: Record) -> bool:
    return not any(text.strip() for text in row.cells.values())


def _changed(before: Iterable[Mapping[str, str]], rows: Iterable[Record], table: str) -> int:
    keys = [cell.key for cell in COLUMNS[table]]
    was = Counter(tuple(row[key] for key in keys) for row in before)
    is_now = Counter(
        tuple(row.cells.get(key, "").strip() for key in keys) for row in rows if not _is_empty(row)
    )
    return max((was - is_now).total(), (is_now - was).total())

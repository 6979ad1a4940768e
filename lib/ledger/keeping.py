"""What may enter the ledger: the same again changes nothing, less never replaces more, half is invisible."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from lib.ledger.database import unavailable
from lib.ledger.store import (
    Capture,
    Ledger,
    add_capture,
    add_names,
    change_capture,
    last_named,
    standing,
)
from lib.ledger.unite import united
from lib.ledger.warehouse import Month, Written
from lib.usage.measure import SCHEMA, Name, Places

What = Literal["captured", "replaced", "confirmed", "kept"]
"""There was nothing of the month; other rows take its place; the same rows came again; what was captured
before stays, since the answer has less."""

GONE = "the source answered with nothing for it any more"


@dataclass(frozen=True)
class Said:
    """What a platform said of one month.

    Args:
        asked_at: when it was asked for.
        provisional_until: the first moment at which it changes no more.
        measures: of this month only.
        failed: parts that gave no answer, or not all of it; none where it is complete.
        unknown_metrics: those whose totals are not known, because of the parts that failed.
        facts: what else the answer holds.
        loses_rows: the source drops single rows with time, and its numbers only ever rise.
    """

    key: Month
    asked_at: datetime
    provisional_until: datetime
    measures: pa.Table
    names: tuple[Name, ...] = ()
    failed: frozenset[str] = frozenset()
    unknown_metrics: frozenset[str] = frozenset()
    facts: Mapping[str, Any] | None = None
    loses_rows: bool = False

    @property
    def complete(self) -> bool:
        return not self.failed


@dataclass(frozen=True)
class Outcome:
    """What became of an answer.

    Args:
        capture: that counts for the month from now on.
        detail: why an earlier one stays, or what the source no longer has.
    """

    what: What
    capture: Capture
    detail: str = ""


def keep(ledger: Ledger, said: Said) -> Outcome:
    """Enters an answer, unless the ledger has the same, or more.

    Whoever is killed on the way leaves nothing that counts: rows are first committed to the table,
    and count from the moment at which a capture names their snapshot.

    Raises:
        SourceUnavailable: the ledger cannot be written; what it had still counts.
    """
    ledger.database.bring_up_to_date()
    with ledger.database.writing() as connection, unavailable("cannot be written"):
        with connection.begin():
            before = next(iter(standing(connection, said.key)), None)
            last, named = last_named(connection)
        # What a capture committed that was killed before it named its snapshot never happened
        ledger.warehouse.roll_back(last, named)
        if before is not None and (reason := _reason_to_stay(before, said)):
            return _stays(connection, before, said, reason)
        measures, lost = said.measures, ""
        if before is not None and said.loses_rows:
            measures, lost = united(ledger.warehouse.rows(before.files), measures)
        rows, digest = in_order(measures)
        if before is not None and (digest, said.failed) == (before.sha256, before.failed):
            return _confirmed(connection, before, said, lost)
        properties = {"captured-at": said.asked_at.isoformat(), "content-sha256": digest}
        written = ledger.warehouse.overwrite(said.key, rows, properties)
        entered = _enter(connection, said, written, rows=rows.num_rows, digest=digest, lost=lost)
        return Outcome("replaced" if before else "captured", entered, lost)


def in_order(measures: pa.Table) -> tuple[pa.Table, str]:
    """The same rows in the one order that the ledger keeps them in, by their columns, nulls last; and
    the SHA-256 of what they say, whatever file they stand in.

    That is of each column's name and different values, in order, as JSON, and then of which of them each
    row has, in four bytes.
    """
    rows = measures.cast(SCHEMA).combine_chunks()
    # Numbers of few kinds are compared many times faster than texts
    told = [_ranked(column) for column in rows.columns]
    order = np.lexsort([places for _, places in reversed(told)])
    digest = hashlib.sha256()
    for name, (values, places) in zip(rows.column_names, told, strict=True):
        digest.update(json.dumps([name, values.cast(pa.string()).to_pylist()]).encode())
        digest.update(places[order].astype("<i4").tobytes())
    return rows.take(pa.array(order)), digest.hexdigest()


def _ranked(column: pa.ChunkedArray) -> tuple[pa.Array, Places]:
    """The different values of a column, in order, and which of them each row has."""
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    order = pc.sort_indices(encoded.dictionary)
    places = np.empty(len(order), np.min_scalar_type(len(order)))
    places[order.to_numpy()] = np.arange(len(order))
    return encoded.dictionary.take(order), places[encoded.indices.to_numpy()]


def _reason_to_stay(before: Capture, said: Said) -> str:
    """Why what was captured before is more than the answer; empty where it is not."""
    if not said.failed <= before.failed:
        missing = ", ".join(sorted(said.failed - before.failed))
        return f"the new answer lacks {missing}, the earlier one did not"
    if before.rows and not said.measures.num_rows and not said.loses_rows:
        return GONE
    return ""


def _stays(connection: Connection, before: Capture, said: Said, reason: str) -> Outcome:
    with connection.begin():
        _note_names(connection, said)
        if reason == GONE:
            change_capture(connection, before.id, lost=f"{reason}.")
    return Outcome("kept", before, reason)


def _confirmed(connection: Connection, before: Capture, said: Said, lost: str) -> Outcome:
    """The same again: only the time moves, and never back."""
    moment = max(before.confirmed_at, said.asked_at)
    with connection.begin():
        _note_names(connection, said)
        change_capture(connection, before.id, confirmed_at=moment, lost=lost or before.lost)
    return Outcome("confirmed", replace(before, confirmed_at=moment), lost)


def _enter(
    connection: Connection, said: Said, written: Written, *, rows: int, digest: str, lost: str
) -> Capture:
    facts = {
        **said.key._asdict(),
        "captured_at": said.asked_at,
        "confirmed_at": said.asked_at,
        "complete": said.complete,
        "provisional_until": said.provisional_until,
        "rows": rows,
        "sha256": digest,
        **{key: getattr(written, key) for key in ("snapshot", "sequence", "files")},
        "unknown_metrics": said.unknown_metrics,
        "failed": said.failed,
        "facts": dict(said.facts or {}),
        "lost": lost or None,
    }
    with connection.begin():
        _note_names(connection, said)
        number = add_capture(connection, facts)
        entered = standing(connection, said.key)[0]
    assert entered.id == number  # nobody else writes meanwhile
    return entered


def _note_names(connection: Connection, said: Said) -> None:
    add_names(connection, said.key.platform, said.key.account, said.names, said.asked_at)

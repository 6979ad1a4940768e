"""What may enter the ledger: the same again changes nothing, less never replaces more, half is invisible."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from lib.ledger.database import unavailable
from lib.ledger.limits import Parts, facts_with, newest, parts_of, troubles
from lib.ledger.owner import check_owner
from lib.ledger.store import (
    GONE,
    Capture,
    Ledger,
    add_capture,
    add_names,
    capture_of,
    change_capture,
    last_named,
    standing,
)
from lib.ledger.unite import united, with_rows_of
from lib.ledger.warehouse import Month, Written
from lib.usage.measure import SCHEMA, Name, Places

What = Literal["captured", "replaced", "confirmed", "kept"]
"""There was nothing of the month; other rows take its place; the same rows came again; what was captured
before stays, since the answer has less or was asked for earlier."""


@dataclass(frozen=True)
class Said:
    """What a platform said of one month.

    Args:
        asked_at: when it was asked for.
        provisional_until: the first moment at which it changes no more.
        measures: of this month only.
        failed: parts that gave no answer, or not all of it; none where it is complete.
        told: those of these parts whose rows all came: none of an earlier answer stays beside them.
        unknown_metrics: those whose totals are not known, because of the parts that failed.
        facts: what else the answer holds.
        limits: what the platform itself limits now; nothing where nobody asked, see ``lib.ledger.limits``.
        is_state: it tells how things stood when it was asked for, not what happened in the month.
        loses_rows: the source drops single rows with time, and what it dropped stays.
        projects: all that the organisation lists, none where it may not be asked; None where an account
            can be only one's. See ``check_owner``.
        counts: of rows that sums stand in, the metrics that fall where something is dropped; see ``united``.
    """

    key: Month
    asked_at: datetime
    provisional_until: datetime
    measures: pa.Table
    names: tuple[Name, ...] = ()
    failed: frozenset[str] = frozenset()
    told: frozenset[str] = frozenset()
    unknown_metrics: frozenset[str] = frozenset()
    facts: Mapping[str, Any] | None = None
    limits: Parts = field(default_factory=dict)
    is_state: bool = False
    loses_rows: bool = False
    counts: frozenset[str] = frozenset()
    projects: frozenset[str] | None = None

    @property
    def complete(self) -> bool:
        return not self.failed


@dataclass(frozen=True)
class Outcome:
    """What became of an answer.

    Args:
        capture: that counts for the month from now on.
        detail: why an earlier one stays, or what of it stays beside the new one; and why not all is known of
            what the platform limits.
    """

    what: What
    capture: Capture
    detail: str = ""


@dataclass(frozen=True)
class _Decision:
    """What is to become of an answer.

    Args:
        before: what stands for its month.
        reason: why that stays; empty where it does not.
        rows: to be written, ordered; None where nothing is.
        digest: of what the answer says; lost: what stays although it lacks that, in words.
    """

    said: Said
    before: Capture | None
    reason: str = ""
    rows: pa.Table | None = None
    digest: str = ""
    lost: str = ""


def keep(ledger: Ledger, said: Said) -> Outcome:
    """Enters one answer; see ``keep_all``."""
    return keep_all(ledger, [said])[0]


def keep_all(ledger: Ledger, answers: Sequence[Said]) -> list[Outcome]:
    """Enters answers of different months at once, unless the ledger has the same, or more.

    Whoever is killed on the way leaves nothing that counts: rows are first committed to the table,
    and count from the moment at which captures name their snapshot.

    Raises:
        SourceUnavailable: the ledger cannot be written; what it had still counts.
        SourceDenied: an answer is another organisation's than the account's.
    """
    ledger.database.bring_up_to_date()
    with ledger.database.writing() as connection, unavailable("cannot be written"):
        with connection.begin():
            before = {capture.key: capture for capture in standing(connection)}
            last, named = last_named(connection)
            for said in answers:
                _check_owner(connection, ledger, before.values(), said)
        # What a capture committed that was killed before it named its snapshot never happened
        ledger.warehouse.roll_back(last, named)
        decisions = [_decided(ledger, before.get(said.key), said) for said in answers]
        fresh = {made.said.key: made.rows for made in decisions if made.rows is not None}
        written = ledger.warehouse.overwrite(fresh) if fresh else {}
        with connection.begin():
            return [_noted(connection, made, written.get(made.said.key)) for made in decisions]


def _check_owner(
    connection: Connection, ledger: Ledger, standing: Iterable[Capture], said: Said
) -> None:
    if said.projects is not None:
        used = said.measures["sub_account"].unique().drop_null().to_pylist()
        check_owner(
            connection, ledger.warehouse, standing, said.key, listed=said.projects, used=used
        )


def _decided(ledger: Ledger, before: Capture | None, said: Said) -> _Decision:
    if before is not None and (reason := _reason_to_stay(before, said)):
        return _Decision(said, before, reason)
    measures, lost = said.measures, ""
    if before is not None and said.loses_rows:
        measures, lost = united(ledger.warehouse.rows(before.files), measures, said.counts)
    elif before is not None and said.failed and not said.is_state:
        earlier = ledger.warehouse.rows(before.files)
        measures, lost = with_rows_of(earlier, measures, said.failed - said.told)
    rows, digest = in_order(measures)
    same = before is not None and (digest, said.failed) == (before.sha256, before.failed)
    return _Decision(said, before, "", None if same else rows, digest, lost)


def _noted(connection: Connection, made: _Decision, written: Written | None) -> Outcome:
    said, before = made.said, made.before
    add_names(connection, said.key.platform, said.key.account, said.names, said.asked_at)
    limits = newest(parts_of(before.facts) if before else {}, said.limits)
    if before is not None and written is None:
        what: What = "kept" if made.reason else "confirmed"
        after = _stays(connection, made, before, limits)
    else:
        assert written is not None  # of a month without a capture rows are always written
        what = "replaced" if before else "captured"
        after = _entered(connection, made, written, limits)
    return Outcome(
        what, after, "; ".join(filter(None, (made.reason or made.lost, *troubles(said.limits))))
    )


def _stays(connection: Connection, made: _Decision, before: Capture, limits: Parts) -> Capture:
    """What stands, where the answer has the same rows or less: its time moves, and never back, and so does
    what is limited."""
    changes: dict[str, Any] = {}
    if limits != parts_of(before.facts):
        changes["facts"] = facts_with(before.facts, limits)
    if not made.reason:
        changes["confirmed_at"] = max(before.confirmed_at, made.said.asked_at)
        changes["lost"] = made.lost or before.lost
    elif made.reason == GONE:
        changes["lost"] = f"{GONE}."
    if changes:
        change_capture(connection, before.id, **changes)
    return replace(before, **changes)


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
    """Why what was captured before is more or newer than the answer; empty where it is neither."""
    if said.asked_at < before.confirmed_at:  # two rounds at once, of which the older was slower
        return f"what stands was asked for later, at {before.confirmed_at:%Y-%m-%d %H:%M:%S} UTC"
    if not said.failed <= before.failed:
        missing = ", ".join(sorted(said.failed - before.failed))
        return f"the new answer lacks {missing}, the earlier one did not"
    if said.is_state and said.failed and not said.unknown_metrics <= before.unknown_metrics:
        missing = ", ".join(sorted(said.unknown_metrics - before.unknown_metrics))
        return f"the new answer does not tell {missing}, the earlier one did"
    if before.rows and not said.measures.num_rows and not said.loses_rows:
        return GONE if said.complete else "the new answer has nothing"
    return ""


def _entered(connection: Connection, made: _Decision, written: Written, limits: Parts) -> Capture:
    said = made.said
    facts = {
        **said.key._asdict(),
        "captured_at": said.asked_at,
        "confirmed_at": said.asked_at,
        "complete": said.complete,
        "is_state": said.is_state,
        "provisional_until": said.provisional_until,
        "rows": 0 if made.rows is None else made.rows.num_rows,
        "sha256": made.digest,
        **{key: getattr(written, key) for key in ("snapshot", "sequence", "files")},
        "unknown_metrics": said.unknown_metrics,
        "failed": said.failed,
        "facts": facts_with(said.facts or {}, limits),
        "lost": made.lost or None,
    }
    number = add_capture(connection, facts)
    return capture_of({**facts, "id": number, "files": [asdict(file) for file in written.files]})

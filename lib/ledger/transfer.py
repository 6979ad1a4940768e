"""From one ledger to another, straight or out of an export: a capture comes in once, and never over a newer one."""

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import pyarrow as pa
from sqlalchemy import Connection, insert, select

from lib.errors import InputError
from lib.ledger.database import unavailable
from lib.ledger.exported import TABLES, Kept
from lib.ledger.keeping import in_order
from lib.ledger.limits import facts_with, newest, parts_of
from lib.ledger.store import (
    Capture,
    Ledger,
    add_capture,
    captures_of,
    change_capture,
    erase_forgotten,
    every_capture,
    last_named,
    standing,
)
from lib.ledger.tables import RULE_SETS

Fate = Literal["entered", "known", "confirmed", "outside", "older"]
"""It came in; it was there already; it was, and was last confirmed earlier than there; the month has something
else; it was replaced, and what replaced it counts already."""

_FACTS = tuple(
    name for name in Capture.__dataclass_fields__ if name not in ("id", "snapshot", "sequence")
)

_Identity = tuple[object, ...]


class TakenIn(NamedTuple):
    """What became of the captures of another ledger.

    Args:
        entered: how many came in.
        outside: those that did not, because this ledger has something else of their months.
        older: how many did not, because what counts here replaced them.
        confirmed: how many were here already, and are now known to have been confirmed later.
    """

    entered: int
    outside: list[Capture]
    older: int = 0
    confirmed: int = 0


def take_in(ledger: Ledger, kept: Kept) -> TakenIn:
    """Enters all captures of another ledger, oldest first, with their times.

    A month of which this one has something else stays as it is. Each capture is decided on while nobody
    else writes. Who is killed on the way, begins again: what has come in is passed over.

    Raises:
        InputError: one holds made-up data and the other does not; rows are not those that were captured;
            or the rule sets are others than this one's.
        SourceUnavailable: a ledger cannot be read or written.
    """
    _check_kind(ledger, kept)
    captures = sorted(kept.captures, key=lambda capture: (capture.sequence, capture.id))
    for table in TABLES:
        kept.records(table)  # a damaged one is told before anything comes in
    ledger.database.bring_up_to_date()
    with unavailable("cannot be read"), ledger.database.engine.connect() as connection:
        _check_rule_sets(connection, kept)
    places = {_identity(capture): place for place, capture in enumerate(captures)}
    # Nobody but ``tidy`` takes captures away, and then what replaced them counts
    before = {_identity(capture): capture for capture in every_capture(ledger)}
    fates: list[tuple[Fate, Capture]] = []
    for capture in captures:
        there = before.get(_identity(capture))
        if there is None or _news(there, capture):
            fates.append((_decided(ledger, kept, capture, places), capture))
    _add_records(ledger, kept)
    count = Counter(fate for fate, _ in fates)
    outside = [capture for fate, capture in fates if fate == "outside"]
    return TakenIn(count["entered"], outside, count["older"], count["confirmed"])


def _check_kind(ledger: Ledger, kept: Kept) -> None:
    if kept.made_up and not ledger.made_up:
        raise InputError(
            "source",
            "it holds made-up demo data, and this ledger what platforms said.",
            "Take it into a demo's ledger, with DASHBOARD_DEMO=on.",
        )
    if ledger.made_up and not kept.made_up:
        raise InputError(
            "source",
            "it holds what platforms said, and this ledger made-up demo data.",
            "Set DASHBOARD_DEMO=off to take it into the ledger of LEDGER_URL.",
        )


def _decided(ledger: Ledger, kept: Kept, capture: Capture, places: Mapping[_Identity, int]) -> Fate:
    """Enters one capture, unless it is here or must not come to count.

    Args:
        places: of all captures that come with it, in the order in which they came to count.
    """
    identity = _identity(capture)
    with ledger.database.writing() as connection:
        with connection.begin():
            same = [
                one for one in captures_of(connection, capture.key) if _identity(one) == identity
            ]
            if same:
                return "confirmed" if _confirmed(connection, same, capture) else "known"
            counts = [*map(_identity, standing(connection, capture.key))]
        if not places.keys() >= {*counts}:
            return "outside"
        if any(places[one] > places[identity] for one in counts):
            return "older"
        _enter(ledger, connection, capture, _checked(capture, kept.rows(capture)))
    return "entered"


def _confirmed(connection: Connection, same: list[Capture], capture: Capture) -> bool:
    """Whether a capture that is here had to learn from its like elsewhere."""
    news = {one.id: _news(one, capture) for one in same}
    for number, changes in news.items():
        if changes:
            change_capture(connection, number, **changes)
    return any(news.values())


def _news(there: Capture, capture: Capture) -> dict[str, Any]:
    """What the same capture elsewhere adds to one that is here: as with answers, times never move back."""
    changes: dict[str, Any] = {}
    if capture.confirmed_at > there.confirmed_at:
        changes["confirmed_at"] = capture.confirmed_at
    if capture.lost and capture.lost != there.lost and capture.confirmed_at >= there.confirmed_at:
        changes["lost"] = capture.lost
    limits = newest(parts_of(there.facts), parts_of(capture.facts))
    if limits != parts_of(there.facts):
        changes["facts"] = facts_with(there.facts, limits)
    return changes


def _checked(capture: Capture, rows: pa.Table) -> pa.Table:
    """Rows in the ledger's order, if they are those of a capture."""
    ordered, digest = in_order(rows)
    strange = any(
        {*rows[name].unique().to_pylist()} - {of_month}
        for name, of_month in capture.key._asdict().items()
    )
    if digest != capture.sha256 or rows.num_rows != capture.rows or strange:
        raise InputError(
            "source",
            f"the rows of {capture.platform!r} {capture.month!r}, captured "
            f"{capture.captured_at:%Y-%m-%d %H:%M} UTC, are not those that were captured.",
            "Export them again; ledger verify says which file is wrong.",
        )
    return ordered


def _enter(ledger: Ledger, connection: Connection, capture: Capture, rows: pa.Table) -> None:
    with unavailable("cannot be written"):
        with connection.begin():
            last, named = last_named(connection)
        ledger.warehouse.roll_back(last, named)
        written = ledger.warehouse.overwrite({capture.key: rows})[capture.key]
        facts = {name: getattr(capture, name) for name in _FACTS} | {
            "snapshot": written.snapshot,
            "sequence": written.sequence,
            "files": written.files,
        }
        with connection.begin():
            add_capture(connection, facts)


def _identity(capture: Capture) -> _Identity:
    return (*capture.key, capture.captured_at, capture.sha256, capture.failed)


def _check_rule_sets(connection: Connection, kept: Kept) -> None:
    """Refuses versions that would follow others than they did: a month's rules would not be its own."""
    rows = connection.execute(select(RULE_SETS.c.version, RULE_SETS.c.sha256))
    ours = {row.version: row.sha256 for row in rows}
    theirs = {record["version"]: record["sha256"] for record in kept.records("rule_sets")}
    other = [
        version for version in sorted(ours.keys() & theirs) if ours[version] != theirs[version]
    ]
    if other:
        raise InputError(
            "source",
            f"its rules of cost centres are others than this ledger's from version {other[0]} on.",
            "Take it into a ledger without rules, or compare both with cost-centres export.",
        )


def _add_records(ledger: Ledger, kept: Kept) -> None:
    """Names and forgotten persons; who is forgotten on either side has no name on any."""
    with ledger.database.writing() as connection, connection.begin():
        _check_rule_sets(connection, kept)  # some may have been published meanwhile
        for table, definition in TABLES.items():
            keys = [column.name for column in definition.primary_key]
            there = {
                tuple(row) for row in connection.execute(select(*(definition.c[k] for k in keys)))
            }
            new: list[dict[str, Any]] = [
                record
                for record in kept.records(table)
                if tuple(record[key] for key in keys) not in there
            ]
            if new:
                connection.execute(insert(definition), new)
        erase_forgotten(connection)

"""Rule sets as they were published: versions that never change, each with who, when and why."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from lib.allocation.changes import changes
from lib.allocation.names import Named
from lib.allocation.read import Record, read_records
from lib.allocation.rule_set import COLUMNS, RuleSet
from lib.errors import InputError
from lib.ledger.database import unavailable
from lib.ledger.store import Ledger
from lib.ledger.tables import NAMES, RULE_SETS
from lib.quantities import counted

_TOLD = 20
_LONGEST_REASON = 500


@dataclass(frozen=True)
class Published:
    """One version; ``version`` 0 is the empty set before the first."""

    version: int
    published_at: datetime | None
    published_by: str
    reason: str
    sha256: str
    rule_set: RuleSet


NOTHING = Published(0, None, "", "", RuleSet().sha256, RuleSet())


class Overtaken(InputError):
    """Somebody else has published since a draft was begun."""


def versions(ledger: Ledger) -> list[Published]:
    """All that were published, oldest first.

    Raises:
        SourceUnavailable: the ledger cannot be read.
    """
    if not _has_them(ledger):
        return []
    with unavailable("cannot be read"), ledger.database.engine.connect() as connection:
        return _versions(connection)


def published(ledger: Ledger, version: int | None = None) -> Published:
    """One version, by default the newest; the empty one where none was published.

    Raises:
        InputError: there is no such version.
        SourceUnavailable: the ledger cannot be read.
    """
    if version != NOTHING.version and _has_them(ledger):
        latest = select(RULE_SETS).order_by(RULE_SETS.c.version.desc()).limit(1)
        wanted = latest if version is None else latest.where(RULE_SETS.c.version == version)
        with unavailable("cannot be read"), ledger.database.engine.connect() as connection:
            row = connection.execute(wanted).first()
        if row is not None:
            return _of_row(row._mapping)
    if version in (None, NOTHING.version):
        return NOTHING
    newest = published(ledger).version
    there = f"The newest is {newest}." if newest else "None was published yet."
    raise InputError("version", f"there is no version {version} of the rules.", there)


def publish(
    ledger: Ledger, rule_set: RuleSet, *, over: int, by: str, reason: str, now: datetime
) -> Published:
    """Makes a set the one that counts from now on.

    Args:
        rule_set: checked, and with an id in every rule.
        over: the version from which it was made.
        by: who publishes it.

    Raises:
        InputError: no reason is given, or nothing would change.
        Overtaken: ``over`` is not the newest any more; it says what was changed.
        SourceUnavailable: the ledger cannot be written.
    """
    if not reason.strip():
        raise InputError("reason", "it is empty.", "Say in a few words why the rules change.")
    if len(reason) > _LONGEST_REASON:
        raise InputError("reason", f"it has more than {_LONGEST_REASON} characters.")
    ledger.database.bring_up_to_date()
    with ledger.database.writing() as connection, connection.begin():
        known = [NOTHING, *_versions(connection)]
        newest = known[-1]
        if newest.version != over:
            raise _overtaken(known, over)
        if newest.sha256 == rule_set.sha256:
            raise InputError("rules", f"they are those of version {newest.version} already.")
        version = Published(newest.version + 1, now, by, reason.strip(), rule_set.sha256, rule_set)
        row = vars(version) | {"tables": {table: rule_set.rows(table) for table in COLUMNS}}
        del row["rule_set"]
        connection.execute(insert(RULE_SETS).values(**row))
    return version


def known_names(ledger: Ledger) -> list[Named]:
    """The last name of every id, of all platforms.

    Raises:
        SourceUnavailable: the ledger cannot be read.
    """
    if not ledger.exists:
        return []
    order = NAMES.c.last_seen, NAMES.c.first_seen
    wanted = select(NAMES.c.platform, NAMES.c.kind, NAMES.c.id, NAMES.c.name).order_by(*order)
    with unavailable("cannot be read"), ledger.database.engine.connect() as connection:
        last = {(row.platform, row.kind, row.id): row.name for row in connection.execute(wanted)}
    return [
        Named(platform, kind, identity, name) for (platform, kind, identity), name in last.items()
    ]


def _has_them(ledger: Ledger) -> bool:
    """Whether its tables are of a program that knew of rules."""
    if not ledger.database.exists:
        return False
    with unavailable("cannot be read"):
        return ledger.database.version >= "0002"


def _versions(connection: Connection) -> list[Published]:
    rows = connection.execute(select(RULE_SETS).order_by(RULE_SETS.c.version))
    return [_of_row(row._mapping) for row in rows]  # SQLAlchemy's own name for its mapping


def _of_row(row: Any) -> Published:
    tables = {
        table: [Record(place, cells) for place, cells in enumerate(records, 2)]
        for table, records in row["tables"].items()
    }
    rule_set, unread = read_records(tables)
    assert not unread  # it was written by ``publish``
    facts = {name: row[name] for name in ("version", "published_at", "published_by", "reason")}
    return Published(**facts, sha256=row["sha256"], rule_set=rule_set)


def _overtaken(known: list[Published], over: int) -> Overtaken:
    newest = known[-1]
    base = next((one for one in known if one.version == over), None)
    if base is None:
        return Overtaken("version", f"there is no version {over}; the newest is {newest.version}.")
    told = [str(change) for change in changes(base.rule_set, newest.rule_set)]
    more = f"\n… and {counted(len(told) - _TOLD, 'rows')} more" if len(told) > _TOLD else ""
    return Overtaken(
        "version",
        f"{newest.published_by} has published version {newest.version} since version {over}:\n"
        + "\n".join(told[:_TOLD])
        + more
        + "\n",
        f"Export version {newest.version}, and make your changes there.",
    )

"""The ledger: what is captured of which month, and the names that were seen."""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select, update
from sqlalchemy import delete as delete_from

from lib.errors import InputError
from lib.ledger.database import Database, unavailable
from lib.ledger.tables import CAPTURES, EVERYWHERE, FORGOTTEN, NAMES
from lib.ledger.warehouse import DataFile, Month, Warehouse
from lib.periods import months_before
from lib.settings.ledger import LedgerSettings
from lib.usage.measure import Name

GONE = "the source answered with nothing for it any more"


@dataclass(frozen=True)
class Capture:
    """One state of what a platform said of a month; see ``tables.CAPTURES``."""

    id: int
    platform: str
    account: str
    month: str
    captured_at: datetime
    confirmed_at: datetime
    complete: bool
    is_state: bool
    provisional_until: datetime
    rows: int
    sha256: str
    snapshot: int
    sequence: int
    files: tuple[DataFile, ...]
    unknown_metrics: frozenset[str]
    failed: frozenset[str]
    facts: Mapping[str, Any]
    lost: str | None

    @property
    def key(self) -> Month:
        return Month(self.platform, self.account, self.month)

    def lacks_days(self, now: datetime, until: date | None = None) -> bool:
        """Whether days of it that are over came after it was last asked for: what happened then is missing.

        Args:
            until: the last day that matters; None for a month, of which only the end does.
        """
        after = months_before(date.fromisoformat(f"{self.month}-01"), -1)
        if until is not None:
            after = min(after, until + timedelta(days=1), now.date())
        end = datetime(after.year, after.month, after.day, tzinfo=UTC)
        return not self.is_state and self.confirmed_at < end <= now

    def is_final(self) -> bool:
        """Whether it is whole, and was confirmed when the month changed no more."""
        return self.complete and self.confirmed_at >= self.provisional_until

    def is_settled(self, now: datetime) -> bool:
        """Whether to ask again would tell nothing: it is final; or whole, and its source has nothing any more."""
        if self.lost != f"{GONE}." or self.lacks_days(now):
            return self.is_final()
        return self.complete and self.provisional_until <= now


class Ledger:
    """One ledger, which is made when something is first written to it.

    Args:
        url: of the database, see ``Database``.
        warehouse: a folder, or ``s3://bucket/path``.
        s3: see ``Warehouse``.
        made_up: whether it is the demo's.
    """

    def __init__(
        self,
        url: str,
        warehouse: str,
        s3: Mapping[str, str] | None = None,
        *,
        made_up: bool = False,
    ) -> None:
        self.made_up = made_up
        self.database = Database(url)
        self.warehouse = Warehouse(warehouse, self.database, s3 or {})

    @property
    def exists(self) -> bool:
        """Whether anything was ever written to it."""
        if not self.database.exists:
            return False
        with unavailable("cannot be read"):
            return bool(self.database.version)

    def captures(self, *, as_of: datetime | None = None) -> list[Capture]:
        """What stands for each month, by platform, account and month.

        Args:
            as_of: as it stood before this moment; None means now.
        """
        if not self.exists:
            return []
        with unavailable("cannot be read"), self.database.engine.connect() as connection:
            return standing(connection, as_of=as_of)

    def names(self, platform: str, account: str) -> dict[tuple[str, str], str]:
        """Kind and id to the last known name."""
        if not self.exists:
            return {}
        of_account = (NAMES.c.platform == platform) & (NAMES.c.account == account)
        wanted = select(NAMES.c.kind, NAMES.c.id, NAMES.c.name).where(of_account)
        with unavailable("cannot be read"), self.database.engine.connect() as connection:
            rows = connection.execute(wanted.order_by(NAMES.c.last_seen, NAMES.c.first_seen))
            return {(kind, identity): name for kind, identity, name in rows}


def ledger_of(settings: LedgerSettings, *, made_up: bool = False) -> Ledger:
    """The ledger that is configured."""
    url = settings.ledger_url.get_secret_value()
    return Ledger(url, settings.ledger_warehouse, settings.s3, made_up=made_up)


def every_capture(ledger: Ledger) -> list[Capture]:
    """All that was ever captured, what was replaced included; oldest first."""
    with unavailable("cannot be read"), ledger.database.engine.connect() as connection:
        rows = connection.execute(select(CAPTURES).order_by(CAPTURES.c.id))
        return [_capture(row) for row in rows]


def captures_of(connection: Connection, key: Month) -> list[Capture]:
    """All that was ever captured of a month, oldest first."""
    same = [CAPTURES.c[name] == value for name, value in key._asdict().items()]
    rows = connection.execute(select(CAPTURES).where(*same).order_by(CAPTURES.c.id))
    return [_capture(row) for row in rows]


def standing(
    connection: Connection, key: Month | None = None, *, as_of: datetime | None = None
) -> list[Capture]:
    """The capture that counts for each month: the last one that was committed to the table.

    Args:
        key: of this month only.
        as_of: of those asked for before this moment, the one that was asked for last.
    """
    table = CAPTURES
    last = (table.c.sequence.desc(), table.c.id.desc())
    place = (
        func.row_number()
        .over(
            partition_by=(table.c.platform, table.c.account, table.c.month),
            order_by=last if as_of is None else (table.c.captured_at.desc(), *last),
        )
        .label("place")
    )
    ranked = select(table, place)
    if as_of is not None:
        ranked = ranked.where(table.c.captured_at < as_of)
    for column, value in (key._asdict() if key else {}).items():
        ranked = ranked.where(table.c[column] == value)
    newest = ranked.subquery()
    wanted = select(*(newest.c[column.name] for column in table.c)).where(newest.c.place == 1)
    rows = connection.execute(wanted.order_by("platform", "account", "month"))
    return [_capture(row) for row in rows]


def _capture(row: Row[Any]) -> Capture:
    return capture_of(dict(row._mapping))  # SQLAlchemy's own name for its mapping


def capture_of(facts: Mapping[str, Any]) -> Capture:
    """A capture from plain values, by the names of its columns."""
    return Capture(
        **{
            **facts,
            "files": tuple(DataFile(**file) for file in facts["files"]),
            "unknown_metrics": frozenset(facts["unknown_metrics"]),
            "failed": frozenset(facts["failed"]),
        }
    )


def add_capture(connection: Connection, capture: Mapping[str, Any]) -> int:
    """Notes a capture, from then on the one that counts; its number."""
    plain = {
        **capture,
        "files": [asdict(file) for file in capture["files"]],
        "unknown_metrics": sorted(capture["unknown_metrics"]),
        "failed": sorted(capture["failed"]),
    }
    key = connection.execute(insert(CAPTURES).values(plain)).inserted_primary_key
    assert key is not None  # of one row there always is one
    return int(key[0])


def change_capture(connection: Connection, number: int, **changes: Any) -> None:
    """Notes what has become known of a capture."""
    connection.execute(update(CAPTURES).where(CAPTURES.c.id == number).values(**changes))


def last_named(connection: Connection) -> tuple[int, frozenset[int]]:
    """The snapshot of the last commit that a capture names, 0 for none; and all that captures name."""
    rows = connection.execute(
        select(CAPTURES.c.snapshot).order_by(CAPTURES.c.sequence, CAPTURES.c.id)
    )
    snapshots = [row.snapshot for row in rows]
    return (snapshots[-1] if snapshots else 0), frozenset(snapshots)


def add_names(
    connection: Connection, platform: str, account: str, names: Iterable[Name], seen: datetime
) -> None:
    """Notes that these names were seen; not those of persons who are forgotten."""
    of_account = (NAMES.c.platform == platform) & (NAMES.c.account == account)
    forgotten = _forgotten(connection)
    known = {
        Name(row.kind, row.id, row.name): (row.first_seen, row.last_seen)
        for row in connection.execute(select(NAMES).where(of_account))
    }
    fresh = {name for name in names if not _is_forgotten(forgotten, platform, account, name.id)}
    keys = {"platform": platform, "account": account}
    new = [
        keys | name._asdict() | {"first_seen": seen, "last_seen": seen}
        for name in sorted(fresh - {*known})
    ]
    if new:
        connection.execute(insert(NAMES), new)
    again = [
        {
            "of_kind": name.kind,
            "of_id": name.id,
            "of_name": name.name,
            "first": min(known[name][0], seen),
            "last": max(known[name][1], seen),
        }
        for name in sorted(fresh & {*known})
        if not known[name][0] <= seen <= known[name][1]
    ]
    if again:
        same = (
            of_account
            & (NAMES.c.kind == bindparam("of_kind"))
            & (NAMES.c.id == bindparam("of_id"))
            & (NAMES.c.name == bindparam("of_name"))
        )
        seen_again: dict[str, Any] = {
            "first_seen": bindparam("first"),
            "last_seen": bindparam("last"),
        }
        connection.execute(update(NAMES).where(same).values(seen_again), again)


def forget_person(ledger: Ledger, identity: str, moment: datetime) -> int:
    """Erases every name of an id, for good, on all platforms there are and will be; how many there were.

    Amounts stay, under the id.

    Raises:
        InputError: neither a name nor an amount is that id's: it may be mistyped.
        SourceUnavailable: the ledger cannot be written.
    """
    unknown = InputError(
        "id",
        f"{identity[:60]!r} stands nowhere in the ledger.",
        "Take it as ledger query tells it.",
    )
    if not ledger.exists:
        raise unknown
    everywhere = {"platform": EVERYWHERE, "account": EVERYWHERE, "id": identity}
    with ledger.database.writing() as connection, connection.begin():
        known = [*connection.execute(select(FORGOTTEN).where(FORGOTTEN.c.id == identity))]
        if not known and not _has_seen(ledger, connection, identity):
            raise unknown
        if not any(row.platform == EVERYWHERE for row in known):
            connection.execute(insert(FORGOTTEN), everywhere | {"forgotten_at": moment})
        return erase_forgotten(connection)


def _has_seen(ledger: Ledger, connection: Connection, identity: str) -> bool:
    """Whether a name or an amount is an id's, of now or of before."""
    named = connection.execute(select(NAMES.c.id).distinct())
    if any(identity in _persons(row.id) for row in named):
        return True
    files = {file for row in connection.execute(select(CAPTURES)) for file in _capture(row).files}
    return identity in ledger.warehouse.values("principal", files)


def erase_forgotten(connection: Connection) -> int:
    """Erases every name of the persons who are forgotten; how many there were."""
    forgotten = _forgotten(connection)
    erased = [
        {f"of_{key}": value for key, value in row._mapping.items()}  # SQLAlchemy's own name
        for row in connection.execute(select(*NAMES.primary_key.columns))
        if _is_forgotten(forgotten, row.platform, row.account, row.id)
    ]
    if erased:
        same = [column == bindparam(f"of_{column.name}") for column in NAMES.primary_key.columns]
        connection.execute(delete_from(NAMES).where(*same), erased)
    return len(erased)


def _forgotten(connection: Connection) -> set[tuple[str, str, str]]:
    """Platform, account and id of the persons who are forgotten."""
    return {(row.platform, row.account, row.id) for row in connection.execute(select(FORGOTTEN))}


def _is_forgotten(
    forgotten: set[tuple[str, str, str]], platform: str, account: str, identity: str
) -> bool:
    places = ((platform, account), (EVERYWHERE, EVERYWHERE))
    return any((*place, one) in forgotten for place in places for one in _persons(identity))


def _persons(identity: str) -> set[str]:
    """Whom an id names: itself and, where it is a JSON list as of a row with an address of its own, its parts."""
    parts = {identity}
    if identity.startswith("["):
        with suppress(ValueError):
            parts |= {part for part in json.loads(identity) if isinstance(part, str)}
    return parts

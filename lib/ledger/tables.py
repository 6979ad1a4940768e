"""The ledger's small tables, in the database that holds the catalog, too. ``migrations/`` makes them."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

METADATA = MetaData()


class Moment(TypeDecorator[datetime]):
    """A time in UTC; SQLite keeps no zone, and what comes back must have one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


CAPTURES = Table(
    "captures",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("platform", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("month", String(7), nullable=False),
    Column("captured_at", Moment, nullable=False),
    Column("confirmed_at", Moment, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("is_state", Boolean, nullable=False),
    Column("provisional_until", Moment, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("snapshot", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("files", JSON, nullable=False),
    Column("unknown_metrics", JSON, nullable=False),
    Column("failed", JSON, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("lost", Text),
    Index("captures_by_month", "platform", "account", "month", "sequence"),
)
"""One row per state of a (platform, account, month); the one with the highest ``sequence`` counts.

``captured_at`` when it was asked for, ``confirmed_at`` when the same answer last came again;
``is_state`` whether it tells how things stood, of which the last of a month counts, not what happened
in it; ``provisional_until`` the first moment at which it changes no more; ``snapshot`` and ``sequence`` of the
Iceberg table; ``files`` each with ``path`` below the warehouse, ``rows`` and ``sha256``; ``failed`` the
parts without an answer; ``lost`` what the source can no longer give.
"""

NAMES = Table(
    "names",
    METADATA,
    Column("platform", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("first_seen", Moment, nullable=False),
    Column("last_seen", Moment, nullable=False),
)
"""What an id was called, and from when to when; the latest name counts."""

FORGOTTEN = Table(
    "forgotten",
    METADATA,
    Column("platform", Text, primary_key=True),
    Column("account", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("forgotten_at", Moment, nullable=False),
)
"""Persons whose names are not kept any more, whatever a platform says later; ``EVERYWHERE`` stands for all
platforms and accounts."""

EVERYWHERE = ""

RULE_SETS = Table(
    "rule_sets",
    METADATA,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("published_at", Moment, nullable=False),
    Column("published_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("tables", JSON, nullable=False),
)
"""Every version of what decides who pays; ``tables`` holds its rows as texts, by table and column."""

ALERTS = Table(
    "alerts",
    METADATA,
    Column("time", String(10), primary_key=True),
    Column("cost_centre", Text, primary_key=True),
    Column("platform", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("percent", Integer, primary_key=True, autoincrement=False),
    Column("told_at", Moment, nullable=False),
)
"""Alerts that were told, each once: ``time`` a month, or the day of a spike; ``percent`` 0 for one."""

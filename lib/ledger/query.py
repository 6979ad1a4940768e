"""Sums of what was kept, in SQL over the files of the captures that count."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any, NamedTuple

from lib.errors import InputError
from lib.ledger.database import unavailable
from lib.ledger.store import Capture, Ledger
from lib.ledger.warehouse import Warehouse
from lib.periods import Period
from lib.usage.measured import shortest

if TYPE_CHECKING:
    import duckdb

COLUMNS = {
    "platform": "platform",
    "account": "account",
    "part": "part",
    "sub_account": "sub_account",
    "resource": "resource",
    "principal": "principal",
    "sku": "sku",
    "metric": "metric",
    "month": "month",
    "day": "strftime(start, '%Y-%m-%d')",
}
"""What amounts may be told apart by, and how it is found in a row."""

_TIMES = ("month", "day")
_OF_CAPTURE = ("platform", "account", "month", "metric")
_MEMORY = "500MB"


@dataclass(frozen=True)
class LedgerQuery:
    """A checked question.

    Args:
        period: days, inclusive, UTC; an amount belongs to the day its time begins.
        by: keys of ``COLUMNS``.
        metrics, platforms: empty means all.
        as_of: as the ledger stood before this moment.
    """

    period: Period
    by: tuple[str, ...] = ("platform", "metric")
    metrics: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    as_of: datetime | None = None

    @property
    def months(self) -> tuple[str, str]:
        """The first and the last."""
        return f"{self.period.start:%Y-%m}", f"{self.period.end:%Y-%m}"


class Amount(NamedTuple):
    """One group's amount.

    Args:
        group: one value per column asked for, None where there is none.
        quantity: None where it is not known.
        complete: nothing of it is missing.
    """

    group: tuple[str | None, ...]
    metric: str
    nature: str
    unit: str
    quantity: Decimal | None
    complete: bool


@dataclass(frozen=True)
class LedgerAnswer:
    """Amounts, and what they rest on.

    Args:
        captures: of the months and platforms asked for.
        gaps: platform, account and month of which nothing was captured, see ``ask``.
        at: the moment as of which it is told.
    """

    amounts: tuple[Amount, ...]
    captures: tuple[Capture, ...]
    gaps: tuple[tuple[str, str, str], ...]
    at: datetime

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        whole = all(
            capture.complete and not capture.lacks_days(self.at) for capture in self.captures
        )
        return whole and not self.gaps and all(amount.complete for amount in self.amounts)


def check_ledger_query(
    *,
    since: date,
    until: date,
    by: Iterable[str] = (),
    metrics: Iterable[str] = (),
    platforms: Iterable[str] = (),
    as_of: datetime | None = None,
) -> LedgerQuery:
    """A question that can be asked.

    Raises:
        InputError: names the parameter that is unusable.
    """
    if since > until:
        raise InputError("since", f"{since} lies after {until}.", "Swap the two.")
    columns = tuple(dict.fromkeys(by)) or ("platform", "metric")
    for column in columns:
        if column not in COLUMNS:
            raise InputError("by", f"{column[:40]!r} is unknown.", f"Use {', '.join(COLUMNS)}.")
    chosen = tuple(dict.fromkeys(metrics))
    if "metric" not in columns and len(chosen) != 1:
        raise InputError(
            "by",
            "amounts of different metrics are never one sum.",
            "Add metric to --by, or choose one with --metric.",
        )
    return LedgerQuery(
        Period(since, until), columns, chosen, tuple(dict.fromkeys(platforms)), as_of
    )


def ask(ledger: Ledger, query: LedgerQuery) -> LedgerAnswer:
    """Exact sums per group: flows added up, of levels and counters the last value of the time.

    An amount is unknown where a source that counts into it failed in any of the months, also where it
    was the only one; it is marked where one of its rows is not known, or a month went on after its capture. Missing are months between captured ones, and those that are
    asked for to their last day while no account of the platform has them.

    Raises:
        SourceUnavailable: it cannot be read.
    """
    of_all_times = [
        capture
        for capture in ledger.captures(as_of=query.as_of)
        if not query.platforms or capture.platform in query.platforms
    ]
    first, last = query.months
    captures = [capture for capture in of_all_times if first <= capture.month <= last]
    between = [gap for gap in gaps(of_all_times) if first <= gap[2] <= last]
    missing = [*between, *_without_any(of_all_times, between, query.period)]
    at = query.as_of or datetime.now(UTC)
    with opened(ledger.warehouse, captures) as connection:
        _note_lacks(connection, captures, at)
        there = [*_amounts(connection, query)]
    unknown = _without_rows(captures, there, query)
    amounts = tuple(sorted([*there, *unknown], key=_order)) if unknown else tuple(there)
    return LedgerAnswer(amounts, tuple(captures), tuple(sorted(missing)), at)


@contextmanager
def opened(
    warehouse: Warehouse, captures: Sequence[Capture]
) -> "Iterator[duckdb.DuckDBPyConnection]":
    """A connection in which ``measures`` are the rows of these captures."""
    import duckdb  # noqa: PLC0415  # a tenth of a second, for sums only

    paths = [file.path for capture in captures for file in capture.files]
    with unavailable("cannot be read"), duckdb.connect() as connection:
        connection.execute(f"SET memory_limit = '{_MEMORY}'")
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET temp_directory = '{gettempdir()}'")  # not where it was started
        try:
            connection.register("measures", warehouse.relation(connection, paths))
            yield connection
        except duckdb.IOException as error:
            raise OSError(None, _first_line(error)) from error


def gaps(captures: Iterable[Capture]) -> Iterator[tuple[str, str, str]]:
    """Platform, account and month that lie between captured ones and are not there."""
    months: dict[tuple[str, str], set[str]] = {}
    for capture in captures:
        months.setdefault((capture.platform, capture.account), set()).add(capture.month)
    for (platform, account), there in sorted(months.items()):
        month = min(there)
        while month < max(there):
            if month not in there:
                yield platform, account, month
            month = next_month(month)


def _without_any(
    captures: Sequence[Capture], told: Iterable[tuple[str, str, str]], period: Period
) -> Iterator[tuple[str, str, str]]:
    """Whole months of a period that no account of a platform has, from its first one on.

    They go by the account that was captured last.

    Args:
        told: gaps that are known.
    """
    of_platform: dict[str, list[Capture]] = {}
    for capture in captures:
        of_platform.setdefault(capture.platform, []).append(capture)
    known = {(platform, month) for platform, _, month in told}
    known |= {(capture.platform, capture.month) for capture in captures}
    after = f"{period.end + timedelta(days=1):%Y-%m}"
    for platform, its in of_platform.items():
        newest = max(its, key=lambda capture: (capture.month, capture.confirmed_at))
        month = max(min(capture.month for capture in its), f"{period.start:%Y-%m}")
        while month < after:
            if (platform, month) not in known:
                yield platform, newest.account, month
            month = next_month(month)


def next_month(month: str) -> str:
    """``2027-01`` after ``2026-12``."""
    year, number = int(month[:4]), int(month[5:])
    return f"{year + number // 12:04}-{number % 12 + 1:02}"


def _note_lacks(
    connection: "duckdb.DuckDBPyConnection", captures: Iterable[Capture], at: datetime
) -> None:
    """Tables of what is not known of months: metrics, and days after the last capture."""
    tables: dict[str, list[tuple[str, ...]]] = {"unknown": [], "early": []}
    for capture in captures:
        tables["unknown"] += [(*capture.key, metric) for metric in sorted(capture.unknown_metrics)]
        tables["early"] += [(*capture.key, "")] if capture.lacks_days(at) else []
    for name, rows in tables.items():
        connection.execute(
            f"CREATE TABLE {name} (platform TEXT, account TEXT, month TEXT, metric TEXT)"
        )
        if rows:
            connection.executemany(f"INSERT INTO {name} VALUES (?, ?, ?, ?)", rows)  # noqa: S608


def _amounts(connection: "duckdb.DuckDBPyConnection", query: LedgerQuery) -> Iterator[Amount]:
    groups = [f"{COLUMNS[column]} AS by_{place}" for place, column in enumerate(query.by)]
    names = [f"by_{place}" for place in range(len(query.by))]
    times = [f"by_{place}" for place, column in enumerate(query.by) if column in _TIMES]
    # First all that is alike in each account, month and moment of a level, in one pass over the files;
    # levels and counters count at the last moment that any of them has, in each account and time
    sql = f"""
        WITH parts AS (
            SELECT {", ".join(groups)}, platform, account, month, metric, nature, unit,
                CASE WHEN nature IN ('level', 'counter') THEN start END AS moment,
                sum(quantity) AS total, max(quantity) AS most, bool_and(quantity IS NOT NULL) AS known
            FROM measures
            WHERE start >= $since AND start < $until AND ($any_metric OR metric IN (SELECT unnest($metrics)))
            GROUP BY ALL
        ), last AS (
            SELECT platform, account, metric, {"".join(f"{name}, " for name in times)}max(moment) AS last
            FROM parts WHERE moment IS NOT NULL GROUP BY ALL
        ), counting AS (
            SELECT p.*, u.metric IS NOT NULL AS is_unknown, e.metric IS NOT NULL AS is_early
            FROM parts p
            LEFT JOIN last l ON l.platform = p.platform AND l.account = p.account AND l.metric = p.metric
                {"".join(f"AND l.{name} IS NOT DISTINCT FROM p.{name} " for name in times)}
            LEFT JOIN unknown u ON u.platform = p.platform AND u.account = p.account
                AND u.month = p.month AND u.metric = p.metric
            LEFT JOIN early e ON e.platform = p.platform AND e.account = p.account AND e.month = p.month
            WHERE p.moment IS NULL OR p.moment = l.last
        )
        SELECT {", ".join(names)}, metric, nature, unit,
            CASE WHEN bool_or(is_unknown) THEN NULL
                WHEN nature = 'moment' THEN max(most) ELSE sum(total) END,
            bool_and(known AND NOT is_unknown AND NOT is_early)
        FROM counting GROUP BY {", ".join([*names, "counting.metric", "nature", "unit"])}
        ORDER BY ALL
    """  # noqa: S608  # columns of a table above
    wanted = {
        "since": query.period.start,
        "until": date.fromordinal(query.period.end.toordinal() + 1),
        "any_metric": not query.metrics,
        "metrics": [*query.metrics],
    }
    rows: list[tuple[Any, ...]] = connection.execute(sql, wanted).fetchall()
    for *group, metric, nature, unit, quantity, complete in rows:
        short = None if quantity is None else shortest(quantity)
        yield Amount(tuple(group), metric, nature, unit, short, complete)


def _without_rows(
    captures: Iterable[Capture], amounts: Iterable[Amount], query: LedgerQuery
) -> set[Amount]:
    """Unknown amounts of metrics of which a month has no row at all: its only source failed."""
    kinds = {amount.metric: (amount.nature, amount.unit) for amount in amounts}
    named = [place for place, column in enumerate(query.by) if column in _OF_CAPTURE]
    there = {(amount.metric, *(amount.group[place] for place in named)) for amount in amounts}
    unknown: set[Amount] = set()
    for capture in captures:
        of_capture = dict(zip(_OF_CAPTURE, capture.key, strict=False))
        for metric in capture.unknown_metrics:
            group = tuple((of_capture | {"metric": metric}).get(column) for column in query.by)
            is_there = (metric, *(group[place] for place in named)) in there
            if not is_there and metric in (query.metrics or (metric,)):
                nature, unit = kinds.get(metric, ("flow", ""))
                unknown.add(Amount(group, metric, nature, unit, None, complete=False))
    return unknown


def _order(amount: Amount) -> list[tuple[bool, str]]:
    return [(value is None, value or "") for value in (*amount.group, amount.metric)]


def _first_line(error: Exception) -> str:
    """What DuckDB says, without the paths it adds."""
    return str(error).partition('"')[0].strip() or type(error).__name__

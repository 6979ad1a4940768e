"""Sums of what was kept, in SQL over the files of the captures that count."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any, NamedTuple

from lib.errors import InputError
from lib.ledger.database import unavailable
from lib.ledger.gaps import Gap, missing_months
from lib.ledger.store import Capture, Ledger
from lib.ledger.warehouse import Month, Warehouse
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
    "days": "CAST(ceil(date_diff('hour', start, \"end\") / 24) AS BIGINT)::TEXT",
}
"""What amounts may be told apart by, and how it is found in a row; ``days`` is how many it is counted for."""

_EXPRESSIONS = COLUMNS | {
    "stretch": "strftime(list_last(list_filter($cuts, lambda cut: cut <= start)), '%Y-%m-%d')",
    "known": "(quantity IS NOT NULL)::TEXT",
}
"""With those that nobody types: the last of the query's cuts before it begins, and whether it is known."""

_TIMES = ("month", "day")
_OF_CAPTURE = ("platform", "account", "month", "metric")
_MEMORY = "500MB"


@dataclass(frozen=True)
class LedgerQuery:
    """A checked question.

    Args:
        period: days, inclusive, UTC; an amount belongs to the day its time begins.
        by: keys of ``COLUMNS``; also ``stretch`` and ``known``.
        metrics, platforms: empty means all.
        as_of: as the ledger stood before this moment.
        so_far: a month that is not over counts as far as it was captured; else what is over and was
            asked for must have been captured.
        cuts: days on which what is told apart by ``stretch`` begins anew, in order.
    """

    period: Period
    by: tuple[str, ...] = ("platform", "metric")
    metrics: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    as_of: datetime | None = None
    so_far: bool = False
    cuts: tuple[date, ...] = ()

    @property
    def until(self) -> date | None:
        """The last day that must have been captured; None for whole months."""
        return None if self.so_far else self.period.end

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
        query: the question.
        captures: of the months and platforms asked for.
        gaps: platform, account and month of which nothing was captured, see ``ask``.
        at: the moment as of which it is told.
    """

    query: LedgerQuery
    amounts: tuple[Amount, ...]
    captures: tuple[Capture, ...]
    gaps: tuple[tuple[str, str, str], ...]
    at: datetime

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        whole = all(
            capture.complete and not capture.lacks_days(self.at, self.query.until)
            for capture in self.captures
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
    was the only one, and where the period cuts through what is counted in one; it is marked where one of
    its rows is not known, days that are over came after the capture, or a month is missing. Of levels and
    counters an account counts that was captured in the last month in which any of its platform was.

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
    missing = missing_months(of_all_times, query.period)
    now = datetime.now(UTC)
    at = min(query.as_of or now, now)
    with opened(ledger.warehouse, captures) as connection:
        unknown = {
            *((capture.key, metric) for capture in captures for metric in capture.unknown_metrics),
            *_cut(connection, query, at),
        }
        early = [capture.key for capture in captures if capture.lacks_days(at, query.until)]
        _note(connection, "unknown", [(*key, metric) for key, metric in unknown])
        _note(connection, "early", [(*key, "") for key in early])
        there = [*_amounts(connection, query)]
        lacking = _metrics_of(connection, {platform for platform, *_ in missing})
    amounts = [
        amount._replace(complete=False) if _lacks(amount, query, missing, lacking) else amount
        for amount in there
    ]
    if without := _without_rows(unknown, there, query):
        amounts = sorted([*amounts, *without], key=_order)
    return LedgerAnswer(query, tuple(amounts), tuple(captures), tuple(missing), at)


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
        except duckdb.Error as error:  # a file that is gone or cut off, S3 that is silent
            raise OSError(None, _first_line(error)) from error


def _note(
    connection: "duckdb.DuckDBPyConnection", name: str, rows: Sequence[tuple[str, ...]]
) -> None:
    """A table of months, and metrics in them, of which something is not known."""
    connection.execute(
        f"CREATE TABLE {name} (platform TEXT, account TEXT, month TEXT, metric TEXT)"
    )
    if rows:
        connection.executemany(f"INSERT INTO {name} VALUES (?, ?, ?, ?)", sorted(rows))  # noqa: S608


def _cut(
    connection: "duckdb.DuckDBPyConnection", query: LedgerQuery, at: datetime
) -> Iterator[tuple[Month, str]]:
    """Metrics of months that are counted in stretches of which the period has a part only.

    What goes on at the moment has no end yet: a period that reaches it cuts nothing.
    """
    first, after = query.period.start, query.period.end + timedelta(days=1)
    is_cut = [
        *(['start < $first AND "end" > $first'] if first.day > 1 else []),
        *(['start < $after AND "end" > $after'] if after.day > 1 and after <= at.date() else []),
    ]
    if not is_cut:
        return
    rows = connection.execute(
        f"""SELECT DISTINCT platform, account, month, metric FROM measures
        WHERE ({" OR ".join(is_cut)}) AND ($first < $after)""",  # noqa: S608  # texts of ours
        {"first": first, "after": after},
    ).fetchall()
    for *key, metric in rows:
        yield Month(*key), metric


def _metrics_of(
    connection: "duckdb.DuckDBPyConnection", platforms: Container[str]
) -> dict[str, set[str]]:
    """Metric to those of some platforms that have it."""
    if not platforms:
        return {}
    having: dict[str, set[str]] = {}
    sql = "SELECT DISTINCT platform, metric FROM measures"
    for platform, metric in connection.execute(sql).fetchall():
        if platform in platforms:
            having.setdefault(metric, set()).add(platform)
    return having


def _lacks(
    amount: Amount,
    query: LedgerQuery,
    missing: Sequence[Gap],
    having: Mapping[str, Container[str]],
) -> bool:
    """Whether a month that is missing would count into an amount."""
    group = dict(zip(query.by, amount.group, strict=True))
    of_platforms = having.get(amount.metric, ())
    return any(
        platform in of_platforms
        and group.get("platform", platform) == platform
        and group.get("account", account) == account
        and (group.get("month") or (group.get("day") or month)[:7]) == month
        for platform, account, month in missing
    )


def _amounts(connection: "duckdb.DuckDBPyConnection", query: LedgerQuery) -> Iterator[Amount]:
    groups = [f"{_EXPRESSIONS[column]} AS by_{place}" for place, column in enumerate(query.by)]
    names = [f"by_{place}" for place in range(len(query.by))]
    times = [f"by_{place}" for place, column in enumerate(query.by) if column in _TIMES]
    # First all that is alike in each account, month and moment of a level, in one pass over the files;
    # levels and counters count at the last moment that any of them has, in each account and time, if no
    # other account was captured in a later month: its server has another name by then
    sql = f"""
        WITH parts AS (
            SELECT {", ".join(groups)}, platform, account, month, metric, nature, unit,
                CASE WHEN nature IN ('level', 'counter') THEN start END AS moment,
                sum(quantity) AS total, max(quantity) AS most, bool_and(quantity IS NOT NULL) AS known
            FROM measures
            WHERE start >= $since AND start < $until AND ($any_metric OR metric IN (SELECT unnest($metrics)))
            GROUP BY ALL
        ), last AS (
            SELECT platform, account, metric, {"".join(f"{name}, " for name in times)}max(moment) AS last,
                max(month) = max(max(month)) OVER (
                    PARTITION BY {", ".join(["platform", "metric", *times])}
                ) AS is_there
            FROM parts WHERE moment IS NOT NULL GROUP BY {", ".join(["platform", "account", "metric", *times])}
        ), counting AS (
            SELECT p.*, u.metric IS NOT NULL AS is_unknown, e.metric IS NOT NULL AS is_early
            FROM parts p
            LEFT JOIN last l ON l.platform = p.platform AND l.account = p.account AND l.metric = p.metric
                {"".join(f"AND l.{name} IS NOT DISTINCT FROM p.{name} " for name in times)}
            LEFT JOIN unknown u ON u.platform = p.platform AND u.account = p.account
                AND u.month = p.month AND u.metric = p.metric
            LEFT JOIN early e ON e.platform = p.platform AND e.account = p.account AND e.month = p.month
            WHERE p.moment IS NULL OR (p.moment = l.last AND l.is_there)
        )
        SELECT {", ".join(names)}, metric, nature, unit,
            CASE WHEN bool_or(is_unknown) THEN NULL
                WHEN nature = 'moment' THEN max(most) ELSE sum(total) END,
            bool_and(known AND NOT is_unknown AND NOT is_early)
        FROM counting GROUP BY {", ".join([*names, "counting.metric", "nature", "unit"])}
        ORDER BY ALL
    """  # noqa: S608  # columns of a table above
    wanted: dict[str, Any] = {
        "since": query.period.start,
        "until": date.fromordinal(query.period.end.toordinal() + 1),
        "any_metric": not query.metrics,
        "metrics": [*query.metrics],
        **({"cuts": [*query.cuts]} if "stretch" in query.by else {}),
    }
    rows: list[tuple[Any, ...]] = connection.execute(sql, wanted).fetchall()
    for *group, metric, nature, unit, quantity, complete in rows:
        short = None if quantity is None else shortest(quantity)
        yield Amount(tuple(group), metric, nature, unit, short, complete)


def _without_rows(
    lacking: Iterable[tuple[Month, str]], amounts: Iterable[Amount], query: LedgerQuery
) -> set[Amount]:
    """Unknown amounts of metrics of which a month has no row at all in this period."""
    kinds = {amount.metric: (amount.nature, amount.unit) for amount in amounts}
    named = [place for place, column in enumerate(query.by) if column in _OF_CAPTURE]
    there = {(amount.metric, *(amount.group[place] for place in named)) for amount in amounts}
    unknown: set[Amount] = set()
    for month, metric in lacking:
        of_month = month._asdict() | {"metric": metric}
        group = tuple(of_month.get(column) for column in query.by)
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

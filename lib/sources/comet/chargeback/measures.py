"""A chargeback report as measures, names and facts; what these give back stands in ``rebuilt``."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
from pandas.api.types import is_integer_dtype

from lib.sources.comet.chargeback.accounts import standing
from lib.sources.comet.chargeback.answer import Chargeback, ChargebackAnswer
from lib.sources.comet.chargeback.columns import field_called
from lib.sources.comet.chargeback.kept import (
    AMOUNTS,
    EMAIL,
    LEDGER_METRICS,
    NAMES,
    OCCURRENCE,
    PLACES,
    RESTS_ON,
    ROWS,
    SCALARS,
    STANDING,
    WITH_EMAIL,
    Key,
    sortable,
    undocumented,
    written,
)
from lib.sources.comet.chargeback.rebuilt import answer_of, chargeback_of
from lib.sources.comet.chargeback.tables import FIELDS, Table
from lib.status import plain_status
from lib.usage.exact import values_of
from lib.usage.measure import SCHEMA, Counted, Name, is_inexact, measures, packed, quantity
from lib.usage.metrics import Metric
from lib.usage.named import keyed, names_in

__all__ = [
    "LEDGER_METRICS",
    "PLATFORM",
    "answer_of",
    "chargeback_of",
    "facts_of",
    "measures_of",
    "names_of",
    "unknown_metrics",
]

PLATFORM = "comet-chargeback"


def measures_of(answer: ChargebackAnswer, month: str) -> pa.Table:
    """Every row of a report and every number in it: levels, counters and moments of one month.

    Args:
        month: ``2026-10``, which they span; the month that the report says it is of is a fact.
    """
    start = pd.Timestamp(f"{month}-01", tz="UTC")
    span = {"start": start, "end": start + pd.DateOffset(months=1)}
    parts = [
        measures(PLATFORM, answer.host, frame.assign(**span, part=table), counted)
        for table in FIELDS
        for frame, counted in _counted(table, _arranged(answer.report, table))
    ]
    return pa.concat_tables([SCHEMA.empty_table(), *parts])


def names_of(answer: ChargebackAnswer) -> list[Name]:
    """E-mail addresses by user name, and what undocumented fields call somebody; a row with another
    address than its user has a name of its own."""
    known = _emails(answer.report)
    return (
        [Name(EMAIL, user, email) for user, email in known.items()]
        + [
            Name(undocumented(table, EMAIL), written(key), email)
            for table, _, key, email in _other_emails(answer.report, known)
            if email is not None
        ]
        + sorted(_names_beside(answer.report))
    )


def facts_of(answer: ChargebackAnswer) -> dict[str, Any]:
    """What else it takes to give the answer back, as JSON can hold it: no address of a user's."""
    report, accounts = answer.report, answer.service_accounts
    orders = {table: _arranged(report, table).places for table in FIELDS}
    other: dict[str, list[int]] = {}
    for table, place, _, _ in _other_emails(report, _emails(report)):
        other.setdefault(table, []).append(place)
    return {
        "host": answer.host,
        "statuses": [plain_status(status) for status in answer.statuses],
        "notes": [*answer.notes],
        "service_accounts": None if accounts is None else sorted(accounts),
        "report": {
            **{name: getattr(report, name) for name in SCALARS},
            "notes": [*report.notes, *_losses(report)],
            "lists": sorted(report.lists),
            "unread_fields": sorted(report.unread_fields),
            "undocumented": {table: _free(table, getattr(report, table)) for table in FIELDS},
            "order": {
                table: places for table, places in orders.items() if places != [*range(len(places))]
            },
            "other_email": other,
        },
    }


def unknown_metrics(answer: ChargebackAnswer) -> frozenset[str]:
    """Metrics of a list that is missing or of values that could not be read; all, of another month."""
    report = answer.report
    if report.is_of_another_month:
        return frozenset(LEDGER_METRICS)
    lost = {*report.unread_fields}
    for name, below in _BELOW.items():
        if name in lost or (name in ("users", "workspaces") and name not in report.lists):
            lost |= {name, *below}
    return frozenset(
        metric.key
        for table in FIELDS
        for metric, fields in _metrics(table)
        if table in lost or any(f"{table}.{field}" in lost for field in fields)
    )


_BELOW: Mapping[str, tuple[str, ...]] = {
    "users": (),
    "workspaces": ("members", "projects"),
    "workspaces.members": ("members",),
    "workspaces.projects": ("workspaces.numberOfProjects", "projects"),
}
"""What cannot be known either where a list, or a field that is one, could not be read."""


def _metrics(table: Table) -> Iterator[tuple[Metric, tuple[str, ...]]]:
    """The metrics of a table, each with the fields that tell it."""
    yield ROWS[table], ()
    if table == "users":
        yield from ((metric, RESTS_ON[mark]) for mark, metric in STANDING.items())
    yield from ((metric, (field,)) for field, metric in AMOUNTS[table].items())


@dataclass(frozen=True)
class _Arranged:
    """One table of a report in the order of its names, whatever order the server gave it in.

    Args:
        keys: one a row, each once.
        places: of each row of the server's, where it stands among these.
    """

    frame: pd.DataFrame
    keys: list[Key]
    places: list[int]


def _arranged(report: Chargeback, table: Table) -> _Arranged:
    frame: pd.DataFrame = getattr(report, table)
    fields, nothing = PLACES[table], [None] * len(frame)
    cells = [values_of(frame[fields[name]]) if name in fields else nothing for name in NAMES]
    seen: Counter[tuple[Any, ...]] = Counter()
    keys: list[Key] = []
    for names in zip(*cells, strict=True):
        keys.append((*names, seen[names]))
        seen[names] += 1
    order = sorted(range(len(keys)), key=lambda at: sortable(keys[at]))
    places = [0] * len(order)
    for place, at in enumerate(order):
        places[at] = place
    return _Arranged(frame.take(order).reset_index(drop=True), [keys[at] for at in order], places)


def _counted(table: Table, rows: _Arranged) -> Iterator[tuple[pd.DataFrame, list[Counted]]]:
    """The rows themselves, and their numbers.

    Texts that nobody documents stand with the rows only: a counter is followed from month to month
    under the same names, whatever such a text says.
    """
    frame = rows.frame
    named = pd.DataFrame([*rows.keys], frame.index, [*NAMES, OCCURRENCE], dtype=object)
    again = named[[OCCURRENCE]].where(named[[OCCURRENCE]] != 0, None)
    named = named[[*NAMES]]
    free = {undocumented(table, name): frame[name] for name in _free(table, frame)}
    numbers = {key: cells for key, cells in free.items() if is_integer_dtype(cells.dtype)}
    texts = {key: keyed(key, cells) for key, cells in free.items() if key not in numbers}
    there = named.assign(dimensions=packed(again.assign(**texts)), **{ROWS[table].key: 1})
    yield there, [_as_counted(ROWS[table])]
    amounts = _amounts(table, frame)
    known = {metric.key: cells for metric, cells in amounts.items()}
    yield (
        named.assign(dimensions=packed(again), **known, **numbers),
        [
            *(_as_counted(metric, nulls=True) for metric in amounts),
            # Nobody knows whether they may be added up
            *(Counted(key, key, nature="moment") for key in numbers),
        ],
    )


def _amounts(table: Table, frame: pd.DataFrame) -> dict[Metric, "pd.Series[Any]"]:
    amounts = {metric: frame[field] for field, metric in AMOUNTS[table].items()}
    if table == "users":
        held = standing(frame)
        amounts |= {metric: held[mark] for mark, metric in STANDING.items()}
    return amounts


def _as_counted(metric: Metric, *, nulls: bool = False) -> Counted:
    return Counted(metric.key, metric.key, metric.unit, metric.nature, nulls=nulls)


def _free(table: Table, frame: pd.DataFrame) -> list[str]:
    """The fields that Comet does not document."""
    return [str(name) for name in frame.columns if name not in FIELDS[table]]


def _names_beside(report: Chargeback) -> set[Name]:
    """Names in undocumented fields: the rows have keys in their place."""
    names: set[Name] = set()
    for table in FIELDS:
        frame: pd.DataFrame = getattr(report, table)
        persons = PLACES[table].get("principal")
        for field in _free(table, frame):
            if not is_integer_dtype(frame[field].dtype):
                kind = undocumented(table, field)
                names |= names_in(kind, kind, frame[field], frame[persons] if persons else None)
    return names


def _emails(report: Chargeback) -> dict[str, str]:
    """User name to the first address that is told of it."""
    known: dict[str, str] = {}
    for table in WITH_EMAIL:
        rows = getattr(report, table)
        pairs = (values_of(rows[field]) for field in (PLACES[table]["principal"], EMAIL))
        for user, email in zip(*pairs, strict=True):
            if user is not None and email is not None:
                known.setdefault(user, email)
    return known


def _other_emails(
    report: Chargeback, known: Mapping[str, str]
) -> Iterator[tuple[Table, int, Key, str | None]]:
    """Rows whose address is not what is known of the user, by their place in the order of names."""
    for table in WITH_EMAIL:
        rows = _arranged(report, table)
        emails = values_of(rows.frame[EMAIL])
        for place, (key, email) in enumerate(zip(rows.keys, emails, strict=True)):
            user = key[2]
            if email != (None if user is None else known.get(user)):
                yield table, place, key, email


def _losses(report: Chargeback) -> Iterator[str]:
    """Where the ledger cannot hold a size as it is."""
    for table, fields in FIELDS.items():
        for name, kind in fields.items():
            if kind != "size":
                continue
            inexact = [
                value for value in values_of(getattr(report, table)[name]) if is_inexact(value)
            ]
            field = field_called(f"{table}.{name}")
            lost = sum(quantity(value) is None for value in inexact)
            if lost:
                yield f"{field}: {lost} values are too large to be kept and count as unknown."
            if len(inexact) > lost:
                yield f"{field}: {len(inexact) - lost} values are kept rounded, to eighteen decimals."

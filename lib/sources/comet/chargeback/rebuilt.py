"""The chargeback report that measures, names and facts came from."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lib.sources.comet.chargeback.answer import Chargeback, ChargebackAnswer
from lib.sources.comet.chargeback.columns import Findings, Record, column_of, table_frame
from lib.sources.comet.chargeback.kept import (
    AMOUNTS,
    EMAIL,
    NAMES,
    OCCURRENCE,
    PLACES,
    SCALARS,
    WITH_EMAIL,
    Key,
    sortable,
    undocumented,
    written,
)
from lib.sources.comet.chargeback.tables import ADDED, FIELDS, Kind, Table
from lib.status import status_of
from lib.usage.exact import exactly
from lib.usage.measure import Name, unpacked
from lib.usage.named import called

Emails = Mapping[tuple[str, str], str]
"""By kind and id of a name."""


def answer_of(
    measures: pa.Table, names: Iterable[Name], facts: Mapping[str, Any]
) -> ChargebackAnswer:
    """The answer that gave these, without an earlier report."""
    accounts = facts["service_accounts"]
    return ChargebackAnswer(
        chargeback_of(measures, names, facts),
        None,
        None if accounts is None else frozenset(accounts),
        tuple(map(status_of, facts["statuses"])),
        tuple(facts["notes"]),
        facts["host"],
    )


def chargeback_of(
    measures: pa.Table, names: Iterable[Name], facts: Mapping[str, Any]
) -> Chargeback:
    """The report that gave these, with ``raw`` empty; an address that is among no names is null.

    Args:
        measures: of one answer, in any order.
    """
    said = facts["report"]
    emails = {(name.kind, name.id): name.name for name in names}
    frames = {
        table: _frame(table, measures.filter(pc.equal(measures["part"], table)), emails, said)
        for table in FIELDS
    }
    return Chargeback(
        frames["users"],
        frames["workspaces"],
        frames["members"],
        frames["projects"],
        lists=frozenset(said["lists"]),
        notes=tuple(said["notes"]),
        unread_fields=frozenset(said["unread_fields"]),
        **{name: said[name] for name in SCALARS},
    )


def _frame(table: Table, rows: pa.Table, emails: Emails, said: Mapping[str, Any]) -> pd.DataFrame:
    """As the server's records were read: by the same reader, from records like them."""
    found = _records(table, rows, said["undocumented"][table], emails)
    keys = sorted(found, key=sortable)
    for name, field in PLACES[table].items():
        for key in keys:
            found[key][field] = key[NAMES.index(name)]
    if table in WITH_EMAIL:
        other = {*said["other_email"].get(table, ())}
        for place, key in enumerate(keys):
            found[key][EMAIL] = _email(table, key, emails, is_other=place in other)
    records = [found[keys[place]] for place in said["order"].get(table, range(len(keys)))]
    own = ADDED.get(table)
    added = None
    if own is not None:
        added = column_of(FIELDS[table][own], [record.pop(own) for record in records])
    return table_frame(table, records, Findings(), added=added)


def _records(
    table: Table, rows: pa.Table, free: Iterable[str], called_by: Emails
) -> dict[Key, Record]:
    """Each row's fields under their names on the wire, all that the table has; null is None."""
    fields = {metric.key: field for field, metric in AMOUNTS[table].items()}
    fields |= {undocumented(table, name): name for name in free}
    read = {field: _READ[kind] for field, kind in FIELDS[table].items()}
    nothing = dict.fromkeys([*FIELDS[table], *free])
    records: dict[Key, Record] = {}
    columns = (rows[name].to_pylist() for name in (*NAMES, "metric", "quantity"))
    dimensions = unpacked(rows["dimensions"].to_pylist())
    for *names, metric, quantity, more in zip(*columns, dimensions, strict=True):
        one, two, three = names
        record = records.setdefault((one, two, three, more.get(OCCURRENCE, 0)), {**nothing})
        field = fields.get(metric)
        if field is not None and quantity is not None:
            record[field] = read.get(field, int)(quantity)
        for name, value in more.items():
            if name in fields:
                [record[fields[name]]] = called(name, called_by, [value], [three])
    return records


def _email(table: Table, key: Key, emails: Emails, *, is_other: bool) -> str | None:
    if is_other:
        return emails.get((undocumented(table, EMAIL), written(key)))
    return None if key[2] is None else emails.get((EMAIL, key[2]))


def _plain(number: Decimal) -> Decimal:
    """Without the zeros that eighteen decimals add."""
    with exactly():
        whole = number.to_integral_value()
        return whole if whole == number else number.normalize()


_READ: Mapping[Kind, Callable[[Decimal], Any]] = {
    "text": str,
    "count": int,
    "time": int,
    "size": _plain,
    "flag": bool,
}

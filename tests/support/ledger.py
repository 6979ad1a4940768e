"""What the ledger does to measures and facts on their way, and reports that must be the same."""

import json
import random
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lib.quantities import is_missing
from lib.reports.report import Report, Table
from lib.usage.exact import exact_sum, values_of
from lib.usage.measure import SCHEMA

Row = dict[str, Any]


def kept(measures: pa.Table, shuffle: int = 0) -> pa.Table:
    """Measures as they come out of a file, in another order."""
    assert measures.schema == SCHEMA
    order = [*range(len(measures))]
    random.Random(shuffle).shuffle(order)
    file = BytesIO()
    pq.write_table(measures.take(pa.array(order, pa.int64())), file)
    return pq.read_table(BytesIO(file.getvalue()))


def written(facts: Mapping[str, Any]) -> Any:
    """Facts as they come out of a text."""
    return json.loads(json.dumps(facts, allow_nan=False))


def added(rows: list[Row]) -> Decimal | None:
    """The exact sum of the quantities that are known; None where none is."""
    known = [row["quantity"] for row in rows if row["quantity"] is not None]
    return Decimal(exact_sum(known)) if known else None


def assert_same(found: Report, expected: Report) -> None:
    """Totals, figures, sources, notes and tables are the same; rows in any order."""
    for facts in ("totals", "figures", "sources", "notes", "cautions", "host"):
        assert getattr(found, facts) == getattr(expected, facts), facts
    assert [table.key for table in found.tables] == [table.key for table in expected.tables]
    for one, other in zip(found.tables, expected.tables, strict=True):
        assert (one.columns, one.totals, one.note) == (other.columns, other.totals, other.note)
        assert _rows(one) == _rows(other), one.key


def _rows(table: Table) -> Counter[tuple[Any, ...]]:
    columns = [values_of(table.frame[column.key]) for column in table.columns]
    cells = [[None if is_missing(value) else value for value in column] for column in columns]
    return Counter(zip(*cells, strict=True))

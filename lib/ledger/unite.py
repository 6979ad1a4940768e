"""What stays of an earlier answer beside a new one: rows of a source that forgets, and rows of parts that failed."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyarrow as pa

from lib.quantities import counted
from lib.usage.measure import SCHEMA

if TYPE_CHECKING:
    import duckdb


def _same(keys: Iterable[str]) -> str:
    return " AND ".join(f'a."{key}" IS NOT DISTINCT FROM b."{key}"' for key in keys)


_ROW = [name for name in SCHEMA.names if name not in ("part", "nature", "quantity", "unit")]
"""What a row is told by here; not by its part, which says only whether a counter could be read."""

_WHOSE = ("start", "principal")
"""What does not change of things that are counted, wherever they are moved to and whatever that is called."""

_FALLEN = f"""
    CREATE TABLE fallen AS
    WITH a AS (SELECT start, principal, metric, sum(quantity) AS number FROM earlier
            WHERE metric IN (SELECT unnest($counts)) GROUP BY ALL),
        b AS (SELECT start, principal, metric, sum(quantity) AS number FROM fresh GROUP BY ALL)
    SELECT DISTINCT a.start, a.principal
    FROM a LEFT JOIN b ON {_same((*_WHOSE, "metric"))} WHERE coalesce(b.number, 0) < a.number
"""  # noqa: S608  # names of columns
_LOST = f"CREATE VIEW lost AS SELECT * FROM earlier a SEMI JOIN fallen b ON {_same(_WHOSE)}"  # noqa: S608
_ALL = "CREATE VIEW lost AS SELECT * FROM earlier"

# Of two rows the known one, and else the fresh one, says what it is
_SAID = "(quantity IS NOT NULL, is_fresh)"
_UNION = f"""
    SELECT {", ".join(f'"{key}"' for key in _ROW)}, max(quantity) AS quantity,
        {", ".join(f"arg_max({key}, {_SAID}) AS {key}" for key in ("part", "nature", "unit"))}
    FROM (SELECT *, FALSE AS is_fresh FROM lost UNION ALL SELECT *, TRUE FROM fresh) GROUP BY ALL
"""  # noqa: S608  # names of columns
_GONE = f"SELECT count(*) FROM lost a ANTI JOIN fresh b ON {_same(_ROW)}"  # noqa: S608
_FELL = f"SELECT count(*) FROM lost a JOIN fresh b ON {_same(_ROW)} WHERE b.quantity < a.quantity"  # noqa: S608

_STAY = f"""
    SELECT {", ".join(f'a."{key}"' for key in SCHEMA.names)}
    FROM earlier a ANTI JOIN fresh b ON {_same((*_ROW, "part"))}
    WHERE a.part IN (SELECT unnest($failed))
"""  # noqa: S608  # names of columns


def united(earlier: pa.Table, fresh: pa.Table, counts: Iterable[str] = ()) -> tuple[pa.Table, str]:
    """The rows of both, of each that is in both the larger quantity; and in words what the source lost.

    Args:
        earlier: what was captured before; each row once.
        fresh: what the source says now; each row once.
        counts: metrics of how many things the rows tell. What began at one time by one person is
            united only where one of these fell: else it was corrected or moved, and the fresh rows count.
    """
    counts = [*counts]
    with _both(earlier, fresh) as connection:
        if counts:
            connection.execute(_FALLEN, {"counts": counts})
        connection.execute(_LOST if counts else _ALL)
        rows = connection.sql(_UNION).to_arrow_table().select(SCHEMA.names).cast(SCHEMA)
        gone, fell = (_count(connection, query) for query in (_GONE, _FELL))
    noun, why = ("sums", "became smaller") if counts else ("counters", "began anew")
    words = []
    if gone:
        words.append(f"{counted(gone, noun)} that the source no longer has")
    if fell:
        words.append(f"{counted(fell, noun)} that {why}, at what they had reached")
    return rows, f"Kept: {' and '.join(words)}." if words else ""


def with_rows_of(earlier: pa.Table, fresh: pa.Table, failed: Iterable[str]) -> tuple[pa.Table, str]:
    """The new rows, and of parts that failed the earlier ones that they lack; and in words how many."""
    with _both(earlier, fresh) as connection:
        stay = connection.sql(_STAY, params={"failed": [*failed]}).to_arrow_table().cast(SCHEMA)
    parts = ", ".join(sorted({*stay["part"].to_pylist()}))
    said = f"Kept: {counted(len(stay), 'rows')} of {parts} that the new answer lacks."
    return pa.concat_tables([fresh.cast(SCHEMA), stay]), said if len(stay) else ""


@contextmanager
def _both(earlier: pa.Table, fresh: pa.Table) -> "Iterator[duckdb.DuckDBPyConnection]":
    import duckdb  # noqa: PLC0415  # a tenth of a second, where something is to be united only

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("earlier", earlier)
        connection.register("fresh", fresh)
        yield connection


def _count(connection: "duckdb.DuckDBPyConnection", query: str) -> int:
    [(number,)] = connection.execute(query).fetchall()
    return int(number)

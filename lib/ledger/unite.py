"""What stays of an earlier answer beside a new one: rows of a source that forgets, and rows of parts that failed."""

from collections.abc import Iterable

from typing import TYPE_CHECKING

import pyarrow as pa

from lib.quantities import counted
from lib.usage.measure import SCHEMA

if TYPE_CHECKING:
    import duckdb

_KEYS = [name for name in SCHEMA.names if name not in ("nature", "quantity", "unit")]
_SAME = " AND ".join(f'a."{key}" IS NOT DISTINCT FROM b."{key}"' for key in _KEYS)
_UNION = f"""
    SELECT {", ".join(f'coalesce(b."{key}", a."{key}") AS "{key}"' for key in SCHEMA.names if key != "quantity")},
        greatest(a.quantity, b.quantity) AS quantity
    FROM earlier a FULL OUTER JOIN fresh b ON {_SAME}
"""  # noqa: S608  # names of columns
_GONE = f"SELECT count(*) FROM earlier a ANTI JOIN fresh b ON {_SAME}"  # noqa: S608
_FELL = f"SELECT count(*) FROM earlier a JOIN fresh b ON {_SAME} WHERE b.quantity < a.quantity"  # noqa: S608


_STAY = f"""
    SELECT {", ".join(f'a."{key}"' for key in SCHEMA.names)}
    FROM earlier a ANTI JOIN fresh b ON {_SAME}
    WHERE a.part IN (SELECT unnest(?))
"""  # noqa: S608  # names of columns


def with_rows_of(earlier: pa.Table, fresh: pa.Table, failed: Iterable[str]) -> tuple[pa.Table, str]:
    """The new rows, and of parts that failed the earlier ones that they lack; and in words how many."""
    import duckdb  # noqa: PLC0415  # a tenth of a second, where something failed twice

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("earlier", earlier)
        connection.register("fresh", fresh)
        stay = connection.sql(_STAY, params=[[*failed]]).to_arrow_table().cast(SCHEMA)
    parts = ", ".join(sorted({*stay["part"].to_pylist()}))
    said = f"Kept: {counted(len(stay), 'rows')} of {parts} that the new answer lacks."
    return pa.concat_tables([fresh.cast(SCHEMA), stay]), said if len(stay) else ""


def united(earlier: pa.Table, fresh: pa.Table) -> tuple[pa.Table, str]:
    """All rows of both, of each that is in both the larger quantity; and in words what the source lost.

    Args:
        earlier: what was captured before; each row once.
        fresh: what the source says now; each row once.
    """
    import duckdb  # noqa: PLC0415  # a tenth of a second, for sources that forget only

    with duckdb.connect() as connection:
        connection.register("earlier", earlier)
        connection.register("fresh", fresh)
        rows = connection.sql(_UNION).to_arrow_table().select(SCHEMA.names).cast(SCHEMA)
        gone, fell = (_count(connection, query) for query in (_GONE, _FELL))
    words = []
    if gone:
        words.append(f"{counted(gone, 'counters')} that the source no longer has")
    if fell:
        words.append(f"{counted(fell, 'counters')} that began anew, at what they had reached")
    return rows, f"Kept: {' and '.join(words)}." if words else ""


def _count(connection: "duckdb.DuckDBPyConnection", query: str) -> int:
    [(number,)] = connection.execute(query).fetchall()
    return int(number)

"""Asking a large ledger, and DuckDB alone: ``python -m bench.ledger_asked memory FOLDER`` asks once and prints
the highest memory in bytes; ``… times FOLDER RUNS`` asks both in turns and prints their seconds as JSON.
"""

import gc
import json
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from bench.peak import highest
from lib.ledger.query import LedgerAnswer, ask, check_ledger_query
from lib.ledger.store import Ledger
from lib.settings.ledger import SQLITE

BY = ("month", "sub_account", "metric")
SQL = f"SELECT {', '.join(BY)}, sum(quantity) FROM read_parquet(?) GROUP BY {', '.join(BY)} ORDER BY ALL"


def ledger_in(folder: Path) -> Ledger:
    """A ledger of one folder."""
    return Ledger(f"{SQLITE}{folder / 'catalog.db'}", str(folder / "warehouse"))


def file_of(folder: Path) -> Path:
    """The one file with the same rows."""
    return folder / "rows.parquet"


def asked(folder: Path) -> LedgerAnswer:
    """All that the ledger has, by ``BY``."""
    first, last = date(2025, 10, 1), date(2026, 10, 31)
    return ask(ledger_in(folder), check_ledger_query(since=first, until=last, by=BY))


def plain(folder: Path) -> list[tuple[Any, ...]]:
    """The same of the one file, by DuckDB alone."""
    with duckdb.connect() as connection:
        return connection.execute(SQL, [str(file_of(folder))]).fetchall()


def _times(folder: Path, runs: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {"ours": [], "plain": []}
    asked(folder), plain(folder)  # once, until all is imported and the files are in memory
    for _ in range(runs):
        for name, work in (("ours", asked), ("plain", plain)):
            gc.collect()
            began = time.perf_counter()
            work(folder)
            seconds[name].append(time.perf_counter() - began)
    answer = asked(folder)
    assert answer.complete
    ours = {one.group: one.quantity for one in answer.amounts if one.nature == "flow"}
    flows = {metric for *_, metric in ours}
    theirs = {(*group,): total for *group, total in plain(folder) if group[-1] in flows}
    assert ours == theirs
    return seconds


if __name__ == "__main__":
    gc.set_threshold(50_000)  # as the commands do
    what, where, *more = sys.argv[1:]
    if what == "memory":
        asked(Path(where))
        print(highest())
    else:
        print(json.dumps(_times(Path(where), *map(int, more))))

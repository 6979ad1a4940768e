"""Ten million made-up measures of 13 months, of as many projects, keys, people and models as fifty
organisations of the demo's size have: in a ledger, and in one Parquet file.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.ledger_asked import file_of, ledger_in
from lib.capture.months import end_of, months_since
from lib.ledger.keeping import Said, keep_all
from lib.ledger.warehouse import Month
from lib.sources.openai.measures import PLATFORM
from lib.sources.openai.tables import BILLED_COST, METRICS
from lib.usage.measure import QUANTITY, SCHEMA

Numbers = np.ndarray[Any, np.dtype[np.int64]]

ACCOUNTS, PROJECTS, PEOPLE, LANES = 5, 100, 130, 260
"""Organisations; projects, people and habits of each: who uses what, through which key."""

MONTHS = months_since("2025-10", date(2026, 10, 31))
NOW = datetime(2026, 11, 21, tzinfo=UTC)

_FLOWS = [metric for metric in METRICS.values() if metric.nature == "flow"]
_COUNTED = (*_FLOWS[:18], METRICS["usage_bytes"], BILLED_COST)
_TIERS = ("default", "flex", "priority")
_TEXT = '{{"api_source": "unlabeled", "batch": false, "service_tier": "{}"}}'
_LETTERS = np.array([*"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789"])
_FINE = pa.decimal128(38, 10)


def fill(folder: Path) -> int:
    """Enters all of it, month by month; how many measures."""
    ledger, size = ledger_in(folder), 0
    with pq.ParquetWriter(file_of(folder), SCHEMA, compression="zstd") as writer:
        for month in MONTHS:
            together = [*_month(month)]
            keep_all(
                ledger,
                [
                    Said(Month(PLATFORM, account, month), NOW, end_of(month), rows)
                    for account, rows in together
                ],
            )
            table = pa.concat_tables([rows for _, rows in together])
            writer.write_table(table)
            size += table.num_rows
    return size


def _month(month: str) -> Iterator[tuple[str, pa.Table]]:
    """Each organisation's measures of a month: every habit, on every day, in every metric."""
    days = np.arange(month, np.datetime64(month, "M") + 1, dtype="datetime64[D]")
    lane, day, metric = np.indices((LANES, len(days), len(_COUNTED))).reshape(3, -1)
    is_cost = metric == len(_COUNTED) - 1
    columns = {
        "platform": pa.repeat(PLATFORM, lane.size),
        "month": pa.repeat(month, lane.size),
        "start": _moments(days[day]),
        "end": _moments(days[day] + 1),
        "part": _told(["completions", "costs"], is_cost.astype(int)),
        "sku": _told([f"gpt-5.{number}-mini" for number in range(12)], lane % 12),
        "dimensions": _told([_TEXT.format(tier) for tier in _TIERS], lane % len(_TIERS)),
        "metric": _told([one.key for one in _COUNTED], metric),
        "nature": _told([one.nature for one in _COUNTED], metric),
        "unit": _told([one.unit for one in _COUNTED], metric),
    }
    for number in range(ACCOUNTS):
        account = f"api-{number:02}.example.com"
        random = np.random.default_rng([number, MONTHS.index(month)])
        own = {
            "account": pa.repeat(account, lane.size),
            "sub_account": _told(_ids("proj_", number, PROJECTS, 24), lane % PROJECTS),
            "resource": _told(_ids("key_", number, LANES, 16), lane),
            "principal": _told(_ids("user-", number, PEOPLE, 24), lane % PEOPLE),
            "quantity": _quantities(random.integers(0, 40_000_000, size=lane.size), is_cost),
        }
        every = columns | own
        yield account, pa.table([every[name] for name in SCHEMA.names], schema=SCHEMA)


def _told(words: Sequence[str], places: Numbers) -> pa.Array:
    return pa.array(words).take(pa.array(places))


def _ids(kind: str, account: int, size: int, length: int) -> list[str]:
    """Such as ``proj_vP5Kdwq7CQ3cnGxeBX90RPam``."""
    random = np.random.default_rng([account, length, size])
    return [kind + "".join(random.choice(_LETTERS, length)) for _ in range(size)]


def _moments(days: np.ndarray[Any, np.dtype[np.datetime64]]) -> pa.Array:
    return pa.array(days.astype("datetime64[us]")).cast(SCHEMA.field("start").type)


def _quantities(amounts: Numbers, fine: np.ndarray[Any, np.dtype[np.bool_]]) -> pa.Array:
    """Whole numbers; where ``fine``, such of ten decimals."""
    words = np.zeros((amounts.size, 2), dtype="<i8")
    words[:, 0] = np.where(fine, amounts, amounts * 10**10)
    numbers = pa.Array.from_buffers(_FINE, amounts.size, [None, pa.py_buffer(words)])
    return numbers.cast(QUANTITY)

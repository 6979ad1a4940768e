"""Memory of 100,000 rows in the bucket cache, measured in processes of their own.

``python -m bench.memory 1h 165`` prints rows, buckets and bytes.
"""

import asyncio
import ctypes
import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bench.report_rows import HOURLY_DAYS, hourly
from bench.standin import ROOT, StandIn, connected, stand_in
from bench.table import Row, info
from lib.cache import Caches
from lib.loader.openai import load_openai
from lib.sources.openai.tables import ENDPOINTS

DAILY_DAYS = 420


def measure_memory() -> Iterator[Row]:
    with stand_in(0) as where:
        for width, days in (("1h", HOURLY_DAYS), ("1d", DAILY_DAYS)):
            command = [sys.executable, "-m", "bench.memory", width, str(days), where.base_url]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
            rows, buckets, grown = map(int, done.stdout.split())
            yield info(
                f"memory of {rows:,} rows in {buckets:,} buckets of {width}",
                f"{grown / 1e6:.0f} MB, {grown / rows * 100_000 / 1e6:.0f} MB per 100,000 rows",
            )


def _resident() -> int:
    """Bytes of this process in memory, after giving back what is free."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def _grow(width: str, days: int, base_url: str) -> tuple[int, int, int]:
    now = datetime.now(UTC)
    where = StandIn(base_url, 0)

    async def fill(caches: Caches, days: int) -> None:
        query = replace(hourly(now, days), width=width, endpoints=tuple(ENDPOINTS))
        async with connected(where) as client:
            await load_openai(client, caches, query, now=now)

    await fill(Caches(), 2)  # imports and pools
    before = _resident()
    caches = Caches()
    await fill(caches, days)
    grown = _resident() - before
    return (
        sum(bucket.rows for bucket in caches.buckets.values()),
        len(caches.buckets),
        grown,
    )


if __name__ == "__main__":
    print(*asyncio.run(_grow(sys.argv[1], int(sys.argv[2]), sys.argv[3])))

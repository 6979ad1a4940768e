"""Made-up tenants: counters in a Redis of this process, and the control database that lists them."""

import random
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import fakeredis

TENANTS = 60
MONTHS = 14
_METRICS = ("requests", "input_tokens", "output_tokens", "embedding_tokens")
_NAMES = (
    "acme",
    "borealis",
    "cobalt",
    "delta-nord",
    "elmwood",
    "fjord",
    "gaia",
    "harbor",
    "iris",
    "juniper",
)


def demo_redis(now: datetime | None = None, seed: int = 7) -> fakeredis.FakeAsyncRedis:
    """A Redis that holds the counters of ``TENANTS`` tenants over ``MONTHS`` months, in both key forms.

    One tenant is not in the control database, one has counters in both forms in one month, and
    two have none at all. To be made on the event loop that will use it.
    """
    server = fakeredis.FakeServer()
    writer = fakeredis.FakeStrictRedis(server=server)
    writer.mset(dict(counters(now or datetime.now(UTC), seed)))
    return fakeredis.FakeAsyncRedis(server=server)


def demo_control_database(seed: int = 7) -> str:
    """The URL of an SQLite control database with the same tenants; the file goes with the process."""
    folder = tempfile.TemporaryDirectory(prefix="dashboard-demo-")
    _kept.append(folder)
    path = Path(folder.name) / "control.sqlite"
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(
            "CREATE TABLE tenants (id TEXT PRIMARY KEY, state TEXT, deleted_at TEXT, is_dormant INTEGER)"
        )
        rows: list[tuple[str, str, str | None, int]] = [
            (name, "provisioned", None, int(place % 17 == 5))
            for place, name in enumerate(names(seed))
        ]
        rows.append(("left-us-last-year", "provisioned", "2025-11-30", 0))
        connection.executemany("INSERT INTO tenants VALUES (?, ?, ?, ?)", rows)
    connection.close()
    return f"sqlite:///{path}"


_kept: list["tempfile.TemporaryDirectory[str]"] = []


def names(seed: int = 7) -> list[str]:
    """The tenants' ids."""
    pick = random.Random(f"{seed}:tenants")
    return [
        f"{_NAMES[place % len(_NAMES)]}-{pick.randrange(16**6):06x}" for place in range(TENANTS)
    ]


def counters(now: datetime, seed: int) -> Iterator[tuple[str, int]]:
    """Key and value of every counter."""
    months = [_months_before(now.date(), back) for back in range(MONTHS - 1, -1, -1)]
    everyone = [*names(seed), "not-in-the-list"]
    for place, tenant in enumerate(everyone):
        pick = random.Random(f"{seed}:{tenant}")
        size = pick.lognormvariate(6.5, 1.1)
        joined = pick.choice((0, 0, 0, 2, 5, 9))
        by_day = place % 3 == 0  # a third bill from a day of their own
        day = pick.randrange(2, 28)
        if place in (21, 40):
            continue
        for index, month in enumerate(months):
            if index < joined or (by_day and month.replace(day=day) > now.date()):
                continue
            requests = max(1, round(size * (1 + 0.06 * index) * pick.uniform(0.6, 1.4)))
            period = f"{month:%Y-%m}-{day:02d}" if by_day else f"{month:%Y-%m}"
            yield from _of_period(tenant, period, requests, pick)
            if place == 12 and index == MONTHS - 2:
                yield from _of_period(tenant, f"{month:%Y-%m}", requests // 9, pick)


def _of_period(
    tenant: str, period: str, requests: int, pick: random.Random
) -> Iterator[tuple[str, int]]:
    values = (requests, requests * pick.randrange(500, 3_000), requests * pick.randrange(80, 700))
    for metric, value in zip(_METRICS, values, strict=False):
        yield f"usage:{tenant}:{metric}:{period}", value
    if pick.random() < 0.8:
        yield f"usage:{tenant}:embedding_tokens:{period}", requests * pick.randrange(100, 5_000)


def _months_before(day: date, months: int) -> date:
    index = day.year * 12 + day.month - 1 - months
    return date(index // 12, index % 12 + 1, 1)

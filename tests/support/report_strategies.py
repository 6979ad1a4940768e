"""Small Reports for the tests: one plain builder, and hypothesis strategies with hostile content."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pandas as pd
from hypothesis import strategies as st

from lib.charts import Buckets, Stacks
from lib.periods import Period
from lib.reports.report import (
    ChartSpec,
    Column,
    Delta,
    Figure,
    Report,
    SourceStatus,
    Table,
)

NOW = datetime(2026, 11, 21, 1, 40, tzinfo=UTC)
OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 31))

HOSTILE = (
    '=HYPERLINK("http://evil.example","click")',
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\tcmd",
    "\rcmd",
    "<script>alert(1)</script>",
    "**bold** [red]x[/red] `code` $a^2$",
    "🚀 rocket 猫",
    "مرحبا שלום",
    "\u202egnp.exe",
    "\x1b[31mred\x1b[0m\x07",
    "quote \" and ' and , and ;",
    "line\r\nbreak\nhere",
    "x" * 300,
    "\x00\x7f",
    "\ud83d lone surrogate",
    "null",
    "",
    "  spaces  ",
)

COLUMNS = (
    Column("name", "Name"),
    Column("requests", "Requests", "int", "requests"),
    Column("cost", "Billed cost", "decimal", "USD"),
    Column("share", "Share", "percent"),
    Column("day", "Day", "date"),
    Column("seen_at", "Seen at", "datetime"),
    Column("size", "Size", "bytes"),
    Column("run_time", "Run time", "duration"),
    Column("batch", "Batch", "bool"),
)


def table(rows: list[tuple[object, ...]], key: str = "usage", **changes: object) -> Table:
    """A table of ``COLUMNS`` with one tuple per row."""
    cells = list(zip(*rows, strict=True)) or [()] * len(COLUMNS)
    name, requests, cost, share, day, seen_at, size, run_time, batch = map(list, cells)
    frame = pd.DataFrame(
        {
            "name": pd.Series(name, dtype=object),
            "requests": pd.array(requests, dtype="Int64"),
            "cost": pd.Series(cost, dtype=object),
            "share": pd.Series(share, dtype="float64"),
            "day": pd.Series(day, dtype=object),
            "seen_at": pd.to_datetime(pd.Series(seen_at, dtype="datetime64[us, UTC]"), utc=True),
            "size": pd.array(size, dtype="Int64"),
            "run_time": pd.array(run_time, dtype="Float64"),
            "batch": pd.Series(batch, dtype=object),
        }
    )
    totals = {"requests": int(frame["requests"].sum()), "cost": None}
    return Table(
        **{"key": key, "title": "Usage", "frame": frame, "columns": COLUMNS, "totals": totals}
        | changes
    )


def row(name: object = "alpha", requests: object = 1_234, cost: object = Decimal("56.78"), **more):
    """One row of ``COLUMNS``."""
    rest = {
        "share": 12.5,
        "day": date(2026, 10, 1),
        "seen_at": NOW,
        "size": 3 * 2**30,
        "run_time": 90.0,
        "batch": True,
    } | more
    return (name, requests, cost, *rest.values())


EMPTY_ROW = (None,) * len(COLUMNS)

OK = SourceStatus("openai", "completions", "ok", NOW, 2)
FAILED = SourceStatus("openai", "images", "failed", None, None, "It answered 503.", "Try again.")


def report(**changes: object) -> Report:
    """A complete report of October with one row, one figure and no chart."""
    facts: dict[str, object] = {
        "kind": "openai-usage",
        "title": "OpenAI usage",
        "period": OCTOBER,
        "filters": {"endpoints": ("completions",)},
        "generated_at": NOW,
        "sources": (OK,),
        "totals": {"requests": 1_234, "cost": Decimal("56.78"), "currency": "USD", "users": None},
        "figures": (
            Figure(
                "requests",
                "Requests",
                1_234,
                "requests",
                delta=Delta(1_000, 234, 23.4, "September"),
            ),
        ),
        "charts": (),
        "tables": (table([row()]),),
        "host": "api.openai.com",
        "main_table": "usage",
    }
    return Report(**facts | changes)


def chart(title: str = "Cost per day") -> ChartSpec:
    """A small bar chart."""
    keys = ("2026-10", "2026-11", "2026-12")
    frame = pd.DataFrame({"bucket": keys, "series": ["a", "b", "a"], "value": [3.0, 1.0, 2.0]})
    drawn = Stacks(frame, Buckets(keys, "month"), ("a", "b"), "USD", 3.0)
    return ChartSpec("cost", title, drawn, "Cost fell, then rose.")


names = st.one_of(st.none(), st.sampled_from(HOSTILE), st.text(max_size=12))
counts = st.one_of(st.none(), st.integers(0, 10**15))
money = st.one_of(
    st.none(),
    st.decimals(Decimal("-1e9"), Decimal("1e9"), places=6, allow_nan=False),
    st.sampled_from([Decimal("0"), Decimal("1E-12"), Decimal("1E+30"), Decimal("-4E-7")]),
)
ratios = st.one_of(
    st.none(), st.floats(-1e6, 1e6, allow_nan=False), st.sampled_from([1e-9, float("nan"), 100.0])
)
moments = st.one_of(st.none(), st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)))
rows = st.tuples(
    names,
    counts,
    money,
    ratios,
    st.one_of(st.none(), st.dates(date(2020, 1, 1), date(2030, 1, 1))),
    moments.map(lambda at: at and at.replace(tzinfo=UTC)),
    counts,
    st.one_of(st.none(), st.floats(0, 1e7, allow_nan=False)),
    st.one_of(st.none(), st.booleans()),
)
tables = st.lists(rows, max_size=6).map(table)
"""Tables of up to six rows, with every kind of column."""

reports = st.builds(
    report,
    title=names.map(lambda name: name or "Untitled"),
    host=names.map(lambda name: name or ""),
    filters=st.dictionaries(st.sampled_from(["project", "user"]), names, max_size=2),
    sources=st.sampled_from([(OK,), (OK, FAILED)]),
    tables=tables.map(lambda made: (made,)),
    notes=st.lists(st.sampled_from(HOSTILE), max_size=2).map(tuple),
    figures=st.lists(
        st.builds(Figure, st.just("cost"), st.just("Cost"), money, st.sampled_from(["USD", "EUR"])),
        max_size=3,
    ).map(tuple),
    demo=st.booleans(),
    period=st.sampled_from([OCTOBER, None]),
)
"""Whole reports without charts."""

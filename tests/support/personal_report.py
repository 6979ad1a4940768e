"""A small report that names people everywhere a report can."""

from datetime import UTC, date, datetime

import pandas as pd

from lib.charts import Buckets, Levels, Ranking
from lib.periods import Period
from lib.reports.report import ChartSpec, Column, Figure, Report, SourceStatus, Table

LONG = "a.very.long.first.name.and.a.longer.last.name@company.com"


def make_report() -> Report:
    """Two people with addresses, one with a plain name, and numbers that must not change."""
    frame = pd.DataFrame(
        {
            "id": ["user-1", "user-2", None],
            "person": ["ann@company.com", "Bob Miller", "Unallocated"],
            "members": ["ann@company.com, Bob Miller", "Bob Miller", None],
            "key": ["key of ann@company.com", "key-2", LONG],
            "cost": [1.5, 2.5, 0.0],
        }
    )
    columns = (
        Column("id", "Id"),
        Column("person", "Person", personal=True),
        Column("members", "Members", "list", personal=True),
        Column("key", "Key"),
        Column("cost", "Cost", "decimal", "USD"),
    )
    ranked = pd.DataFrame(
        {"label": ["ann@company.com (user-1)", "Bob Miller"], "value": [2.0, 1.0]}
    )
    shares = ranked.assign(series=["ann@company.com", f"{LONG[:37]}…"])
    lines = pd.DataFrame(
        {"bucket": "2026-10", "series": ["ann@company.com", "Bob Miller"], "value": [1.0, 2.0]}
    )
    charts = (
        ChartSpec("top", "Top", Ranking(ranked, "USD"), "Top: Bob Miller leads."),
        ChartSpec("split", "Split", Ranking(shares, "USD"), f"Of {LONG[:37]}…"),
        ChartSpec(
            "lines",
            "Lines",
            Levels(lines, Buckets(("2026-10",), "month"), ("Bob Miller", "ann@company.com")),
            "Two lines",
        ),
    )
    people = Table("people", "People", frame, columns, {"cost": 4}, note="Paid by Bob Miller.")
    return Report(
        kind="openai-usage",
        title="OpenAI usage",
        period=Period(date(2026, 10, 1), date(2026, 10, 31)),
        filters={"users": ("ann@company.com",)},
        generated_at=datetime(2026, 11, 1, tzinfo=UTC),
        sources=(SourceStatus("openai", "costs", "ok", detail="key of ann@company.com"),),
        totals={"cost": 4},
        figures=(Figure("cost", "Cost", 4, "USD", help="Most by ann@company.com"),),
        charts=charts,
        tables=(
            people,
            Table(
                "long",
                "Long",
                pd.DataFrame({"who": [LONG]}),
                (Column("who", "Who", personal=True),),
            ),
        ),
        notes=("Bob Miller and ann@company.com left; Bobby stays.",),
        main_table="people",
    )

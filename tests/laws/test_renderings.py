"""One law for all renderings of any report: its files say the same, and no name breaks one of them."""

import csv
import io
import json
import re
from typing import Any

import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lib.charts import Buckets, Levels, Ranking, Stacks
from lib.exports.csv import FORMULA, to_csv
from lib.exports.json import to_json
from lib.exports.pdf import to_pdf
from lib.exports.terminal import to_terminal
from lib.reports.report import ChartSpec, Column, Report, Table
from lib.ui.altair_charts import altair_chart
from tests.support.profiles import examples
from tests.support.report_strategies import HOSTILE, report, rows, table

# Shrinking would print hundreds of documents; the report that failed is printed as it is
phases = [Phase.explicit, Phase.generate]
some = settings(examples(25), phases=phases)
few = settings(examples(8), phases=phases)


def clean(name: str) -> str:
    """As whoever parses a reply leaves it."""
    return name.encode("utf-8", "replace").decode()


MONTHS = Buckets(("2026-09", "2026-10"), "month")
TITLES = ("Ranked", "Stacked", "Levels")
# Half characters are replaced where replies are parsed
labels = st.one_of(st.sampled_from(HOSTILE), st.text()).map(clean).filter(bool)
values = st.floats(0, 1e15, allow_nan=False)


def charts_of(sizes: dict[str, float]) -> tuple[ChartSpec, ...]:
    """A chart of each kind, with a series for each name."""
    names = tuple(sizes)
    frame = pd.DataFrame({"bucket": "2026-10", "series": names, "value": [*sizes.values()]})
    ranked = frame.rename(columns={"series": "label"})[["label", "value"]]
    drawn = (
        Ranking(ranked, "USD"),
        Stacks(frame, MONTHS, names, "USD", max(sizes.values())),
        Levels(frame.assign(value=50.0), MONTHS, names),
    )
    return tuple(
        ChartSpec(title.lower(), title, chart, f"{title}: as drawn.")
        for title, chart in zip(TITLES, drawn, strict=True)
    )


def report_of(cells: list[tuple[Any, ...]], sizes: dict[str, float]) -> Report:
    """Rows, what they add up to by name, and charts."""
    cells = [(None if name is None else clean(name), *others) for name, *others in cells]
    whole = table(cells)
    sums: dict[Any, int] = {}
    for name, requests, *_ in cells:
        sums[name] = sums.get(name, 0) + int(requests or 0)
    split = pd.DataFrame({"name": pd.Series([*sums], dtype=object), "requests": [*sums.values()]})
    columns = (
        Column("name", "Name", missing="Nobody"),
        Column("requests", "Requests", "int", "requests"),
    )
    total = sum(sums.values())
    by_name = Table("by_name", "By name", split, columns, {"requests": total})
    tables = (whole, by_name)
    return report(tables=tables, charts=charts_of(sizes), totals={"requests": total})


any_report = st.builds(
    report_of,
    st.lists(rows, max_size=5),
    st.dictionaries(labels, values, min_size=1, max_size=4),
)


def lines_of(made: Report, key: str, profile: Any = "machine") -> list[dict[str, str]]:
    text = to_csv(made, key, profile).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


@some
@given(any_report)
def test_every_breakdown_adds_up_to_the_same_total_in_every_file(made: Report) -> None:
    document = json.loads(to_json(made))
    total = document["totals"]["requests"]
    screen = to_terminal(made, width=None, colour=False)
    shown = [line for line in screen.splitlines() if "TOTAL" in line]
    for one in made.tables:
        lines, records = lines_of(made, one.key), document["tables"][one.key]
        assert [line["requests"] for line in lines] == [
            "" if record["requests"] is None else str(record["requests"]) for record in records
        ]
        assert [line["name"] for line in lines] == [record["name"] or "" for record in records]
        assert sum(int(line["requests"] or 0) for line in lines) == total
    assert not shown or f"{total:,}" in shown[-1], (
        "of the breakdown, whose names are never all empty"
    )


@some
@given(any_report)
def test_no_name_acts_in_a_text_form(made: Report) -> None:
    for one in made.tables:
        texts = [column.key for column in one.columns if column.kind == "text"]
        for line in lines_of(made, one.key, "excel"):
            assert not any(FORMULA.match(line[key]) for key in texts)
    for width in (None, 80):
        text = to_terminal(made, width=width, colour=False)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)


@pytest.mark.dear
@few
@given(any_report)
def test_no_name_keeps_paper_and_charts_from_being_made(made: Report) -> None:
    assert to_pdf(made).startswith(b"%PDF")
    for chart in made.charts:
        assert altair_chart(chart.chart).to_dict()

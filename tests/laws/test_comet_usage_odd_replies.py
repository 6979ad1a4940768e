"""Whatever numbers and texts a Comet server sends: a report of sane figures, or one clear error."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import httpx
from hypothesis import given
from hypothesis import strategies as st

from lib.errors import SourceError
from lib.exports.csv import to_csv
from lib.exports.json import to_json
from lib.exports.terminal import to_terminal
from lib.reports.experiments.build import build_comet_usage
from lib.sources.comet.experiments.query import CometUsageQuery
from tests.support.comet_usage_answers import ms
from tests.support.comet_usage_loads import NOW, load
from tests.support.profiles import examples

START = ms(2024, 9, 5)
NOW_MS = round(NOW.timestamp() * 1_000)

# What is written stands for itself: JSON can spell numbers that Python's writer does not
absurd = st.sampled_from(
    ["1e99999999999999999999", "-1e400", "9" * 5_000, "-" + "9" * 30, "1e-400", "0.1e13", "NaN"]
)
numbers = absurd | st.one_of(
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(START - 10**10, START + 10**10),
    st.integers(START // 1_000, START // 1_000 + 10**6),
    st.sampled_from([0, 1, -1, 2**63, -(2**63), 253_402_300_800_000, START * 1_000]),
).map(json.dumps)
anything = numbers | st.sampled_from(
    ["null", "true", "[]", "{}", '"12"', '"Pr\\ud800od"', '"1e5"', '" "', '"\\u202eevil"']
)


def record(**fields: str) -> str:
    return "{" + ", ".join(f'"{name}": {value}' for name, value in fields.items()) + "}"


experiments = st.fixed_dictionaries(
    {"startTimeMillis": anything | st.just(str(START))},
    optional={
        "userName": anything,
        "endTimeMillis": anything,
        "durationMillis": anything,
        "running": anything,
        "archived": anything,
    },
)
lists = st.lists(anything, max_size=4).map(lambda items: f"[{', '.join(items)}]")
series = st.fixed_dictionaries(
    {"values": lists}, optional={"timestamps": lists | anything, "durations": lists | anything}
)
projects = st.fixed_dictionaries(
    {}, optional={"numberOfExperiments": anything, "lastUpdated": anything}
)


def server(project: Any, items: list[Any], metrics: Any) -> Any:
    names = [f"sys.gpu.{gpu}.gpu_utilization" for gpu in range(2)]
    rows = [record(experimentKey=f'"k{place}"', **item) for place, item in enumerate(items)]
    measured = ", ".join(
        record(metricName=f'"{name}"', **one) for name, one in zip(names, metrics, strict=True)
    )
    of_each = [f'"k{place}": {{"metrics": [{measured}]}}' for place in range(len(items))]
    replies = {
        "projects": f'{{"projects": [{record(projectName=json.dumps("p"), **project)}]}}',
        "experiments": f'{{"experiments": [{", ".join(rows)}]}}',
        "column-names": json.dumps({"columns": [{"name": name} for name in names]}),
        "multi-metric-chart": f'{{"experiments": {{{", ".join(of_each)}}}}}',
    }

    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text=replies[request.url.path.rsplit("/", 1)[1]])

    return handle


@examples(30)
@given(projects, st.lists(experiments, max_size=4), st.tuples(series, series))
def test_no_reply_ends_the_report_and_no_figure_leaves_what_can_be(
    project: Any, items: list[Any], metrics: Any
) -> None:
    try:
        answer = asyncio.run(load(server(project, items, metrics), "w"))
    except SourceError:
        return
    report = build_comet_usage(answer, CometUsageQuery(("w",)), now=NOW)
    found = json.loads(to_json(report))
    totals = found["totals"]
    assert 0 <= totals["experiments"] <= len(items)
    longest = totals["experiments"] * (NOW_MS - ms(2000, 1, 1) + 10**8) / 1_000
    assert 0 <= (totals["run_time_seconds"] or 0) <= longest
    assert 0 <= (totals["gpu_hours"] or 0) <= 2 * longest / 3_600
    assert (
        0 <= (totals["mean_gpu_utilisation"] or 0) <= (totals["peak_gpu_utilisation"] or 0) <= 100
    )
    for row in found["tables"]["by_project"]:
        assert row["listed_experiments"] is None or row["listed_experiments"] >= 0
    for table in report.tables:
        to_csv(report, table.key)
        to_csv(report, table.key, "machine")
    to_terminal(report, width=None, colour=False).encode()


@examples(10)
@given(st.integers(ms(2000, 1, 1) // 1_000, NOW_MS // 1_000))
def test_times_in_seconds_are_read_as_such_and_noted(seconds: int) -> None:
    item = {"startTimeMillis": str(seconds), "endTimeMillis": str(seconds + 3_600)}
    ended = seconds + 3_600 <= NOW_MS // 1_000 + 86_400
    answer = asyncio.run(load(server({}, [item], ({"values": "[]"},) * 2), "w"))
    report = build_comet_usage(answer, CometUsageQuery(("w",)), now=NOW)
    assert report.period is not None
    assert report.period.start == datetime.fromtimestamp(seconds, UTC).date()
    assert report.totals["run_time_seconds"] == (3_600 if ended else None)
    words = "seconds since 1970, not milliseconds, and are read as such"
    assert any(words in note for note in report.notes)

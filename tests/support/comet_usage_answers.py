"""Answers about Comet experiments to build reports from, and hypothesis strategies for them."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
from hypothesis import strategies as st

from lib.exports.values import plain_columns
from lib.periods import Period
from lib.reports.experiments.build import build_comet_usage
from lib.reports.report import Report
from lib.sources.comet.experiments.answer import CometUsageAnswer
from lib.sources.comet.experiments.query import CometUsageQuery
from lib.status import SourceStatus
from tests.support.report_strategies import HOSTILE

NOW = datetime(2026, 11, 21, 1, 40, tzinfo=UTC)
HOUR = 3_600_000
Row = dict[str, Any]

TEXTS = ("workspace", "project", "user", "gpu_rule")
INTS = ("start_ms", "end_ms", "duration_ms", "gpus", "gpus_timed")
FLOATS = ("gpu_mean", "gpu_peak", "memory_mean", "memory_peak", "gpu_seconds")
BOOLS = ("archived", "running")


def ms(*moment: int) -> int:
    """A UTC time in milliseconds since 1970: ``ms(2024, 9, 5, 13)``."""
    return round(datetime(*moment, tzinfo=UTC).timestamp() * 1_000)  # type: ignore[misc,arg-type]


def run(start: int | None, hours: float | None = 1.0, **facts: Any) -> Row:
    """One experiment of ada in vision/detector."""
    end = start + round(hours * HOUR) if start is not None and hours is not None else None
    row = {
        "workspace": "vision",
        "project": "detector",
        "user": "ada",
        "start_ms": start,
        "end_ms": end,
        "archived": False,
    }
    return row | facts


def on_gpu(start: int, mean: float = 50.0, hours: float = 1.0, **facts: Any) -> Row:
    gpu = {
        "gpus": 1,
        "gpus_timed": 1,
        "gpu_mean": mean,
        "gpu_peak": min(mean * 1.5, 100.0),
        "memory_mean": mean / 2,
        "memory_peak": mean,
        "gpu_seconds": hours * 3_600,
        "gpu_rule": "timestamps",
    }
    return run(start, hours, **gpu | facts)


def answer_of(
    rows: Iterable[Row],
    *,
    projects: Iterable[tuple[str, str]] | None = None,
    failed: Iterable[tuple[str, str]] = (),
    listed: int | None = None,
    notes: tuple[str, ...] = (),
) -> CometUsageAnswer:
    rows = [*rows]
    frame = pd.DataFrame(rows, columns=[*TEXTS, *INTS, *FLOATS, *BOOLS], dtype=object)
    for keys, dtype in ((INTS, "Int64"), (FLOATS, "Float64"), (BOOLS, "boolean")):
        frame = frame.astype(dict.fromkeys(keys, dtype))
    frame = frame.astype(dict.fromkeys(TEXTS, "category"))
    frame["experiment_key"] = [f"key-{at}" for at in range(len(rows))]
    asked = projects
    if asked is None:
        asked = dict.fromkeys((row["workspace"], row["project"]) for row in rows)
    asked = [*dict.fromkeys([*asked, *failed])]
    table = pd.DataFrame(asked, columns=["workspace", "project"], dtype=object)
    table["listed_experiments"] = pd.array([listed] * len(asked), "Int64")
    table["last_updated_ms"] = pd.array([ms(2026, 11, 20)] * len(asked), "Int64")
    table["has_gpu"] = pd.array([True] * len(asked), "boolean")
    statuses = [SourceStatus("comet", "projects", "ok", NOW, len(asked))]
    if rows or not [*failed]:
        statuses.append(SourceStatus("comet", "experiments", "ok", NOW, len(rows)))
    statuses += [
        SourceStatus(
            "comet", f"{one}/{two}", "failed", None, None, "It answered 500.", "Try again."
        )
        for one, two in failed
    ]
    answer = CometUsageAnswer((), tuple(statuses), notes, "comet.example")
    vars(answer).update(experiments=frame, projects=table)  # what it would make of its rows
    return answer


def build(answer: CometUsageAnswer, **asked: Any) -> Report:
    return build_comet_usage(answer, CometUsageQuery(("vision",), **asked), now=NOW)


def rows_of(report: Report, table: str = "by_bucket") -> list[Row]:
    found = report.table(table)
    keys = [column.key for column in found.columns]
    return [dict(zip(keys, row, strict=True)) for row in zip(*plain_columns(found), strict=True)]


def figure_of(report: Report, key: str) -> Any:
    return next(figure for figure in report.figures if figure.key == key)


def noted(report: Report, words: str) -> bool:
    return any(words in note for note in report.notes)


DAYS = Period(date(2023, 12, 20), date(2025, 1, 10))
FIRST = datetime(2023, 12, 20, tzinfo=UTC)

# A few moments around ends of years, weeks and a leap day, and any other
starts = st.sampled_from(
    [
        ms(2023, 12, 31, 23, 59, 59),
        ms(2024, 1, 1),
        ms(2024, 2, 29, 12),
        ms(2024, 3, 1) - 1,
        ms(2024, 12, 30),
        ms(2025, 1, 1),
    ]
) | st.integers(0, 388 * 24 * 60).map(
    lambda minutes: round((FIRST + timedelta(minutes=minutes)).timestamp() * 1_000)
)
percents = st.none() | st.integers(0, 400).map(lambda quarter: quarter / 4)


@st.composite
def experiments(draw: st.DrawFn) -> Row:
    start = draw(st.none() | starts)
    gpu = draw(percents)
    facts: Row = {
        "workspace": draw(st.sampled_from(("vision", "a/b", *HOSTILE[:6]))),
        "project": draw(st.sampled_from(("detector", "p", "b/p"))),
        "user": draw(st.sampled_from((None, "ada", "bob", "=cmd()"))),
        "start_ms": start,
        "end_ms": draw(
            st.none() | st.integers(-HOUR, 9 * HOUR).map(lambda ran: (start or HOUR) + ran)
        ),
        "duration_ms": draw(st.none() | st.integers(1, 9 * HOUR)),
        "archived": draw(st.sampled_from((False, False, True, None))),
        "running": draw(st.sampled_from((None, False, True))),
        "gpu_mean": gpu,
        "gpu_peak": gpu,
        "memory_mean": gpu,
        "memory_peak": draw(percents),
        "gpu_seconds": draw(st.none() | st.integers(0, 10**5).map(float)),
    }
    facts["gpu_rule"] = None if facts["gpu_seconds"] is None else "durations"
    return facts


answers = st.lists(experiments(), max_size=30)
units = st.sampled_from(("month", "week", "day", "hour"))

"""OpenAI's answer in the ledger: measures add up to the report, and make the very same report again."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
from hypothesis import given

from lib.reports.openai.build import build_openai_usage
from lib.reports.report import Report
from lib.sources.openai.answer import OpenAIAnswer
from lib.sources.openai.measures import (
    LEDGER_METRICS,
    answer_of,
    facts_of,
    measures_of,
    names_of,
    unknown_metrics,
)
from lib.sources.openai.tables import BREAKDOWN_METRICS, COSTS_BY_USER, DIMENSIONS, ENDPOINTS
from tests.pure.test_openai_report import law
from tests.support.ledger import Row, added, assert_same, kept, written
from tests.support.openai_worlds import answers
from tests.support.replies import NOW, ask

MONTH = "2026-11"
BREAKDOWNS = {
    "by_project": ("project_id", "sub_account"),
    "by_user": ("user_id", "principal"),
    "by_api_key": ("api_key_id", "resource"),
    "by_model": ("model", "sku"),
}


def report_of(answer: OpenAIAnswer) -> Report:
    return build_openai_usage(answer, ask(group_by=DIMENSIONS), now=NOW)


def counted(rows: list[Row], metric: str) -> list[Row]:
    """The measures that a total adds up: of a level, those of the last moment of any level."""
    own = [row for row in rows if row["metric"] == metric and row["quantity"] is not None]
    if LEDGER_METRICS[metric].nature != "level":
        return own
    starts = [
        row["start"] for row in rows if row["nature"] == "level" and row["quantity"] is not None
    ]
    return [row for row in own if row["start"] == max(starts)]


def silent(answer: OpenAIAnswer) -> frozenset[str]:
    """The metrics that a source said nothing of; of partial ones the page shows what there is, and marks it."""
    told = tuple(status for status in answer.statuses if status.status != "partial")
    return unknown_metrics(replace(answer, statuses=told))


def total_of(rows: list[Row], metric: str, answer: OpenAIAnswer) -> Decimal | None:
    """What there is of a metric: nothing was used only where a source said so."""
    if metric in silent(answer):
        return None
    known = added(counted(rows, metric))
    counting = [name for name, endpoint in ENDPOINTS.items() if metric in endpoint.metrics]
    states = [status.status for status in answer.statuses if status.part in counting]
    told = any(row["part"] in counting for row in rows)
    nothing = Decimal(0) if {*states} & {"ok", "partial"} and not told else None
    return nothing if known is None else known


def own_part(metric: str) -> str:
    return COSTS_BY_USER if metric == "billed_cost_by_user" else "costs"


def money_of(rows: list[Row], metric: str, answer: OpenAIAnswer) -> Decimal | None:
    """A sum of money; not known in several currencies, or none that is named."""
    assert metric not in silent(answer) or not any(row["metric"] == metric for row in rows)
    own = [row for row in rows if row["metric"] == metric]
    if not own:
        states = {status.status for status in answer.statuses if status.part == own_part(metric)}
        return Decimal(0) if states & {"ok", "partial"} else None
    units = {row["unit"] for row in own if row["quantity"] is not None}
    return added(own) if len(units) == 1 and units != {""} else None


def split(rows: list[Row], key: Callable[[Row], Any]) -> dict[Any, Decimal | None]:
    return {
        identity: added([row for row in rows if key(row) == identity])
        for identity in map(key, rows)
    }


def cells(report: Report, table: str, column: str, value: str) -> dict[Any, Any]:
    frame = report.table(table).frame
    pairs = zip(frame[column], frame[value], strict=True)
    return {None if pd.isna(one) else one: other for one, other in pairs if not pd.isna(other)}


def model_of(row: Row) -> str | None:
    return None if row["sku"] is None else str(row["sku"]).partition(", ")[0]


def costs_add_up(report: Report, rows: list[Row], answer: OpenAIAnswer) -> None:
    assert report.totals["cost"] == money_of(rows, "billed_cost", answer)
    apart = any(status.part == COSTS_BY_USER for status in answer.statuses)
    for table, (column, key) in BREAKDOWNS.items():
        metric = "billed_cost_by_user" if apart and table == "by_user" else "billed_cost"
        of: Callable[[Row], Any] = model_of if key == "sku" else lambda row, key=key: row[key]
        paid = [row for row in rows if row["metric"] == metric and row["quantity"] is not None]
        expected = split(paid, of) if money_of(rows, metric, answer) is not None else {}
        assert cells(report, table, column, "cost") == expected


@law
@given(answers())
def test_measures_add_up_to_every_total_and_breakdown_and_unknown_stays_unknown(
    answer: OpenAIAnswer,
) -> None:
    report, rows = report_of(answer), kept(measures_of(answer)).to_pylist()
    shown: Mapping[str, Any] = {
        **(report.table("usage").totals or {}),
        **{key: report.table("by_model").totals[key] for key in BREAKDOWN_METRICS},  # type: ignore[index]
        "num_model_requests": report.totals["requests"],
    }
    for metric, total in shown.items():
        assert total == total_of(rows, metric, answer), metric
    for metric in BREAKDOWN_METRICS:
        for table, (column, key) in BREAKDOWNS.items():
            known = [] if metric in silent(answer) else counted(rows, metric)
            expected = split(known, lambda row, key=key: row[key])
            assert cells(report, table, column, metric) == expected
    costs_add_up(report, rows, answer)


@law
@given(answers())
def test_an_answer_comes_back_from_the_ledger_as_the_same_report(answer: OpenAIAnswer) -> None:
    back = read_back(answer)
    assert_same(report_of(back), report_of(answer))
    for name in ("usage", "costs", "costs_by_user"):
        found, expected = getattr(back, name), getattr(answer, name)
        assert (found is None) == (expected is None)
        if found is not None:
            assert [*found] == [*expected]
            assert found.empty or [*found.dtypes] == [*expected.dtypes]
    assert back.names == answer.names


def read_back(answer: OpenAIAnswer) -> OpenAIAnswer:
    measures: pa.Table = kept(measures_of(answer), shuffle=3)
    assert {*measures["month"].to_pylist()} <= {MONTH}
    return answer_of(measures, names_of(answer), written(facts_of(answer, MONTH)))

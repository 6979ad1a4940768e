"""What is kept of a chargeback report: it sums to what the report says, and the report comes back from it."""

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pandas.api.types import is_integer_dtype

from lib.reports.chargeback.build import build_comet_chargeback
from lib.reports.report import Report
from lib.sources.comet.chargeback.answer import ChargebackAnswer
from lib.sources.comet.chargeback.kept import AMOUNTS, PLACES, undocumented
from lib.sources.comet.chargeback.measures import (
    LEDGER_METRICS,
    chargeback_of,
    facts_of,
    measures_of,
    names_of,
    unknown_metrics,
)
from lib.sources.comet.chargeback.query import check_chargeback_query
from lib.sources.comet.chargeback.tables import FIELDS
from lib.usage.exact import values_of
from lib.usage.measure import KEYS
from lib.usage.named import keyed
from tests.support.comet_ledger import (
    MONTH,
    answered,
    cells,
    given_back,
    plain,
    reports,
    sum_of,
)
from tests.support.comet_reports import NOW, Record
from tests.support.profiles import examples

# Shrinking would build thousands of reports; the document that failed is printed as it is
quick = settings(examples(40), phases=[Phase.explicit, Phase.generate])
SERVICE = st.sampled_from([None, frozenset(), frozenset({"ada", "bob"})])
TOTALS = {
    "users": "users",
    "licensed_users": "users",
    "suspended_users": "users",
    "deleted_users": "users",
    "workspaces": "workspaces",
    "projects": "workspaces",
    "experiments": "workspaces",
    "total_size_mb": "workspaces",
}


def built(answer: ChargebackAnswer) -> Report:
    return build_comet_chargeback(answer, check_chargeback_query(), now=NOW)


@quick
@given(reports)
def test_measures_sum_to_the_totals_of_the_report(document: Record) -> None:
    answer = answered(document)
    table, report = measures_of(answer, MONTH), built(answer)
    for total, frame in TOTALS.items():
        metric = "storage_mb" if total == "total_size_mb" else total
        is_empty = frame in answer.report.lists and getattr(answer.report, frame).empty
        assert report.totals[total] == (0 if is_empty else sum_of(table, metric)), total
    for frame, metrics in AMOUNTS.items():
        shown = report.table(frame).totals or {}
        summed = {name: sum_of(table, metric.key) for name, metric in metrics.items()}
        assert shown == {name: summed[name] for name in shown}


@quick
@given(reports)
def test_every_row_is_there_with_every_number_and_null_stays_null(document: Record) -> None:
    answer = answered(document)
    table, report = measures_of(answer, MONTH), built(answer)
    for frame, metrics in AMOUNTS.items():
        shown, places = report.table(frame).frame, PLACES[frame]
        names = [values_of(shown[field]) for field in places.values()]
        for field, metric in metrics.items():
            wanted = Counter(zip(*names, values_of(shown[field]), strict=True))
            assert cells(table, metric.key, *places) == wanted, field


@quick
@given(reports)
def test_every_measure_is_of_a_metric_that_is_told_of_and_there_once(document: Record) -> None:
    rows = measures_of(answered(document), MONTH).to_pylist()
    keys = [(row["metric"], *(row[key] for key in KEYS)) for row in rows]
    assert len({*keys}) == len(keys)
    for row in rows:
        metric = LEDGER_METRICS.get(row["metric"])
        if metric is None:
            assert row["metric"].startswith(f"{row['part']}.")
            assert row["nature"] == "moment"
        else:
            assert (row["unit"], row["nature"]) == (metric.unit, metric.nature)


@quick
@given(reports, SERVICE)
def test_the_report_comes_back_from_what_is_kept(document: Record, service: Any) -> None:
    answer = answered(document, service, notes=("A note.",))
    back = given_back(answer)
    for table in FIELDS:
        assert plain(getattr(back.report, table)) == plain(getattr(answer.report, table))
    assert replace(back.report, **frames(answer)) == replace(answer.report, raw=b"")
    assert plain(built(back)) == plain(built(answer))


def frames(answer: ChargebackAnswer) -> Any:
    """The very frames, for these can only be compared one by one."""
    return {table: getattr(answer.report, table) for table in FIELDS}


@quick
@given(reports, reports)
def test_a_month_that_is_kept_can_be_compared_with(document: Record, earlier: Record) -> None:
    answer, before = answered(document), answered(earlier)
    one = built(replace(answer, earlier=before.report))
    other = built(replace(answer, earlier=given_back(before).report))
    assert plain(one) == plain(other)


@quick
@given(reports, st.randoms(use_true_random=False))
def test_the_order_of_what_is_kept_changes_nothing(document: Record, random: Any) -> None:
    answer = answered(document)
    table, names, facts = measures_of(answer, MONTH), names_of(answer), facts_of(answer)
    places = [*range(len(table))]
    random.shuffle(places)
    shuffled = table.take(pa.array(places, pa.int64()))
    one, other = (chargeback_of(rows, names, facts) for rows in (table, shuffled))
    for part in FIELDS:
        assert plain(getattr(one, part)) == plain(getattr(other, part))


@quick
@given(reports)
def test_without_names_addresses_are_gone_and_keys_stand_for_other_names(document: Record) -> None:
    answer = answered(document)
    erased = chargeback_of(measures_of(answer, MONTH), [], facts_of(answer))
    for table in FIELDS:
        frame = getattr(answer.report, table)
        wanted = (
            frame.assign(email=frame["email"].mask(frame.index >= 0)) if "email" in frame else frame
        )
        free = [name for name in frame if name not in FIELDS[table]]
        texts = [name for name in free if not is_integer_dtype(frame[name].dtype)]
        wanted = wanted.assign(**{key: keyed(f"{table}.{key}", frame[key]) for key in texts})
        assert plain(getattr(erased, table)) == plain(wanted)


@quick
@given(reports)
def test_what_a_missing_list_would_tell_is_not_known(document: Record) -> None:
    answer = answered(document)
    unknown, table = unknown_metrics(answer), measures_of(answer, MONTH)
    assert unknown <= {*LEDGER_METRICS}
    for name, metric in (("users", "users"), ("workspaces", "storage_mb")):
        if name not in answer.report.lists:
            assert metric in unknown
            assert sum_of(table, metric) is None


@pytest.mark.parametrize("table", FIELDS)
def test_every_documented_number_has_a_metric_of_its_own(table: Any) -> None:
    numbers = {name for name, kind in FIELDS[table].items() if kind != "text"}
    assert {*AMOUNTS[table]} == numbers
    keys = [metric.key for metrics in AMOUNTS.values() for metric in metrics.values()]
    assert len({*keys}) == len(keys)
    wholes = {metric.inside for metric in LEDGER_METRICS.values()} - {""}
    assert wholes <= {*LEDGER_METRICS}
    assert undocumented(table, "x") not in LEDGER_METRICS


@quick
@given(reports)
def test_facts_are_json_and_hold_no_address_of_a_user(document: Record) -> None:
    document["users"] = {"licensedUsers": [{"username": "ada", "email": "ada@corp.test"}]}
    answer = answered(document)
    text = json.dumps(facts_of(answer))
    assert "ada@corp.test" not in text
    assert "ada@corp.test" not in str(measures_of(answer, MONTH).to_pylist())
    assert "ada@corp.test" in {name.name for name in names_of(answer)}

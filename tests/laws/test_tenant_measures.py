"""The tenants' answer in the ledger: measures add up to the report, and make the very same report again."""

from collections.abc import Iterable
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from lib.periods import Period, months_before
from lib.sources.tenants.answer import TenantAnswer
from lib.sources.tenants.measures import (
    answer_of,
    facts_of,
    measures_of,
    names_of,
    unknown_metrics,
)
from lib.sources.tenants.tables import METRICS
from tests.pure.test_tenant_report import lists, worlds
from tests.support import tenant_answers
from tests.support.ledger import Row, added, assert_same, kept, written
from tests.support.profiles import examples
from tests.support.tenant_answers import MONTHS, Counters, bad_counter, build, rows_of

bad_counters = st.lists(
    st.builds(
        lambda tenant, metric, period, value: bad_counter(
            tenant, period, metric=metric, value=value
        ),
        st.sampled_from(("abc123", "😀", "a:b:requests", "", None)),
        st.sampled_from((*METRICS, "searches", "", None)),
        st.sampled_from((*MONTHS, "2026-09-14", "2026-09-31", "soon", "", None)),
        st.sampled_from(("5.5", "", None)),
    ),
    max_size=4,
)

law = settings(
    examples(40),
    # A report takes long enough that shrinking a failure would take minutes.
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


def period_of(month: str) -> Period:
    first = date.fromisoformat(f"{month}-01")
    return Period(first, date.fromordinal(months_before(first, -1).toordinal() - 1))


def of_month(measures: pa.Table, month: str) -> pa.Table:
    return measures.filter(pc.equal(measures["month"], month))


def answer(
    counters: Counters, listed: Iterable[str] | None = None, bad: Iterable[Row] = ()
) -> TenantAnswer:
    return tenant_answers.answer_of(counters, listed=listed, bad=bad, notes=("Read this.",))


def split(rows: list[Row], key: str) -> dict[Any, Any]:
    return {of: added([row for row in rows if row[key] == of]) for of in (row[key] for row in rows)}


@law
@given(worlds, lists, bad_counters, st.sampled_from(MONTHS))
def test_measures_add_up_to_every_total_and_tenant_and_unknown_stays_unknown(
    counters: Counters, listed: list[str] | None, bad: list[Row], month: str
) -> None:
    whole = answer(counters, listed, bad)
    measures = of_month(kept(measures_of(whole)), month)
    read = answer_of(measures, [], written(facts_of(whole, month)))
    report, rows = build(whole, period_of(month)), measures.to_pylist()
    unknown = unknown_metrics(read)
    for metric in METRICS:
        own = [row for row in rows if row["metric"] == metric]
        known = added(own)
        assert report.totals[metric] == (None if metric in unknown else known or 0)
        assert (known is None) or metric not in unknown
        by_tenant = {row["tenant_id"]: row[metric] for row in rows_of(report)}
        assert {
            of: value for of, value in split(own, "sub_account").items() if value is not None
        } == {of: value for of, value in by_tenant.items() if value is not None}
        by_month = {row["month"]: row[metric] for row in rows_of(report, "by_month")}
        assert by_month.get(month) == known
    searches = {row["tenant_id"]: row.get("searches") for row in rows_of(report)}
    for of, value in split(
        [row for row in rows if row["metric"] == "searches"], "sub_account"
    ).items():
        assert searches[of] == value


@law
@given(worlds, lists, bad_counters)
@example({("", "requests", "2026-08"): 1, ("", "requests", "2026-08-01"): 2}, None, [])
@example({(name, "requests", "2026-08-31"): 1 for name in tenant_answers.TENANTS}, [], [])
def test_each_month_comes_back_from_the_ledger_as_the_same_report(
    counters: Counters, listed: list[str] | None, bad: list[Row]
) -> None:
    whole = answer(counters, listed, bad)
    measures = kept(measures_of(whole), shuffle=3)
    for month in MONTHS:
        read = answer_of(
            of_month(measures, month), names_of(whole), written(facts_of(whole, month))
        )
        assert_same(build(read, period_of(month)), build(whole, period_of(month)))
        assert [str(read.counters[key].dtype) for key in read.counters] == [
            *["category"] * 3,
            "int64",
        ]


@law
@given(worlds)
def test_all_counters_come_back_each_with_its_tenant_metric_and_period(counters: Counters) -> None:
    whole = answer(counters)
    read = answer_of(kept(measures_of(whole), shuffle=5), [], written(facts_of(whole, "2026-08")))
    found = zip(*(read.counters[key].tolist() for key in read.counters), strict=True)
    assert {tuple(key): value for *key, value in found} == counters
    assert read.months == {period[:7] for _, _, period in counters}


@pytest.mark.parametrize("month", MONTHS)
def test_a_month_without_a_counter_is_an_answer_too(month: str) -> None:
    whole = answer({}, ["abc123"])
    read = answer_of(of_month(measures_of(whole), month), [], written(facts_of(whole, month)))
    assert_same(build(read, period_of(month)), build(whole, period_of(month)))

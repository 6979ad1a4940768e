"""What a row says is what the page says once it is narrowed to it, on every platform."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.cache import Caches
from lib.demo.comet_organisation import CometSize
from lib.demo.comet_server import create_comet_app
from lib.demo.openai_server import create_openai_app
from lib.demo.organisation import make_organisation
from lib.loader.experiments import load_comet_usage
from lib.loader.openai_filters import check_filters
from lib.reports.experiments.build import build_comet_usage
from lib.reports.openai.build import build_openai_usage
from lib.reports.report import Report, Table
from lib.sources.comet.experiments.query import check_usage_query
from lib.sources.openai.names import Directory
from lib.ui import chargeback_controls, openai_controls, tenant_controls, usage_controls
from lib.ui.controls import Control
from lib.ui.drill import narrowed
from lib.ui.table_view import View, pages, see
from tests.support import comet_reports, comet_usage_loads, replies, tenant_answers
from tests.support.profiles import examples
from tests.support.tenant_answers import METRICS, MONTHS, TENANTS

TODAY = date(2026, 11, 21)


class Way(NamedTuple):
    """A row, and what a click on it chooses."""

    table: Table
    row: Mapping[str, Any]
    chosen: Mapping[str, Sequence[str]]


def ways(report: Report, controls: Sequence[Control[Any, Any]]) -> Iterator[Way]:
    """All rows of a report that lead somewhere."""
    nothing: dict[str, list[str]] = {one.key: [] for one in controls if one.narrows}
    for table in report.tables:
        ids = [
            of
            for page in range(1, pages(len(table.frame)) + 1)
            for of in see(table, "", table.frame, View(page=page)).ids
        ]
        for of, row in zip(ids, table.frame.to_dict("records"), strict=True):
            if chosen := narrowed(controls, of, nothing):
                yield Way(table, row, chosen)


def assert_same(way: Way, alone: Report) -> None:
    """The totals of the narrowed report are what the row said."""
    measure = way.table.note.partition(".")[0]
    others = {table.key: table for table in alone.tables}
    if way.table.crossed and (
        way.table.key not in others or not others[way.table.key].note.startswith(measure)
    ):
        return  # one alone may have a single month, or no amount of this kind
    totals = {**(alone.table(way.table.key).totals or {})}
    totals.pop("other", None)  # others than here
    said = {key: value for key, value in way.row.items() if key in totals and value == value}
    assert {key: totals[key] for key in said if said[key] is not None} == pytest.approx(
        {key: value for key, value in said.items() if value is not None}
    ), way.chosen


@pytest.mark.dear
@examples(10)
@given(
    st.dictionaries(
        st.tuples(
            st.sampled_from(TENANTS), st.sampled_from((*METRICS, "odd")), st.sampled_from(MONTHS)
        ),
        st.integers(0, 2**60),
        min_size=1,
        max_size=6,
    )
)
def test_a_tenants_row_is_what_the_page_of_that_tenant_says(counters: Any) -> None:
    answer = tenant_answers.answer_of(counters, listed=("abc123", "nobody"))
    compared = {"compare": "month-before"} if len(counters) % 2 else {}
    report = tenant_answers.build(answer, **compared)
    rows = [*ways(report, tenant_controls._controls(TODAY))]
    assert {one for way in rows for one in way.chosen["red_tenants"]} >= {
        tenant for tenant, *_ in counters if tenant == tenant.strip() != ""
    }
    for way in rows:
        alone = tenant_answers.build(answer, tenants=(*way.chosen["red_tenants"],), **compared)
        assert_same(way, alone)


@examples(15)
@given(comet_reports.documents)
def test_a_workspaces_row_is_what_the_page_of_that_workspace_says(made: Any) -> None:
    controls = chargeback_controls._controls(TODAY)
    report = comet_reports.build(made)
    names = [place.get("name") for place in made["workspaces"]]
    for way in ways(report, controls):
        (name,) = way.chosen["cmc_workspaces"]
        if names.count(name) == 1:  # of several of one name the page shows all
            assert_same(way, comet_reports.build(made, workspaces=[name]))


@pytest.mark.dear
async def test_a_row_of_openai_is_what_the_page_of_it_alone_says() -> None:
    org = make_organisation(hostile_names=True)
    app, query = create_openai_app(org=org, now=lambda: replies.NOW), replies.ask(replies.LAST)
    answer = await replies.load(app, query)
    report = build_openai_usage(answer, query, now=replies.NOW)
    rows = [*ways(report, openai_controls._controls(TODAY))]
    crossed = {"project_by_model", "user_by_project"}
    assert {way.table.key for way in rows} == {
        "by_project",
        "by_user",
        "by_api_key",
        "by_model",
        *crossed,
    }
    for way in rows[::5]:
        asked = {key.removeprefix("oai_"): (*chosen,) for key, chosen in way.chosen.items()}
        narrower = replace(query, **asked)
        check_filters(
            narrower, answer, Directory(answer.names, frozenset({"project", "user"}), {}, {}, {})
        )
        assert_same(way, build_openai_usage(answer, narrower, now=replies.NOW))


@pytest.mark.dear
@pytest.mark.parametrize("hostile", [False, True])
async def test_a_row_of_experiments_is_what_the_page_of_it_alone_says(hostile: bool) -> None:
    size = CometSize(workspaces=5, projects=8, experiments_per_project=4, gpus=(2, 0, 1), points=5)
    now = comet_usage_loads.NOW
    app = create_comet_app(now=lambda: now, size=size, hostile_names=hostile)
    source, caches = comet_usage_loads.source_of(app), Caches()
    places = [one.name for one in app.state.org.workspaces]

    async def report_of(targets: Sequence[str]) -> Report:
        query = check_usage_query(targets=targets, today=TODAY)
        answer = await load_comet_usage(source, source.connect(), query, caches=caches, now=now)
        return build_comet_usage(answer, query, now=now)

    controls = usage_controls._controls(None, TODAY)  # type: ignore[arg-type]
    rows = [*ways(await report_of(places), controls)]
    assert {way.table.key for way in rows} == {"by_project", "by_workspace", "workspace_by_bucket"}
    for way in rows[::2]:
        assert_same(
            way, await report_of(way.chosen["cmu_projects"] or way.chosen["cmu_workspaces"])
        )

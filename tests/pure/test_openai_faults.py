"""What OpenAI gets wrong costs as little as can be, and the report says what."""

from datetime import date, timedelta

import pandas as pd
import pytest
from starlette.applications import Starlette

from lib.cache import Caches
from lib.errors import SourceDenied, SourceReplyError
from lib.loader.openai import load_openai
from lib.reports.openai.build import build_openai_usage
from lib.reports.report import Report
from lib.sources.openai.query import CHOICES
from tests.support.replies import (
    FIRST,
    LAST,
    NOW,
    QUICK,
    ask,
    asked_of,
    connect,
    load,
    report_of,
    status,
    windows,
)

healthy: list[Report] = []


@pytest.fixture
async def whole(stand_in: Starlette) -> Report:
    """The report when nothing goes wrong, built once."""
    if not healthy:
        healthy.append(await report_of(stand_in))
        stand_in.state.requests.clear()
    return healthy[0]


@pytest.mark.parametrize("name", ["completions", "vector_stores", "costs"])
async def test_one_broken_endpoint_leaves_the_others_and_is_named(
    stand_in: Starlette, whole: Report, name: str
) -> None:
    stand_in.state.faults.fail = {name: 500}
    report = await report_of(stand_in)
    assert status(report, name) == "failed"
    assert not report.complete
    assert "incomplete" in report.file_name("csv")
    assert {one.status for one in report.sources if one.name != f"openai:{name}"} == {"ok"}
    figures = {figure.key: figure for figure in report.figures}
    if name == "costs":
        assert report.totals["cost"] is None
        assert report.totals["requests"] == whole.totals["requests"]
    else:
        assert report.totals["cost"] == whole.totals["cost"]
        assert not figures["cost"].incomplete
    assert figures["output_tokens"].incomplete is (name == "completions")
    assert figures["cost"].incomplete is (name == "costs")


@pytest.mark.parametrize("code", [429, 500, 502])
async def test_trouble_that_passes_leaves_no_trace(stand_in: Starlette, code: int) -> None:
    whole = await load(stand_in)
    stand_in.state.faults.fail = {"completions": code, "costs": code, "users": code}
    stand_in.state.faults.fail_times = QUICK.attempts - 1
    stand_in.state.faults.retry_after = 0.01
    asked_of(stand_in)
    answer = await load(stand_in)
    assert {one.status for one in answer.statuses} == {"ok"}
    pd.testing.assert_frame_equal(answer.usage, whole.usage)
    assert asked_of(stand_in)["completions"] == QUICK.attempts


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("html_page", "web page"),
        ("truncated_json", "breaks off"),
        ("bucket_without_results", "results"),
    ],
)
async def test_a_reply_that_cannot_be_read_costs_its_source_only(
    stand_in: Starlette, fault: str, said: str
) -> None:
    setattr(stand_in.state.faults, fault, {"images"})
    report = await report_of(stand_in)
    trouble = [one for one in report.sources if one.status != "ok"]
    assert [one.name for one in trouble] == ["openai:images"]
    assert said in str(trouble[0].detail)
    assert trouble[0].remedy


async def test_a_page_instead_of_data_everywhere_is_one_error(stand_in: Starlette) -> None:
    stand_in.state.faults.html_page = {*CHOICES}
    with pytest.raises(SourceReplyError, match="web page"):
        await load(stand_in)


@pytest.mark.parametrize("missing_decisions", [False, True])
async def test_a_wrong_key_is_one_error_with_one_remedy(
    stand_in: Starlette, missing_decisions: bool
) -> None:
    stand_in.state.faults.missing_decisions = missing_decisions
    with pytest.raises(SourceDenied, match="Incorrect API key") as caught:
        await load_openai(connect(stand_in, "sk-admin-CANARY999"), Caches(), ask(), now=NOW)
    assert "CANARY" not in str(caught.value)
    assert "OPENAI_ADMIN_KEY" in caught.value.remedy
    assert max(asked_of(stand_in)[name] for name in CHOICES) == 1, "a denial is not tried again"


async def test_an_endpoint_the_organisation_is_not_offered_is_skipped(stand_in: Starlette) -> None:
    stand_in.state.faults.missing_decisions = True
    report = await report_of(stand_in)
    assert status(report, "decisions") == "skipped"
    assert report.complete


async def test_failures_are_not_kept(stand_in: Starlette) -> None:
    caches = Caches()
    stand_in.state.faults.fail = {"completions": 500, "projects": 500}
    await load(stand_in, caches=caches)
    stand_in.state.faults.fail = {}
    answer = await load(stand_in, caches=caches)
    assert {one.status for one in answer.statuses} == {"ok"}


async def test_without_the_look_up_permission_only_names_are_lost(stand_in: Starlette) -> None:
    whole = await load(stand_in)
    stand_in.state.faults.no_management_scope = True
    answer = await load(stand_in)
    pd.testing.assert_frame_equal(answer.usage, whole.usage)
    assert whole.costs is not None
    assert answer.costs is not None
    pd.testing.assert_frame_equal(answer.costs, whole.costs)
    assert answer.names == {}
    report = build_openai_usage(answer, ask(), now=NOW)
    assert status(report, "users") == status(report, "api_keys") == "failed"
    (remedy,) = {one.remedy for one in report.sources if one.name == "openai:users"}
    assert "api.management.read" in str(remedy)
    projects = report.table("by_project").frame
    assert projects["project_name"].isna().sum() == projects["project_id"].notna().sum()
    assert not report.complete


@pytest.mark.dear
async def test_days_before_keys_were_split_keep_their_cost_and_later_ones_their_keys(
    stand_in: Starlette,
) -> None:
    query = ask(date(2025, 12, 3), date(2025, 12, 9), endpoints=("completions", "costs"))
    whole = await report_of(stand_in, query)
    asked_of(stand_in)
    stand_in.state.faults.refuse_api_key_before_floor = True
    report = await report_of(stand_in, query)
    assert windows(stand_in) >= {("costs", "2025-12-03", "2025-12-05")}
    assert report.complete
    assert abs(report.totals["cost"] - whole.totals["cost"]) < 1e-9
    costs = report.table("costs").frame
    keyed = costs.groupby("date")["api_key_id"].count()
    assert {str(day) for day, count in keyed.items() if count == 0} == {
        "2025-12-03",
        "2025-12-04",
        "2025-12-05",
    }
    assert len(keyed) == 7
    assert any("2025-12-06" in note and "3 days" in note for note in report.notes)


async def test_costs_by_user_come_from_a_request_of_their_own_where_both_are_refused(
    stand_in: Starlette, whole: Report
) -> None:
    stand_in.state.faults.refuse_user_with_project = True
    caches, query = Caches(), ask()
    report = build_openai_usage(await load(stand_in, query, caches), query, now=NOW)
    assert report.complete
    assert any("by user" in note for note in report.notes)
    total = report.totals["cost"]
    assert abs(total - whole.totals["cost"]) < 1e-9
    for key in ("by_project", "by_user", "by_model"):
        assert abs(sum(report.table(key).frame["cost"].dropna()) - total) < 1e-9
    assert report.table("by_user").frame["user_id"].notna().any()
    asked_of(stand_in)
    await load(stand_in, ask(FIRST - timedelta(days=1), LAST), caches)
    assert asked_of(stand_in)["costs"] == 2, "the refusal is remembered"


async def test_both_refusals_at_once_still_leave_the_whole_cost(stand_in: Starlette) -> None:
    query = ask(date(2025, 12, 3), date(2025, 12, 9), endpoints=("costs",))
    whole = await report_of(stand_in, query)
    stand_in.state.faults.refuse_user_with_project = True
    stand_in.state.faults.refuse_api_key_before_floor = True
    report = await report_of(stand_in, query)
    assert report.complete
    assert abs(report.totals["cost"] - whole.totals["cost"]) < 1e-9


async def test_a_last_page_that_promises_more_ends_all_the_same(
    stand_in: Starlette, whole: Report
) -> None:
    asked_of(stand_in)
    stand_in.state.faults.phantom_last_page = True
    report = await report_of(stand_in)
    assert report.totals == whole.totals
    assert report.complete
    assert asked_of(stand_in)["costs"] == 1


async def test_pages_shorter_than_asked_for_lose_nothing(
    stand_in: Starlette, whole: Report
) -> None:
    asked_of(stand_in)
    stand_in.state.faults.short_pages = {"completions": 1, "costs": 3}
    report = await report_of(stand_in)
    assert report.totals == whole.totals
    asked = asked_of(stand_in)
    assert (asked["completions"], asked["costs"]) == (4, 2)
    assert not [1 for _, pairs in stand_in.state.requests if "page" in dict(pairs)]


async def test_undocumented_fields_are_kept_named_and_in_no_total(
    stand_in: Starlette, whole: Report
) -> None:
    stand_in.state.faults.undeclared_fields = True
    report = await report_of(stand_in)
    assert report.totals == whole.totals
    frame = report.table("usage").frame
    rows = frame[frame["endpoint_type"] == "completions"]
    assert (rows["input_dream_tokens"] == rows["num_model_requests"] * 3).all()
    assert set(rows["dream_state"]) == {"lucid"}
    assert any("input_dream_tokens" in note and "dream_state" in note for note in report.notes)


@pytest.mark.parametrize(("code", "said"), [(403, "no name is missing"), (404, "Not offered")])
async def test_admin_keys_that_may_not_be_listed_are_skipped_as_they_have_no_usage(
    stand_in: Starlette, code: int, said: str
) -> None:
    stand_in.state.faults.fail = {"admin_api_keys": code}
    report = await report_of(stand_in)
    (one,) = [one for one in report.sources if one.status != "ok"]
    assert (one.name, one.status) == ("openai:admin_api_keys", "skipped")
    assert said in str(one.detail)
    assert report.complete


async def test_admin_keys_that_cannot_be_reached_are_a_failure_like_any_other(
    stand_in: Starlette,
) -> None:
    stand_in.state.faults.fail = {"admin_api_keys": 500}
    assert status(await report_of(stand_in), "admin_api_keys") == "failed"

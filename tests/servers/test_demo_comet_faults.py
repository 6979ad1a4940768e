"""The stand-in for a Comet server keeps to the protocol, and breaks it on demand."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from httpx import ASGITransport, AsyncClient
from starlette.applications import Starlette

from lib.demo.comet_answers import ADMIN, ANSWERS
from lib.demo.comet_faults import CometFaults, CometShape
from lib.demo.comet_organisation import CometSize
from lib.demo.comet_server import create_comet_app
from tests.support.servers import serve

NOW = datetime(2026, 11, 21, 13, 40, tzinfo=UTC)
KEY = {"Authorization": "comet-demo-key"}
REST = "/api/rest/v2"
GPU = {"workspaceName": "vision", "projectName": "defect-detector"}
"""A project with four GPUs."""
QUERIES = {
    "projects": {"workspaceName": "vision"},
    **dict.fromkeys(("project", "experiments", "columns"), GPU),
}
METRIC = "sys.gpu.0.gpu_utilization"


@pytest.fixture
def faults() -> CometFaults:
    return CometFaults()


@pytest.fixture
def app(faults: CometFaults) -> Starlette:
    return create_comet_app(now=lambda: NOW, faults=faults)


@pytest.fixture
async def demo(app: Starlette) -> AsyncIterator[AsyncClient]:
    async with client_of(app) as client:
        yield client


def client_of(app: Starlette, **headers: str) -> AsyncClient:
    transport = ASGITransport(app=app)
    return AsyncClient(transport=transport, base_url="http://comet", headers=headers or KEY)


async def ask(client: AsyncClient, name: str, **query: Any) -> httpx.Response:
    answer = ANSWERS[name]
    if answer.method == "POST":
        body = {"targetedExperiments": [], "metrics": [METRIC], **query}
        return await client.post(answer.path, json=body)
    return await client.get(answer.path, params={**QUERIES.get(name, {}), **query})


async def keys_of(client: AsyncClient, **query: Any) -> list[str]:
    reply = await ask(client, "experiments", **query)
    assert reply.status_code == 200, reply.text
    return [one["experimentKey"] for one in reply.json()["experiments"]]


async def series(client: AsyncClient, **body: Any) -> list[dict[str, Any]]:
    keys = body.pop("targetedExperiments", None) or await keys_of(client)
    reply = await ask(client, "metrics", targetedExperiments=keys, **body)
    assert reply.status_code == 200, reply.text
    found = reply.json()["experiments"]
    assert all(key == one["experimentKey"] for key, one in found.items())
    return [metric for one in found.values() for metric in one["metrics"]]


# The protocol


@pytest.mark.parametrize("name", ANSWERS)
async def test_every_endpoint_answers_with_the_bare_content_type(
    demo: AsyncClient, app: Starlette, name: str
) -> None:
    reply = await ask(demo, name)
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
    assert reply.json()
    assert [seen for seen, _pairs in app.state.requests] == [name]


@pytest.mark.parametrize("name", ANSWERS)
async def test_only_the_bare_or_the_smart_key_opens(app: Starlette, name: str) -> None:
    async with client_of(app, Authorization="comet-demo-key*eyJiYXNlVXJsIjoiaCJ9") as client:
        assert (await ask(client, name)).status_code == 200
    for wrong in ("", "comet", "Bearer comet-demo-key", "comet-demo-ke"):
        async with client_of(app, Authorization=wrong) as client:
            reply = await ask(client, name)
        assert reply.status_code == (200 if name == "version" else 401)
        assert name == "version" or reply.json()["msg"] == "Api key is not valid"


async def test_pages_are_numbered_from_one_and_hold_everything_once(demo: AsyncClient) -> None:
    everything = await keys_of(demo, archived="false")
    assert len(everything) > 50
    pages = [await keys_of(demo, page=page, size=20) for page in range(1, 7)]
    assert [key for page in pages for key in page] == everything
    assert [len(page) for page in pages[:3]] == [20, 20, 20]
    down = await keys_of(demo, page=1, size=200, sortBy="startTime", sortOrder="desc")
    up = await keys_of(demo, page=1, size=200, sortBy="startTime", sortOrder="asc")
    assert set(down) == set(up) == set(everything)
    assert down[0] == everything[-1] != up[0]


@pytest.mark.parametrize(
    "query",
    [
        {"page": 0},
        {"page": "x"},
        {"page": 1, "size": -1},
        {"sortBy": "name"},
        {"page": 1, "size": 5, "sortBy": "startTime"},
        {"sortBy": "startTime", "sortOrder": "up"},
    ],
)
async def test_what_cannot_be_paged_or_sorted_by_is_refused(
    demo: AsyncClient, query: dict[str, Any]
) -> None:
    assert (await ask(demo, "experiments", **query)).status_code == 400


@pytest.mark.parametrize(
    ("hint", "first", "last"),
    [("nextPage", 2, None), ("hasMore", True, False), ("totalPages", 2, 2), ("pageCount", 2, 2)],
)
async def test_a_page_may_tell_of_further_ones(
    demo: AsyncClient, app: Starlette, hint: Any, first: object, last: object
) -> None:
    app.state.shape = CometShape(paging_hint=hint)
    replies = [(await ask(demo, "experiments", page=page, size=60)).json() for page in (1, 2)]
    assert [reply[hint] for reply in replies] == [first, last]


@pytest.mark.parametrize("status", [404, 400])
async def test_what_does_not_exist_is_not_found(
    demo: AsyncClient, app: Starlette, status: int
) -> None:
    app.state.shape = CometShape(not_found=status)
    for name, query in (
        ("projects", {"workspaceName": "nowhere"}),
        ("projects", {"workspaceName": "legacy-models"}),
        ("experiments", {"projectName": "nothing"}),
        ("columns", {"projectName": "nothing"}),
    ):
        assert (await ask(demo, name, **query)).status_code == status
    reply = await demo.get(f"{REST}/project", params={"projectId": "0" * 32})
    assert reply.status_code == status
    assert (await demo.get(f"{REST}/projects")).status_code == 400
    assert (await demo.get(f"{REST}/nothing")).status_code == 404


async def test_a_key_sees_only_the_workspaces_of_its_user(
    demo: AsyncClient, app: Starlette
) -> None:
    app.state.visible = 2
    names = (await ask(demo, "workspaces")).json()["workspaceNames"]
    assert names == ["vision", "language"]
    assert (await ask(demo, "projects", workspaceName="robotics")).status_code == 404
    assert len((await ask(demo, "chargeback")).json()["workspaces"]) == 7


async def test_a_prefix_is_for_admin_endpoints_unless_all_are_kept_under_it() -> None:
    for everywhere in (False, True):
        app = create_comet_app(now=lambda: NOW, prefix="/comet", rest_under_prefix=everywhere)
        async with client_of(app) as client:
            for name, answer in ANSWERS.items():
                if answer.method == "GET":
                    query = QUERIES.get(name)
                    inside = await client.get(f"/comet{answer.path}", params=query)
                    outside = await client.get(answer.path, params=query)
                    admin = name in ADMIN
                    assert inside.is_success == (admin or everywhere), name
                    assert outside.is_success != admin, name


# Metrics


async def test_gpu_metrics_are_those_of_the_columns_and_in_their_range(demo: AsyncClient) -> None:
    columns = [one["name"] for one in (await ask(demo, "columns")).json()["columns"]]
    names = [name for name in columns if name.endswith("_utilization")]
    assert sorted(names) == sorted(
        f"sys.gpu.{gpu}.{kind}_utilization" for gpu in range(4) for kind in ("gpu", "memory")
    )
    assert "start_server_timestamp" in columns
    found = await series(demo, metrics=names)
    assert {one["metricName"] for one in found} == set(names)
    assert all(0 <= value <= 100 for one in found for value in one["values"])
    runs = await keys_of(demo)
    assert len(runs) < len([one for one in found if one["metricName"] == METRIC]) * 1.2
    assert len([one for one in found if one["metricName"] == METRIC]) < len(runs)


async def test_samples_are_thinned_out_and_full_series_are_not(demo: AsyncClient) -> None:
    thin = await series(demo, fetchFull=False)
    full = await series(demo, fetchFull=True)
    assert max(len(one["values"]) for one in thin) == CometSize().points
    assert max(len(one["values"]) for one in full) > 200
    for one in (*thin, *full):
        assert len(one["values"]) == len(one["timestamps"]) == len(one["durations"])
    assert [one["timestamps"][-1] for one in thin] == [one["timestamps"][-1] for one in full]


async def test_durations_are_cumulative_or_intervals_of_the_same_time(
    demo: AsyncClient, app: Starlette
) -> None:
    intervals = await series(demo)
    app.state.shape = CometShape(durations="cumulative")
    cumulative = await series(demo)
    assert len(intervals) == len(cumulative) > 50
    for each, summed in zip(intervals, cumulative, strict=True):
        assert each["values"] == summed["values"]
        assert summed["durations"] == sorted(summed["durations"])
        assert sum(each["durations"]) == summed["durations"][-1]
        stretch = each["timestamps"][-1] - each["timestamps"][0]
        assert summed["durations"][-1] - summed["durations"][0] == stretch


async def test_unknown_keys_are_passed_over_and_no_keys_are_empty(demo: AsyncClient) -> None:
    (key, *_others) = await keys_of(demo)
    forged = key[:-1] + ("0" if key[-1] != "0" else "1")
    for keys in ([], [forged], ["x"], ["0" * 32]):
        reply = (await ask(demo, "metrics", targetedExperiments=keys)).json()
        assert reply == {"empty": True, "experiments": {}}
    assert len(await series(demo, targetedExperiments=[key, forged])) == 1
    assert (await ask(demo, "metrics", metrics="loss")).status_code == 400


async def test_values_may_hold_nulls_and_text_and_lack_durations(
    demo: AsyncClient, faults: CometFaults
) -> None:
    faults.null_values, faults.text_values, faults.no_durations = 3, True, True
    for one in await series(demo):
        assert one["values"][2::3] == [None] * (len(one["values"]) // 3)
        assert all(isinstance(value, str) for value in one["values"][:2])
        assert "durations" not in one


async def test_too_many_keys_are_refused_as_the_server_likes(
    demo: AsyncClient, faults: CometFaults
) -> None:
    keys = await keys_of(demo)
    faults.most_keys = 20
    for status in (400, 413, 500):
        faults.too_many_keys = status
        reply = await ask(demo, "metrics", targetedExperiments=keys[:21])
        assert reply.status_code == status
        assert len(await series(demo, targetedExperiments=keys[:20])) > 10


# Trouble


@pytest.mark.parametrize("name", ANSWERS)
async def test_a_failure_lasts_as_often_as_it_is_told_to(
    demo: AsyncClient, faults: CometFaults, name: str
) -> None:
    faults.fail, faults.fail_times, faults.retry_after = {name: 503}, 2, 1.5
    replies = [await ask(demo, name) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [503, 503, 200]
    assert replies[0].headers["retry-after"] == "1.5"
    assert replies[0].json()["msg"] == "service unavailable"


async def test_one_project_fails_and_its_neighbours_do_not(
    demo: AsyncClient, faults: CometFaults
) -> None:
    keys = await keys_of(demo)
    for name, status in (("experiments", 404), ("columns", 403), ("metrics", 500)):
        faults.fail_project = {(name, "defect-detector"): status}
        query = {"targetedExperiments": keys} if name == "metrics" else {}
        assert (await ask(demo, name, **query)).status_code == status
        if name != "metrics":
            assert (await ask(demo, name, projectName="sim2real")).status_code == 200


async def test_only_administrators_are_told_what_others_use(
    demo: AsyncClient, faults: CometFaults
) -> None:
    faults.no_admin = True
    statuses = {name: (await ask(demo, name)).status_code for name in ANSWERS}
    assert {name for name, status in statuses.items() if status == 403} == ADMIN
    assert {status for name, status in statuses.items() if name not in ADMIN} == {200}


@pytest.mark.parametrize("name", ANSWERS)
async def test_answers_may_be_pages_fragments_or_of_another_type(
    demo: AsyncClient, faults: CometFaults, name: str
) -> None:
    faults.content_type = {name: "application/json;charset=utf-8"}
    whole = await ask(demo, name)
    assert whole.headers["content-type"] == "application/json;charset=utf-8"
    faults.truncated_json = {name}
    assert (await ask(demo, name)).content == whole.content[: len(whole.content) // 2]
    faults.truncated_json, faults.empty_object = set(), {name}
    assert (await ask(demo, name)).json() == {}
    faults.html_page = {name}
    page = await ask(demo, name)
    assert (page.status_code, page.headers["content-type"][:9]) == (200, "text/html")


async def test_a_server_may_ignore_paging_and_starting_times(
    demo: AsyncClient, faults: CometFaults
) -> None:
    everything = await keys_of(demo)
    faults.ignores_paging = faults.no_start_times = True
    assert await keys_of(demo, page=2, size=10) == everything
    reply = (await ask(demo, "experiments")).json()
    assert {one["startTimeMillis"] for one in reply["experiments"]} == {None}


async def test_a_redirect_leads_to_the_same_question_elsewhere(
    demo: AsyncClient, faults: CometFaults
) -> None:
    faults.redirect, faults.redirect_to = {"experiments"}, "https://other.test"
    reply = await ask(demo, "experiments", page=1)
    assert reply.status_code == 307
    asked = "workspaceName=vision&projectName=defect-detector&page=1"
    assert reply.headers["location"] == f"https://other.test{REST}/experiments?{asked}"


async def test_a_gateway_fails_in_html(demo: AsyncClient, faults: CometFaults) -> None:
    faults.fail = {"workspaces": 502}
    reply = await ask(demo, "workspaces")
    assert (reply.status_code, "<html>" in reply.text) == (502, True)


def test_a_hanging_endpoint_lets_go_when_nobody_waits_any_more(app: Starlette) -> None:
    app.state.faults.hang = {"workspaces"}
    with serve(app) as url:
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{url}{REST}/workspaces", headers=KEY, timeout=0.2)
        assert httpx.get(f"{url}{REST}/account-details", headers=KEY).status_code == 200


async def test_every_answer_waits_for_the_latency(demo: AsyncClient, faults: CometFaults) -> None:
    faults.latency_seconds = 0.05
    started = time.perf_counter()
    await asyncio.gather(*(ask(demo, "version") for _ in range(20)))
    assert time.perf_counter() - started >= 0.05

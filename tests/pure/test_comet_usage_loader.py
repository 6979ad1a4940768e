"""From a Comet server's experiments to an answer: what is asked, kept and shared."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from lib.api_client import Terms
from lib.cache import Caches
from lib.demo.comet_faults import CometShape
from lib.demo.comet_organisation import CometSize
from lib.demo.comet_server import create_comet_app
from lib.errors import InputError, SourceDenied
from lib.loader.experiments import load_comet_usage, load_projects, load_workspaces
from lib.sources.comet.experiments.query import CometUsageQuery
from tests.support.comet_usage_loads import (
    NOW,
    SIZE,
    asked,
    load,
    page_server,
    projects_of,
    source_of,
    statuses,
)


@pytest.fixture
def app() -> Starlette:
    return create_comet_app(now=lambda: NOW, size=SIZE)


async def test_every_experiment_of_the_workspaces_is_there_once_as_the_server_gave_it(
    app: Starlette,
) -> None:
    answer = await load(app)
    assert statuses(answer) == {"comet:projects": "ok", "comet:experiments": "ok"}
    laboratory, millis = app.state.laboratory, int(NOW.timestamp() * 1_000)
    expected = {
        item["experimentKey"]: (
            item["workspaceName"],
            item["projectName"],
            item["userName"],
            item["startTimeMillis"],
            item["endTimeMillis"],
            item["durationMillis"] or None,
        )
        for project in app.state.org.projects
        for item in laboratory.items(project, millis, archived=False)
    }
    columns = ["workspace", "project", "user", "start_ms", "end_ms", "duration_ms"]
    frame = answer.experiments.set_index("experiment_key")[columns].astype(object)
    found = {key: tuple(row) for key, row in frame.where(frame.notna(), None).T.items()}
    assert found == expected
    assert not answer.experiments["archived"].any()
    assert len(answer.projects) == len(app.state.org.projects)
    assert answer.host == "demo.localhost"


async def test_an_answer_is_short_to_write_down_however_much_is_in_it(app: Starlette) -> None:
    # asyncio.run() writes its result down at its end, and throws it away
    answer = await load(app)
    assert len(answer.experiments) > 200
    assert len(repr(answer)) < 300 * len(answer.projects_read) + 1_000


async def test_gpu_figures_are_those_of_the_series_that_the_server_sends(app: Starlette) -> None:
    answer = await load(app)
    frame = answer.experiments
    assert answer.projects.set_index("project")["has_gpu"].to_dict() == {
        one.name: bool(one.gpus) for one in app.state.org.projects
    }
    row = frame[frame["gpus"] == 2].iloc[0]
    names = [f"sys.gpu.{gpu}.{kind}_utilization" for gpu in range(2) for kind in ("gpu", "memory")]
    client = source_of(app).connect()
    body = {"targetedExperiments": [row["experiment_key"]], "metrics": names, "fetchFull": False}
    reply = await client.post_json("/api/rest/v2/experiments/multi-metric-chart", body)
    series = {
        one["metricName"]: one for one in reply["experiments"][row["experiment_key"]]["metrics"]
    }
    values = {name: [float(value) for value in series[name]["values"]] for name in names}
    means = {name: sum(one) / len(one) for name, one in values.items()}
    peaks = {name: max(one) for name, one in values.items()}
    for column, numbers, kind in (
        ("gpu_mean", means, "gpu_u"),
        ("gpu_peak", peaks, "gpu_u"),
        ("memory_mean", means, "memory_u"),
        ("memory_peak", peaks, "memory_u"),
    ):
        both = [number for name, number in numbers.items() if f".{kind}" in name]
        assert row[column] == pytest.approx(sum(both) / 2)
    times = [series[name]["timestamps"] for name in names[::2]]
    assert row["gpu_seconds"] == sum(one[-1] - one[0] for one in times) / 1_000
    assert row["gpu_rule"] == "timestamps"
    without = frame[frame["gpus"].isna()]
    assert len(without)
    assert (
        without[["gpu_mean", "gpu_peak", "memory_mean", "gpu_seconds", "gpu_rule"]]
        .isna()
        .all()
        .all()
    )


@pytest.mark.parametrize("durations", ["cumulative", "intervals"])
async def test_both_meanings_of_durations_give_about_the_same_gpu_time(durations: Any) -> None:
    size = CometSize(workspaces=1, projects=1, experiments_per_project=40, gpus=(2,), points=60)
    app = create_comet_app(now=lambda: NOW, size=size, shape=CometShape(durations=durations))
    usual = (await load(app, "vision")).experiments

    async def without_timestamps(request: httpx.Request) -> httpx.Response:
        reply = await httpx.ASGITransport(app=app).handle_async_request(request)
        text = (await reply.aread()).decode().replace('"timestamps"', '"times"')
        return httpx.Response(reply.status_code, text=text)

    found = (await load(without_timestamps, "vision")).experiments
    long = (usual["gpu_seconds"] > 3_600).fillna(False)
    rules = set(found[long]["gpu_rule"])
    assert rules == {"durations" if durations == "cumulative" else "intervals"}
    assert found[long]["gpu_seconds"].to_numpy() == pytest.approx(
        usual[long]["gpu_seconds"].to_numpy(), rel=0.03
    )


# What is asked


async def test_another_unit_range_or_group_asks_nothing(app: Starlette) -> None:
    caches = Caches()
    first = await load(app, caches=caches)
    app.state.requests.clear()
    source = source_of(app)
    query = CometUsageQuery(("vision", "language"), unit="hour", group="user", utilisation="peak")
    second = await load_comet_usage(source, source.connect(), query, caches=caches, now=NOW)
    third = await load(app, f"vision/{projects_of(app)[0].name}", caches=caches)
    assert not app.state.requests
    assert second.experiments.equals(first.experiments)
    assert len(third.projects) == 1


async def test_asking_again_lists_projects_and_fetches_only_what_changed(app: Starlette) -> None:
    caches = Caches()
    await load(app, caches=caches)
    app.state.requests.clear()
    later = NOW + timedelta(minutes=1)
    await load(app, caches=caches, again=True, now=later)
    assert asked(app) == {"projects": 2}
    app.state.requests.clear()
    app.state.now = lambda: NOW + timedelta(days=12)
    answer = await load(app, caches=caches, again=True, now=later + timedelta(minutes=1))
    counts = asked(app)
    assert counts["projects"] == 2
    assert counts["columns"] <= len(app.state.org.projects)
    # A page more where the count has archived experiments in it and no page was longer yet
    assert counts["columns"] <= counts["experiments"] <= 2 * counts["columns"]
    assert answer.projects["last_updated_ms"].max() > NOW.timestamp() * 1_000
    frame = answer.experiments
    assert set(frame["experiment_key"]) == set((await load(app)).experiments["experiment_key"])


async def test_archived_experiments_are_asked_for_only_on_demand_and_kept_apart(
    app: Starlette,
) -> None:
    caches = Caches()
    first = await load(app, caches=caches)
    lists = [dict(query)["archived"] for name, query in app.state.requests if name == "experiments"]
    assert set(lists) == {"False"}
    app.state.requests.clear()
    both = await load(app, caches=caches, archived=True)
    lists = [dict(query)["archived"] for name, query in app.state.requests if name == "experiments"]
    assert set(lists) == {"True"}
    assert asked(app)["columns"] == asked(app)["projects"] == 0
    kept = both.experiments[~both.experiments["archived"]]
    assert set(kept["experiment_key"]) == set(first.experiments["experiment_key"])
    assert both.experiments["archived"].sum() > 0
    app.state.requests.clear()
    await load(app, caches=caches, archived=True)
    assert not app.state.requests


async def test_sessions_that_ask_at_once_share_their_requests(app: Starlette) -> None:
    caches = Caches()
    await load(app)
    alone = asked(app)
    app.state.requests.clear()
    await asyncio.gather(*(load(app, caches=caches) for _ in range(5)))
    assert asked(app) == alone


async def test_another_key_shares_nothing(app: Starlette) -> None:
    caches = Caches()
    await load(app, caches=caches)
    with pytest.raises(SourceDenied):
        await load(app, caches=caches, key="somebody-elses")


async def test_no_more_than_needed_is_asked_and_metrics_only_of_projects_with_gpus() -> None:
    app = create_comet_app(
        now=lambda: NOW,
        size=CometSize(workspaces=1, projects=2, experiments_per_project=300, gpus=(1, 0)),
    )
    answer = await load(app, "vision")
    counts = asked(app)
    assert (counts["projects"], counts["columns"]) == (1, 2)
    assert counts["experiments"] in (3, 4)  # the count has archived ones in it
    batches = [
        int(dict(query)["experiments"]) for name, query in app.state.requests if name == "metrics"
    ]
    with_gpu = answer.experiments["project"] == projects_of(app)[0].name
    assert sum(batches) == with_gpu.sum()
    assert max(batches) <= 250
    assert len(batches) == -(-with_gpu.sum() // 250)


@pytest.mark.parametrize(
    ("server", "pages"),
    [
        (page_server(2_500), 3),
        (page_server(2_000), 3),
        (page_server(2_000, counted=False), 3),
        (page_server(999), 1),
        (page_server(2_500, ignores=True), 1),
        (page_server(1_000, ignores=True, counted=False), 2),
        (page_server(450, most=200), 3),
        (page_server(0), 1),
    ],
)
async def test_all_pages_come_and_a_server_that_ignores_paging_is_noticed(
    server: Any, pages: int
) -> None:
    answer = await load(server, "w")
    total = len(answer.experiments)
    assert server.requests.count("experiments") == pages
    assert answer.experiments["experiment_key"].is_unique
    assert answer.projects["listed_experiments"].isna().all() or total == sum(
        answer.projects["listed_experiments"]
    )
    server.requests.clear()


@pytest.mark.parametrize("under_prefix", [False, True])
async def test_the_rest_api_is_found_with_and_without_the_prefix_and_remembered(
    under_prefix: bool,
) -> None:
    app = create_comet_app(
        now=lambda: NOW, size=SIZE, prefix="/comet", rest_under_prefix=under_prefix
    )
    seen: list[str] = []

    async def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        if under_prefix and request.url.path.startswith("/api/"):
            return httpx.Response(200, text="<html>sign in</html>")
        reply = await httpx.ASGITransport(app=app).handle_async_request(request)
        return httpx.Response(reply.status_code, content=await reply.aread())

    caches = Caches()
    url = "http://demo.localhost/comet/clientlib/"
    answer = await load(handle, "vision", url=url, caches=caches)
    assert statuses(answer) == {"comet:projects": "ok", "comet:experiments": "ok"}
    wrong = [path for path in seen if path.startswith("/comet/") is not under_prefix]
    assert wrong == (["/api/rest/v2/projects"] if under_prefix else [])
    seen.clear()
    await load(handle, "language", url=url, caches=caches)
    assert all(path.startswith("/comet/") is under_prefix for path in seen)


async def test_the_credential_does_not_go_to_another_server(app: Starlette) -> None:
    client = source_of(app).connect()
    with pytest.raises(ValueError, match="another server"):
        await client.get_bytes("/x", terms=Terms("http://elsewhere.localhost"))


# Targets


@pytest.mark.parametrize("not_found", [400, 404])
async def test_an_unknown_workspace_is_told_its_nearest(app: Starlette, not_found: int) -> None:
    app.state.shape = CometShape(not_found=not_found)
    with pytest.raises(InputError) as told:
        await load(app, "vison")
    assert str(told.value) == "target: no workspace is named 'vison'. Did you mean 'vision'?"


async def test_an_unknown_project_is_told_its_nearest(app: Starlette) -> None:
    name = projects_of(app)[0].name
    with pytest.raises(InputError) as told:
        await load(app, f"vision/{name[:-1]}")
    assert repr(name) in told.value.remedy


async def test_targets_that_overlap_count_once(app: Starlette) -> None:
    name = projects_of(app)[0].name
    once = await load(app, "vision")
    twice = await load(app, f"vision/{name}", "vision", f"vision/{name}")
    assert sorted(twice.experiments["experiment_key"]) == sorted(once.experiments["experiment_key"])
    assert len(twice.projects) == len(once.projects)


async def test_workspaces_and_projects_can_be_listed_to_choose_from(app: Starlette) -> None:
    source, caches = source_of(app), Caches()
    client = source.connect()
    for _ in range(2):
        assert await load_workspaces(source, client, caches=caches) == ("vision", "language")
        found = await load_projects(source, client, "vision", caches=caches)
        assert [one.name for one in found] == [one.name for one in projects_of(app)]
    assert asked(app) == {"workspaces": 1, "projects": 1}
    with pytest.raises(InputError, match="Did you mean 'vision'"):
        await load_projects(source, client, "visions", caches=caches)


async def test_awkward_names_are_asked_for_and_kept_as_they_are() -> None:
    app = create_comet_app(
        now=lambda: NOW,
        hostile_names=True,
        size=CometSize(workspaces=18, projects=40, experiments_per_project=3, points=3),
    )
    present = app.state.org.workspaces
    answer = await load(
        app,
        *(one.name.strip().strip("/") for one in present if one.deleted > NOW.timestamp() * 1e3),
    )
    expected = {
        (one.workspace.name, one.name)
        for one in app.state.org.projects
        if one.workspace.deleted > NOW.timestamp() * 1_000
    }
    assert (
        set(answer.projects[["workspace", "project"]].itertuples(index=False, name=None))
        == expected
    )
    assert statuses(answer) == {"comet:projects": "ok", "comet:experiments": "ok"}

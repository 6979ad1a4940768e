"""From a Comet server's experiments to an answer: what is asked, kept, missing and said."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from loguru import logger
from pydantic import SecretStr
from starlette.applications import Starlette

from lib.api_client import ApiClient, Retry, Terms
from lib.cache import Caches
from lib.demo.comet_faults import CometShape
from lib.demo.comet_organisation import CometSize
from lib.demo.comet_server import create_comet_app
from lib.errors import InputError, SourceDenied, SourceError, SourceReplyError, SourceUnavailable
from lib.loader.comet import CometSource, comet_source
from lib.loader.comet_usage import load_comet_usage, load_projects, load_workspaces
from lib.loader.progress import Progress
from lib.settings import Settings
from lib.sources.comet.metrics import Patience
from lib.sources.comet.usage_answer import CometUsageAnswer
from lib.sources.comet.usage_query import CometUsageQuery
from lib.status import SourceStatus

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
KEY = "comet-demo-key*eyJiYXNlVXJsIjoiaHR0cDovL2RlbW8ubG9jYWxob3N0In0"
CANARIES = ("comet-demo-key", "eyJiYXNlVXJsIjoiaHR0cDovL2RlbW8ubG9jYWxob3N0In0")
QUICK = Retry(attempts=2, first_wait=0.01, longest_wait=0.02)
SIZE = CometSize(workspaces=2, projects=6, experiments_per_project=40, gpus=(2, 0, 1), points=5)


@pytest.fixture
def app() -> Starlette:
    return create_comet_app(now=lambda: NOW, size=SIZE)


def source_of(
    app: Any, key: str = KEY, url: str = "http://demo.localhost/clientlib/"
) -> CometSource:
    server = Settings.model_construct(comet_api_key=SecretStr(key), comet_url_override=url)
    transport = (
        httpx.ASGITransport(app=app) if isinstance(app, Starlette) else httpx.MockTransport(app)
    )
    return comet_source(server, transport=transport, retry=QUICK)


def ask(*targets: str, archived: bool = False) -> CometUsageQuery:
    return CometUsageQuery(targets, archived=archived)


async def load(
    app: Any,
    *targets: str,
    caches: Caches | None = None,
    archived: bool = False,
    **more: Any,
) -> CometUsageAnswer:
    source = source_of(app, **{name: more.pop(name) for name in ("key", "url") if name in more})
    query = ask(*(targets or ("vision", "language")), archived=archived)
    more.setdefault("now", NOW)
    return await load_comet_usage(
        source, source.connect(), query, caches=caches or Caches(), **more
    )


def statuses(answer: CometUsageAnswer) -> dict[str, str]:
    return {one.name: one.status for one in answer.statuses}


def status(answer: CometUsageAnswer, name: str) -> SourceStatus:
    return next(one for one in answer.statuses if one.name == name)


def asked(app: Starlette) -> Counter[str]:
    return Counter(name for name, _ in app.state.requests)


def projects_of(app: Starlette, workspace: str = "vision") -> list[Any]:
    return [one for one in app.state.org.projects if one.workspace.name == workspace]


def a_gpu_project(app: Starlette) -> Any:
    return next(one for one in projects_of(app) if one.gpus)


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
    assert counts["experiments"] == counts["columns"] <= len(app.state.org.projects)
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
    assert counts == {"projects": 1, "experiments": 2, "columns": 2, "metrics": counts["metrics"]}
    batches = [
        int(dict(query)["experiments"]) for name, query in app.state.requests if name == "metrics"
    ]
    with_gpu = answer.experiments["project"] == projects_of(app)[0].name
    assert sum(batches) == with_gpu.sum()
    assert max(batches) <= 250
    assert len(batches) == -(-with_gpu.sum() // 250)


def page_server(
    total: int, *, ignores: bool = False, most: int = 1_000, counted: bool = True
) -> Any:
    """A server of one project without GPUs; ``requests`` counts what it is asked."""

    def handle(request: httpx.Request) -> httpx.Response:
        handle.requests.append(request.url.path.rsplit("/", 1)[1])  # type: ignore[attr-defined]
        if request.url.path.endswith("/projects"):
            listed = {"numberOfExperiments": total} if counted else {}
            return httpx.Response(200, json={"projects": [{"projectName": "p", **listed}]})
        if request.url.path.endswith("/column-names"):
            return httpx.Response(200, json={"columns": []})
        page, size = int(request.url.params["page"]), min(most, int(request.url.params["size"]))
        first = 0 if ignores else (page - 1) * size
        keys = range(first, min(total, first + (total if ignores else size)))
        items = [{"experimentKey": f"k{key}", "startTimeMillis": 1} for key in keys]
        return httpx.Response(200, json={"experiments": items})

    handle.requests = []  # type: ignore[attr-defined]
    return handle


@pytest.mark.parametrize(
    ("server", "pages"),
    [
        (page_server(2_500), 3),
        (page_server(2_000), 2),
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


# What fails


@pytest.mark.parametrize("code", [500, 403, 404])
@pytest.mark.parametrize("endpoint", ["experiments", "columns", "metrics"])
async def test_one_failing_project_leaves_the_others_whole(
    app: Starlette, endpoint: str, code: int
) -> None:
    whole = (await load(app)).experiments
    broken = a_gpu_project(app)
    app.state.faults.fail_project[endpoint, broken.name] = code
    answer = await load(app)
    name = f"comet:vision/{broken.name}"
    assert statuses(answer) == {
        "comet:projects": "ok",
        "comet:experiments": "ok",
        name: "failed" if endpoint == "experiments" else "partial",
    }
    assert str(code) in (status(answer, name).detail or "")
    assert status(answer, name).remedy
    others = whole["project"] != broken.name
    kept = answer.experiments[answer.experiments["project"] != broken.name]
    assert sorted(kept["experiment_key"]) == sorted(whole[others]["experiment_key"])
    assert kept["gpu_seconds"].sum() == pytest.approx(whole[others]["gpu_seconds"].sum())
    mine = answer.experiments[answer.experiments["project"] == broken.name]
    assert len(mine) == (0 if endpoint == "experiments" else (~others).sum())
    assert mine["gpu_mean"].isna().all()


async def test_what_failed_is_asked_again_only_on_demand(app: Starlette) -> None:
    caches = Caches()
    broken = a_gpu_project(app)
    app.state.faults.fail_project["metrics", broken.name] = 403
    await load(app, caches=caches)
    app.state.faults.fail_project.clear()
    app.state.requests.clear()
    assert len((await load(app, caches=caches)).statuses) == 3
    assert not app.state.requests
    answer = await load(app, caches=caches, again=True, now=NOW + timedelta(seconds=5))
    assert statuses(answer) == {"comet:projects": "ok", "comet:experiments": "ok"}
    assert asked(app) == {"projects": 2, "experiments": 1, "metrics": 1}


@pytest.mark.parametrize("code", [400, 413, 500, 504])
@pytest.mark.parametrize("most", [1, 7])
async def test_batches_that_are_too_large_are_halved_until_the_server_bears_them(
    app: Starlette, code: int, most: int
) -> None:
    whole = (await load(app)).experiments
    app.state.faults.most_keys = most
    app.state.faults.too_many_keys = code
    app.state.requests.clear()
    answer = await load(app)
    assert statuses(answer) == {"comet:projects": "ok", "comet:experiments": "ok"}
    assert answer.experiments.equals(whole)
    assert asked(app)["metrics"] < 4 * len(whole)


async def test_one_poisonous_experiment_costs_only_its_own_figures(app: Starlette) -> None:
    whole = (await load(app)).experiments
    poison = whole[whole["gpus"].notna()]["experiment_key"].iloc[7]

    async def handle(request: httpx.Request) -> httpx.Response:
        if poison in (await request.aread()).decode():
            return httpx.Response(500)
        reply = await httpx.ASGITransport(app=app).handle_async_request(request)
        return httpx.Response(reply.status_code, content=await reply.aread())

    answer = await load(handle)
    lost = answer.experiments["experiment_key"] == poison
    assert answer.experiments[lost]["gpu_mean"].isna().all()
    assert (
        answer.experiments[~lost].reset_index(drop=True).equals(whole[~lost].reset_index(drop=True))
    )
    partial = [one for one in answer.statuses if one.status == "partial"]
    assert len(partial) == 1
    assert (partial[0].detail or "").startswith("GPU figures of 1 of ")


@pytest.mark.parametrize("endpoint", ["metrics", "columns"])
async def test_a_hang_costs_a_project_its_figures_and_nothing_else(
    app: Starlette, endpoint: str
) -> None:
    app.state.faults.fail_project[endpoint, a_gpu_project(app).name] = 404
    answer = await load(app, "vision", patience=Patience(seconds=0.05))
    assert len(answer.experiments)
    app.state.faults.hang = {"metrics"}
    answer = await load(app, patience=Patience(seconds=0.02))
    assert len(answer.experiments)
    assert answer.experiments["gpu_mean"].isna().all()
    late = [one.detail or "" for one in answer.statuses if one.status == "partial"]
    assert any("did not answer in time" in one for one in late)


async def test_a_server_whose_metrics_are_down_is_not_asked_for_every_experiment(
    app: Starlette,
) -> None:
    app.state.faults.fail = {"metrics": 500}
    answer = await load(app)
    assert asked(app)["metrics"] < 20 * len(app.state.org.projects)
    with_gpu = answer.projects["has_gpu"].sum()
    assert Counter(statuses(answer).values())["partial"] == with_gpu


async def test_nulls_and_text_among_values_are_skipped_and_said(app: Starlette) -> None:
    app.state.faults.null_values = 3
    answer = await load(app)
    assert statuses(answer) == {"comet:projects": "ok", "comet:experiments": "ok"}
    assert answer.experiments["gpu_mean"].notna().any()
    assert any("null" in note for note in answer.notes)
    app.state.faults.null_values = 0
    usual = (await load(app)).experiments
    app.state.faults.text_values = True
    assert (await load(app)).experiments.equals(usual)


@pytest.mark.parametrize("endpoint", ["projects", "experiments", "columns", "metrics"])
@pytest.mark.parametrize("fault", ["html_page", "truncated_json", "empty_object"])
async def test_replies_of_another_shape_are_failures_not_nothing(
    app: Starlette, endpoint: str, fault: str
) -> None:
    getattr(app.state.faults, fault).add(endpoint)
    if endpoint in ("projects", "experiments"):
        with pytest.raises(SourceReplyError):
            await load(app)
        return
    answer = await load(app)
    assert len(answer.experiments)
    assert "partial" in statuses(answer).values()


async def test_a_workspace_that_gives_no_list_is_named_and_the_others_stand(app: Starlette) -> None:
    async def handle(request: httpx.Request) -> httpx.Response:
        if request.url.params.get("workspaceName") == "language":
            return httpx.Response(403, json={"msg": "not a member"})
        reply = await httpx.ASGITransport(app=app).handle_async_request(request)
        return httpx.Response(reply.status_code, content=await reply.aread())

    answer = await load(handle)
    lists = status(answer, "comet:projects")
    assert lists.status == "partial"
    assert "Workspace language is missing" in (lists.detail or "")
    assert set(answer.experiments["workspace"]) == {"vision"}


async def test_when_nothing_can_be_read_one_error_says_why(app: Starlette) -> None:
    app.state.faults.fail = {"projects": 500}
    with pytest.raises(SourceUnavailable, match="500"):
        await load(app)
    app.state.faults.fail = {"experiments": 403}
    with pytest.raises(SourceDenied):
        await load(app)


async def test_a_page_that_fails_leaves_the_pages_before_it_and_is_said() -> None:
    server = page_server(2_500)

    def handle(request: httpx.Request) -> httpx.Response:
        late = request.url.params.get("page") == "3"
        return httpx.Response(403) if late else server(request)

    answer = await load(handle, "w")
    assert len(answer.experiments) == 2_000
    detail = status(answer, "comet:w/p").detail or ""
    assert detail.startswith("Only the first 2,000 experiments came: ")
    assert status(answer, "comet:w/p").status == "partial"


async def test_failures_of_a_typed_host_are_told_alike(app: Starlette) -> None:
    texts = set()
    for fault in ({"projects": 500}, {"projects": 403}, {"projects": 404, "workspaces": 404}):
        app.state.faults.fail = fault
        server = Settings.model_construct(comet_api_key=None, comet_url_override=None)
        source = comet_source(
            server,
            "http://typed.localhost",
            SecretStr(KEY),
            transport=httpx.ASGITransport(app=app),
        )
        object.__setattr__(source, "typed_seconds", 0.05)
        with pytest.raises(SourceError) as told:
            await load_comet_usage(source, source.connect(), ask("vision"), caches=Caches())
        texts.add((type(told.value), str(told.value)))
    assert len(texts) == 1


@pytest.fixture
def logged() -> Iterator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lines.append, level="TRACE")
    yield lines
    logger.remove(sink)


async def test_no_key_in_errors_statuses_notes_or_logs(app: Starlette, logged: list[str]) -> None:
    told = []
    for endpoint in ("projects", "experiments", "columns", "metrics"):
        for code in (401, 403, 404, 413, 500):
            app.state.faults.fail = {endpoint: code}
            try:
                answer = await load(app, "vision")
                told += [repr(answer.statuses), repr(answer.notes)]
            except (SourceError, InputError) as error:
                told += [str(error), repr(error), repr(error.__cause__)]
    text = "".join(told + logged)
    assert "413" in text
    assert not [canary for canary in CANARIES if canary in text]


# Waiting, progress, leaving


class Stopwatch:
    """Answers every request after a while, and from nothing: only waiting takes time."""

    def __init__(self, projects: int, experiments: int, seconds: float) -> None:
        self.projects, self.experiments, self.seconds = projects, experiments, seconds
        self.now = self.most = self.asked = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(self.seconds)
        self.now -= 1
        return httpx.Response(200, json=self.answer(request))

    def answer(self, request: httpx.Request) -> Any:
        end = request.url.path.rsplit("/", 1)[1]
        if end == "projects":
            return {"projects": [{"projectName": f"p{place}"} for place in range(self.projects)]}
        if end == "column-names":
            return {"columns": [{"name": "sys.gpu.0.gpu_utilization"}]}
        if end == "experiments":
            name = request.url.params["projectName"]
            keys = [f"{name}-{place}" for place in range(self.experiments)]
            return {"experiments": [{"experimentKey": key} for key in keys]}
        body = json.loads(request.content)
        series = [
            {"metricName": name, "values": [5.0], "timestamps": [1]} for name in body["metrics"]
        ]
        return {"experiments": {key: {"metrics": series} for key in body["targetedExperiments"]}}


async def test_twelve_projects_take_fewer_than_ten_latencies() -> None:
    server = Stopwatch(12, 200, 0.15)
    began = time.monotonic()
    answer = await load(server, "w")
    passed = time.monotonic() - began
    assert len(answer.experiments) == 2_400
    assert answer.experiments["gpu_mean"].eq(5.0).all()
    assert server.asked == 1 + 12 * 3
    assert server.most == 8
    assert passed < 10 * server.seconds


async def test_progress_counts_projects(app: Starlette) -> None:
    progress = Progress()
    await load(app, progress=progress)
    assert progress.done == progress.total == len(app.state.org.projects)
    assert progress.current in {
        f"{one.workspace.name}/{one.name}" for one in app.state.org.projects
    }


@pytest.mark.parametrize("hanging", ["projects", "experiments", "columns", "metrics"])
async def test_whoever_leaves_is_gone_within_a_second_and_stops_the_requests(
    app: Starlette, hanging: str
) -> None:
    app.state.faults.hang = {hanging}
    caches = Caches()
    task = asyncio.create_task(load(app, caches=caches))
    await asyncio.sleep(0.3)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 1
    await asyncio.sleep(0.05)
    count = len(app.state.requests)
    await asyncio.sleep(0.1)
    assert len(app.state.requests) == count
    app.state.faults.hang = set()
    answer = await load(app, caches=caches)
    assert statuses(answer) == {"comet:projects": "ok", "comet:experiments": "ok"}


async def test_a_status_that_is_given_back_is_not_tried_again() -> None:
    seen = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(504)

    client = ApiClient(
        "comet", "http://demo.localhost", {}, retry=QUICK, transport=httpx.MockTransport(handle)
    )
    for given_back, tries in (((504,), 1), ((500,), QUICK.attempts)):
        seen.clear()
        with pytest.raises(SourceUnavailable) as told:
            await client.post_bytes("/x", {}, terms=Terms(give_back=given_back))
        assert told.value.status == 504
        assert len(seen) == tries
    await client.aclose()

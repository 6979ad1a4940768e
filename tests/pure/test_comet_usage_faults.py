"""Experiments of a Comet server that fails in part: what is missing and what is said."""

from collections import Counter
from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette

from lib.cache import Caches
from lib.demo.comet_server import create_comet_app
from lib.errors import InputError, SourceDenied, SourceError, SourceReplyError, SourceUnavailable
from lib.loader.comet_source import comet_source
from lib.loader.experiments import load_comet_usage
from lib.settings import Settings
from lib.sources.comet.experiments.metrics import Patience
from tests.support.comet_usage_loads import (
    CANARIES,
    KEY,
    NOW,
    SIZE,
    a_gpu_project,
    ask,
    asked,
    load,
    page_server,
    status,
    statuses,
)


@pytest.fixture
def app() -> Starlette:
    return create_comet_app(now=lambda: NOW, size=SIZE)


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
    counts = asked(app)
    assert (counts["projects"], counts["metrics"]) == (2, 1)
    assert counts["experiments"] in (1, 2)  # one more where archived experiments are counted


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

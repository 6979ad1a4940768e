"""Lists of experiments that come in pages, however short: none is lost without a word."""

import pytest
from starlette.applications import Starlette

from lib.cache import Caches
from lib.demo.comet_server import create_comet_app
from tests.support.comet_usage_loads import NOW, SIZE, asked, load, page_server, status, statuses

WHOLE = {"comet:projects": "ok", "comet:experiments": "ok"}


@pytest.mark.parametrize("most", [50, 250, 999])
@pytest.mark.parametrize("counted", [True, False, 100, 2_500, 2_599, 9_000])
async def test_a_server_that_caps_its_pages_loses_no_experiment(most: int, counted: int) -> None:
    server = page_server(2_600, most=most, counted=counted)
    answer = await load(server, "w/p")
    assert len(answer.experiments) == 2_600
    assert statuses(answer) == WHOLE
    assert server.requests.count("experiments") <= -(-2_600 // most) + 1


async def test_what_a_server_counts_and_does_not_give_makes_the_report_incomplete() -> None:
    answer = await load(page_server(250, ignores=True, most=250, counted=2_600), "w/p")
    assert len(answer.experiments) == 250
    found = status(answer, "comet:w/p")
    assert found.status == "partial"
    assert "only the first 250 experiments came" in (found.detail or "").lower()
    assert found.remedy


async def test_a_server_without_pages_that_counts_archived_experiments_is_whole() -> None:
    app = create_comet_app(now=lambda: NOW, size=SIZE)
    whole = await load(app)
    app.state.faults.ignores_paging = True
    answer = await load(app)
    assert statuses(answer) == WHOLE
    assert answer.experiments.equals(whole.experiments)


async def test_a_healthy_server_is_asked_for_few_pages_more_than_it_has() -> None:
    size = SIZE.__class__(workspaces=2, projects=60, experiments_per_project=40, gpus=(0,))
    app: Starlette = create_comet_app(now=lambda: NOW, size=size)
    caches = Caches()
    await load(app, caches=caches)
    assert asked(app)["experiments"] <= 60 + 16
    app.state.requests.clear()
    await load(app, caches=caches)
    assert not app.state.requests

"""Replies as the vendors publish them are read as they are meant."""

import re
from decimal import Decimal

import httpx
import pytest

from lib.api_client import ApiClient
from lib.errors import SourceDenied
from lib.sources.comet.chargeback.ask import fetch_service_accounts, parse_chargeback
from lib.sources.comet.experiments.lists import (
    parse_experiments,
    parse_gpu_columns,
    parse_projects,
)
from lib.sources.comet.experiments.metrics import parse_metrics
from lib.sources.openai.parse import parse_page
from tests.support.comet_usage_loads import source_of
from tests.support.fixtures import FOLDER, fixture_bytes, load_fixture

KEY = "9f0c" * 8
START, END = 1_718_000_000_000, 1_718_003_600_000


def test_every_fixture_says_platform_endpoint_and_variant_and_is_used_here() -> None:
    names = {path.stem for path in FOLDER.iterdir()}
    assert [name for name in names if not re.fullmatch(r"(openai|comet)-\w+-\w+", name)] == []
    text = (FOLDER.parent / "pure" / "test_published_replies.py").read_text(encoding="utf-8")
    assert [name for name in names if f'"{name}"' not in text] == []


def test_usage_of_openai_has_a_bucket_for_a_day_without_usage_too() -> None:
    page = load_fixture("openai-embeddings-quiet_day")
    (busy, quiet), more = parse_page(page, "embeddings", "openai:embeddings")
    assert more
    assert (busy.start, busy.rows, quiet.rows) == (1_795_132_800, 1, 0)
    assert busy.columns["input_tokens"] == [18_230]
    assert busy.columns["num_model_requests"] == [41]
    assert busy.columns["model"] == ["text-embedding-3-small"]


def test_costs_of_openai_are_exact_dollars_with_their_quantity() -> None:
    page = load_fixture("openai-costs-one_line")
    (day,), more = parse_page(page, "costs", "openai:costs")
    assert not more
    assert day.columns["amount"] == [Decimal("0.061325")]
    assert day.columns["line_item"] == ["gpt-5-mini, input_tokens"]
    assert day.columns["quantity"] == [Decimal("245300.0")]


def test_a_chargeback_report_of_comet_names_people_workspaces_members_and_projects() -> None:
    report = parse_chargeback(fixture_bytes("comet-chargeback-september"), "September")
    assert report.users["username"].tolist() == ["ada"]
    assert report.users["created_at"].tolist() == [1_675_209_600_000]
    assert report.workspaces["totalSizeInMb"].tolist() == [Decimal("5310.2")]
    assert report.members["numberOfExperiments"].tolist() == [70]
    assert report.projects["name"].tolist() == ["detector"]


def test_projects_of_comet_say_how_many_experiments_they_have() -> None:
    (project,) = parse_projects(fixture_bytes("comet-projects-one"), "vision")
    assert (project.target, project.listed) == ("vision/detector", 120)
    assert project.updated == 1_727_000_000_000


def test_experiments_of_comet_say_when_they_ran_and_their_gpus_how_busy_they_were() -> None:
    raw = fixture_bytes("comet-experiments-one")
    found = parse_experiments(raw, archived=False, page=1, seen=set())
    assert (found.keys, found.users) == ([KEY], ["ada"])
    assert (found.starts, found.ends, found.running) == ([START], [END], [False])
    columns = parse_gpu_columns(fixture_bytes("comet-columns-gpu"))
    assert columns == ("sys.gpu.0.gpu_utilization",)
    metrics = parse_metrics(fixture_bytes("comet-multi_metrics-gpu"), found.lives(END))
    figures = metrics.figures[KEY]
    assert (figures.gpus, figures.timed) == (1, 1)
    assert (figures.gpu_mean, figures.gpu_peak) == ((71.5 + 80.25) / 2, 80.25)
    assert figures.seconds == 30, "from the first stamp to the last"


async def test_service_accounts_of_comet_are_named() -> None:
    assert await fetch_service_accounts(connected(200, "comet-service_accounts-one")) == {
        "sa-nightly"
    }


async def test_an_error_of_comet_is_a_denial() -> None:
    with pytest.raises(SourceDenied, match="401"):
        await fetch_service_accounts(connected(401, "comet-error-unauthorized"))


def connected(status: int, name: str) -> ApiClient:
    """A client of a server that has only this reply."""
    reply = httpx.Response(status, content=fixture_bytes(name))
    return source_of(lambda _request: reply).connect()

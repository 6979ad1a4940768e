"""Closed days of OpenAI come out of the ledger as OpenAI gave them, and OpenAI is not asked for them."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from starlette.applications import Starlette

from lib.cache import Caches
from lib.capture.platforms import openai_said
from lib.exports.json import to_json
from lib.ledger.keeping import keep
from lib.ledger.store import Ledger
from lib.loader.openai import load_openai
from lib.periods import Period
from lib.reports.openai.build import build_openai_usage
from lib.reports.report import Report
from lib.sources.openai.query import CHOICES, OpenAIQuery
from lib.sources.openai.tables import DIMENSIONS
from tests.support.replies import NOW, ask, asked_of, connect, load

pytest_plugins = ["tests.support.ledgers"]

LATER = NOW + timedelta(days=365)
MONTH = Period(date(2026, 11, 1), NOW.date())


@pytest.fixture
async def captured(stand_in: Starlette, folder_ledger: Ledger) -> Ledger:
    """What OpenAI said of November so far."""
    answer = await load(stand_in, OpenAIQuery(MONTH, group_by=tuple(DIMENSIONS)))
    keep(folder_ledger, openai_said(answer, "2026-11", NOW))
    asked_of(stand_in)
    return folder_ledger


async def load_with(ledger: Ledger | None, app: Starlette, query: OpenAIQuery, **more: Any) -> Any:
    now = more.pop("now", NOW)
    return await load_openai(
        connect(app), more.pop("caches", Caches()), query, now=now, ledger=ledger
    )


def sums(report: Report) -> Any:
    """Totals, and each table's rows in any order."""
    tables = {
        table.key: sorted(
            repr([_plain(value) for value in row])
            for row in table.frame.itertuples(index=False, name=None)
        )
        for table in report.tables
    }
    return report.totals, tables


def _plain(value: Any) -> Any:
    """Equal numbers as equal texts."""
    return value.normalize() if isinstance(value, Decimal) else value


@pytest.mark.parametrize(
    "group_by",
    [None, (), ("project_id",), ("model", "batch", "service_tier"), tuple(DIMENSIONS)],
    ids=["usual", "nothing", "project", "model and tier", "everything"],
)
async def test_any_grouping_of_closed_days_is_what_openai_says_and_openai_is_not_asked(
    captured: Ledger, stand_in: Starlette, group_by: Iterable[str] | None
) -> None:
    query = ask(group_by=group_by)
    asked = build_openai_usage(await load(stand_in, query), query, now=NOW)
    asked_of(stand_in)
    kept = build_openai_usage(await load_with(captured, stand_in, query, now=LATER), query, now=NOW)
    assert set(asked_of(stand_in)) <= {"look-ups"}
    assert sums(kept) == sums(asked)
    assert b'"complete": true' in to_json(kept)


async def test_days_that_were_young_when_they_were_captured_are_asked_for(
    captured: Ledger, stand_in: Starlette
) -> None:
    young = ask(since=NOW.date() - timedelta(days=3), until=NOW.date())
    await load_with(captured, stand_in, young)
    assert set(CHOICES) <= set(asked_of(stand_in))


async def test_hours_and_another_organisation_are_asked_for(
    captured: Ledger, stand_in: Starlette
) -> None:
    await load_with(captured, stand_in, ask(width="1h", endpoints=["completions"]))
    assert asked_of(stand_in)["completions"]


async def test_an_endpoint_that_failed_at_the_capture_is_asked_for(
    stand_in: Starlette, folder_ledger: Ledger
) -> None:
    stand_in.state.faults.fail = {"embeddings": 500}
    answer = await load(stand_in, OpenAIQuery(MONTH, group_by=tuple(DIMENSIONS)))
    outcome = keep(folder_ledger, openai_said(answer, "2026-11", NOW))
    assert outcome.capture.failed == {"embeddings"}
    assert {"input_tokens", "num_model_requests"} <= outcome.capture.unknown_metrics
    stand_in.state.faults.fail = {}
    asked_of(stand_in)
    await load_with(folder_ledger, stand_in, ask())
    assert {"embeddings"} <= set(asked_of(stand_in)) <= {"embeddings", "look-ups"}


async def test_a_name_that_openai_no_longer_lists_is_known_after_a_restart(
    captured: Ledger, stand_in: Starlette
) -> None:
    query = ask()
    names = (await load(stand_in, query)).names
    org = stand_in.state.org
    gone, *rest = org.projects
    name = names["project", gone.id]
    stand_in.state.org = replace(org, projects=rest)
    answer = await load_with(captured, stand_in, query, now=LATER)
    assert answer.names["project", gone.id] == f"{name} (deleted)"


async def test_a_ledger_that_cannot_be_read_costs_nothing_but_the_question(
    captured: Ledger, stand_in: Starlette
) -> None:
    for file in captured.warehouse.data_files():
        captured.warehouse.files.delete_file(file)
    answer = await load_with(captured, stand_in, ask())
    assert set(CHOICES) <= set(asked_of(stand_in))
    assert len(answer.usage)

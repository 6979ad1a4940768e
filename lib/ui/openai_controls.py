"""The OpenAI page's inputs: whose organisation, and which usage."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import streamlit as st

from lib.comparisons import NONE
from lib.loader.api_source import ApiSource
from lib.presets import resolve
from lib.reports.openai.words import FILTER_WORDS
from lib.reports.report import Report
from lib.settings.keys import typed_openai_key
from lib.sources.openai.query import CHOICES, OpenAIQuery, check_query
from lib.sources.openai.tables import BREAKDOWN_METRICS, DEFAULT_GROUP_BY
from lib.ui.ask import Asked, Inputs, ask, cache_controls, filters, more
from lib.ui.controls import (
    Control,
    Narrows,
    both_ends,
    choice,
    ids,
    several,
)
from lib.ui.page import Page
from lib.ui.period_controls import comparison, period
from lib.upstreams import openai_upstream

_DEFAULT = "last-7-days"
_OFFERED = {
    "oai_projects": ("by_project", "project_id", "project_name"),
    "oai_users": ("by_user", "user_id", "user_email"),
    "oai_api_keys": ("by_api_key", "api_key_id", "api_key_name"),
    "oai_models": ("by_model", "model", "model"),
}
"""Filter to the table that names what it can choose, with the columns of id and name."""


def openai_controls(page: Page) -> Asked[ApiSource, OpenAIQuery]:
    """Sidebar and inputs of the page.

    Raises:
        SettingsError: no key anywhere, and no demo.
        InputError: choices that cannot be asked for.
    """
    today = datetime.now(UTC).date()
    return ask(
        page,
        _source(page),
        demo="No key is configured, so a made-up organisation is shown. Set OPENAI_ADMIN_KEY "
        f"(see devenv.sh.example){page.or_typed}.",
        controls=_controls(today),
        row=lambda inputs: _row(page, inputs, today),
    )


def names_of(report: Report) -> dict[str, dict[str, str]]:
    """What the report names, for the filters."""
    names: dict[str, dict[str, str]] = {}
    for key, (table, id_column, name_column) in _OFFERED.items():
        frame = report.table(table).frame
        rows = frame[frame[list(BREAKDOWN_METRICS)].notna().any(axis=1)]  # line items are no models
        names[key] = {
            identity: name if isinstance(name, str) else identity
            for identity, name in zip(rows[id_column], rows[name_column], strict=True)
            if isinstance(identity, str)
        }
    return names


def _source(page: Page) -> ApiSource:
    """The organisation to ask: of the key typed for this session, else what the server has."""
    settings = page.settings
    typed = ""
    if page.takes_keys:
        with st.sidebar:
            st.subheader("OpenAI")
            typed = st.text_input(
                "Admin key for this session",
                type="password",
                key="oai_key",
                placeholder="configured on the server"
                if settings.openai_admin_key
                else "sk-admin-…",
                help="Used for this session only; never written to disk, log or link.",
            )
    key = typed_openai_key(typed) if typed and typed.strip() else None
    return openai_upstream(settings, key, otherwise=page.or_typed)


def _row(page: Page, inputs: Inputs, today: date) -> Callable[[], OpenAIQuery]:
    """Draws the inputs; what it returns checks them, once the row is complete."""
    days, compare = inputs["oai_period"].draw(), inputs["oai_compare"].draw()
    narrowed = [inputs[key] for key in (*_OFFERED, "oai_endpoints")]
    with filters(page, *narrowed):
        projects, users, keys, models, endpoints = (control.draw() for control in narrowed)
    with more(page):
        width, group_by = inputs["oai_width"].draw(), inputs["oai_group"].draw()
        cache_controls(page, "OpenAI")

    def question() -> OpenAIQuery:
        since, until = both_ends(days)
        return check_query(
            since=since,
            until=until,
            today=today,
            endpoints=endpoints,
            width=width,
            group_by=group_by,
            projects=projects,
            users=users,
            models=models,
            api_keys=keys,
            compare=compare,
        )

    return question


def _controls(today: date) -> tuple[Control[OpenAIQuery, Any], ...]:
    return (
        *period("oai", today, resolve(_DEFAULT, today), lambda query: query.period),
        comparison("oai", lambda query: query.compare, linked=NONE, default="preceding"),
        choice(
            "oai_width",
            *FILTER_WORDS["bucket_width"],
            lambda query: query.width,
            default="1d",
            help="Minutes are meant for a single day. Costs always come by day.",
        ),
        several(
            "oai_endpoints",
            *FILTER_WORDS["endpoints"],
            lambda query: [] if query.endpoints == CHOICES else list(query.endpoints),
            placeholder="All",
        ),
        several(
            "oai_group",
            *FILTER_WORDS["group_by"],
            lambda query: list(query.group_by),
            default=list(DEFAULT_GROUP_BY),
            help="An endpoint uses those it offers.",
        ),
        ids(
            "oai_projects",
            "Projects",
            lambda query: list(query.projects),
            Narrows(("project_id",), "Project"),
        ),
        ids("oai_users", "Users", lambda query: list(query.users), Narrows(("user_id",), "User")),
        ids(
            "oai_api_keys",
            "API keys",
            lambda query: list(query.api_keys),
            Narrows(("api_key_id",), "API key"),
        ),
        ids("oai_models", "Models", lambda query: list(query.models), Narrows(("model",), "Model")),
    )

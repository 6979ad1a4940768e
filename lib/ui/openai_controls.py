"""The OpenAI page's inputs: whose organisation, and which usage."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import streamlit as st

from lib.api_client import ApiSource
from lib.periods import SECONDS
from lib.reports.report import Report
from lib.settings import typed_openai_key
from lib.sources.openai.query import CHOICES, OpenAIQuery, check_query
from lib.sources.openai.tables import BREAKDOWN_METRICS, DEFAULT_GROUP_BY, DIMENSIONS
from lib.ui.ask import Asked, ask, cache_controls
from lib.ui.controls import Parameter, both_ends, check_days, date_range, pick_ids
from lib.ui.page import Page
from lib.upstreams import openai_upstream

_DAYS = 7
_KNOWN = "oai_known"
_KNOWN_OF = "oai_known_of"
_OFFERED = {
    "oai_projects": ("by_project", "project_id", "project_name"),
    "oai_users": ("by_user", "user_id", "user_email"),
    "oai_models": ("by_model", "model", "model"),
}
"""Filter to the table that names what it can choose, with the columns of id and name."""


def openai_controls(page: Page) -> Asked[ApiSource, OpenAIQuery]:
    """Sidebar and form of the page.

    Raises:
        SettingsError: no key anywhere, and no demo.
        InputError: choices that cannot be asked for.
    """
    today = datetime.now(UTC).date()
    return ask(
        page,
        _source(page),
        button="Fetch usage data",
        demo="No key is configured, so a made-up organisation is shown. Set OPENAI_ADMIN_KEY "
        "(see devenv.sh.example), or type a key in the sidebar.",
        parameters=_parameters(today),
        form=lambda: _form(today),
    )


def remember_names(report: Report, scope: str) -> None:
    """Offers in the filters what the report names; draws the form anew when that is news.

    Args:
        scope: of the organisation asked: another one has other names.
    """
    before = _known_names() if st.session_state.get(_KNOWN_OF) == scope else {}
    merged = {key: dict(before.get(key, {})) for key in _OFFERED}
    for key, (table, id_column, name_column) in _OFFERED.items():
        frame = report.table(table).frame
        used = frame[list(BREAKDOWN_METRICS)].notna().any(axis=1)  # line items are no models
        rows = frame[used]
        for one, name in zip(rows[id_column], rows[name_column], strict=True):
            if isinstance(one, str):
                merged[key][one] = name if isinstance(name, str) else one
    if merged != before:
        st.session_state[_KNOWN], st.session_state[_KNOWN_OF] = merged, scope
        st.rerun()


def _known_names() -> dict[str, dict[str, str]]:
    known: dict[str, dict[str, str]] = st.session_state.get(_KNOWN, {})
    return known


def _source(page: Page) -> ApiSource:
    """The organisation to ask: of the key typed for this session, else what the server has."""
    settings = page.settings
    with st.sidebar:
        st.subheader("OpenAI")
        typed = ""
        if settings.dashboard_demo != "on" and page.visitor.may("type"):
            typed = st.text_input(
                "Admin key for this session",
                type="password",
                key="oai_key",
                placeholder="configured on the server"
                if settings.openai_admin_key
                else "sk-admin-…",
                help="Used for this session only; never written to disk, log or link.",
            )
        cache_controls(page, "OpenAI")
    key = typed_openai_key(typed) if typed and typed.strip() else None
    return openai_upstream(settings, key, otherwise=", or type a key in the sidebar")


def _form(today: date) -> Callable[[], OpenAIQuery]:
    """Draws the inputs; what it returns checks them, once the form is complete."""
    known = _known_names()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        with st.container(width=300):
            days = date_range("oai_period", "Date range", today, _DAYS)
        width = st.segmented_control(
            "Bucket width",
            list(SECONDS)[::-1],
            default="1d",
            required=True,
            key="oai_width",
            bind="query-params",
            help="1m is meant for a single day. Costs always come by day.",
        )
        compare = st.toggle(
            "Compare with the preceding period",
            key="oai_compare",
            bind="query-params",
            help="The period of equal length that ends the day before this one starts.",
        )
    left, right = st.columns(2)
    endpoints = left.multiselect(
        "Endpoints", CHOICES, key="oai_endpoints", placeholder="All", bind="query-params"
    )
    group_by = right.multiselect(
        "Group by",
        list(DIMENSIONS),
        default=list(DEFAULT_GROUP_BY),
        key="oai_group",
        bind="query-params",
        help="An endpoint uses those it offers.",
    )
    places = st.columns(3)
    with places[0]:
        projects = pick_ids("oai_projects", "Projects", known.get("oai_projects", {}), "All")
    with places[1]:
        users = pick_ids("oai_users", "Users", known.get("oai_users", {}), "All")
    with places[2]:
        models = pick_ids("oai_models", "Models", known.get("oai_models", {}), "All")

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
            compare=compare,
        )

    return question


def openai_link(query: OpenAIQuery) -> dict[str, object]:
    """Every control of the page as parameters of a link."""
    everything = query.endpoints == CHOICES
    return {
        "oai_period": [query.period.start.isoformat(), query.period.end.isoformat()],
        "oai_width": query.width,
        "oai_endpoints": [] if everything else list(query.endpoints),
        "oai_group": list(query.group_by),
        "oai_projects": list(query.projects),
        "oai_users": list(query.users),
        "oai_models": list(query.models),
        "oai_compare": str(query.compare).lower(),
    }


def _parameters(today: date) -> tuple[Parameter, ...]:
    return (
        Parameter("oai_period", check=check_days(today)),
        Parameter("oai_width", tuple(SECONDS)),
        Parameter("oai_endpoints", CHOICES, none=True),
        Parameter("oai_group", tuple(DIMENSIONS), none=True),
        Parameter("oai_projects"),
        Parameter("oai_users"),
        Parameter("oai_models"),
        Parameter("oai_compare", ("true", "false")),
    )

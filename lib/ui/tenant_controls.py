"""The tenant page's inputs: which months, which tenants, in which order."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import streamlit as st

from lib.loader.tenants import TenantSource
from lib.periods import months_before
from lib.reports.report import Report
from lib.sources.tenants.query import (
    MONTHS,
    SORTS,
    TenantQuery,
    check_tenant_query,
    last_days,
)
from lib.ui.ask import Asked, Draw, ask
from lib.ui.controls import Control, both_ends, choice, days, ids, known_names, whole
from lib.ui.page import Page
from lib.upstreams import tenant_upstream

_SPANS = ("Date range", "Last days")
_DAYS = 30
_MOST_DAYS = 1_096
_MOST_ROWS = 100_000


def tenant_controls(page: Page) -> Asked[TenantSource, TenantQuery]:
    """Form of the page.

    Raises:
        SettingsError: a setting cannot be used.
        InputError: choices that cannot be asked for.
    """
    today = datetime.now(UTC).date()
    return ask(
        page,
        tenant_upstream(page.settings),
        button="Fetch tenant usage",
        demo="Nothing is configured, so made-up tenants are shown. Set REDIS_PRIMARY_ENDPOINT "
        "and CONTROL_DATABASE_URL (see devenv.sh.example).",
        controls=_controls(today),
        form=lambda draw: _form(draw, today),
    )


def names_of(report: Report) -> dict[str, dict[str, str]]:
    """The tenants of the report, for the filter."""
    tenants = report.table("tenants").frame["tenant_id"].dropna()
    return {"red_tenants": {tenant: tenant for tenant in tenants}}


def _form(draw: Draw, today: date) -> Callable[[], TenantQuery]:
    """Draws the inputs; what it returns checks them, once the form is complete."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        span = draw["red_span"]()
        period, number = draw["red_period"](), draw["red_days"]()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        with st.container(width=420):
            tenants = draw["red_tenants"](known_names("red_tenants"))
        sort, top = draw["red_sort"](), draw["red_top"]()

    def question() -> TenantQuery:
        since, until = last_days(number, today) if span == _SPANS[1] else both_ends(period)
        return check_tenant_query(
            since=since, until=until, today=today, tenants=tenants, sort=sort, top=top or None
        )

    return question


def _controls(today: date) -> tuple[Control[TenantQuery, Any], ...]:
    back = (today - months_before(today, MONTHS - 1)).days + 1
    return (
        # A link pins the days, whatever they came from
        choice("red_span", "Months by", _SPANS, lambda _: _SPANS[0]),
        days("red_period", "Date range", today, back, lambda query: query.period),
        whole("red_days", "Last days", lambda _: None, low=1, high=_MOST_DAYS, default=_DAYS),
        ids("red_tenants", "Tenants", lambda query: list(query.tenants)),
        choice("red_sort", "Sort by", SORTS, lambda query: query.sort),
        whole(
            "red_top",
            "Rows (0: all)",
            lambda query: query.top or 0,
            low=0,
            high=_MOST_ROWS,
            default=0,
        ),
    )

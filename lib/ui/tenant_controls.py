"""The tenant page's inputs: which months, which tenants, in which order."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import streamlit as st

from lib.loader.tenants import TenantSource
from lib.reports.report import Report
from lib.sources.tenants.query import (
    MONTHS,
    SORTS,
    TenantQuery,
    check_tenant_query,
    last_days,
    months_before,
)
from lib.ui.ask import Asked, ask
from lib.ui.controls import Parameter, both_ends, check_days, check_whole, date_range, pick_ids
from lib.ui.page import Page
from lib.upstreams import tenant_upstream

_SPANS = ("Date range", "Last days")
_DAYS = 30
_MOST_DAYS = 1_096
_MOST_ROWS = 100_000
_KNOWN = "red_known"


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
        parameters=_parameters(today),
        form=lambda: _form(today),
    )


def remember_tenants(report: Report) -> None:
    """Offers in the filter the tenants of the report; draws the form anew when that is news."""
    before: list[str] = st.session_state.get(_KNOWN, [])
    merged = sorted({*before, *report.table("tenants").frame["tenant_id"].dropna()})
    if merged != before:
        st.session_state[_KNOWN] = merged
        st.rerun()


def tenant_link(query: TenantQuery) -> dict[str, object]:
    """Every control of the page as parameters of a link."""
    return {
        "red_span": _SPANS[0],
        "red_period": [query.period.start.isoformat(), query.period.end.isoformat()],
        "red_tenants": list(query.tenants),
        "red_sort": query.sort,
        "red_top": query.top or 0,
    }


def _form(today: date) -> Callable[[], TenantQuery]:
    """Draws the inputs; what it returns checks them, once the form is complete."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        span = st.segmented_control(
            "Months by",
            _SPANS,
            default=_SPANS[0],
            required=True,
            key="red_span",
            bind="query-params",
        )
        with st.container(width=300):
            back = (today - months_before(today, MONTHS - 1)).days + 1
            days = date_range("red_period", "Date range", today, back)
        number = st.number_input(
            "Last days", 1, _MOST_DAYS, _DAYS, key="red_days", bind="query-params", width=140
        )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        known: list[str] = st.session_state.get(_KNOWN, [])
        with st.container(width=420):
            tenants = pick_ids("red_tenants", "Tenants", {one: one for one in known}, "All")
        sort = st.segmented_control(
            "Sort by", SORTS, default=SORTS[0], required=True, key="red_sort", bind="query-params"
        )
        top = st.number_input(
            "Rows (0: all)", 0, _MOST_ROWS, 0, key="red_top", bind="query-params", width=140
        )

    def question() -> TenantQuery:
        since, until = last_days(number, today) if span == _SPANS[1] else both_ends(days)
        return check_tenant_query(
            since=since, until=until, today=today, tenants=tenants, sort=sort, top=top or None
        )

    return question


def _parameters(today: date) -> tuple[Parameter, ...]:
    return (
        Parameter("red_span", _SPANS),
        Parameter("red_period", check=check_days(today)),
        Parameter("red_days", check=check_whole(1, _MOST_DAYS)),
        Parameter("red_tenants"),
        Parameter("red_sort", SORTS),
        Parameter("red_top", check=check_whole(0, _MOST_ROWS)),
    )

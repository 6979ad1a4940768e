"""The tenant page's inputs: which months, which tenants, in which order."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from lib.loader.tenants import TenantSource
from lib.presets import resolve
from lib.reports.report import Report
from lib.reports.tenants.words import FILTER_WORDS
from lib.sources.tenants.query import (
    COMPARED_WITH,
    TenantQuery,
    check_tenant_query,
)
from lib.ui.ask import Asked, Inputs, ask, filters, more
from lib.ui.controls import Control, Narrows, both_ends, choice, ids, past, whole
from lib.ui.page import Page
from lib.ui.period_controls import comparison, period
from lib.upstreams import tenant_upstream

_MOST_ROWS = 100_000


def tenant_controls(page: Page) -> Asked[TenantSource, TenantQuery]:
    """Inputs of the page.

    Raises:
        SettingsError: a setting cannot be used.
        InputError: choices that cannot be asked for.
    """
    today = datetime.now(UTC).date()
    return ask(
        page,
        tenant_upstream(page.settings),
        demo="Nothing is configured, so made-up tenants are shown. Set REDIS_PRIMARY_ENDPOINT "
        "and CONTROL_DATABASE_URL (see devenv.sh.example).",
        controls=_controls(today),
        row=lambda inputs: _row(page, inputs, today),
    )


def names_of(report: Report) -> dict[str, dict[str, str]]:
    """The tenants of the report, for the filter."""
    tenants = report.table("tenants").frame["tenant_id"].dropna()
    return {"red_tenants": {tenant: tenant for tenant in tenants}}


def _row(page: Page, inputs: Inputs, today: date) -> Callable[[], TenantQuery]:
    """Draws the inputs; what it returns checks them, once the row is complete."""
    days = inputs["red_period"].draw()
    inputs["red_span"].draw()
    compare = inputs["red_compare"].draw()
    with filters(page, inputs["red_tenants"]):
        tenants = inputs["red_tenants"].draw()
    with more(page):
        sort, top = inputs["red_sort"].draw(), inputs["red_top"].draw()

    def question() -> TenantQuery:
        since, until = both_ends(days)
        return check_tenant_query(
            since=since,
            until=until,
            today=today,
            tenants=tenants,
            sort=sort,
            top=top or None,
            compare=compare,
        )

    return question


def _controls(today: date) -> tuple[Control[TenantQuery, Any], ...]:
    """Without a link: which tenants grew most this month."""
    return (
        *period("red", today, resolve("this-month", today), lambda query: query.period),
        comparison("red", lambda query: query.compare, COMPARED_WITH, default="month-before"),
        past("red_span", "Period", "Date range"),
        ids(
            "red_tenants",
            "Tenants",
            lambda query: list(query.tenants),
            Narrows(("tenant",), "Tenant"),
        ),
        choice("red_sort", *FILTER_WORDS["sort"], lambda query: query.sort),
        whole(
            "red_top",
            "Rows (0: all)",
            lambda query: query.top or 0,
            low=0,
            high=_MOST_ROWS,
            default=0,
        ),
    )

"""The chargeback page's inputs: which server or which files, and what of their reports."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import streamlit as st

from lib.api_client import fingerprint
from lib.loader.chargeback import load_chargeback, load_chargeback_files
from lib.loader.comet_source import CometSource
from lib.loader.progress import Progress
from lib.reports.report import Report
from lib.sources.comet.chargeback.answer import ChargebackAnswer
from lib.sources.comet.chargeback.files import LARGEST_FILE
from lib.sources.comet.chargeback.query import (
    ACCOUNTS,
    ACTIVE_WINDOW,
    WINDOW,
    ChargebackQuery,
    check_chargeback_query,
    check_month,
    days_of,
)
from lib.ui.ask import Asked, ask, cache_controls
from lib.ui.comet_server import comet_server
from lib.ui.controls import Parameter, pick_ids
from lib.ui.page import Page

_KNOWN = "cmc_known"


@dataclass(frozen=True)
class ReportFiles:
    """Saved reports that a person uploaded for this session: names and contents."""

    scope: str
    files: tuple[tuple[str, bytes], ...] = field(repr=False)
    demo: bool = False


def chargeback_controls(page: Page) -> Asked[CometSource | ReportFiles, ChargebackQuery]:
    """Sidebar and form of the page.

    Raises:
        SettingsError: no key anywhere, and no demo.
        InputError: choices that cannot be asked for.
    """
    source = _source(page)
    return ask(
        page,
        source,
        button="Fetch chargeback report",
        demo="No server is configured, so a made-up one is shown. Set COMET_API_KEY (see "
        "devenv.sh.example), type a key, or upload saved reports in the sidebar.",
        parameters=_PARAMETERS,
        form=_form,
        private=isinstance(source, ReportFiles),
    )


def chargeback_answer(
    page: Page, asked: Asked[CometSource | ReportFiles, ChargebackQuery]
) -> Callable[[Progress], Awaitable[ChargebackAnswer]]:
    """What brings the answer, from the server or the files."""
    source, query, runtime = asked.source, asked.query, page.runtime
    if isinstance(source, ReportFiles):
        files = source.files
        return lambda _: asyncio.to_thread(load_chargeback_files, files, query)
    client = runtime.client(source)
    return lambda progress: load_chargeback(
        source, client, query, caches=runtime.caches, progress=progress
    )


def remember_workspaces(report: Report, scope: str) -> None:
    """Offers in the filter the workspaces of the report; draws the form anew when that is news.

    Args:
        scope: of the server or files: others have other workspaces.
    """
    before: tuple[str, list[str]] = st.session_state.get(_KNOWN, ("", []))
    names = {*report.table("workspaces").frame["name"].dropna()}
    merged = (scope, sorted({*before[1], *names} if before[0] == scope else names))
    if merged != before:
        st.session_state[_KNOWN] = merged
        st.rerun()


def chargeback_link(query: ChargebackQuery) -> dict[str, object]:
    """Every control of the page as parameters of a link; files and keys are in none."""
    return {
        "cmc_month": query.month or "",
        "cmc_compare": query.compare or "",
        "cmc_window": query.window,
        "cmc_active": query.active_window,
        "cmc_workspaces": list(query.workspaces),
        "cmc_exclude": query.exclude,
        "cmc_accounts": query.accounts,
    }


def _source(page: Page) -> CometSource | ReportFiles:
    """What to read: uploaded files before a typed server, that before what the server has."""
    with st.sidebar:
        st.subheader("Comet")
        server = comet_server(page, "Of an organization admin.")
        uploads = st.file_uploader(
            "Saved reports (JSON)",
            type="json",
            accept_multiple_files=True,
            max_upload_size=LARGEST_FILE // 1_000_000,
            key="cmc_files",
            help="As `cometx admin chargeback-report` saves them. Two are compared. They are read "
            "in this session only, instead of asking a server.",
        )
        cache_controls(page, "the Comet server")
    if uploads:
        files = tuple((one.name, one.getvalue()) for one in uploads)
        return ReportFiles(fingerprint("files", *(one.file_id for one in uploads)), files)
    return server()


def _form() -> Callable[[], ChargebackQuery]:
    """Draws the inputs; what it returns checks them, once the form is complete."""
    known: tuple[str, list[str]] = st.session_state.get(_KNOWN, ("", []))
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        month = st.text_input(
            "Month (UTC)",
            key="cmc_month",
            placeholder="current",
            bind="query-params",
            width=140,
            help="YYYY-MM, for servers that keep months. Empty: what the server gives now.",
        )
        compare = st.text_input(
            "Compare with month",
            key="cmc_compare",
            placeholder="none",
            bind="query-params",
            width=170,
            help="YYYY-MM. What is new, gone and changed since.",
        )
        window = st.text_input(
            "New within",
            WINDOW,
            key="cmc_window",
            bind="query-params",
            width=120,
            help="A number and d, w, m (30 days) or y (365 days).",
        )
        active = st.text_input(
            "Active within",
            ACTIVE_WINDOW,
            key="cmc_active",
            bind="query-params",
            width=120,
            help="A user seen in this time is active.",
        )
        accounts = st.segmented_control(
            "Accounts",
            ACCOUNTS,
            default=ACCOUNTS[0],
            required=True,
            key="cmc_accounts",
            bind="query-params",
            help="Of people, of programs (service), or both.",
        )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        with st.container(width=420):
            names = {one: one for one in known[1]}
            workspaces = pick_ids("cmc_workspaces", "Workspaces", names, "All")
        exclude = st.text_input(
            "Leave out workspaces like",
            key="cmc_exclude",
            placeholder="none",
            bind="query-params",
            width=230,
            help="A pattern with * and ?, such as personal-*.",
        )

    def question() -> ChargebackQuery:
        return check_chargeback_query(
            month=(month or "").strip() or None,
            compare=(compare or "").strip() or None,
            window=(window or "").strip() or WINDOW,
            active_window=(active or "").strip() or ACTIVE_WINDOW,
            workspaces=workspaces,
            exclude=exclude or "",
            accounts=accounts or ACCOUNTS[0],
        )

    return question


_PARAMETERS = (
    Parameter("cmc_month", check=lambda values: check_month("month", values[-1])),
    Parameter("cmc_compare", check=lambda values: check_month("compare", values[-1])),
    Parameter("cmc_window", check=lambda values: days_of(values[-1], "window")),
    Parameter("cmc_active", check=lambda values: days_of(values[-1], "active-window")),
    Parameter("cmc_workspaces"),
    Parameter("cmc_exclude"),
    Parameter("cmc_accounts", ACCOUNTS),
)

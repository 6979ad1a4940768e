"""The chargeback page's inputs: which server or which files, and what of their reports."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import streamlit as st

from lib.allocation.rule_set import Rate
from lib.api_client import fingerprint
from lib.comparisons import NONE
from lib.errors import SourceError
from lib.loader.chargeback import load_chargeback, load_chargeback_files
from lib.loader.comet_source import CometSource
from lib.loader.progress import Progress
from lib.loader.published_rates import published_rates
from lib.reports.chargeback.words import FILTER_WORDS
from lib.reports.report import Report
from lib.sources.comet.chargeback.answer import ChargebackAnswer
from lib.sources.comet.chargeback.files import LARGEST_FILE
from lib.sources.comet.chargeback.query import (
    ACTIVE_WINDOW,
    COMPARED_WITH,
    MONTH_PRESETS,
    WINDOW,
    ChargebackQuery,
    check_chargeback_query,
    check_month,
    compared_month,
    days_of,
    named_month,
)
from lib.ui.ask import Asked, Inputs, ask, cache_controls, filters, more
from lib.ui.comet_server import comet_server
from lib.ui.controls import Control, Narrows, choice, ids, text
from lib.ui.month_controls import month, month_compared
from lib.ui.page import Page
from lib.upstreams import rules_ledger

_MONTH_BEFORE = "month-before"


@dataclass(frozen=True)
class ReportFiles:
    """Saved reports that a person uploaded for this session: names and contents."""

    scope: str
    files: tuple[tuple[str, bytes], ...] = field(repr=False)
    demo: bool = False


def chargeback_controls(page: Page) -> Asked[CometSource | ReportFiles, ChargebackQuery]:
    """Sidebar and inputs of the page.

    Raises:
        SettingsError: no key anywhere, and no demo.
        InputError: choices that cannot be asked for.
    """
    source, now = _source(page), datetime.now(UTC)
    return ask(
        page,
        source,
        demo="No server is configured, so a made-up one is shown. Set COMET_API_KEY (see "
        f"devenv.sh.example), {'type a key, ' if page.takes_keys else ''}or upload saved reports in the sidebar.",
        controls=_controls(
            now.date(),
            opens=lambda: _compared_at_first(source, now),
            files=isinstance(source, ReportFiles),
        ),
        row=lambda inputs: _row(page, inputs),
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


def licence_rates(page: Page) -> tuple[Rate, ...]:
    """Finance's rates, for whoever may see money."""
    if not page.visitor.may("spend"):
        return ()
    return published_rates(rules_ledger(page.settings))


def names_of(report: Report) -> dict[str, dict[str, str]]:
    """The workspaces of the report, for the filter."""
    names = report.table("workspaces").frame["name"].dropna()
    return {"cmc_workspaces": {name: name for name in names}}


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
    if uploads:
        files = tuple((upload.name, upload.getvalue()) for upload in uploads)
        return ReportFiles(fingerprint("files", *(upload.file_id for upload in uploads)), files)
    return server()


def _compared_at_first(source: CometSource | ReportFiles, now: datetime) -> str:
    """A month that costs no request: the newest that the ledger keeps as it stays, or one of the made-up server."""
    if isinstance(source, ReportFiles) or (source.ledger is None and not source.demo):
        return NONE
    if source.ledger is None:
        return _MONTH_BEFORE
    from lib.loader.chargeback_kept import newest_kept  # noqa: PLC0415  # where there is one

    try:
        month = newest_kept(source.ledger, source.host, now)
    except SourceError:
        return NONE  # the page History says what is wrong with it
    if month == compared_month(_MONTH_BEFORE, "", now.date()):
        return _MONTH_BEFORE
    return month or NONE


def _row(page: Page, inputs: Inputs) -> Callable[[], ChargebackQuery]:
    """Draws the inputs; what it returns checks them, once the row is complete."""
    month: str = inputs["cmc_month"].draw()
    compare = inputs["cmc_compare"].draw(month)
    narrowed = [inputs[key] for key in ("cmc_workspaces", "cmc_exclude", "cmc_accounts")]
    with filters(page, *narrowed):
        workspaces, exclude, accounts = (control.draw() for control in narrowed)
    with more(page):
        window, active = inputs["cmc_window"].draw(), inputs["cmc_active"].draw()
        cache_controls(page, "the Comet server")

    def question() -> ChargebackQuery:
        return check_chargeback_query(
            month=month or None,
            compare=compare or None,
            window=window,
            active_window=active,
            workspaces=workspaces,
            exclude=exclude,
            accounts=accounts,
        )

    return question


def _controls(
    today: date, *, opens: Callable[[], str] = lambda: NONE, files: bool = False
) -> tuple[Control[ChargebackQuery, Any], ...]:
    return (
        *month(
            "cmc",
            today,
            MONTH_PRESETS,
            lambda query: query.month or "",
            check=lambda value: check_month("month", value),
            named=lambda name: named_month(name, today),
        ),
        month_compared(
            "cmc",
            today,
            COMPARED_WITH,
            lambda query: query.compare or NONE,
            check=lambda value: check_month("compare", value),
            resolved=lambda name, of: compared_month(name, of, today),
            opens=opens,
            by_name=not files,  # of which month the files are, only they say
        ),
        *_OTHERS,
    )


_OTHERS: tuple[Control[ChargebackQuery, Any], ...] = (
    text(
        "cmc_window",
        FILTER_WORDS["window"][0],
        lambda query: query.window,
        default=WINDOW,
        check=lambda value: days_of(value, "window"),
        width=120,
        help="A number and d, w, m (30 days) or y (365 days).",
    ),
    text(
        "cmc_active",
        FILTER_WORDS["active_window"][0],
        lambda query: query.active_window,
        default=ACTIVE_WINDOW,
        check=lambda value: days_of(value, "active-window"),
        width=120,
        help="A user seen in this time is active.",
    ),
    ids(
        "cmc_workspaces",
        "Workspaces",
        lambda query: list(query.workspaces),
        Narrows(("workspace",), "Workspace"),
    ),
    text(
        "cmc_exclude",
        FILTER_WORDS["exclude"][0],
        lambda query: query.exclude,
        placeholder="none",
        width=230,
        help="A pattern with * and ?, such as personal-*.",
    ),
    choice(
        "cmc_accounts",
        *FILTER_WORDS["accounts"],
        lambda query: query.accounts,
        help="Of people, of programs (service), or both.",
    ),
)

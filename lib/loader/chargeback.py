"""Chargeback reports of a Comet server or of files, from the cache where that is enough."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from loguru import logger

from lib.api_client import ApiClient
from lib.cache import FINAL_AFTER, Caches, Document
from lib.errors import (
    InputError,
    SourceDenied,
    SourceError,
    SourceRefused,
    SourceReplyError,
    SourceUnavailable,
)
from lib.loader.comet_source import CometSource
from lib.loader.progress import Progress
from lib.sources.comet.chargeback.accounts import NAME_RULE
from lib.sources.comet.chargeback.answer import Chargeback, ChargebackAnswer
from lib.sources.comet.chargeback.ask import fetch_chargeback, fetch_service_accounts, report_name
from lib.sources.comet.chargeback.files import choose_reports, read_report_file
from lib.sources.comet.chargeback.query import ChargebackQuery
from lib.sources.comet.chargeback.tables import CHARGEBACK, SERVICE_ACCOUNTS
from lib.sources.comet.server import NAME
from lib.status import SourceStatus

CURRENT_SECONDS = 300
"""How long a report that may still change is served without asking again."""

CLOSED_SECONDS = 86_400
"""The same for the report of a month that is over."""

_MOST = 4


async def load_chargeback(
    source: CometSource,
    client: ApiClient,
    query: ChargebackQuery,
    *,
    caches: Caches,
    progress: Progress | None = None,
    now: datetime | None = None,
) -> ChargebackAnswer:
    """The report, the one it is compared with, and the service accounts, all at once.

    Without the latter two the report still stands; their statuses say what is missing.

    Args:
        client: what ``source.connect`` gave on this event loop.
        now: decides which months are over; the clock when None.

    Raises:
        SourceError: there is no report. For a typed host always the same one, whatever happened.
    """
    load = _Load(client, source, caches, now or datetime.now(UTC), progress or Progress())
    accounts = asyncio.create_task(load.service_accounts())
    earlier = asyncio.create_task(load.earlier(query.compare)) if query.compare else None
    began = asyncio.get_running_loop().time()
    try:
        main = await load.of_month(query.month)
        named, accounts_status = await accounts
        before = await earlier if earlier else None
    except SourceError as error:
        if not source.typed:
            raise
        logger.info("a typed Comet host: {}", error.message)
        passed = asyncio.get_running_loop().time() - began
        await asyncio.sleep(source.typed_seconds - passed)
        raise _typed_failure() from None
    finally:
        accounts.cancel()
        if earlier:
            earlier.cancel()
    report, statuses = main.report, [main.status]
    previous = None
    notes = list(source.address.notes)
    if isinstance(before, SourceError):
        detail, remedy = before.detail, before.remedy
        statuses.append(
            SourceStatus(NAME, report_name(query.compare), "failed", None, None, detail, remedy)
        )
    elif before:
        previous = before.report
        statuses.append(before.status)
        if same_content(report, previous):
            notes.append("Both months came with the same content: the server may keep no months.")
    return ChargebackAnswer(
        report, previous, named, (*statuses, accounts_status), tuple(notes), source.host
    )


class _Told(NamedTuple):
    """A report, and how it came."""

    report: Chargeback
    status: SourceStatus


@dataclass(frozen=True)
class _Load:
    """One load: who is asked, what is known already, when, and who watches."""

    client: ApiClient
    source: CometSource
    caches: Caches
    now: datetime
    progress: Progress

    def is_final(self, month: str | None) -> bool:
        """Whether the report of a month changes no more."""
        return month is not None and month < f"{self.now - FINAL_AFTER:%Y-%m}"

    async def report(self, month: str | None) -> tuple[Chargeback, datetime]:
        """One report and when it was fetched."""

        async def fetch() -> Document:
            report = await fetch_chargeback(self.client, month)
            seconds = CLOSED_SECONDS if self.is_final(month) else CURRENT_SECONDS
            # The frames take about twice the text they came from.
            return Document((report, self.now), 3 * len(report.raw) + 1_000, seconds)

        key = (self.source.scope, CHARGEBACK, month)
        kept: tuple[Chargeback, datetime] = await self.progress.count(
            self.caches.document(key, fetch)
        )
        return kept

    async def of_month(self, month: str | None, part: str = "chargeback") -> _Told:
        """A report and how it came: from the server, and from the ledger where that has none."""
        try:
            report, fetched = await self.report(month)
        except SourceError:
            kept = await self._kept(month)
            if kept is None:
                raise
            return kept
        if report.is_of_another_month and (kept := await self._kept(month)):
            return kept
        moves = not self.is_final(month)
        return _Told(report, _report_status(NAME, part, report, fetched, moves=moves))

    async def _kept(self, month: str | None, *, settled: datetime | None = None) -> _Told | None:
        ledger = self.source.ledger
        if ledger is None or month is None:
            return None
        from lib.loader.chargeback_kept import kept_report  # noqa: PLC0415  # where there is one

        try:
            kept = await asyncio.to_thread(
                kept_report, ledger, self.source.host, month, settled=settled
            )
            return kept and _Told(*kept)
        except SourceError:
            return None  # what the server said of it stands

    async def earlier(self, month: str | None) -> _Told | SourceError:
        """The one before, of the ledger where that has it as it stays: a server takes long to make one.

        Its failure costs the comparison only.
        """
        try:
            kept = await self._kept(month, settled=self.now)
            return kept or await self.of_month(month, report_name(month))
        except SourceError as error:
            return error

    async def service_accounts(self) -> tuple[frozenset[str] | None, SourceStatus]:
        """The server's list and how it answered; None when only names can tell."""

        async def fetch() -> Document:
            accounts = await fetch_service_accounts(self.client)
            return Document((accounts, self.now), 1_000, CURRENT_SECONDS)

        key = (self.source.scope, SERVICE_ACCOUNTS)
        try:
            named, fetched = await self.progress.count(self.caches.document(key, fetch))
        except (SourceDenied, SourceRefused, SourceReplyError) as error:
            return None, _told_by_names(f"{error.detail} ")
        except SourceError as error:
            detail = f"{error.detail} Service accounts are told by their names."
            return None, SourceStatus(
                NAME, SERVICE_ACCOUNTS, "failed", None, None, detail, error.remedy
            )
        if named is None:
            return None, _told_by_names("The server's list has an unknown form. ")
        return named, SourceStatus(NAME, SERVICE_ACCOUNTS, "ok", fetched, len(named))


def _told_by_names(why: str) -> SourceStatus:
    detail = f"{why}Service accounts are told by the rule of names. {NAME_RULE}"
    return SourceStatus(NAME, SERVICE_ACCOUNTS, "skipped", detail=detail)


def _typed_failure() -> SourceError:
    """One text and one class for everything: visitors shall not learn which ports are open."""
    return SourceUnavailable(
        CHARGEBACK,
        "the host that was typed gave no chargeback report.",
        "Check the address and the key. The key must be of an organization admin, the server of "
        "version 3.7.46 or newer, and its address one that visitors may choose; whoever runs the "
        "dashboard can set COMET_URL_OVERRIDE instead.",
    )


def _report_status(
    source: str, part: str, report: Chargeback, fetched: datetime | None, *, moves: bool
) -> SourceStatus:
    rows = len(report.users) + len(report.workspaces)
    missing = []
    if report.is_of_another_month:
        missing.append(
            f"{report.asked} is missing: the server answered with its report of {report.month}."
        )
    if report.unread:
        missing.append(
            f"{report.unread} of its values or entries could not be read; the notes say which."
        )
    status: Literal["ok", "partial"] = "partial" if missing else "ok"
    detail = " ".join(missing) or None
    moves = moves or report.is_of_another_month
    return SourceStatus(source, part, status, fetched, rows, detail, moves=moves)


def same_content(report: Chargeback, earlier: Chargeback) -> bool:
    """Whether two reports hold the same, as two months of a server that keeps none."""
    return report.users.equals(earlier.users) and report.workspaces.equals(earlier.workspaces)


def load_chargeback_files(
    files: Sequence[tuple[str, bytes]], query: ChargebackQuery, *, now: datetime | None = None
) -> ChargebackAnswer:
    """The latest of the files, compared with the one before it.

    Args:
        files: names and contents; at least one.
        now: no file was made later; the clock when None.

    Raises:
        InputError: no file, too many, or one that is no report; names the file.
    """
    if not files or len(files) > _MOST:
        raise InputError("file", f"choose one to {_MOST} files.")
    reports = [read_report_file(name, data) for name, data in files]
    chosen = choose_reports(reports, query.month, query.compare)
    used = [report for report in (chosen.report, chosen.earlier) if report is not None]
    present = now or datetime.now(UTC)
    statuses = [
        _report_status("file", report.label, report, report.made_at(present), moves=True)
        for report in used
    ]
    return ChargebackAnswer(
        chosen.report,
        chosen.earlier,
        None,
        (*statuses, _told_by_names("Files do not list them. ")),
        chosen.notes,
    )

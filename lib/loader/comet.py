"""Chargeback reports of a Comet server or of files, from the cache where that is enough."""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
from loguru import logger
from pydantic import SecretStr

from lib.api_client import ApiClient, ApiSource, Retry, fingerprint
from lib.cache import FINAL_AFTER, Caches, Document
from lib.errors import (
    InputError,
    SettingsError,
    SourceDenied,
    SourceError,
    SourceRefused,
    SourceReplyError,
    SourceUnavailable,
)
from lib.loader.progress import Progress
from lib.settings import Settings
from lib.sources.comet.accounts import NAME_RULE
from lib.sources.comet.address import CometAddress, comet_address
from lib.sources.comet.answer import Chargeback, ChargebackAnswer
from lib.sources.comet.chargeback import fetch_chargeback, fetch_service_accounts, report_name
from lib.sources.comet.files import choose_reports, read_report_file
from lib.sources.comet.guard import GuardedTransport, Resolve, resolve
from lib.sources.comet.query import ChargebackQuery
from lib.sources.comet.tables import CHARGEBACK, NAME, SERVICE_ACCOUNTS
from lib.status import SourceStatus

CURRENT_SECONDS = 300
"""How long a report that may still change is served without asking again."""

CLOSED_SECONDS = 86_400
"""The same for the report of a month that is over."""

TYPED_CONNECT_SECONDS = 3.0
"""To a host that a visitor typed; its failures are told no sooner, so that time tells nothing."""

_MOST = 4


@dataclass(frozen=True)
class CometSource(ApiSource):
    """Whom to ask for a chargeback report; ``connect`` makes a client of the admin API.

    Args:
        address: where the server is.
        connect_to: makes a client for another root of the same server, such as a REST root.
        typed: a visitor chose the host: all its failures are told alike.
        typed_seconds: the least time that a failure of a typed host takes.
    """

    address: CometAddress = field(kw_only=True)
    connect_to: Callable[[str], ApiClient] = field(kw_only=True, repr=False, compare=False)
    typed: bool = field(default=False, kw_only=True)
    typed_seconds: float = field(default=TYPED_CONNECT_SECONDS, kw_only=True)

    @property
    def host(self) -> str:
        """For display."""
        return self.address.host


def may_type_host(settings: Settings) -> bool:
    """Whether visitors may name a host: only where the server is set to none."""
    return settings.comet_api_key is None and settings.comet_url_override is None


def comet_source(
    settings: Settings,
    host: str | None = None,
    key: SecretStr | None = None,
    *,
    by_operator: bool = False,
    transport: httpx.AsyncBaseTransport | None = None,
    retry: Retry | None = None,
    resolver: Resolve = resolve,
) -> CometSource:
    """The server that the settings name, or a host given for this question.

    Args:
        host: its address; in a browser only where ``may_type_host``. Empty is as None.
        key: of a person, instead of the server's.
        by_operator: the host was given by whoever runs this process, as a command's ``--host``, and
            may be any. Never for what comes from a browser.
        transport, resolver: other ways to the server and its name, for demo and tests.

    Raises:
        InputError: the host cannot be used, or may not be chosen.
        SettingsError: no key anywhere, or an unusable address in the settings.
    """
    host = (host or "").strip() or None
    if host and not by_operator and not may_type_host(settings):
        raise InputError(
            "host",
            "this dashboard is set to one Comet server.",
            "Leave the host empty; whoever runs the dashboard sets COMET_URL_OVERRIDE.",
        )
    chosen = key or settings.comet_api_key
    if chosen is None:
        raise SettingsError(
            "COMET_API_KEY",
            "is not set.",
            "Set it in devenv.sh or the environment; DASHBOARD_DEMO=on shows demo data instead.",
        )
    secret = chosen.get_secret_value()
    # The server's own key decides where it is; a visitor's smart key does not lead away from there.
    naming = settings.comet_api_key or chosen
    try:
        address = comet_address(
            naming.get_secret_value(), override=settings.comet_url_override, host=host
        )
    except ValueError as error:
        if host or may_type_host(settings):
            raise InputError("host" if host else "API key", f"{error}.") from None
        variable = "COMET_URL_OVERRIDE" if settings.comet_url_override else "COMET_API_KEY"
        raise SettingsError(variable, f"{error}.") from None
    cloud = comet_address()
    typed = not by_operator and may_type_host(settings) and address.origin != cloud.origin
    headers = {"Authorization": secret}
    if settings.comet_allow_header_name and settings.comet_allow_header_value and not typed:
        value = settings.comet_allow_header_value.get_secret_value()
        headers[settings.comet_allow_header_name] = value

    def connect_to(root: str) -> ApiClient:
        tls = _authorities(settings)
        return ApiClient(
            NAME,
            root,
            headers,
            retry=Retry(attempts=1) if typed else retry,
            connect_timeout=TYPED_CONNECT_SECONDS if typed else 10,
            tls=tls,
            transport=transport
            or (GuardedTransport(tls=tls, resolver=resolver) if typed else None),
        )

    return CometSource(
        fingerprint(address.admin_root, *headers.values(), str(typed)),
        lambda: connect_to(address.admin_root),
        address=address,
        connect_to=connect_to,
        typed=typed,
    )


def _authorities(settings: Settings) -> ssl.SSLContext | None:
    """The usual authorities and the server's own; None when there is no own one."""
    if settings.comet_include_custom_ca_bundle is None:
        return None
    context = httpx.create_ssl_context()
    try:
        context.load_verify_locations(cafile=settings.comet_include_custom_ca_bundle)
    except (OSError, ssl.SSLError):
        raise SettingsError(
            "COMET_INCLUDE_CUSTOM_CA_BUNDLE", "is no longer a file of certificates."
        ) from None
    return context


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
        report, fetched = await load.report(query.month)
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
    statuses = [_report_status(CHARGEBACK, report, fetched)]
    previous = None
    notes = list(source.address.notes)
    if isinstance(before, SourceError):
        name = f"{NAME}:{report_name(query.compare)}"
        detail, remedy = before.detail, before.remedy
        statuses.append(SourceStatus(name, "failed", None, None, detail, remedy))
    elif before:
        previous, fetched = before
        statuses.append(_report_status(f"{NAME}:{report_name(query.compare)}", previous, fetched))
        if _same(report, previous):
            notes.append("Both months came with the same content: the server may keep no months.")
    return ChargebackAnswer(
        report, previous, named, (*statuses, accounts_status), tuple(notes), source.host
    )


@dataclass(frozen=True)
class _Load:
    """One load: who is asked, what is known already, when, and who watches."""

    client: ApiClient
    source: CometSource
    caches: Caches
    now: datetime
    progress: Progress

    async def report(self, month: str | None) -> tuple[Chargeback, datetime]:
        """One report and when it was fetched."""

        async def fetch() -> Document:
            report = await fetch_chargeback(self.client, month)
            seconds = CLOSED_SECONDS if month and _is_over(month, self.now) else CURRENT_SECONDS
            # The frames take about twice the text they came from.
            return Document((report, self.now), 3 * len(report.raw) + 1_000, seconds)

        key = (self.source.scope, CHARGEBACK, month)
        found = self.caches.document(key, fetch)
        kept: tuple[Chargeback, datetime] = await self.progress.count(report_name(month), found)
        return kept

    async def earlier(self, month: str | None) -> tuple[Chargeback, datetime] | SourceError:
        """The one before; its failure costs the comparison only."""
        try:
            return await self.report(month)
        except SourceError as error:
            return error

    async def service_accounts(self) -> tuple[frozenset[str] | None, SourceStatus]:
        """The server's list and how it answered; None when only names can tell."""

        async def fetch() -> Document:
            found = await fetch_service_accounts(self.client)
            return Document((found, self.now), 1_000, CURRENT_SECONDS)

        key = (self.source.scope, SERVICE_ACCOUNTS)
        try:
            found, fetched = await self.progress.count(
                "service accounts", self.caches.document(key, fetch)
            )
        except (SourceDenied, SourceRefused, SourceReplyError) as error:
            return None, _told_by_names(f"{error.detail} ")
        except SourceError as error:
            detail = f"{error.detail} Service accounts are told by their names."
            return None, SourceStatus(SERVICE_ACCOUNTS, "failed", None, None, detail, error.remedy)
        if found is None:
            return None, _told_by_names("The server's list has an unknown form. ")
        return found, SourceStatus(SERVICE_ACCOUNTS, "ok", fetched, len(found))


def _told_by_names(why: str) -> SourceStatus:
    detail = f"{why}Service accounts are told by the rule of names. {NAME_RULE}"
    return SourceStatus(SERVICE_ACCOUNTS, "skipped", detail=detail)


def _typed_failure() -> SourceError:
    """One text and one class for everything: visitors shall not learn which ports are open."""
    return SourceUnavailable(
        CHARGEBACK,
        "the host that was typed gave no chargeback report.",
        "Check the address and the key. The key must be of an organization admin, the server of "
        "version 3.7.46 or newer, and its address one that visitors may choose; whoever runs the "
        "dashboard can set COMET_URL_OVERRIDE instead.",
    )


def _report_status(name: str, report: Chargeback, fetched: datetime | None) -> SourceStatus:
    rows = len(report.users) + len(report.workspaces)
    if not report.unread:
        return SourceStatus(name, "ok", fetched, rows)
    detail = f"{report.unread} of its values or entries could not be read; the notes say which."
    return SourceStatus(name, "partial", fetched, rows, detail)


def _is_over(month: str, now: datetime) -> bool:
    return month < f"{now - FINAL_AFTER:%Y-%m}"


def _same(report: Chargeback, earlier: Chargeback) -> bool:
    return report.users.equals(earlier.users) and report.workspaces.equals(earlier.workspaces)


def load_chargeback_files(
    files: Sequence[tuple[str, bytes]], query: ChargebackQuery
) -> ChargebackAnswer:
    """The latest of the files, compared with the one before it.

    Args:
        files: names and contents; at least one.

    Raises:
        InputError: no file, too many, or one that is no report; names the file.
    """
    if not files or len(files) > _MOST:
        raise InputError("file", f"choose one to {_MOST} files.")
    reports = [read_report_file(name, data) for name, data in files]
    chosen = choose_reports(reports, query.month, query.compare)
    used = [one for one in (chosen.report, chosen.earlier) if one is not None]
    statuses = [_report_status(f"file:{one.label}", one, _made_at(one)) for one in used]
    return ChargebackAnswer(
        chosen.report,
        chosen.earlier,
        None,
        (*statuses, _told_by_names("Files do not list them. ")),
        chosen.notes,
    )


def _made_at(report: Chargeback) -> datetime | None:
    """When the server made a saved report, as far as dates go."""
    try:
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        return (
            None if report.created_at is None else epoch + timedelta(milliseconds=report.created_at)
        )
    except OverflowError:
        return None

"""Counters from Redis beside the list of tenants from the control database."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import SecretStr

from lib.api_client import fingerprint
from lib.cache import OPEN_SECONDS, Caches, Document
from lib.errors import DashboardError, InputError, SettingsError, SourceError, SourceUnavailable
from lib.loader.api_source import account
from lib.loader.progress import Progress
from lib.settings import Settings
from lib.sources.tenants.answer import TenantAnswer
from lib.sources.tenants.connect import connect, host_of, parse_endpoint
from lib.sources.tenants.control_db import check_url, fetch_tenants
from lib.sources.tenants.control_failures import SOURCE as CONTROL
from lib.sources.tenants.keys import months_between
from lib.sources.tenants.query import TenantQuery
from lib.sources.tenants.reader import Counters, fetch_counters
from lib.status import SourceStatus

if TYPE_CHECKING:
    from lib.ledger.store import Ledger

REDIS = "redis"
DEFAULT_ENDPOINT = "localhost:6379"
IN_FLIGHT = 4
"""MGETs under way at a time; more was measured to be no faster."""


Connect = Callable[[int], Awaitable[Any]]
"""Connects to Redis on the event loop that calls it; the argument is the most requests in flight."""


@dataclass(frozen=True)
class TenantSource:
    """Whom to ask for tenants.

    Args:
        scope: fingerprint of the addresses and credentials; starts the keys of what is shared.
        host: shown as the source.
        account: whose data it is, and the same when a password is exchanged.
        control_url: of the control database, or None.
        demo: the data is made up.
        ledger: that keeps counters after Redis has dropped them.
    """

    scope: str
    host: str
    account: str
    control_url: str | None = field(repr=False)
    connect: Connect = field(repr=False, compare=False)
    demo: bool = False
    ledger: "Ledger | None" = field(default=None, repr=False, compare=False)


def tenant_source(settings: Settings) -> TenantSource:
    """The configured Redis and control database.

    Raises:
        SettingsError: names the variable that cannot be used, never its value.
    """
    address = _secret(settings.redis_primary_endpoint) or DEFAULT_ENDPOINT
    url = _secret(settings.control_database_url)
    try:
        endpoint = parse_endpoint(address)
    except ValueError as error:
        raise SettingsError("REDIS_PRIMARY_ENDPOINT", f"{error}.") from None
    try:
        if url is not None:
            check_url(url)
    except ValueError as error:
        raise SettingsError("CONTROL_DATABASE_URL", f"{error}.") from None

    async def connected(in_flight: int) -> Any:
        try:
            return await connect(endpoint, max_parallel=in_flight)
        except SourceUnavailable as error:
            if settings.redis_primary_endpoint is not None:
                raise
            raise SettingsError(
                "REDIS_PRIMARY_ENDPOINT",
                f"is not set, and no Redis answers at {DEFAULT_ENDPOINT}.",
                "Set it and CONTROL_DATABASE_URL in devenv.sh or the environment; "
                "DASHBOARD_DEMO=on shows demo data instead.",
            ) from error

    return TenantSource(
        fingerprint(address, url or ""),
        host_of(endpoint),
        account("tenants", f"{endpoint.host}/{endpoint.options.get('db', 0)}"),
        url,
        connected,
    )


def _secret(value: SecretStr | None) -> str | None:
    return value.get_secret_value() if value else None


async def load_tenants(
    source: TenantSource,
    client: Any,
    query: TenantQuery,
    *,
    caches: Caches,
    max_parallel: int = IN_FLIGHT,
    progress: Progress | None = None,
    anew: bool = False,
) -> TenantAnswer:
    """Counters and tenants at once. Without the list, tenants are those that have counters.

    Args:
        client: what ``source.connect`` gave on this event loop.
        anew: read again, however young what others have read is.

    Raises:
        SourceError: Redis did not answer; a report without counters would be an empty one.
        InputError: a tenant that neither side knows.
    """
    load = _Load(source, client, query, caches, max_parallel, progress or Progress(), anew)
    listing = asyncio.create_task(load.listing())
    try:
        counters, read_at = await load.counters()
        tenants, listed_at = await listing
    finally:
        listing.cancel()
    listed = None if isinstance(tenants, DashboardError) else tenants
    answer = TenantAnswer(
        counters.counters,
        counters.anomalies,
        listed,
        (
            SourceStatus(REDIS, "", "ok", read_at, len(counters.counters)),
            _listing_status(tenants, listed_at),
        ),
        (),
        source.host,
        counters.months,
    )
    if source.ledger is not None:
        answer = await _with_kept(answer, source.ledger, query)
    _check_known(query, answer)
    return answer


async def _with_kept(answer: TenantAnswer, ledger: "Ledger", query: TenantQuery) -> TenantAnswer:
    """The answer with what the ledger keeps; without, and said so, where that cannot be read."""
    from lib.loader.tenants_kept import LEDGER, with_kept  # noqa: PLC0415  # where there is one

    try:
        return await asyncio.to_thread(with_kept, answer, ledger, query, datetime.now(UTC))
    except SourceError as error:
        detail = f"{error.detail} Counters that Redis no longer has are missing."
        failed = SourceStatus(LEDGER, "counters", "failed", None, None, detail, error.remedy)
        return replace(answer, statuses=(*answer.statuses, failed))


@dataclass(frozen=True)
class _Load:
    """One load: who is asked for what, what others have read already, and who watches."""

    source: TenantSource
    client: Any
    query: TenantQuery
    caches: Caches
    max_parallel: int
    progress: Progress
    anew: bool

    async def counters(self) -> tuple[Counters, datetime]:
        """The counters and when their reading began: none of them is older than that."""

        earlier = self.query.earlier
        further = months_between(earlier.first_month, earlier.last_month) if earlier else []

        async def fetch() -> Document:
            began = datetime.now(UTC)
            read = await fetch_counters(
                self.client,
                first_month=self.query.first_month,
                last_month=self.query.last_month,
                further=further,
                tenants=self.query.tenants,
                max_parallel=self.max_parallel,
                progress=self._watch,
                place=self.source.host,
            )
            size = _size(read.counters) + _size(read.anomalies)
            return Document((read, began), size, OPEN_SECONDS)

        months = self.query.first_month, self.query.last_month
        key = (self.source.scope, "counters", *months, *further, self.query.tenants)
        kept: tuple[Counters, datetime] = await self.caches.document(key, fetch, anew=self.anew)
        return kept

    async def listing(self) -> tuple[pd.DataFrame | SourceError | None, datetime | None]:
        """The list of tenants and when it was asked for; its failure costs the list only."""
        url = self.source.control_url
        if url is None:
            return None, None

        async def fetch() -> Document:
            began = datetime.now(UTC)
            tenants = await asyncio.to_thread(fetch_tenants, url)
            return Document((tenants, began), _size(tenants), OPEN_SECONDS)

        key = (self.source.scope, "tenants")
        try:
            kept: tuple[pd.DataFrame, datetime] = await self.caches.document(
                key, fetch, anew=self.anew
            )
        except SourceError as error:
            return error, None
        return kept

    def _watch(self, done: int, total: int) -> None:
        self.progress.done, self.progress.total = done, total


def _size(frame: pd.DataFrame) -> int:
    """About how many bytes a frame takes, texts included."""
    return int(frame.memory_usage(deep=True).sum())


def _listing_status(
    tenants: pd.DataFrame | SourceError | None, asked_at: datetime | None
) -> SourceStatus:
    if tenants is None:
        detail = "Not configured: the tenants are those that have counters."
        return SourceStatus(CONTROL, "", "skipped", detail=detail)
    if isinstance(tenants, SourceError):
        detail = f"{tenants.detail} The tenants are those that have counters."
        return SourceStatus(CONTROL, "", "failed", None, None, detail, tenants.remedy)
    return SourceStatus(CONTROL, "", "ok", asked_at, len(tenants))


def _check_known(query: TenantQuery, answer: TenantAnswer) -> None:
    listed = answer.tenants
    known = {*answer.counters["tenant_id"].unique(), *answer.anomalies["tenant_id"].dropna()}
    if listed is not None:
        known |= {*listed["tenant_id"]}
    for tenant in query.tenants:
        if tenant not in known and (listed is not None or not known):
            near = get_close_matches(tenant, known, n=3)
            raise InputError(
                "tenant",
                f"{tenant[:60]!r} is in neither the control database nor the counters of these months.",
                f"Did you mean {', '.join(near)}?" if near else "Check the id.",
            )

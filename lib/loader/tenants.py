"""Counters from Redis beside the list of tenants from the control database."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

import pandas as pd
from pydantic import SecretStr

from lib.api_client import fingerprint
from lib.cache import Caches
from lib.errors import DashboardError, InputError, SettingsError, SourceError
from lib.loader.progress import Progress
from lib.settings import Settings
from lib.sources.control_db import SOURCE as CONTROL
from lib.sources.control_db import check_url, fetch_tenants
from lib.sources.tenants.answer import TenantAnswer
from lib.sources.tenants.connect import connect, host_of, parse_endpoint
from lib.sources.tenants.query import TenantQuery
from lib.sources.tenants.reader import Counters, fetch_counters
from lib.status import SourceStatus

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
        control_url: of the control database, or None.
        demo: the data is made up.
    """

    scope: str
    host: str
    control_url: str | None = field(repr=False)
    connect: Connect = field(repr=False, compare=False)
    demo: bool = False


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
    return TenantSource(
        fingerprint(address, url or ""),
        host_of(endpoint),
        url,
        lambda in_flight: connect(endpoint, max_parallel=in_flight),
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
) -> TenantAnswer:
    """Counters and tenants at once. Without the list, tenants are those that have counters.

    Args:
        client: what ``source.connect`` gave on this event loop.

    Raises:
        SourceError: Redis did not answer; a report without counters would be an empty one.
        InputError: a tenant that neither side knows.
    """
    progress = progress or Progress()
    listing = asyncio.create_task(_tenants(source.control_url))
    try:
        key = (source.scope, "counters", query.first_month, query.last_month, query.tenants)
        flights = caches.flights
        task = flights.current(key) or flights.start(
            [key], lambda: _counters(client, query, max_parallel, progress)
        )
        counters: Counters = await flights.join(task)
        tenants = await listing
    finally:
        listing.cancel()
    now = datetime.now(UTC)
    listed = None if isinstance(tenants, DashboardError) else tenants
    _check_known(query, counters, listed)
    return TenantAnswer(
        counters.counters,
        counters.anomalies,
        listed,
        (
            SourceStatus(REDIS, "ok", now, len(counters.counters)),
            _listing_status(tenants, now),
        ),
        (),
        source.host,
    )


async def _counters(
    client: Any, query: TenantQuery, max_parallel: int, progress: Progress
) -> Counters:
    def watch(done: int, total: int, what: str) -> None:
        progress.done, progress.total, progress.current = done, total, what

    return await fetch_counters(
        client,
        first_month=query.first_month,
        last_month=query.last_month,
        tenants=query.tenants,
        max_parallel=max_parallel,
        progress=watch,
    )


async def _tenants(control_url: str | None) -> pd.DataFrame | SourceError | None:
    """The list; its failure costs the list only."""
    if control_url is None:
        return None
    try:
        return await asyncio.to_thread(fetch_tenants, control_url)
    except SourceError as error:
        return error


def _listing_status(tenants: pd.DataFrame | SourceError | None, now: datetime) -> SourceStatus:
    if tenants is None:
        detail = "Not configured: the tenants are those that have counters."
        return SourceStatus(CONTROL, "skipped", detail=detail)
    if isinstance(tenants, SourceError):
        detail = f"{tenants.detail} The tenants are those that have counters."
        return SourceStatus(CONTROL, "failed", None, None, detail, tenants.remedy)
    return SourceStatus(CONTROL, "ok", now, len(tenants))


def _check_known(query: TenantQuery, counters: Counters, listed: pd.DataFrame | None) -> None:
    known = {*counters.counters["tenant_id"].unique(), *counters.anomalies["tenant_id"].dropna()}
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

"""Is a source configured, reachable and permitted? Asked with one small request each."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lib.api_client import ApiClient
from lib.errors import (
    SourceDenied,
    SourceError,
    SourceRefused,
    SourceReplyError,
    SourceUnavailable,
)
from lib.settings import Settings
from lib.sources.comet.chargeback.ask import fetch_chargeback, fetch_service_accounts
from lib.sources.comet.experiments.lists import fetch_workspaces
from lib.sources.comet.server.rest import CometRest
from lib.sources.openai.names import MANAGEMENT_SCOPE, check_names
from lib.sources.openai.usage import USAGE_SCOPE, Series, fetch_window
from lib.sources.tenants.control_db import fetch_tenants
from lib.sources.tenants.reader import check_rights


@dataclass(frozen=True)
class Check:
    """What is known of one source; None means that it could not be found out.

    Args:
        configured: its settings are there (False: demo data stands in).
        detail: what is wrong and what to do, or what was asked.
    """

    source: str
    configured: bool
    reachable: bool | None
    permitted: bool | None
    detail: str

    @property
    def fine(self) -> bool:
        """Nothing stands in the way of a complete report of real data."""
        return self.configured and self.permitted is True


async def check_openai(client: ApiClient, settings: Settings) -> list[Check]:
    """Usage, costs and names of one organisation, each with the permission it needs."""
    today = int(datetime.now(UTC).timestamp()) // 86_400 * 86_400
    configured = settings.openai_admin_key is not None and not settings.demo
    suffix = "" if configured else " (demo data)"

    def window(endpoint: str) -> Awaitable[object]:
        return fetch_window(client, Series(endpoint, (), "1d"), today, today + 86_400)

    asked: tuple[tuple[str, str, Awaitable[object]], ...] = (
        ("usage", USAGE_SCOPE, window("completions")),
        ("costs", USAGE_SCOPE, window("costs")),
        ("names", MANAGEMENT_SCOPE, check_names(client)),
    )
    return [
        await _check(f"openai:{part}", configured, f"{client.host}, {scope}{suffix}", request)
        for part, scope, request in asked
    ]


async def check_tenants(
    connect: Callable[[int], Awaitable[Any]],
    host: str,
    control_url: str | None,
    *,
    configured: bool,
) -> list[Check]:
    """Redis and the control database, each as the report would ask it.

    Args:
        connect: connects to Redis; its argument is the most requests in flight.
        control_url: of the control database; None when there is none, which is no fault.
        configured: False when demo data stands in.
    """
    suffix = "" if configured else " (demo data)"

    async def read() -> None:
        client = await connect(1)
        try:
            await check_rights(client, host)
        finally:
            await client.aclose()

    checked = [await _check("redis", configured, f"{host}, keys usage:*{suffix}", read())]
    if control_url is not None:
        listing = asyncio.to_thread(fetch_tenants, control_url)
        asked = f"table tenants{suffix}"
        checked.append(await _check("control-database", configured, asked, listing))
    return checked


async def check_comet(
    client: ApiClient, rest_roots: Sequence[str], *, configured: bool
) -> list[Check]:
    """A Comet server's admin API, which needs the key of an organization admin, and its REST API.

    Args:
        rest_roots: where the REST API may be.
    """
    suffix = "" if configured else " (demo data)"

    async def ask() -> None:
        try:
            await fetch_service_accounts(client)  # small, and for admins only, too
        except SourceRefused:  # older servers lack it
            await fetch_chargeback(client, None)

    listing = fetch_workspaces(CometRest(client, list(rest_roots)))
    return [
        await _check("comet:chargeback", configured, f"{client.host}, admin API{suffix}", ask()),
        await _check(
            "comet:workspaces", configured, f"{client.host}, list of workspaces{suffix}", listing
        ),
    ]


async def _check(source: str, configured: bool, asked: str, request: Awaitable[object]) -> Check:
    try:
        await request
    except SourceUnavailable as error:
        return Check(source, configured, False, None, str(error))
    except SourceDenied as error:
        return Check(source, configured, True, False, str(error))
    except SourceReplyError as error:
        return Check(source, configured, True, None, str(error))
    except SourceError as error:
        return Check(source, configured, True, False, str(error))
    return Check(source, configured, True, True, asked)

"""Is a source configured, reachable and permitted? Asked with one small request each."""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime

from lib.api_client import ApiClient
from lib.errors import SourceDenied, SourceError, SourceReplyError, SourceUnavailable
from lib.settings import Settings
from lib.sources.openai.names import MANAGEMENT_SCOPE, check_names
from lib.sources.openai.usage import USAGE_SCOPE, Series, fetch_window


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

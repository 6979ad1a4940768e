"""Asks OpenAI what it alerts at and limits; nothing is ever written there."""

from collections.abc import Awaitable
from typing import Any

from lib.api_client import ApiClient
from lib.errors import SourceDenied, SourceRefused
from lib.sources.openai import NAME
from lib.sources.openai.limits import SpendLimit, read_limit
from lib.sources.openai.names import MANAGEMENT_SCOPE, fetch_list, project_path
from lib.sources.openai.usage import explain_denial

ORGANISATION, PROJECTS = "spend_limits", "project_spend_limits"
"""How errors and statuses name what is set for the whole organisation, and for its projects."""


async def fetch_limits(client: ApiClient, project: str | None = None) -> list[SpendLimit]:
    """The alerts and the limit of a project, or of the whole organisation; none where none is set.

    Source: API reference, "Spend alerts" and "Spend limit"; 404 where there is no limit, or no such project.

    Raises:
        SourceError: they are not known.
    """
    part = ORGANISATION if project is None else PROJECTS
    place = "/organization" if project is None else project_path(project)
    source = f"{NAME}:{part}"
    alerts = await _unless_none(fetch_list(client, part, f"{place}/spend_alerts"))
    try:
        limit = await _unless_none(client.get_json(f"{place}/spend_limit", part=part))
    except SourceDenied as error:
        raise explain_denial(error, MANAGEMENT_SCOPE) from error
    is_none = limit is None or (
        isinstance(limit, dict) and limit.get("threshold_amount", 0) is None
    )
    return [
        *(read_limit(alert, "alert", project, source) for alert in alerts or ()),
        *([] if is_none else [read_limit(limit, "limit", project, source)]),
    ]


async def _unless_none(asked: Awaitable[Any]) -> Any:
    """The answer, or None where what is asked for does not exist."""
    try:
        return await asked
    except SourceRefused as error:
        if error.status != 404:
            raise
        return None

"""Names for OpenAI's ids: users, projects, API keys, service accounts, admin keys."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, ValidationError

from lib.api_client import ApiClient
from lib.errors import SourceDenied, SourceError, SourceRefused, SourceReplyError
from lib.sources.openai import NAME
from lib.sources.openai.tables import ARCHIVED, SERVICE_ACCOUNT, Kind
from lib.sources.openai.usage import explain_denial

MANAGEMENT_SCOPE = "api.management.read"
PAGE_SIZE = 100


class _ListReply(BaseModel):
    data: list[dict[str, Any]]
    has_more: bool = False
    last_id: str | None = None


class _Owner(BaseModel):
    model_config = ConfigDict(extra="ignore")
    id: str | None = None
    name: str | None = None
    email: str | None = None


@dataclass
class Names:
    """Names found in one look-up: kind and id to name. An id that is listed without a name maps to itself.

    ``fetched_at`` is set by whoever keeps them: names from a cache are older than the load. ``archived``: those
    of ``project_ids`` that are.
    """

    by_id: dict[tuple[Kind, str], str] = field(default_factory=dict)
    project_ids: list[str] = field(default_factory=list)
    archived: set[str] = field(default_factory=set)
    fetched_at: datetime | None = None

    def add(self, kind: Kind, key: object, name: object, mark: str = "") -> None:
        """Adds a name unless a better source gave one before."""
        if isinstance(key, str) and key:
            self.by_id.setdefault((kind, key), (str(name) if name else key) + mark)


Cached = Callable[[str, Callable[[], Awaitable[Names]]], Awaitable[Names]]
"""Fetches through a cache: a name of the look-up, and how to fetch it."""


@dataclass(frozen=True)
class Directory:
    """All names that could be had.

    Args:
        names: kind and id to name.
        answered: kinds whose look-ups all answered: an id that is missing there is deleted or unknown.
        failures: look-up to its error.
        rows: look-up to the number of names it gave.
        as_of: look-up to when the oldest of its names were fetched, where that is known.
    """

    names: Mapping[tuple[Kind, str], str]
    answered: frozenset[Kind]
    failures: Mapping[str, SourceError]
    rows: Mapping[str, int]
    as_of: Mapping[str, datetime]


LOOKUPS = ("users", "projects", "api_keys", "service_accounts", "admin_api_keys")
_NEEDED: Mapping[Kind, tuple[str, ...]] = {
    "project": ("projects",),
    "user": ("users", "projects", "api_keys", "service_accounts"),
    "api_key": ("projects", "api_keys"),
}


async def fetch_directory(client: ApiClient, cached: Cached) -> Directory:
    """All names, each look-up on its own: one that fails costs its names only.

    Projects come with archived ones, keys with those whose owner lost access: both still have usage.
    Key owners fill gaps in the list of users. Source: API reference, "Users", "Projects",
    "Project API keys", "Project service accounts", "Admin API keys".
    """
    failures: dict[str, SourceError] = {}

    async def look_up(part: str, key: str, fetch: Callable[[], Awaitable[Names]]) -> Names:
        try:
            return await cached(key, fetch)
        except SourceError as error:
            failures.setdefault(part, error)
            return Names()

    async def of_projects() -> dict[str, list[Names]]:
        projects = await look_up("projects", "projects", lambda: fetch_projects(client))
        if "projects" in failures:
            for part in ("api_keys", "service_accounts"):
                failures[part] = failures["projects"]
        keys, accounts = await asyncio.gather(
            _for_each(projects.project_ids, "api_keys", look_up, client, _fetch_api_keys),
            _for_each(
                projects.project_ids, "service_accounts", look_up, client, _fetch_service_accounts
            ),
        )
        return {"projects": [projects], "api_keys": keys, "service_accounts": accounts}

    users, admin_keys, rest = await asyncio.gather(
        look_up("users", "users", lambda: _fetch_users(client)),
        look_up("admin_api_keys", "admin_api_keys", lambda: _fetch_admin_keys(client)),
        of_projects(),
    )
    parts = {"users": [users], **rest, "admin_api_keys": [admin_keys]}
    # A key owner's copy of a user's name may be older than the list of users: first come, first kept.
    merged = Names()
    for part in LOOKUPS:
        for names in parts[part]:
            for entry, name in names.by_id.items():
                merged.by_id.setdefault(entry, name)
    return Directory(
        merged.by_id,
        frozenset(kind for kind, needs in _NEEDED.items() if not failures.keys() & {*needs}),
        failures,
        {part: sum(len(names.by_id) for names in parts[part]) for part in LOOKUPS},
        {
            part: min(times)
            for part in LOOKUPS
            if (times := [names.fetched_at for names in parts[part] if names.fetched_at])
        },
    )


async def check_names(client: ApiClient) -> None:
    """Asks for one user, to learn whether names may be had.

    Raises:
        SourceError: they may not.
    """
    try:
        await client.get_json("/organization/users", [("limit", "1")], part="users")
    except SourceDenied as error:
        raise explain_denial(error, MANAGEMENT_SCOPE) from error


async def _for_each(
    project_ids: list[str],
    part: str,
    look_up: Callable[[str, str, Callable[[], Awaitable[Names]]], Awaitable[Names]],
    client: ApiClient,
    fetch: Callable[[ApiClient, str], Awaitable[Names]],
) -> list[Names]:
    """One look-up per project, all at once; the client bounds how many are in flight."""

    async def fetch_unless_gone(project_id: str) -> Names:
        try:
            return await fetch(client, project_id)
        except SourceRefused as error:
            if error.status != 404:
                raise
            return Names()  # deleted since the projects were listed

    def of(project_id: str) -> Awaitable[Names]:
        return look_up(part, f"{part}/{project_id}", lambda: fetch_unless_gone(project_id))

    return list(await asyncio.gather(*map(of, project_ids)))


async def _fetch_users(client: ApiClient) -> Names:
    names = Names()
    for item in await fetch_list(client, "users", "/organization/users"):
        names.add("user", item.get("id"), item.get("email") or item.get("name"))
    return names


async def fetch_projects(client: ApiClient) -> Names:
    """All projects of the organisation, archived ones too."""
    names = Names()
    pairs = [("include_archived", "true")]
    for item in await fetch_list(client, "projects", "/organization/projects", pairs):
        archived = item.get("status") == "archived" or item.get("archived_at") is not None
        names.add("project", item.get("id"), item.get("name"), ARCHIVED if archived else "")
        if isinstance(item.get("id"), str):
            names.project_ids.append(item["id"])
            names.archived |= {item["id"]} if archived else set()
    return names


async def _fetch_api_keys(client: ApiClient, project_id: str) -> Names:
    names = Names()
    path = f"{project_path(project_id)}/api_keys"
    for item in await fetch_list(client, "api_keys", path, [("owner_project_access", "any")]):
        names.add("api_key", item.get("id"), item.get("name") or item.get("redacted_value"))
        owner = item.get("owner") if isinstance(item.get("owner"), dict) else {}
        person = _owner(owner, "user")
        names.add("user", person.id, person.email or person.name)
        account = _owner(owner, "service_account")
        names.add("user", account.id, account.name, SERVICE_ACCOUNT)
    return names


async def _fetch_service_accounts(client: ApiClient, project_id: str) -> Names:
    names = Names()
    path = f"{project_path(project_id)}/service_accounts"
    for item in await fetch_list(client, "service_accounts", path):
        names.add("user", item.get("id"), item.get("name"), SERVICE_ACCOUNT)
    return names


def project_path(project_id: str) -> str:
    """Where all of a project is, whatever its id."""
    # Dots too: an id of ".." would lead the request elsewhere.
    return "/organization/projects/" + quote(project_id, safe="").replace(".", "%2E")


async def _fetch_admin_keys(client: ApiClient) -> Names:
    names = Names()
    for item in await fetch_list(client, "admin_api_keys", "/organization/admin_api_keys"):
        names.add("api_key", item.get("id"), item.get("name") or item.get("redacted_value"))
    return names


def _owner(owner: Any, kind: str) -> _Owner:
    """The user or service account that owns a key; empty when it is of the other kind or malformed."""
    try:
        return _Owner.model_validate(owner.get(kind) or {})
    except ValidationError:
        return _Owner()


async def fetch_list(
    client: ApiClient, part: str, path: str, params: list[tuple[str, str]] | None = None
) -> list[dict[str, Any]]:
    """All items of one list, page after page.

    Raises:
        SourceError: not all of them could be had; nothing of them is quoted.
    """
    items: list[dict[str, Any]] = []
    after: str | None = None
    seen: set[str] = set()
    while True:
        pairs = [("limit", str(PAGE_SIZE)), *(params or []), *([("after", after)] if after else [])]
        try:
            payload = await client.get_json(path, pairs, part=part)
        except SourceDenied as error:
            raise explain_denial(error, MANAGEMENT_SCOPE) from error
        try:
            page = _ListReply.model_validate(payload)
        except ValidationError:
            raise SourceReplyError(
                f"{NAME}:{part}", "the list lacks its documented shape."
            ) from None
        items += page.data
        # A null last_id ends the official client's paging silently; the last item's id goes on.
        following = page.last_id or (page.data[-1].get("id") if page.data else None)
        if not page.has_more:
            return items
        if not following or following in seen:
            raise SourceReplyError(f"{NAME}:{part}", "the list promises more but does not go on.")
        after = str(following)
        seen.add(after)

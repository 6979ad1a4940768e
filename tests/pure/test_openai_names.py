"""Ids get the best name there is, and a look-up that fails costs its own names only."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from lib.cache import Caches
from lib.sources.openai.names import Directory, Names, fetch_directory
from tests.support.replies import mock_client


class Lists:
    """Answers look-ups from lists of items; pages of two."""

    def __init__(self, lists: dict[str, Any], *, last_id: bool = True) -> None:
        self.lists = lists
        self.last_id = last_id
        self.paths: list[bytes] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.paths.append(request.url.raw_path)
        tail = request.url.raw_path.split(b"?")[0].removeprefix(b"/v1/organization/").decode()
        items = self.lists.get(tail, [])
        if isinstance(items, httpx.Response):
            return items
        after = request.url.params.get("after")
        ids = [item["id"] for item in items]
        first = ids.index(after) + 1 if after else 0
        shown = items[first : first + 2]
        last = shown[-1]["id"] if shown and self.last_id else None
        return httpx.Response(
            200, json={"data": shown, "last_id": last, "has_more": first + 2 < len(items)}
        )


async def directory(lists: Callable[[httpx.Request], httpx.Response]) -> Directory:
    caches = Caches()

    async def cached(key: str, fetch: Callable[[], Any]) -> Names:
        return await caches.lookup(key, fetch)

    return await fetch_directory(mock_client(lists), cached)


def people(count: int) -> list[dict[str, Any]]:
    return [{"id": f"user-{number}", "email": f"{number}@x.example"} for number in range(count)]


@pytest.mark.parametrize("last_id", [True, False])
async def test_lists_are_read_to_their_end_with_or_without_a_last_id(last_id: bool) -> None:
    found = await directory(Lists({"users": people(7)}, last_id=last_id))
    assert len(found.names) == 7
    assert found.rows["users"] == 7
    assert not found.failures


async def test_a_list_that_promises_more_for_ever_is_an_error_not_a_loop() -> None:
    def stuck(_request: httpx.Request) -> httpx.Response:
        data = [{"id": "user-1", "email": "a@x.example"}]
        return httpx.Response(200, json={"data": data, "last_id": "user-1", "has_more": True})

    found = await directory(stuck)
    assert "does not go on" in found.failures["users"].detail


async def test_the_best_source_of_a_name_wins_and_gaps_are_filled() -> None:
    owner = {"id": "user-0", "email": "old@x.example", "name": "Old"}
    stranger = {"id": "user-gone", "email": None, "name": "Gone"}
    account = {"id": "svc-1", "name": "runner"}
    keys = [
        {"id": "key-1", "name": "prod", "owner": {"type": "user", "user": owner}},
        {"id": "key-2", "name": None, "redacted_value": "sk-…abcd", "owner": {"user": stranger}},
        {"id": "key-3", "name": "", "owner": {"service_account": account, "user": None}},
        {"id": "key-4", "name": "odd", "owner": "nobody"},
        {"id": "key-5", "name": "odd", "owner": {"user": {"id": 17}}},
    ]
    projects = [
        {"id": "proj-1", "name": "One", "status": "active"},
        {"id": "proj-2", "name": None, "status": "archived"},
        {"id": "proj-3", "name": "One", "status": "active", "archived_at": 1_700_000_000},
    ]
    lists = Lists(
        {
            "users": [*people(1), {"id": "user-x", "name": "No Mail"}, {"id": "user-y"}],
            "projects": projects,
            "projects/proj-1/api_keys": keys,
            "projects/proj-1/service_accounts": [{"id": "svc-2", "name": "batch"}],
            "admin_api_keys": [{"id": "key-admin", "name": "root"}],
        }
    )
    found = await directory(lists)
    assert found.names == {
        ("user", "user-0"): "0@x.example",
        ("user", "user-x"): "No Mail",
        ("user", "user-y"): "user-y",
        ("user", "user-gone"): "Gone",
        ("user", "svc-1"): "runner (service account)",
        ("user", "svc-2"): "batch (service account)",
        ("project", "proj-1"): "One",
        ("project", "proj-2"): "proj-2 (archived)",
        ("project", "proj-3"): "One (archived)",
        ("api_key", "key-1"): "prod",
        ("api_key", "key-2"): "sk-…abcd",
        ("api_key", "key-3"): "key-3",
        ("api_key", "key-4"): "odd",
        ("api_key", "key-5"): "odd",
        ("api_key", "key-admin"): "root",
    }
    assert found.answered == {"project", "user", "api_key"}
    asked = b" ".join(lists.paths)
    assert b"include_archived=true" in asked
    assert b"owner_project_access=any" in asked


@pytest.mark.parametrize("hostile", ["../../users", "..", ".", "a/b?limit=1#x", "%2e%2e", "ü ö"])
async def test_a_project_id_cannot_lead_the_request_elsewhere(hostile: str) -> None:
    lists = Lists({"projects": [{"id": hostile, "name": "Trap"}]})
    found = await directory(lists)
    assert found.names["project", hostile] == "Trap"
    tails = {path.split(b"?")[0].count(b"/") for path in lists.paths if b"projects/" in path}
    assert tails == {5}, lists.paths
    ends = {path.split(b"?")[0].rsplit(b"/", 1)[1] for path in lists.paths}
    assert ends == {b"users", b"projects", b"admin_api_keys", b"api_keys", b"service_accounts"}


async def test_one_look_up_that_fails_costs_its_own_names_only() -> None:
    denied = httpx.Response(403, json={"error": {"message": "Missing scopes: x"}})
    lists = Lists({"users": denied, "projects": [{"id": "proj-1", "name": "One"}]})
    found = await directory(lists)
    assert found.failures.keys() == {"users"}
    assert found.names == {("project", "proj-1"): "One"}
    assert found.answered == {"project", "api_key"}


async def test_without_projects_their_keys_count_as_failed_too() -> None:
    found = await directory(Lists({"projects": httpx.Response(404), "users": people(1)}))
    assert found.failures.keys() == {"projects", "api_keys", "service_accounts"}
    assert found.answered == frozenset()


@pytest.mark.parametrize("part", ["api_keys", "service_accounts"])
async def test_a_project_deleted_after_it_was_listed_costs_nobody_their_names(part: str) -> None:
    lists = Lists(
        {
            "projects": [{"id": "proj-1", "name": "One"}, {"id": "proj-2", "name": "Two"}],
            "projects/proj-1/api_keys": [{"id": "key-1", "name": "prod"}],
            "projects/proj-1/service_accounts": [{"id": "svc-1", "name": "batch"}],
            f"projects/proj-2/{part}": httpx.Response(404),
        }
    )
    found = await directory(lists)
    assert not found.failures
    assert found.answered == {"project", "user", "api_key"}
    assert found.names["api_key", "key-1"] == "prod"
    for status in (400, 403):
        lists.lists[f"projects/proj-2/{part}"] = httpx.Response(status)
        assert (await directory(lists)).failures.keys() == {part}, "not a deletion"


async def test_a_look_up_is_as_old_as_the_oldest_list_in_it() -> None:
    projects = [{"id": "proj-1", "name": "One"}, {"id": "proj-2", "name": "Two"}]
    noon = datetime(2026, 11, 21, 12, tzinfo=UTC)

    ages = {"projects": noon, "api_keys/proj-1": noon, "api_keys/proj-2": noon}
    ages["api_keys/proj-2"] -= timedelta(minutes=9)

    async def aged(key: str, fetch: Callable[[], Any]) -> Names:
        names: Names = await fetch()
        names.fetched_at = ages.get(key)
        return names

    found = await fetch_directory(mock_client(Lists({"projects": projects})), aged)
    assert found.as_of == {"projects": noon, "api_keys": noon - timedelta(minutes=9)}

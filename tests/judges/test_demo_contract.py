"""OpenAI's own SDK, with strict models and over real HTTP, accepts what the stand-in says."""

import base64
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import openai
import pytest
import uvicorn
from openai import OpenAI
from starlette.applications import Starlette

from lib.demo.openai_endpoints import ENDPOINTS, STEPS, ServedEndpoint
from lib.demo.openai_faults import Faults
from lib.demo.openai_server import create_openai_app
from lib.demo.organisation import Organisation

NOW = datetime(2026, 11, 21, 13, 40, tzinfo=UTC)
TODAY = 1_795_219_200
DAY = 86_400
KEY = {"Authorization": "Bearer sk-admin-demo"}
WORK: dict[str, Any] = {"start_time": TODAY - 2 * DAY, "end_time": TODAY}


@pytest.fixture(scope="module")
def app() -> Starlette:
    return create_openai_app(now=lambda: NOW)


@pytest.fixture(scope="module")
def base_url(app: Starlette) -> Iterator[str]:
    # asyncio turns Nagle's algorithm off only where the protocol is named: 40 ms a request else.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    # The socket already listens, so the first request waits in its queue until the server is up.
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    server.should_exit = True
    thread.join(10)
    listener.close()


@pytest.fixture
def faults(app: Starlette) -> Iterator[Faults]:
    """The server's switches, all off again after the test."""
    current: Faults = app.state.faults
    yield current
    vars(current).update(vars(Faults()))


def sdk(base_url: str, key: str = "sk-admin-demo", retries: int = 0) -> OpenAI:
    return OpenAI(
        admin_api_key=key,
        base_url=base_url,
        max_retries=retries,
        _strict_response_validation=True,
    )


@pytest.fixture(scope="module")
def organization(base_url: str) -> Iterator[Any]:
    with sdk(base_url) as client:
        yield client.admin.organization


@pytest.fixture(scope="module")
def org(app: Starlette) -> Organisation:
    made: Organisation = app.state.org
    return made


# Usage and costs


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda each: each.name)
def test_the_sdk_reads_every_endpoint_grouped_by_everything(
    organization: Any, endpoint: ServedEndpoint
) -> None:
    ask = getattr(organization.usage, endpoint.name)
    page = ask(**WORK, bucket_width="1d", group_by=list(endpoint.dimensions), limit=31)
    assert (page.object, page.has_more, page.next_page) == ("page", False, None)
    assert [bucket.start_time for bucket in page.data] == [TODAY - 2 * DAY, TODAY - DAY]
    rows = [row for bucket in page.data for row in bucket.results]
    assert len(rows) > 2
    assert {row.object for row in rows} == {endpoint.object}
    extras = {name for row in rows for name in row.model_extra}
    assert extras == ({"user_email"} if endpoint.name == "costs" else set())
    declared = set(type(rows[0]).model_fields) - {"object"}
    assert declared == {*endpoint.dimensions, *endpoint.metrics} | (
        {"quantity_unit"} if endpoint.name == "costs" else set()
    )


@pytest.mark.parametrize(
    "endpoint",
    [each for each in ENDPOINTS if each.name != "costs"],
    ids=lambda each: each.name,
)
def test_the_sdk_reads_hours_and_minutes(organization: Any, endpoint: ServedEndpoint) -> None:
    ask = getattr(organization.usage, endpoint.name)
    assert len(ask(**WORK, bucket_width="1h").data) == 24
    assert len(ask(**WORK, bucket_width="1m").data) == 60


def test_the_sdks_filters_and_cursors_go_round(organization: Any, org: Organisation) -> None:
    asked: dict[str, Any] = {
        "start_time": TODAY - 10 * DAY,
        "end_time": TODAY,
        "project_ids": [org.projects[1].id, org.projects[2].id],
        "batch": False,
        "group_by": ["project_id", "batch"],
    }
    first = organization.usage.completions(**asked)
    second = organization.usage.completions(**asked, page=first.next_page)
    assert (len(first.data), len(second.data), second.next_page) == (7, 3, None)
    rows = [row for page in (first, second) for bucket in page.data for row in bucket.results]
    assert {(row.project_id, row.batch) for row in rows} == {
        (project, False) for project in asked["project_ids"]
    }


def test_the_sdk_reads_an_amount_that_is_text(
    organization: Any, faults: Faults, base_url: str
) -> None:
    plain = organization.usage.costs(**WORK).data[0].results[0].amount.value
    faults.amount_as_string = True
    assert organization.usage.costs(**WORK).data[0].results[0].amount.value == plain
    text = httpx.get(f"{base_url}/organization/costs", params=WORK, headers=KEY).json()
    assert len(text["data"][0]["results"][0]["amount"]["value"].partition(".")[2]) == 18


# Look-ups


def test_the_sdk_pages_through_users_who_are_still_there(
    organization: Any, org: Organisation, app: Starlette
) -> None:
    app.state.requests.clear()
    users = list(organization.users.list())
    assert [user.id for user in users] == [user.id for user in org.users if not user.deleted]
    assert [tail for tail, _ in app.state.requests] == ["users", "users"]
    assert len(users) == 37
    assert [user.name for user in users].count(None) == 1
    some = [users[0].email, users[5].email]
    assert [user.email for user in organization.users.list(emails=some)] == some
    assert organization.users.retrieve(users[3].id).name == users[3].name


def test_archived_projects_are_listed_when_asked_for_and_keep_their_keys(
    organization: Any, org: Organisation
) -> None:
    active = list(organization.projects.list(limit=4))
    every = list(organization.projects.list(include_archived=True, limit=5))
    assert (len(active), len(every)) == (10, 12)
    archived = [project for project in every if project.status == "archived"]
    assert all(project.archived_at for project in archived)
    keys = organization.projects.api_keys.list(archived[0].id, owner_project_access="any")
    assert len(list(keys)) > 0
    assert organization.projects.retrieve(archived[0].id).name == archived[0].name


def test_keys_are_shown_by_their_owners_access(organization: Any, org: Organisation) -> None:
    def listed(**asked: Any) -> set[str]:
        lists = [organization.projects.api_keys.list(each.id, **asked) for each in org.projects]
        return {key.id for keys in lists for key in keys}

    active = listed(owner_project_access="active", limit=2)
    inactive = listed(owner_project_access="inactive")
    assert active
    assert inactive
    assert not active & inactive
    assert listed(owner_project_access="any") == active | inactive
    assert listed() == active
    deleted = {key.id for project in org.projects for key in project.keys if key.deleted}
    assert deleted
    assert not deleted & (active | inactive)


def test_keys_name_their_owners(organization: Any, org: Organisation) -> None:
    kinds = set()
    for project in org.projects:
        for key in organization.projects.api_keys.list(project.id, owner_project_access="any"):
            kinds.add(key.owner.type)
            assert (key.owner.user is None) != (key.owner.service_account is None)
            one = organization.projects.api_keys.retrieve(key.id, project_id=project.id)
            assert one == key
    assert kinds == {"user", "service_account"}


def test_service_accounts_members_and_admin_keys_are_listed(
    organization: Any, org: Organisation
) -> None:
    for project in org.projects:
        accounts = list(organization.projects.service_accounts.list(project.id))
        assert [account.id for account in accounts] == [each.id for each in project.accounts]
        members = list(organization.projects.users.list(project.id, limit=3))
        assert [member.id for member in members] == [each.id for each in project.members]
    keys = list(organization.admin_api_keys.list(limit=1))
    assert len(keys) == 3
    assert list(organization.admin_api_keys.list(order="desc")) == keys[::-1]
    assert organization.admin_api_keys.retrieve(keys[1].id).expires_at


def test_usage_names_people_and_keys_that_no_list_knows(
    organization: Any, org: Organisation
) -> None:
    month = {"start_time": TODAY - 31 * DAY, "end_time": TODAY, "limit": 31}
    page = organization.usage.completions(**month, group_by=["user_id", "api_key_id"])
    rows = [row for bucket in page.data for row in bucket.results]
    users = {row.user_id for row in rows}
    assert users >= {user.id for user in org.users if user.deleted}
    assert any(user and user.startswith("svc_acct_") for user in users)
    unlisted = {key.id for each in org.projects for key in each.keys if key.deleted}
    assert unlisted & {row.api_key_id for row in rows}


# Refusals


def test_keys_that_do_not_fit_are_told_apart(base_url: str) -> None:
    path = "/organization/users"
    bare = httpx.get(f"{base_url}{path}").json()["error"]
    assert bare["code"] is None
    assert bare["message"].startswith("You didn't provide an API key")
    with sdk(base_url, "sk-admin-wrong") as client:
        with pytest.raises(openai.AuthenticationError) as wrong:
            client.admin.organization.usage.images(**WORK)
        assert wrong.value.code == "invalid_api_key"
        assert "sk-admin-wrong" not in str(wrong.value)
    with sdk(base_url, "sk-proj-demo") as client:
        with pytest.raises(openai.PermissionDeniedError, match=r"Missing scopes: api\.usage\.read"):
            client.admin.organization.usage.images(**WORK)
        with pytest.raises(openai.PermissionDeniedError, match=r"api\.management\.read"):
            list(client.admin.organization.users.list())


def test_a_key_may_read_usage_but_not_names(organization: Any, faults: Faults) -> None:
    faults.no_management_scope = True
    assert organization.usage.images(**WORK).data
    with pytest.raises(openai.PermissionDeniedError, match=r"api\.management\.read"):
        organization.admin_api_keys.list()


@pytest.mark.parametrize(
    ("name", "width", "default", "highest"),
    [
        ("completions", "1d", 7, 31),
        ("images", "1h", 24, 168),
        ("embeddings", "1m", 60, 1440),
        ("costs", "1d", 7, 180),
    ],
)
def test_a_limit_has_a_default_and_is_refused_over_its_maximum(
    organization: Any, name: str, width: str, default: int, highest: int
) -> None:
    start = TODAY - 2_000 * STEPS[width]
    ask = partial(getattr(organization.usage, name), start_time=start, bucket_width=width)
    assert len(ask().data) == default
    assert len(ask(limit=highest).data) == highest
    for limit, rule in ((highest + 1, f"less than or equal to {highest}"), (0, "greater than")):
        with pytest.raises(openai.BadRequestError) as refused:
            ask(limit=limit)
        assert refused.value.param == "limit"
        assert f"Invalid limit provided: {limit}. Limit must be {rule}" in refused.value.message


@pytest.mark.parametrize(
    ("name", "asked", "param"),
    [
        ("completions", {"start_time": "yesterday"}, "start_time"),
        ("completions", {"end_time": TODAY - 2 * DAY}, "end_time"),
        ("costs", {"end_time": TODAY - 2 * DAY + 3_600}, "end_time"),
        ("completions", {"group_by": ["line_item"]}, "group_by"),
        ("vector_stores", {"group_by": ["model"]}, "group_by"),
        ("images", {"sizes": ["1x1"]}, "sizes"),
        ("completions", {"extra_query": {"batch": "maybe"}}, "batch"),
        ("embeddings", {"extra_query": {"batch": "true"}}, "batch"),
        ("code_interpreter_sessions", {"extra_query": {"models": "gpt-5"}}, "models"),
        ("completions", {"bucket_width": "1w"}, "bucket_width"),
        ("costs", {"bucket_width": "1h"}, "bucket_width"),
    ],
)
def test_what_an_endpoint_does_not_offer_is_refused_by_name(
    organization: Any, name: str, asked: dict[str, Any], param: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        getattr(organization.usage, name)(**{**WORK, **asked})
    assert refused.value.param == param
    only_days = refused.value.message.endswith("Supported values are: '1d'")
    assert only_days == ((name, param) == ("costs", "bucket_width"))


def test_a_cursor_is_twenty_bytes_bound_to_its_query(organization: Any) -> None:
    asked: dict[str, Any] = {"start_time": TODAY - 20 * DAY, "end_time": TODAY, "limit": 6}
    cursor = organization.usage.images(**asked).next_page
    raw = base64.b64decode(cursor.removeprefix("page_"))
    parts = [int.from_bytes(part, "big") for part in (raw[:8], raw[12:])]
    assert (len(raw), parts) == (20, [int(NOW.timestamp()), TODAY - 14 * DAY])
    for name, change in (
        ("images", {"limit": 7}),
        ("images", {"group_by": ["model"]}),
        ("images", {"end_time": TODAY - DAY}),
        ("embeddings", {}),
        ("images", {"page": "page_AAAA"}),
        ("images", {"page": "page_=!"}),
    ):
        with pytest.raises(openai.BadRequestError, match="The page token is invalid") as refused:
            getattr(organization.usage, name)(**{**asked, "page": cursor, **change})
        assert refused.value.code == "invalid_request_error"


def test_bad_requests_and_unknown_things_have_their_own_errors(
    organization: Any, org: Organisation
) -> None:
    deleted = next(user for user in org.users if user.deleted)
    for asked in ({"after": "user-nobody"}, {"limit": 101}, {"limit": 0}):
        with pytest.raises(openai.BadRequestError):
            organization.users.list(**asked)
    with pytest.raises(openai.NotFoundError):
        organization.users.retrieve(deleted.id)
    with pytest.raises(openai.NotFoundError, match="No such project"):
        organization.projects.api_keys.list("proj_none")


def test_unknown_routes_say_which_and_are_counted(base_url: str, app: Starlette) -> None:
    app.state.requests.clear()
    lost = httpx.get(f"{base_url}/organization/usage/dreams?a=1")
    assert (lost.status_code, lost.json()["error"]["message"]) == (
        404,
        "Invalid URL (GET /v1/organization/usage/dreams)",
    )
    posted = httpx.post(f"{base_url}/organization/costs")
    assert posted.json()["error"]["message"] == "Invalid URL (POST /v1/organization/costs)"
    assert list(app.state.requests) == [("dreams", (("a", "1"),)), ("costs", ())]


def test_decisions_may_not_be_offered(organization: Any, faults: Faults) -> None:
    faults.missing_decisions = True
    with pytest.raises(openai.NotFoundError, match=r"Invalid URL \(GET /v1/organization/usage/dec"):
        organization.usage.decisions(**WORK)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (502, openai.InternalServerError),
    ],
)
def test_one_part_may_fail_with_any_status(
    organization: Any, faults: Faults, status: int, kind: type[Exception]
) -> None:
    faults.fail = {"costs": status, "projects": status}
    with pytest.raises(kind):
        organization.usage.costs(**WORK)
    with pytest.raises(kind):
        organization.projects.list()
    assert organization.usage.images(**WORK).data
    assert organization.users.list().data


def test_the_sdk_retries_what_recovers(base_url: str, app: Starlette, faults: Faults) -> None:
    faults.fail, faults.fail_times, faults.retry_after = {"images": 429}, 2, 0.01
    app.state.requests.clear()
    with sdk(base_url, retries=2) as client:
        assert client.admin.organization.usage.images(**WORK).data
    assert len(app.state.requests) == 3
    assert faults.failures["images"] == 2


def test_costs_may_refuse_groupings(organization: Any, faults: Faults) -> None:
    early: dict[str, Any] = {"start_time": 1_764_979_200 - DAY, "end_time": 1_764_979_200 + DAY}
    by_key: dict[str, Any] = {"group_by": ["api_key_id", "line_item"]}
    by_user: dict[str, Any] = {"group_by": ["user_id", "project_id"]}
    assert organization.usage.costs(**early, **by_key).data
    assert organization.usage.costs(**WORK, **by_user).data
    faults.refuse_api_key_before_floor = faults.refuse_user_with_project = True
    with pytest.raises(openai.BadRequestError, match="1764979200") as refused:
        organization.usage.costs(**early, **by_key)
    assert (refused.value.param, refused.value.code) == ("start_time", "invalid_request_error")
    assert organization.usage.costs(**WORK, **by_key).data
    for asked in (by_user, {"group_by": ["user_id"], "project_ids": ["proj_x"]}):
        with pytest.raises(openai.BadRequestError) as refused:
            organization.usage.costs(**WORK, **asked)
        assert refused.value.param == "group_by"

"""What OpenAI itself limits: read to the cent, without anybody's address, and never at the cost of usage."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from lib.cache import Caches
from lib.errors import SourceReplyError
from lib.loader import openai_limits
from lib.loader.openai_limits import LimitsAnswer, load_limits
from lib.sources.openai.limits import SpendLimit, limit_of, plain_limit, read_limit
from lib.usage.measure import Name
from tests.support.replies import NOW, mock_client

PEOPLE = ["ann@company.example", "cfo@company.example"]
BODY = {"type": "email", "recipients": PEOPLE, "subject_prefix": "[ann@company.example]"}


def alert(cents: Any, **more: Any) -> dict[str, Any]:
    return {
        "object": "organization.spend_alert",
        "id": f"alert_{cents}",
        "currency": "USD",
        "interval": "month",
        "threshold_amount": cents,
        "notification_channel": BODY,
        **more,
    }


def limit(cents: Any, status: str = "inactive") -> dict[str, Any]:
    return {
        "object": "organization.spend_limit",
        "currency": "USD",
        "interval": "month",
        "threshold_amount": cents,
        "enforcement": {"status": status},
    }


def read(item: Any, kind: Any = "alert") -> SpendLimit:
    return read_limit(item, kind, None, "openai:spend_limits")


class Server:
    """Answers from what is set, by path below the organisation; whatever is not there is 404."""

    def __init__(self, replies: dict[str, Any], projects: Any = ()) -> None:
        self.replies = {"projects": page([*projects]), **replies}
        self.seen: list[tuple[str, str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        tail = request.url.path.removeprefix("/v1/organization/")
        self.seen.append((request.method, tail))
        reply = self.replies.get(tail, httpx.Response(404, json={"error": {"message": "None."}}))
        if isinstance(reply, httpx.Response):
            return reply
        return httpx.Response(200, content=json.dumps(reply))


def page(items: list[Any]) -> dict[str, Any]:
    return {"object": "list", "data": items, "has_more": False, "last_id": None}


def project(identity: str, name: str | None = None, **more: Any) -> dict[str, Any]:
    return {"id": identity, "name": name or identity.title(), "status": "active", **more}


async def loaded(handle: Callable[[httpx.Request], httpx.Response]) -> LimitsAnswer:
    return await load_limits(mock_client(handle), Caches(), now=NOW)


def states(answer: LimitsAnswer) -> list[str]:
    return [status.status for status in answer.statuses]


@pytest.mark.parametrize(
    ("cents", "amount"), [(5_000, "50.00"), (1, "0.01"), (0, "0.00"), (Decimal("7.0"), "0.07")]
)
def test_cents_become_whole_units_to_the_last_digit(cents: Any, amount: str) -> None:
    found = read(alert(cents))
    assert isinstance(found.amount, Decimal)
    assert f"{found.amount:f}" == amount
    assert limit_of(json.loads(json.dumps(plain_limit(found)))) == found


def test_what_openai_does_not_say_is_not_known_and_never_0() -> None:
    found = read({"threshold_amount": None})
    assert found == SpendLimit(None, "alert", None, "", "", None, None)
    assert limit_of(plain_limit(found)) == found


@pytest.mark.parametrize(
    "cents", ["5000", True, Decimal("0.5"), -1, 10**30, [], {"ann@company.example": 1}]
)
def test_what_is_no_amount_in_cents_is_refused_and_not_quoted(cents: Any) -> None:
    with pytest.raises(SourceReplyError, match="shape: threshold_amount") as refused:
        read(alert(cents))
    assert "ann@" not in f"{refused.value!r} {refused.value.__cause__}"


@pytest.mark.parametrize("item", [{}, [], "x", 3, {"currency": "USD"}])
def test_a_reply_without_an_amount_is_no_limit_of_nothing(item: Any) -> None:
    with pytest.raises(SourceReplyError):
        read(item, "limit")


def test_undocumented_fields_are_left_out_and_words_of_openai_stay() -> None:
    found = read({**limit(100, "suspended"), "created_by": PEOPLE[0], "interval": "week"}, "limit")
    assert (found.enforcement, found.interval) == ("suspended", "week")
    assert PEOPLE[0] not in json.dumps(plain_limit(found))


def test_of_those_who_get_the_mail_only_their_number_stays() -> None:
    found = read(alert(100))
    assert found.recipients == 2
    assert "@" not in json.dumps(plain_limit(found))


async def test_alerts_and_limits_of_organisation_and_projects_are_only_ever_read() -> None:
    replies = {
        "spend_alerts": page([alert(100), alert(200)]),
        "spend_limit": limit(300),
        "projects/one/spend_alerts": page([alert(10)]),
        "projects/one/spend_limit": limit(20, "enforcing"),
    }
    server = Server(replies, [project("one", "=HYPERLINK(1)"), project("two")])
    found = await loaded(server)
    told = [
        (one["project"], one["kind"], one["amount"], one["enforcement"])
        for part in found.parts.values()
        for one in part["limits"]
    ]
    assert told == [
        (None, "alert", "1.00", None),
        (None, "alert", "2.00", None),
        (None, "limit", "3.00", "inactive"),
        ("one", "alert", "0.10", None),
        ("one", "limit", "0.20", "enforcing"),
    ]
    assert found.names == (Name("project", "one", "=HYPERLINK(1)"),)
    assert {method for method, _ in server.seen} == {"GET"}
    assert states(found) == ["ok", "ok"]
    assert not any(part["trouble"] for part in found.parts.values())


@pytest.mark.parametrize("nothing", [None, limit(None), httpx.Response(404, json={})])
async def test_where_no_limit_is_set_there_is_none_and_nothing_failed(nothing: Any) -> None:
    found = await loaded(Server({"spend_limit": nothing}, [project("one")]))
    assert [part["limits"] for part in found.parts.values()] == [[], []]
    assert states(found) == ["ok", "ok"]


async def test_archived_projects_are_not_asked_for() -> None:
    gone = project("gone", archived_at=1_700_000_000) | {"status": "archived"}
    server = Server({}, [gone, project("here"), project("there", "Here (archived)")])
    await loaded(server)
    asked = {tail.split("/")[1] for _, tail in server.seen if tail.startswith("projects/")}
    assert asked == {"here", "there"}


async def test_projects_beyond_the_bound_are_told_and_not_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(openai_limits, "MOST_PROJECTS", 3)
    replies = {"projects/p0/spend_alerts": page([alert(10)])}
    server = Server(replies, [project(f"p{number}") for number in range(5)])
    found = await loaded(server)
    assert len([tail for _, tail in server.seen if tail.startswith("projects/")]) == 6
    assert states(found) == ["ok", "partial"]
    kept = found.parts["project_spend_limits"]
    assert len(kept["limits"]) == 1
    assert kept["trouble"] == "2 projects beyond the first 3 were not asked for."


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
@pytest.mark.parametrize("tail", ["spend_alerts", "spend_limit"])
async def test_where_the_organisation_s_are_refused_both_parts_say_why_and_projects_are_not_asked(
    status: int, tail: str
) -> None:
    refusal = httpx.Response(status, json={"error": {"message": "Not you."}})
    server = Server({tail: refusal}, [project("one")])
    found = await loaded(server)
    assert states(found) == ["failed", "failed"]
    assert all(f"answered {status}: Not you." in str(one.detail) for one in found.statuses)
    assert all(part["as_of"] is None for part in found.parts.values())
    assert not any("project" in path for _, path in server.seen)
    if status == 403:
        assert "api.management.read" in str(found.statuses[0].remedy)


async def test_a_project_that_fails_costs_projects_their_limits_and_the_organisation_none() -> None:
    replies = {
        "spend_limit": limit(300),
        "projects/two/spend_limit": httpx.Response(403, json={"error": {"message": "Not you."}}),
    }
    found = await loaded(Server(replies, [project("one"), project("two")]))
    assert states(found) == ["ok", "failed"]
    assert found.parts["spend_limits"]["limits"]
    assert found.parts["project_spend_limits"]["limits"] == []
    assert "Not you." in found.parts["project_spend_limits"]["trouble"]


@pytest.mark.parametrize("bad", [{"data": PEOPLE}, page([alert("ann@company.example")]), PEOPLE])
async def test_a_reply_of_another_shape_is_a_failure_that_quotes_nobody(bad: Any) -> None:
    found = await loaded(Server({"spend_alerts": bad}))
    assert states(found) == ["failed", "failed"]
    assert "@" not in repr(found)


async def test_an_id_of_a_project_cannot_lead_a_request_elsewhere() -> None:
    server = Server({}, [project("../../users?x=1")])
    found = await loaded(server)
    assert states(found) == ["ok", "ok"]
    assert all("spend_" in tail or tail == "projects" for _, tail in server.seen)

"""What is asked of OpenAI, request by request, and what is made of the answers."""

from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette

from lib.api_client import ApiClient
from lib.cache import Caches
from lib.checks import Check, check_openai
from lib.demo.openai_server import create_openai_app
from lib.errors import InputError, SourceDenied, SourceRefused, SourceReplyError
from lib.loader.openai import load_openai
from lib.settings import Settings
from lib.sources.openai.query import CHOICES, check_query
from lib.sources.openai.tables import COSTS_API_KEY_FLOOR, DIMENSIONS, ENDPOINTS, METRICS
from lib.sources.openai.usage import Series, Window, fetch_window
from tests.support.replies import (
    DAY,
    KEY,
    MONDAY,
    NOW,
    ask,
    bucket_of,
    connect,
    cost,
    mock_client,
    page,
)

USAGE = Series("completions", ("project_id", "model"), "1d")
COSTS = Series("costs", ("project_id", "line_item", "api_key_id", "user_id"), "1d")


class Upstream:
    """Answers each window with what a function makes of its start, end and parameters."""

    def __init__(self, answer: Callable[[int, int, httpx.QueryParams], Any]) -> None:
        self.answer = answer
        self.asked: list[tuple[int, int]] = []
        self.params: list[httpx.QueryParams] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        params = request.url.params
        start, end = int(params["start_time"]), int(params["end_time"])
        self.asked.append((start, end))
        self.params.append(params)
        found = self.answer(start, end, params)
        return found if isinstance(found, httpx.Response) else httpx.Response(200, json=found)

    async def fetch(self, series: Series, start: int, end: int) -> list[Window]:
        return await fetch_window(mock_client(self), series, start, end)


def days(start: int, end: int) -> list[dict[str, Any]]:
    return [bucket_of(at, [{"num_model_requests": at // DAY}]) for at in range(start, end, DAY)]


def starts(windows: list[Window]) -> list[int]:
    return [bucket.start for window in windows for bucket in window.buckets]


def refusal(message: str, param: str | None = None, status: int = 400) -> httpx.Response:
    return httpx.Response(status, json={"error": {"message": message, "param": param}})


# Windows


async def test_a_window_is_one_aligned_request_without_a_cursor() -> None:
    upstream = Upstream(lambda start, end, _: page(days(start, end)))
    found = await upstream.fetch(USAGE, MONDAY, MONDAY + 5 * DAY)
    assert starts(found) == [MONDAY + day * DAY for day in range(5)]
    (params,) = upstream.params
    assert dict(params.multi_items()) == {
        "start_time": str(MONDAY),
        "end_time": str(MONDAY + 5 * DAY),
        "bucket_width": "1d",
        "limit": "5",
        "group_by[]": "model",
    }
    assert params.get_list("group_by[]") == ["project_id", "model"]


async def test_a_page_cut_short_goes_on_after_its_last_bucket() -> None:
    upstream = Upstream(lambda start, end, _: page(days(start, end)[:2], has_more=end > start))
    found = await upstream.fetch(USAGE, MONDAY, MONDAY + 5 * DAY)
    assert starts(found) == [MONDAY + day * DAY for day in range(5)]
    assert [start for start, _ in upstream.asked] == [MONDAY, MONDAY + 2 * DAY, MONDAY + 4 * DAY]
    assert not [params for params in upstream.params if "page" in params]


@pytest.mark.parametrize("shown", [0, 3])
async def test_a_promise_of_more_that_does_not_advance_ends_the_asking(shown: int) -> None:
    upstream = Upstream(lambda *_: page(days(MONDAY, MONDAY + shown * DAY), has_more=True))
    found = await upstream.fetch(USAGE, MONDAY, MONDAY + 5 * DAY)
    assert len(starts(found)) == shown
    assert len(upstream.asked) <= 2


async def test_a_bucket_that_is_sent_twice_counts_once() -> None:
    upstream = Upstream(lambda start, end, _: page(days(start, end) + days(start, end)))
    found = await upstream.fetch(USAGE, MONDAY, MONDAY + 2 * DAY)
    assert starts(found) == [MONDAY, MONDAY + DAY]


async def test_buckets_outside_what_was_asked_for_are_left_out() -> None:
    upstream = Upstream(lambda start, end, _: page(days(start - DAY, end + DAY)))
    found = await upstream.fetch(USAGE, MONDAY, MONDAY + 2 * DAY)
    assert starts(found) == [MONDAY, MONDAY + DAY]


@pytest.mark.parametrize("bucket", [bucket_of(MONDAY + 3_600, []), bucket_of(MONDAY, [], 3_600)])
async def test_a_bucket_across_the_grid_is_refused_not_counted_twice(
    bucket: dict[str, Any],
) -> None:
    upstream = Upstream(lambda *_: page([bucket]))
    with pytest.raises(SourceReplyError, match="1d wide"):
        await upstream.fetch(USAGE, MONDAY, MONDAY + 2 * DAY)


@pytest.mark.parametrize(
    ("series", "most"),
    [
        (USAGE, 31),
        (Series("images", (), "1h"), 168),
        (Series("images", (), "1m"), 1_440),
        (COSTS, 180),
    ],
)
def test_pages_hold_as_many_buckets_as_openai_allows(series: Series, most: int) -> None:
    assert series.limit == most


# Costs that cannot be split


def early(start: int, end: int, params: httpx.QueryParams) -> Any:
    if "api_key_id" in params.get_list("group_by[]") and start < COSTS_API_KEY_FLOOR:
        return refusal(f"only supported for start_time >= {COSTS_API_KEY_FLOOR}.", "start_time")
    return page(days(start, end))


async def test_days_before_the_floor_come_without_keys_in_a_window_of_their_own() -> None:
    upstream = Upstream(early)
    floor = COSTS_API_KEY_FLOOR
    before, after = await upstream.fetch(COSTS, floor - 2 * DAY, floor + 3 * DAY)
    assert (starts([before]), before.dropped) == ([floor - 2 * DAY, floor - DAY], ("api_key_id",))
    assert (starts([after]), after.dropped) == ([floor, floor + DAY, floor + 2 * DAY], ())
    assert len(upstream.asked) == 3


@pytest.mark.parametrize("first", [-5, 0])
async def test_a_window_on_one_side_of_the_floor_is_not_cut(first: int) -> None:
    start = COSTS_API_KEY_FLOOR + first * DAY
    (window,) = await Upstream(early).fetch(COSTS, start, start + 5 * DAY)
    assert len(window.buckets) == 5
    assert window.dropped == (("api_key_id",) if first < 0 else ())


@pytest.mark.parametrize(
    ("message", "param"),
    [
        ("Combining user_id with project_id is not supported.", "group_by"),
        ("user_id with project_id is not supported for this time range.", "start_time"),
        ("Unsupported grouping.", "group_by"),
    ],
)
async def test_users_with_projects_refused_is_told_from_keys_refused(
    message: str, param: str
) -> None:
    def answer(start: int, end: int, params: httpx.QueryParams) -> Any:
        if {"user_id", "project_id"} <= {*params.get_list("group_by[]")}:
            return refusal(message, param)
        return page([bucket_of(day, [cost("1.5")]) for day in range(start, end, DAY)])

    def handle(request: httpx.Request) -> httpx.Response:
        if "costs" in request.url.path:
            return upstream(request)
        return httpx.Response(200, json={"data": [], "has_more": False})

    upstream = Upstream(answer)
    found = await load_openai(mock_client(handle), Caches(), ask(endpoints=("costs",)), now=NOW)
    states = {one.name: one.status for one in found.statuses}
    assert states["openai:costs"] == states["openai:costs_by_user"] == "ok"
    assert found.costs is not None
    groups = [params.get_list("group_by[]") for params in upstream.params]
    assert ["project_id", "line_item", "api_key_id"] in groups, "keys are not given up"


@pytest.mark.parametrize(
    ("series", "reply"),
    [
        (USAGE, refusal("Invalid start_time", "start_time")),
        (COSTS, refusal("Invalid limit", "limit")),
        (COSTS, refusal("No such route for user_id", status=404)),
    ],
)
async def test_any_other_refusal_is_passed_on(series: Series, reply: httpx.Response) -> None:
    with pytest.raises(SourceRefused):
        await Upstream(lambda *_: reply).fetch(series, MONDAY, MONDAY + DAY)


@pytest.mark.parametrize(
    ("message", "remedy"),
    [
        ("Missing scopes: api.usage.read.", "permission api.usage.read"),
        ("You didn't provide an API key.", "Check OPENAI_ADMIN_KEY"),
        ("Incorrect API key provided.", "Check OPENAI_ADMIN_KEY"),
    ],
)
async def test_a_denial_says_what_to_ask_for(message: str, remedy: str) -> None:
    with pytest.raises(SourceDenied) as caught:
        await Upstream(lambda *_: refusal(message, status=401)).fetch(USAGE, MONDAY, MONDAY + DAY)
    assert remedy in caught.value.remedy


# Questions


def question(**more: Any) -> Any:
    day = date(2026, 11, 1)
    return check_query(**{"since": day, "until": day, "today": day} | more)


@pytest.mark.parametrize(
    ("asked", "parameter", "hint"),
    [
        ({"endpoints": ["completion"]}, "endpoint", "completions"),
        ({"endpoints": ["cost"]}, "endpoint", "costs"),
        ({"group_by": ["project"]}, "group by", "project_id"),
        ({"group_by": ["zzz"]}, "group by", "model"),
        ({"width": "1w"}, "bucket width", "1h"),
        ({"width": "1m", "since": date(2026, 9, 1)}, "date range", "31 days"),
    ],
)
def test_an_unknown_choice_is_refused_with_what_is_near(
    asked: dict[str, Any], parameter: str, hint: str
) -> None:
    with pytest.raises(InputError, match=hint) as caught:
        question(**asked)
    assert caught.value.parameter == parameter


def test_choices_are_taken_once_and_in_one_order_so_that_equal_questions_are_equal() -> None:
    one = question(endpoints=["images", "completions", "images"], group_by=["model", "user_id"])
    other = question(endpoints=["completions", "images"], group_by=["user_id", "model", "model"])
    assert one == other
    assert question().endpoints == CHOICES


def test_endpoints_are_asked_only_for_groupings_they_offer() -> None:
    query = question(group_by=list(DIMENSIONS), users=["u"])
    for endpoint in ENDPOINTS.values():
        assert set(query.grouping(endpoint)) == set(endpoint.group_by)
        assert set(endpoint.metrics) <= METRICS.keys()
    assert question(group_by=[], models=["m"]).costs_grouping() == ("line_item",)
    assert question(group_by=[]).costs_grouping() == ()


# Checks


async def checks(app: Starlette, key: str = KEY) -> dict[str, Check]:
    client: ApiClient = connect(app, key)
    found = await check_openai(client, Settings(openai_admin_key=SecretStr(key)))
    return {one.source: one for one in found}


async def test_a_healthy_source_is_configured_reachable_and_permitted() -> None:
    found = await checks(create_openai_app())
    assert list(found) == ["openai:usage", "openai:costs", "openai:names"]
    assert all(one.configured and one.fine for one in found.values())


@pytest.mark.parametrize(
    ("faults", "troubled", "reachable", "permitted"),
    [
        ({"no_management_scope": True}, {"openai:names"}, True, False),
        ({"fail": {"costs": 500}}, {"openai:costs"}, False, None),
        ({"fail": {"completions": 403}}, {"openai:usage"}, True, False),
        ({"html_page": {"costs"}}, {"openai:costs"}, True, None),
        ({"truncated_json": {"users"}}, {"openai:names"}, True, None),
    ],
)
async def test_whatever_stands_in_the_way_is_not_fine(
    faults: dict[str, Any], troubled: set[str], reachable: bool, permitted: bool | None
) -> None:
    app = create_openai_app()
    for name, value in faults.items():
        setattr(app.state.faults, name, value)
    found = await checks(app)
    assert {name for name, one in found.items() if not one.fine} == troubled
    for name in troubled:
        assert (found[name].reachable, found[name].permitted) == (reachable, permitted)
        assert found[name].detail

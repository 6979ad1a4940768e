"""A stand-in for OpenAI's organization usage API, for the demo, the tests and the benchmarks."""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from lib.demo.openai_endpoints import ENDPOINTS, ServedEndpoint
from lib.demo.openai_errors import (
    SIGN_IN_PAGE,
    OpenAIRefusal,
    missing_scope,
    refuse,
    trouble,
    unknown_route,
)
from lib.demo.openai_faults import Faults
from lib.demo.openai_limits import limit_item
from lib.demo.openai_lookups import LOOKUPS, Lookup, find_project, list_page, single_item
from lib.demo.openai_pages import Ledger
from lib.demo.openai_query import read_query
from lib.demo.organisation import Organisation, Project, make_organisation

REMEMBERED_REQUESTS = 20_000

Body = Callable[[Request], bytes]
Handler = Callable[[Request], Awaitable[Response]]
SeenRequest = tuple[str, tuple[tuple[str, str], ...]]


def create_openai_app(
    *,
    now: Callable[[], datetime] | None = None,
    seed: int = 7,
    faults: Faults | None = None,
    admin_key: str = "sk-admin-demo",
    org: Organisation | None = None,
) -> Starlette:
    """A server that speaks OpenAI's organization usage API under /v1.

    ``app.state`` holds ``faults``, ``org`` and ``requests``: the last 20,000 requests as the tail
    of the path and the query's pairs, whatever became of them.

    Args:
        now: the present as an aware time; facts end there. The clock unless given.
        seed: decides everything that is made up.
        faults: what goes wrong; may be changed while it runs.
        admin_key: the one key that is let in.
        org: an organisation to use instead of the seed's.
    """
    app = Starlette(exception_handlers={OpenAIRefusal: refuse, 404: no_route, 405: no_route})
    app.router.redirect_slashes = False
    app.state.now = now or (lambda: datetime.now(UTC))
    app.state.faults = faults or Faults()
    app.state.admin_key = admin_key
    app.state.org = org or make_organisation(seed)
    app.state.ledger = Ledger(app.state.org, app.state.faults)
    app.state.requests = deque(maxlen=REMEMBERED_REQUESTS)
    for endpoint in ENDPOINTS:
        answer = guarded(endpoint.name, "api.usage.read", usage_body(endpoint))
        app.router.routes.append(Route(f"/v1{endpoint.path}", answer))
    for lookup in LOOKUPS:
        for path, body in (
            (lookup.path, list_body(lookup)),
            (f"{lookup.path}/{{item_id}}", item_body(lookup)),
        ):
            answer = guarded(lookup.name, "api.management.read", body)
            app.router.routes.append(Route(f"/v1{path}", answer))
    for name, place in (("spend_limit", ""), ("project_spend_limit", "/projects/{project_id}")):
        answer = guarded(name, "api.management.read", limit_body)
        app.router.routes.append(Route(f"/v1/organization{place}/spend_limit", answer))
    return app


def usage_body(endpoint: ServedEndpoint) -> Body:
    """How a page of usage or costs is written."""

    def body(request: Request) -> bytes:
        now: datetime = request.app.state.now()
        pairs = request.query_params.multi_items()
        ledger: Ledger = request.app.state.ledger
        return ledger.page(endpoint, read_query(endpoint, pairs, int(now.timestamp())), now)

    return body


def list_body(lookup: Lookup) -> Body:
    """How a page of a look-up is written."""

    def body(request: Request) -> bytes:
        pairs = request.query_params.multi_items()
        return json.dumps(list_page(lookup, items_of(lookup, request), pairs)).encode()

    return body


def item_body(lookup: Lookup) -> Body:
    """How a single item of a look-up is written."""

    def body(request: Request) -> bytes:
        items = items_of(lookup, request)
        return json.dumps(single_item(items, request.path_params["item_id"])).encode()

    return body


def limit_body(request: Request) -> bytes:
    """How the hard limit of the organisation, or of the path's project, is written."""
    return json.dumps(limit_item(project_of(request))).encode()


def project_of(request: Request) -> Project | None:
    """The path's project, if it has one."""
    return find_project(request.app.state.org, request.path_params.get("project_id"))


def items_of(lookup: Lookup, request: Request) -> list[dict[str, object]]:
    """All items of a look-up, of the path's project if it has one."""
    org: Organisation = request.app.state.org
    now: datetime = request.app.state.now()
    return lookup.items(org, project_of(request), int(now.timestamp()))


def guarded(name: str, scope: str, body: Body) -> Handler:
    """A handler that lets the faults and the doorman speak before the body is written."""

    async def answer(request: Request) -> Response:
        remember(request)
        faults: Faults = request.app.state.faults
        if faults.latency_seconds:
            await asyncio.sleep(faults.latency_seconds)
        if name == "decisions" and faults.missing_decisions:
            raise unknown_route(request)
        check_key(request, scope)
        if faults.no_management_scope and scope == "api.management.read":
            raise missing_scope(scope)
        failure = faults.next_failure(name)
        if failure is not None:
            return trouble(failure, faults.retry_after)
        if name in faults.html_page:
            return HTMLResponse(SIGN_IN_PAGE)
        content = body(request)
        if name in faults.truncated_json:
            content = content[: len(content) // 2]
        return Response(content, media_type="application/json")

    return answer


def check_key(request: Request, scope: str) -> None:
    """Lets only the admin key in.

    Raises:
        OpenAIRefusal: 401 without a key or with a wrong one, 403 for a project's key.
    """
    word, _, key = request.headers.get("authorization", "").partition(" ")
    if word.lower() != "bearer" or not key.strip():
        raise OpenAIRefusal(
            401,
            "You didn't provide an API key. You need to provide your API key in an Authorization "
            "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY). You can obtain an "
            "API key from https://platform.openai.com/account/api-keys.",
        )
    key = key.strip()
    if key == request.app.state.admin_key:
        return
    if key.startswith("sk-proj-"):
        raise missing_scope(scope)
    raise OpenAIRefusal(
        401,
        f"Incorrect API key provided: {key[:4]}****. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
        code="invalid_api_key",
    )


def remember(request: Request) -> None:
    """Notes a request for whoever counts them."""
    tail = request.url.path.removeprefix("/v1/organization/").removeprefix("usage/")
    seen: SeenRequest = (tail, tuple(request.query_params.multi_items()))
    request.app.state.requests.append(seen)


async def no_route(request: Request, _error: Exception) -> Response:
    """404 for a path that does not exist, or that cannot be written to."""
    remember(request)
    return refuse(request, unknown_route(request))

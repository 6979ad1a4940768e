"""A stand-in for a Comet ML server, for the demo, the tests and the benchmarks."""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from lib.demo.comet_answers import ADMIN, ANSWERS, VERSION_PATH, Server
from lib.demo.comet_errors import SIGN_IN_PAGE, CometRefusal, comet_refuse, comet_trouble
from lib.demo.comet_experiments import Laboratory
from lib.demo.comet_faults import CometFaults, CometShape
from lib.demo.comet_organisation import CometOrganisation, CometSize, make_comet_organisation
from lib.demo.recent import Recent

REMEMBERED_REQUESTS = 20_000
REMEMBERED_BYTES = 256 * 2**20

SeenRequest = tuple[str, tuple[tuple[str, str], ...]]
Handler = Callable[[Request], Awaitable[Response]]


def create_comet_app(
    *,
    now: Callable[[], datetime] | None = None,
    seed: int = 7,
    faults: CometFaults | None = None,
    shape: CometShape | None = None,
    api_key: str = "comet-demo-key",
    size: CometSize | None = None,
    hostile_names: bool = False,
    prefix: str = "",
    rest_under_prefix: bool = False,
    org: CometOrganisation | None = None,
) -> Starlette:
    """A server that speaks the parts of Comet's API that reports need.

    ``app.state`` holds ``faults``, ``shape``, ``now``, ``org``, ``laboratory``, ``api_key``,
    ``visible`` (how many workspaces the key's user is a member of, the first ones; None for all)
    and ``requests``: the last 20,000 requests as the endpoint's name and the query's pairs,
    whatever became of them. A request for metrics has the pairs ``experiments`` and ``metrics``
    with their numbers; a path that does not exist is named by itself.

    Args:
        now: the present as an aware time. The clock unless given.
        seed: decides everything that is made up.
        faults: what goes wrong; may be changed while it runs.
        shape: which kind of server it is; may be changed while it runs.
        api_key: the one key that is let in, also as a smart key with ``*`` and more after it.
        size: how large the organisation is.
        hostile_names: users, workspaces and projects have awkward names.
        prefix: path of the deployment such as ``/comet``; only the admin endpoints know it.
        rest_under_prefix: the other endpoints answer under the prefix too.
        org: an organisation to use instead of the seed's.
    """
    clock = now or (lambda: datetime.now(UTC))
    app = Starlette(exception_handlers={CometRefusal: comet_refuse, 404: no_route, 405: no_route})
    app.router.redirect_slashes = False
    state = app.state
    state.now = clock
    state.faults = faults or CometFaults()
    state.shape = shape or CometShape()
    state.api_key = api_key
    state.visible = None
    state.org = org or make_comet_organisation(
        seed, now=clock(), size=size, hostile_names=hostile_names
    )
    state.laboratory = Laboratory(state.org)
    state.reports = Recent[object, bytes](REMEMBERED_BYTES)
    state.requests = deque(maxlen=REMEMBERED_REQUESTS)
    for name, answer in ANSWERS.items():
        roots = {prefix} if name in ADMIN else {"", prefix if rest_under_prefix else ""}
        for root in roots:
            route = Route(f"{root}{answer.path}", guarded(name), methods=[answer.method])
            app.router.routes.append(route)
    return app


def guarded(name: str) -> Handler:
    """A handler that lets the faults and the doorman speak before the answer is made."""
    answer = ANSWERS[name]

    async def handle(request: Request) -> Response:
        state = request.app.state
        faults: CometFaults = state.faults
        body = await read_body(request)
        remember(request, name, body)
        if faults.latency_seconds:
            await asyncio.sleep(faults.latency_seconds)
        if name in faults.hang:
            await until_gone(request)
        if name in faults.redirect:
            return RedirectResponse(elsewhere(request, faults.redirect_to), 307)
        if answer.path != VERSION_PATH:
            check_key(request)
        if name in ADMIN and faults.no_admin:
            raise CometRefusal(403, "User is not an admin")
        failure = faults.next_failure(name)
        if failure is not None:
            return comet_trouble(failure, faults.retry_after)
        if name in faults.html_page:
            return HTMLResponse(SIGN_IN_PAGE)
        content = b"{}"
        if name not in faults.empty_object:
            query = dict(request.query_params)
            server = Server(
                state.laboratory, state.now(), state.shape, faults, state.visible, state.reports
            )
            content = answer.body(server, query, body)
        if name in faults.truncated_json:
            content = content[: len(content) // 2]
        kind = faults.content_type.get(name, "application/json")
        return Response(content, headers={"content-type": kind})

    return handle


async def read_body(request: Request) -> dict[str, object]:
    """The JSON object of a POST; empty for a GET.

    Raises:
        CometRefusal: 400 for a body that is none.
    """
    if request.method != "POST":
        return {}
    try:
        body = json.loads(await request.body())
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise CometRefusal(400, "Request body is not a JSON object")
    return body


def check_key(request: Request) -> None:
    """Lets only the key in: bare, without a word before it, whole or as part of a smart key.

    Raises:
        CometRefusal: 401 without a key or with a wrong one.
    """
    said = request.headers.get("authorization", "")
    if said.partition("*")[0] != request.app.state.api_key:
        raise CometRefusal(401)


def elsewhere(request: Request, origin: str) -> str:
    """The same path and query at another server."""
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{origin}{request.url.path}{query}"


async def until_gone(request: Request) -> None:
    """Waits until whoever asked has gone away."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def remember(request: Request, name: str, body: dict[str, object]) -> None:
    """Notes a request for whoever counts them."""
    pairs = list(request.query_params.multi_items())
    for asked, field in (("experiments", "targetedExperiments"), ("metrics", "metrics")):
        listed = body.get(field)
        if isinstance(listed, list):
            pairs.append((asked, str(len(listed))))
    seen: SeenRequest = (name, tuple(pairs))
    request.app.state.requests.append(seen)


async def no_route(request: Request, _error: Exception) -> Response:
    """404 for a path that does not exist, as HTML: the servlet container says so, not Comet."""
    remember(request, request.url.path, {})
    return HTMLResponse("<html><body><h1>HTTP Status 404</h1></body></html>", 404)

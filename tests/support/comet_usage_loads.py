"""Loading experiments from a stand-in, for tests."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import httpx
from pydantic import SecretStr
from starlette.applications import Starlette

from lib.api_client import Retry
from lib.cache import Caches
from lib.demo.comet_organisation import CometSize
from lib.loader.comet_source import CometSource, comet_source
from lib.loader.experiments import load_comet_usage
from lib.settings import Settings
from lib.sources.comet.experiments.answer import CometUsageAnswer
from lib.sources.comet.experiments.query import CometUsageQuery
from lib.status import SourceStatus

NOW = datetime(2026, 11, 21, 9, tzinfo=UTC)
KEY = "comet-demo-key*eyJiYXNlVXJsIjoiaHR0cDovL2RlbW8ubG9jYWxob3N0In0"
CANARIES = ("comet-demo-key", "eyJiYXNlVXJsIjoiaHR0cDovL2RlbW8ubG9jYWxob3N0In0")
QUICK = Retry(attempts=2, first_wait=0.01, longest_wait=0.02)
SIZE = CometSize(workspaces=2, projects=6, experiments_per_project=40, gpus=(2, 0, 1), points=5)


def source_of(
    app: Any, key: str = KEY, url: str = "http://demo.localhost/clientlib/"
) -> CometSource:
    server = Settings.model_construct(comet_api_key=SecretStr(key), comet_url_override=url)
    transport = (
        httpx.ASGITransport(app=app) if isinstance(app, Starlette) else httpx.MockTransport(app)
    )
    return comet_source(server, transport=transport, retry=QUICK)


def ask(*targets: str, archived: bool = False) -> CometUsageQuery:
    return CometUsageQuery(targets, archived=archived)


async def load(
    app: Any,
    *targets: str,
    caches: Caches | None = None,
    archived: bool = False,
    **more: Any,
) -> CometUsageAnswer:
    source = source_of(app, **{name: more.pop(name) for name in ("key", "url") if name in more})
    query = ask(*(targets or ("vision", "language")), archived=archived)
    more.setdefault("now", NOW)
    return await load_comet_usage(
        source, source.connect(), query, caches=caches or Caches(), **more
    )


def statuses(answer: CometUsageAnswer) -> dict[str, str]:
    return {one.name: one.status for one in answer.statuses}


def status(answer: CometUsageAnswer, name: str) -> SourceStatus:
    return next(one for one in answer.statuses if one.name == name)


def asked(app: Starlette) -> Counter[str]:
    return Counter(name for name, _ in app.state.requests)


def projects_of(app: Starlette, workspace: str = "vision") -> list[Any]:
    return [one for one in app.state.org.projects if one.workspace.name == workspace]


def a_gpu_project(app: Starlette) -> Any:
    return next(one for one in projects_of(app) if one.gpus)


def page_server(
    total: int,
    *,
    ignores: bool = False,
    most: int = 1_000,
    counted: bool | int = True,
) -> Any:
    """A server of one project without GPUs; ``requests`` counts what it is asked.

    Args:
        ignores: every page is the first one: of ``most``, or of all where that is 1,000.
        most: entries of a page, however many are asked for.
        counted: whether the list of projects says how many there are; a number says another one.
    """

    def handle(request: httpx.Request) -> httpx.Response:
        handle.requests.append(request.url.path.rsplit("/", 1)[1])  # type: ignore[attr-defined]
        if request.url.path.endswith("/projects"):
            count = total if counted is True else counted
            listed = {} if counted is False else {"numberOfExperiments": count}
            return httpx.Response(200, json={"projects": [{"projectName": "p", **listed}]})
        if request.url.path.endswith("/column-names"):
            return httpx.Response(200, json={"columns": []})
        if request.url.params["archived"] == "True":
            return httpx.Response(200, json={"experiments": []})
        page = int(request.url.params.get("page", 1))
        size = total if ignores and most == 1_000 else most
        first = 0 if ignores else (page - 1) * size
        keys = range(first, min(total, first + size))
        items = [{"experimentKey": f"k{key}", "startTimeMillis": 1} for key in keys]
        return httpx.Response(200, json={"experiments": items})

    handle.requests = []  # type: ignore[attr-defined]
    return handle

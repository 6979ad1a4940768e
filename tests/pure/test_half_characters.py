"""Half of a surrogate pair in names, ids and models: every platform's report comes out whole, in every format."""

import json
import re

import httpx
import pytest
from starlette.applications import Starlette

from lib.cache import Caches
from lib.loader.chargeback import load_chargeback
from lib.loader.comet_source import comet_source
from lib.loader.openai import load_openai
from lib.reports.chargeback.build import build_comet_chargeback
from lib.reports.experiments.build import build_comet_usage
from lib.reports.openai.build import build_openai_usage
from lib.reports.report import Report
from lib.settings import Settings
from lib.sources.comet.chargeback.query import check_chargeback_query
from lib.sources.comet.experiments.query import CometUsageQuery
from tests.support import comet_reports as chargeback
from tests.support.comet_usage_answers import ms
from tests.support.comet_usage_loads import NOW as COMET_NOW
from tests.support.comet_usage_loads import load as load_experiments
from tests.support.every_format import every_format
from tests.support.replies import LAST, NOW, ask, mock_client, report_of

HALF = r"\ud800"


def with_halves(reply: str, fields: str) -> str:
    """The JSON with half a character behind the text of these fields."""
    return re.sub(rf'("(?:{fields})":\s*"[^"]+)"', rf'\1\{HALF}"', reply)


def stands(report: Report, whole: Report, *names: str) -> None:
    """Every name is there, the half marked, and every number is what it is without halves."""
    texts = every_format(report)
    for name in names:
        assert all(f"{name}\ufffd" in texts[kind] for kind in ("csv", "json"))
        assert all(name in texts[kind] for kind in ("pdf", "terminal"))
    assert not any(re.search("[\ud800-\udfff]", text) for text in texts.values())
    assert report.totals == whole.totals
    assert report.complete == whole.complete


@pytest.mark.dear
async def test_openai(stand_in: Starlette) -> None:
    asked = ask(LAST, endpoints=("completions", "costs"))
    whole = await report_of(stand_in, asked)
    transport = httpx.ASGITransport(app=stand_in)

    async def handle(request: httpx.Request) -> httpx.Response:
        reply = await transport.handle_async_request(request)
        text = (await reply.aread()).decode()
        return httpx.Response(
            reply.status_code, text=with_halves(text, "name|email|model|line_item|user_id")
        )

    answer = await load_openai(mock_client(handle), Caches(), asked, now=NOW)  # type: ignore[arg-type]
    report = build_openai_usage(answer, asked, now=NOW)
    models = whole.table("usage").frame["model"].dropna().unique()
    stands(report, whole, str(models[0]))


async def experiments(halves: str) -> Report:
    reply = json.dumps(
        {
            "experiments": [
                {
                    "experimentKey": "k",
                    "userName": "ada",
                    "startTimeMillis": ms(2024, 9, 5, 12),
                    "endTimeMillis": ms(2024, 9, 5, 14),
                }
            ]
        }
    )
    series = {
        "metricName": "sys.gpu.0.gpu_utilization",
        "values": [40, 60],
        "timestamps": [ms(2024, 9, 5, 12), ms(2024, 9, 5, 13)],
    }
    replies = {
        "projects": '{"projects": [{"projectName": "detector"}]}',
        "experiments": reply,
        "column-names": json.dumps({"columns": [{"name": series["metricName"]}, {"name": "loss"}]}),
        "multi-metric-chart": json.dumps(
            {"experiments": {"k": {"experimentName": "run", "metrics": [series]}}}
        ),
    }

    def handle(request: httpx.Request) -> httpx.Response:
        reply = replies[request.url.path.rsplit("/", 1)[1]]
        return httpx.Response(200, text=with_halves(reply, halves))

    answer = await load_experiments(handle, "w")
    return build_comet_usage(answer, CometUsageQuery(("w",)), now=COMET_NOW)


@pytest.mark.parametrize("at_once", [4_000_000, 0])
async def test_comet_experiments(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lib.sources.comet.server.entries.AT_ONCE", at_once)
    report = await experiments("projectName|userName|experimentName")
    stands(report, await experiments("none"), "detector", "ada")
    assert report.totals["gpu_hours"] == 1.0


async def comet_chargeback(halves: str) -> Report:
    people = [chargeback.user("ada", department="lab", uiUsageCount=3)]
    places = [
        chargeback.workspace(
            "vision", members=[chargeback.member("ada")], projects=[{"name": "detector"}]
        )
    ]
    given = json.dumps(chargeback.document(people, places, organizationId="corp"))

    def handle(request: httpx.Request) -> httpx.Response:
        accounts = "service" in request.url.path
        return httpx.Response(200, text="[]" if accounts else with_halves(given, halves))

    source = comet_source(
        Settings(comet_api_key="key", comet_url_override="http://demo.localhost/clientlib/"),  # type: ignore[arg-type]
        transport=httpx.MockTransport(handle),
    )
    query = check_chargeback_query()
    now = chargeback.NOW
    answer = await load_chargeback(source, source.connect(), query, caches=Caches(), now=now)
    return build_comet_chargeback(answer, query, now=now)


async def test_comet_chargeback() -> None:
    fields = "username|userName|email|name|department|organizationId"
    report, whole = await comet_chargeback(fields), await comet_chargeback("none")
    stands(report, whole, "ada", "vision", "detector")


def test_the_halves_are_there() -> None:
    reply = with_halves('{"name": "ada", "id": "x"}', "name")
    assert json.loads(reply) == {"name": "ada\ud800", "id": "x"}
    with pytest.raises(UnicodeEncodeError):
        json.loads(reply)["name"].encode()

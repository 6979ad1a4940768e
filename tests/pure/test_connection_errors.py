"""What a failed connection says: which host and port, and which variable to correct, never a secret."""

import httpx
import pytest
from pydantic import SecretStr
from redis import exceptions as redis

from lib.api_client import ApiClient, Retry
from lib.demo.comet_server import create_comet_app
from lib.errors import SourceDenied, SourceError, SourceReplyError, SourceUntrusted
from lib.loader.comet_source import comet_source
from lib.loader.openai import connect_openai
from lib.settings import Settings
from lib.sources.comet.chargeback.ask import fetch_chargeback
from lib.sources.comet.experiments.lists import fetch_workspaces
from lib.sources.comet.server.rest import CometRest
from lib.sources.openai.names import check_names
from lib.sources.tenants.failures import translate

KEY = "key-CANARY-Zx81Lq77"
ONCE = Retry(attempts=1)
TROUBLES = [
    httpx.ConnectError("refused"),
    httpx.ConnectTimeout("slow"),
    httpx.ReadTimeout("slow"),
    httpx.ReadError("reset"),
    httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"),
]


def failing(trouble: Exception) -> httpx.MockTransport:
    def handle(_request: httpx.Request) -> httpx.Response:
        raise trouble

    return httpx.MockTransport(handle)


def openai(url: str, transport: httpx.AsyncBaseTransport) -> ApiClient:
    return connect_openai(url, SecretStr(KEY), transport=transport, retry=ONCE)


def comet(
    transport: httpx.AsyncBaseTransport, host: str | None = None, url: str = "https://comet.test"
) -> ApiClient:
    settings = Settings(comet_api_key=SecretStr(KEY), comet_url_override=url)
    source = comet_source(settings, host, by_operator=True, transport=transport, retry=ONCE)
    return source.connect()


async def told(client: ApiClient) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await client.get_json("/x", part="part")
    assert KEY not in f"{caught.value} {caught.value!r}"
    return caught.value


@pytest.mark.parametrize("trouble", TROUBLES, ids=str)
async def test_openai_names_host_port_and_variable(trouble: Exception) -> None:
    error = await told(openai("https://openai.test/v1", failing(trouble)))
    assert "openai.test:443" in error.detail
    assert "OPENAI_BASE_URL" in error.remedy
    assert (
        "openai.test:8443"
        in (await told(openai("https://openai.test:8443", failing(trouble)))).detail
    )
    assert "[::1]:80" in (await told(openai("http://[::1]", failing(trouble)))).detail


@pytest.mark.parametrize("trouble", TROUBLES, ids=str)
async def test_comet_names_host_port_and_where_it_was_given(trouble: Exception) -> None:
    error = await told(comet(failing(trouble)))
    assert "comet.test:443" in error.detail
    assert "COMET_URL_OVERRIDE" in error.remedy
    error = await told(comet(failing(trouble), "http://typed.test:81"))
    assert "typed.test:81" in error.detail
    assert "--host" in error.remedy


@pytest.mark.parametrize(
    "trouble",
    [
        redis.ConnectionError("Error 111 connecting to h:1. Connection refused."),
        redis.ConnectionError("Name or service not known"),
        redis.TimeoutError("Timeout connecting to server"),
        redis.TimeoutError("Timeout reading from h:1"),
        redis.ConnectionError("Connection closed by server."),
        redis.ConnectionError("WRONG_VERSION_NUMBER"),
        redis.ConnectionError("CERTIFICATE_VERIFY_FAILED"),
        redis.RedisClusterException("Redis Cluster cannot be connected."),
        redis.AuthenticationError("invalid username-password pair"),
        OSError("no route"),
    ],
    ids=str,
)
def test_redis_names_host_port_and_variable(trouble: Exception) -> None:
    error = translate(trouble, "redis.test:6380")
    assert error.detail.endswith("(redis.test:6380).")
    assert "REDIS_PRIMARY_ENDPOINT" in error.remedy


@pytest.mark.parametrize("status", [301, 302, 307])
async def test_a_redirect_to_a_sign_in_page_gets_the_hint_in_every_report_of_comet(
    status: int,
) -> None:
    def elsewhere(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers={"Location": "https://sso.test/login"})

    client = comet(httpx.MockTransport(elsewhere))
    rest = CometRest(client, ["https://comet.test/api/rest/v2"])
    for asked in (fetch_workspaces(rest), fetch_chargeback(client)):
        with pytest.raises(SourceReplyError) as caught:
            await asked
        assert caught.value.status == status
        assert "sign-in page" in caught.value.remedy
        assert "COMET_ALLOW_HEADER_NAME" in caught.value.remedy


async def test_a_certificate_that_is_not_trusted_names_the_variable_in_every_report_of_comet() -> (
    None
):
    client = comet(failing(TROUBLES[-1]))
    rest = CometRest(client, ["https://comet.test/api/rest/v2"])
    for asked in (fetch_workspaces(rest), fetch_chargeback(client)):
        with pytest.raises(SourceUntrusted) as caught:
            await asked
        assert "COMET_INCLUDE_CUSTOM_CA_BUNDLE" in caught.value.remedy


async def test_a_name_that_looks_like_a_trouble_does_not_choose_the_remedy() -> None:
    app = create_comet_app(api_key=KEY)
    app.state.faults.fail = {"chargeback": 500}
    transport = httpx.ASGITransport(app=app)
    client = comet(transport, url="https://certificate.redirect.test")
    with pytest.raises(SourceError) as caught:
        await fetch_chargeback(client)
    assert "COMET" not in caught.value.remedy


@pytest.mark.parametrize(
    ("status", "message", "remedy"),
    [
        (401, "Missing scopes: api.management.read", "permission api.management.read"),
        (403, "Nothing here", "permission api.management.read"),
        (401, "Incorrect API key: no permission, no scope", "Check OPENAI_ADMIN_KEY"),
    ],
)
async def test_a_denial_is_told_by_its_status_not_by_words_in_it(
    status: int, message: str, remedy: str
) -> None:
    def refuse(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json={"error": {"message": message}})

    with pytest.raises(SourceDenied) as caught:
        await check_names(openai("https://openai.test/v1", httpx.MockTransport(refuse)))
    assert remedy in caught.value.remedy

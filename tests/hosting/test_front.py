"""What nginx and the dashboard behind it answer to programs, before anybody has signed in."""

import platform
import re
import ssl
import subprocess
import sys
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from lib.demo.hosted import Stack, deny_new_code, start_command


def get(stack: Stack, url: str, **headers: str) -> httpx.Response:
    context = ssl.create_default_context(cafile=str(stack.certificate))
    return httpx.get(url, headers=headers, verify=context, trust_env=False, timeout=30)


def root(stack: Stack) -> str:
    return f"https://{urlsplit(stack.url).netloc}"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/usage/_stcore/health", 200),
        ("/usage/openai_usage", 200),
        ("/", 308),
        ("/usage", 308),
        ("/elsewhere", 404),
        ("/usage/_stcore/metrics", 404),
        ("/usage//_stcore/metrics", 404),
        ("/usage/_stcore/%6detrics", 404),
        ("/usage/_stcore/agent/openapi.json", 404),
        ("/usage/media/0123456789abcdef.csv", 403),
    ],
)
def test_a_path_has_this_status(stack: Stack, path: str, status: int) -> None:
    assert get(stack, root(stack) + path).status_code == status


def test_plain_http_leads_to_tls_at_the_same_link(stack: Stack) -> None:
    reply = get(stack, f"{stack.plain_url}/usage/tenant_usage?red_top=7")
    assert reply.status_code == 308
    assert reply.headers["location"] == f"{stack.url}/tenant_usage?red_top=7"


@pytest.mark.parametrize("plain", [False, True])
def test_another_host_name_gets_no_answer(stack: Stack, plain: bool) -> None:
    url = f"{stack.plain_url}/usage" if plain else stack.url
    with pytest.raises(httpx.RemoteProtocolError):
        get(stack, f"{url}/openai_usage", host="evil.example")


def test_a_websocket_of_another_site_is_refused(stack: Stack) -> None:
    context = ssl.create_default_context(cafile=str(stack.certificate))
    address = f"{stack.url.replace('https', 'wss')}/_stcore/stream"
    with connect(address, ssl=context, origin=root(stack)):  # type: ignore[arg-type]
        pass
    with pytest.raises(InvalidStatus), connect(address, ssl=context, origin="https://evil.example"):  # type: ignore[arg-type]
        pass


def test_every_cookie_travels_over_tls_only(stack: Stack) -> None:
    cookies = [
        cookie
        for path in ("/openai_usage", "/_stcore/health")
        for cookie in get(stack, stack.url + path).headers.get_list("set-cookie")
    ]
    assert len(cookies) >= 3
    assert [cookie for cookie in cookies if "secure" not in cookie.lower()] == []


def test_a_flood_of_sign_ins_from_one_address_is_refused_and_pages_are_still_answered(
    stack: Stack,
) -> None:
    context = ssl.create_default_context(cafile=str(stack.certificate))
    with httpx.Client(verify=context, trust_env=False, timeout=30) as http:
        statuses = [http.get(f"{stack.url}/auth/login").status_code for _ in range(250)]
        assert set(statuses[:100]) == {302}, "fifty people who sign in at once"
        assert statuses[-1] == 429
        assert http.get(f"{stack.url}/openai_usage").status_code == 200


def test_a_replica_may_not_run_what_it_has_written() -> None:
    kernel = tuple(map(int, re.findall(r"\d+", platform.release())[:2]))
    if kernel < (6, 3):
        pytest.skip(f"kernel {platform.release()} cannot deny it without systemd")
    program = [sys.executable, "-c", "import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | 4)"]
    allowed, denied = (
        subprocess.run([*before, *program], capture_output=True, check=False, text=True)
        for before in ([], deny_new_code())
    )
    assert allowed.returncode == 0
    assert "PermissionError" in denied.stderr


def test_no_log_of_nginx_holds_a_query(stack: Stack) -> None:
    get(stack, f"{stack.url}/openai_usage?oai_users=canary-person")
    logs = list(stack.folder.glob("*.log"))
    assert "/usage/openai_usage" in (stack.folder / "dashboard.access.log").read_text()
    assert [path.name for path in logs if "canary-person" in path.read_text()] == []


def test_replicas_start_as_the_unit_says() -> None:
    assert start_command(8501)[1:] == ["-m", "streamlit", "run", "asgi.py", "--server.port", "8501"]

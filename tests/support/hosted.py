"""A hosted dashboard: the entry for hosting, signed in to by a real OpenID Connect provider."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from playwright.sync_api import Page, expect
from starlette.applications import Starlette
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from lib.demo.oidc import CLIENT_ID, DEMO_ROLES, PEOPLE, create_oidc_app
from tests.support.servers import Dashboard, dashboard, free_port, serve

COOKIE_SECRET = "canary-cookie-secret-0123456789abcdef"
CLIENT_SECRET = "canary-client-secret-0123456789abcdef"
STREAMLIT = ("streamlit", "run", "asgi.py", "--server.headless", "true")
UVICORN = ("uvicorn", "asgi:app")


@dataclass(frozen=True)
class Hosted(Dashboard):
    """A running dashboard with its provider and its audit trail."""

    provider: Starlette
    audit: Path


@contextmanager
def hosted(
    folder: Path, command: Sequence[str] = STREAMLIT, *, auth: str = "", **environ: str
) -> Iterator[Hosted]:
    """A fresh dashboard that the demo's people sign in to.

    Args:
        auth: more lines of the secrets' section [auth].
    """
    port = free_port()
    back = f"http://127.0.0.1:{port}/oauth2callback"
    provider = create_oidc_app(issuer="", redirect_uri=back, client_secret=CLIENT_SECRET)
    audit = folder / "audit.jsonl"
    with serve(provider) as issuer:
        provider.state.issuer = issuer
        secrets = folder / ".streamlit" / "secrets.toml"
        secrets.parent.mkdir(exist_ok=True)
        secrets.write_text(
            f"""[auth]
redirect_uri = "{back}"
cookie_secret = "{COOKIE_SECRET}"
client_id = "{CLIENT_ID}"
client_secret = "{CLIENT_SECRET}"
server_metadata_url = "{issuer}/.well-known/openid-configuration"
{auth}
""",
            encoding="utf-8",
        )
        settings = {**DEMO_ROLES, "DASHBOARD_AUDIT": str(audit), **environ}
        settings["STREAMLIT_SERVER_FILE_WATCHER_TYPE"] = "none"  # as it is hosted
        settings.setdefault("DASHBOARD_CONTACT", "the FinOps team (finops@demo.example)")
        with dashboard(folder, command=command, port=port, **settings) as running:
            yield Hosted(running.url, running.log, provider, audit)


def cookie_of(
    app: Dashboard,
    person: str,
    hours_ago: float = 0,
    *,
    secret: str = COOKIE_SECRET,
    **claims: object,
) -> dict[str, str]:
    """What the sign-in of one of the demo's people leaves in a browser.

    Args:
        secret: that signs it; the dashboard's, or another.
        claims: other ones than that person's.
    """
    all_claims = {
        **PEOPLE[person],
        "is_logged_in": True,
        "iat": int(time.time() - hours_ago * 3_600),
        "nonce": person,
        "origin": app.url,
        "provider": "default",
        **claims,
    }
    signed = create_signed_value(secret, "_streamlit_user", json.dumps(all_claims))
    return {"_streamlit_user": signed.decode()}


def open_as(page: Page, app: Dashboard, person: str, path: str, hours_ago: float = 0) -> None:
    """A page of the dashboard, by somebody who has signed in before."""
    cookies = cookie_of(app, person, hours_ago)
    page.context.add_cookies(
        [{"name": name, "value": value, "url": app.url} for name, value in cookies.items()]
    )
    page.goto(app.url + path)


def sign_in(page: Page, person: str) -> None:
    """From the sign-in screen, as one of the demo's people."""
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=str(PEOPLE[person]["name"])).click()
    expect(page.get_by_role("button", name="Sign in")).to_have_count(0)


def sign_out(page: Page) -> None:
    """By the button. The page asks to sign in even before the server has heard of it."""
    with page.expect_response(lambda answer: "/auth/logout" in answer.url):
        page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


FROM_OUR_PAGE = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}
"""What a browser says of a click on one of our pages."""


def leave(url: str, cookies: Mapping[str, str], **headers: str) -> httpx.Response:
    """What the sign-out answers a program that sends a browser's cookies and says it is our page."""
    headers = headers or FROM_OUR_PAGE
    return httpx.get(f"{url}/auth/logout", cookies=dict(cookies), headers=headers)

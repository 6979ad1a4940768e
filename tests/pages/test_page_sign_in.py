"""What a page does when sign-in is asked for but cannot be guarded: it shows nothing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.runtime.secrets import secrets_singleton
from streamlit.testing.v1 import AppTest

from lib.ui.page import ENTRIES, opened
from tests.support.hosted import CLIENT_SECRET, COOKIE_SECRET
from tests.support.servers import ROOT

AUTH = {
    "redirect_uri": "https://usage.company.com/oauth2callback",
    "cookie_secret": COOKIE_SECRET,
    "client_id": "dashboard",
    "client_secret": CLIENT_SECRET,
    "server_metadata_url": "https://id.company.com/.well-known/openid-configuration",
}
ADMIN = {"is_logged_in": True, "email": "ann@company.com", "email_verified": True}


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No test reads the settings of whoever runs it, or leaves secrets to the next."""
    secrets_singleton._reset()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DASHBOARD_DEMO", "on")
    monkeypatch.setenv("DASHBOARD_ALLOWED_DOMAINS", "")
    yield
    secrets_singleton._reset()


def opened_page(name: str, auth: dict[str, str]) -> AppTest:
    if auth:
        path = Path.home() / ".streamlit" / "secrets.toml"
        path.parent.mkdir()
        lines = [f'{key} = "{value}"' for key, value in auth.items()]
        path.write_text("\n".join(["[auth]", *lines]), encoding="utf-8")
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.user = ADMIN  # type: ignore[attr-defined]
    at.switch_page(f"pages/{name}.py")
    at.run()
    assert not at.exception, at.exception
    return at


def said(elements: Any) -> str:
    return "\n".join(str(one.value) for one in elements).replace("\\", "")


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_with_auth_but_without_the_doorman_a_page_shows_nothing_but_the_remedy(entry: Any) -> None:
    at = opened_page(entry.name, AUTH)
    assert "streamlit run asgi.py" in said(at.warning)
    assert (len(at.metric), len(at.dataframe), len(at.button)) == (0, 0, 0)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_with_roles_but_without_auth_a_page_shows_nothing_but_the_remedy(
    entry: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHBOARD_ALLOWED_DOMAINS", "company.com")
    at = opened_page(entry.name, {})
    assert "[auth] is missing" in said(at.warning)
    assert (len(at.metric), len(at.dataframe), len(at.button)) == (0, 0, 0)


def test_a_weak_cookie_secret_opens_nothing_and_is_not_repeated() -> None:
    at = opened_page("openai_usage", {**AUTH, "cookie_secret": "canary-short"})
    assert "cookie_secret" in said(at.warning)
    assert "canary" not in said(at.warning)
    assert not at.metric


def test_nobody_is_there_where_no_page_was_opened() -> None:
    with pytest.raises(LookupError):
        opened()

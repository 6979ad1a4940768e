"""The doorman of a hosted dashboard: what HTTP shows before any page's script runs."""

import base64
import json
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

import streamlit as st
from anyio.to_thread import run_sync
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.auth_util import get_secrets_auth_section
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

# Pinned with Streamlit's version; a test signs in and out through it.
from streamlit.web.server.starlette.starlette_websocket import _get_signed_cookie_with_chunks

from lib.access.visitors import UPLOADS, Visitor
from lib.errors import SettingsError
from lib.logs import configure_logs
from lib.settings import load_settings, load_sign_in
from lib.sign_in import check_sign_in
from lib.ui.page import ENTRIES
from lib.ui.sign_in import SignIn, doorman_present, end

LINK_COOKIE = "dashboard_link"
_LINK_SECONDS = 900
_LONGEST_COOKIE = 3_800
_FALLBACK_SECONDS = 3_600

_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    # The filters of a link name people and projects: other sites never see it.
    "referrer-policy": "same-origin",
}


class Doorman:
    """ASGI middleware: guards files, both ways; remembers the link a sign-in began at; hardens cookies."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        doorman_present.set()
        try:  # before the first request: uvicorn's access lines repeat links
            configure_logs(load_settings().loguru_level, as_json=bool(_section()))
        except SettingsError:
            configure_logs("INFO", as_json=True)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Streamlit's answer, unless the visitor may not have it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        path = scope["path"].removeprefix(_base())
        if path.startswith("/_stcore/agent"):  # drives the app without a browser's checks
            await PlainTextResponse("Not found", 404)(scope, receive, send)
            return
        private = path.startswith("/media/")
        # Streamlit takes files from every session, and whoever is not signed in has one, too.
        guarded = private or path.startswith("/_stcore/upload_file")
        note = ""
        if guarded or path == "/auth/login" or safe_link(request.url.path):
            visitor = await run_sync(_visitor, request)
            if guarded and not (visitor and _may_pass(visitor, download=private)):
                await PlainTextResponse("Sign in first", 403)(scope, receive, send)
                return
            note = "" if visitor else _link_to_note(request, path)
        if path == "/auth/logout":
            await run_sync(end, _claims(request))

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                headers.update(_HEADERS)
                if private:
                    headers["cache-control"] = "private, no-store"
                if path == "/oauth2callback" and "location" in headers:
                    headers["location"] = _noted_link(request) or headers["location"]
                    _set_cookie(headers, "", 0)
                elif note:
                    _set_cookie(headers, note, _LINK_SECONDS)
                _harden_cookies(headers)
            await send(message)

        await self._app(scope, receive, answer)


def safe_link(text: str) -> str | None:
    """The path and query of a link to one of our pages, made anew; None for any other link."""
    try:
        parts = urlsplit(text)
        query = urlencode(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError:
        return None
    for entry in ENTRIES:
        if parts.path == f"{_base()}/{entry.name}":
            return f"{_base()}/{entry.name}" + (f"?{query}" if query else "")
    return None


def _link_to_note(request: Request, path: str) -> str:
    """The link somebody is about to sign in for: the page asked for, or the one they left for it."""
    if path == "/auth/login":
        left = request.headers.get("referer", "")
        link = safe_link(left) if urlsplit(left).netloc == request.headers.get("host") else None
    else:
        link = safe_link(f"{request.url.path}?{request.url.query}")
    noted = base64.urlsafe_b64encode((link or "").encode()).decode()
    return noted if len(noted) <= _LONGEST_COOKIE else ""


def _noted_link(request: Request) -> str | None:
    try:
        noted = base64.urlsafe_b64decode(request.cookies.get(LINK_COOKIE, "")).decode()
    except ValueError:
        return None
    return safe_link(noted)


def _visitor(request: Request) -> Visitor | None:
    """Whoever may be here, by the cookies of one request."""
    try:
        settings = load_settings()
        sign_in = SignIn(check_sign_in(_section(), settings), _claims(request))
        visitor = sign_in.visitor(settings)
    except SettingsError:
        return None
    return visitor if isinstance(visitor, Visitor) else None


def _may_pass(visitor: Visitor, *, download: bool) -> bool:
    """Whether files go to this visitor, or come from them."""
    return visitor.may("download") if download else visitor.sees(UPLOADS)


def _claims(request: Request) -> Mapping[str, object]:
    """What the signed cookie says; nothing when it is missing or forged."""
    try:
        raw = _get_signed_cookie_with_chunks(request.cookies, USER_COOKIE_NAME)
        claims = json.loads(raw) if raw else {}
    except (ValueError, UnicodeError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _section() -> Mapping[str, object]:
    return get_secrets_auth_section().to_dict() or load_sign_in()


def _base() -> str:
    path = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{path}" if path else ""


def _set_cookie(headers: MutableHeaders, value: str, seconds: int) -> None:
    text = (
        f"{LINK_COOKIE}={value}; Path={_base() or '/'}; Max-Age={seconds}; HttpOnly; SameSite=lax"
    )
    headers.append("set-cookie", text)


def _harden_cookies(headers: MutableHeaders) -> None:
    """Cookies over TLS only where the dashboard is, and the sign-in's no longer than a sign-in."""
    cookies = headers.getlist("set-cookie")
    if not cookies:
        return
    secure = str(_section().get("redirect_uri", "")).startswith("https://")
    del headers["set-cookie"]
    for cookie in cookies:
        name, *attributes = cookie.split("; ")
        if name.startswith(USER_COOKIE_NAME):
            attributes = [
                f"Max-Age={min(_seconds(), int(attribute.partition('=')[2] or 0))}"
                if attribute.lower().startswith("max-age=")
                else attribute
                for attribute in attributes
            ]
        if secure and "secure" not in map(str.lower, attributes):
            attributes.append("Secure")
        headers.append("set-cookie", "; ".join([name, *attributes]))


def _seconds() -> int:
    try:
        return int(load_settings().dashboard_session_hours * 3_600)
    except SettingsError:
        return _FALLBACK_SECONDS

"""The doorman of a hosted dashboard: what HTTP shows before any page's script runs."""

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import parse_qsl, urlencode, urlsplit

import streamlit as st
from anyio.to_thread import run_sync
from loguru import logger
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.runtime import get_instance
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME

# Pinned with Streamlit's version; a test signs in and out through it.
from streamlit.web.server.starlette.starlette_websocket import _get_signed_cookie_with_chunks

from lib.access.files import file_owners
from lib.access.hosts import note_host
from lib.access.requests import made_here
from lib.access.sign_in import SignIn, check_sign_in
from lib.access.uploads import REFUSAL, Place, UploadBudgets
from lib.access.visitors import UPLOADS, Visitor
from lib.errors import SettingsError
from lib.logs import configure_logs
from lib.settings import Settings, load_settings
from lib.sources.comet.chargeback.files import LARGEST_FILE
from lib.ui.forged import ForgedInputs
from lib.ui.headers import headers
from lib.ui.page import ENTRIES
from lib.ui.provider import share_certificates
from lib.ui.sign_in import auth_section, doorman_present
from lib.ui.small_pages import ask_once, not_everywhere, provider_is_down

LINK_COOKIE = "dashboard_link"
_LINK_SECONDS = 900
_LONGEST_COOKIE = 3_800
_FALLBACK_SECONDS = 3_600
_UPLOAD = "/_stcore/upload_file"
_MEDIA = "/media/"


class Doorman:
    """ASGI middleware: guards files, both ways, and sign-outs; remembers the link a sign-in began at;
    hardens cookies, says what browsers may do, and takes forged inputs out of what they send.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._budgets = UploadBudgets(_is_held)
        self._forged = ForgedInputs()
        doorman_present.set()
        share_certificates()
        try:  # before the first request: uvicorn's access lines repeat links
            settings = load_settings()
            configure_logs(settings.loguru_level, as_json=bool(auth_section()))
        except SettingsError:
            configure_logs("INFO", as_json=True)
            return
        with suppress(OSError):  # sign-outs tell when the folder cannot be used
            note_host(settings.dashboard_state_dir)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Streamlit's answer, unless the visitor may not have it."""
        if scope["type"] == "websocket":

            async def honest() -> Message:
                return self._forged.remove(await receive())

            await self._app(scope, honest, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        path = scope["path"].removeprefix(_base())
        private, upload = path.startswith(_MEDIA), path.startswith(_UPLOAD)
        visitor = None
        if private or upload or path == "/auth/login" or safe_link(request.url.path):
            visitor = await run_sync(_visitor, request)
        # Streamlit takes files from every session, and whoever is not signed in has one, too.
        guarded = private or upload
        note = "" if visitor or guarded else _link_to_note(request, path)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers_sent = MutableHeaders(raw=message.setdefault("headers", []))
                headers_sent.update(headers())
                if private:
                    headers_sent["cache-control"] = "private, no-store"
                if path == "/oauth2callback" and "location" in headers_sent:
                    headers_sent["location"] = _noted_link(request) or headers_sent["location"]
                    _set_cookie(headers_sent, "", 0)
                elif note:
                    _set_cookie(headers_sent, note, _LINK_SECONDS)
                _harden_cookies(headers_sent)
            await send(message)

        if path.startswith("/_stcore/agent"):  # drives the app without a browser's checks
            await PlainTextResponse("Not found", 404)(scope, receive, answer)
        elif guarded and not (visitor and _may_pass(visitor, download=private)):
            await PlainTextResponse("Sign in first", 403)(scope, receive, answer)
        elif visitor and private and not await run_sync(_is_own, visitor, path):
            await PlainTextResponse("Built for somebody else", 403)(scope, receive, answer)
        elif visitor and upload and request.method == "PUT":
            await self._upload(visitor, path, request, receive, answer)
        elif path == "/auth/logout":
            await self._sign_out(request, receive, answer)
        elif path == "/auth/login":
            await self._begin_sign_in(request, receive, answer)
        else:
            await self._app(scope, receive, answer)

    async def _upload(
        self, visitor: Visitor, path: str, request: Request, receive: Receive, send: Send
    ) -> None:
        """Takes a file, as long as one person's uploads do not fill the memory of all."""
        session, _, file = path.removeprefix(_UPLOAD).strip("/").partition("/")
        announced = request.headers.get("content-length", "")
        size = int(announced) if announced.isdecimal() else LARGEST_FILE
        if not visitor.email:  # on a laptop the memory is one's own
            await self._app(request.scope, receive, send)
        elif not self._budgets.begin(visitor.email, (session, file), size):
            await PlainTextResponse(REFUSAL, 413)(request.scope, receive, send)
        else:
            try:
                await self._app(request.scope, receive, send)
            finally:
                self._budgets.finish(visitor.email, (session, file))

    async def _sign_out(self, request: Request, receive: Receive, send: Send) -> None:
        """Ends the sign-in if the person asked for it, and says so if not everybody could be told."""
        if not made_here(request.headers):
            await ask_once()(request.scope, receive, send)
            return
        if await run_sync(_end, request):
            await self._app(request.scope, receive, send)
            return
        kept = await self._answer_of_app(request, receive)
        sent: list[tuple[bytes, bytes]] = kept[0].get("headers", [])
        onward = Headers(raw=sent).get("location", "../")
        told = not_everywhere(await run_sync(_contact), onward)
        told.raw_headers.extend((name, value) for name, value in sent if name == b"set-cookie")
        await told(request.scope, receive, send)

    async def _begin_sign_in(self, request: Request, receive: Receive, send: Send) -> None:
        """Leads to the provider; says so when that does not answer."""
        kept = await self._answer_of_app(request, receive)
        if kept[0]["status"] < 400:
            for message in kept:
                await send(message)
            return
        told = provider_is_down(await run_sync(_contact), _noted_link(request) or "../")
        await told(request.scope, receive, send)

    async def _answer_of_app(self, request: Request, receive: Receive) -> list[Message]:
        """Streamlit's answer, kept back; a short one."""
        kept: list[Message] = []

        async def keep(message: Message) -> None:
            kept.append(message)

        await self._app(request.scope, receive, keep)
        return kept


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
        visitor = _sign_in(request, settings).visitor(settings)
    except SettingsError:
        return None
    return visitor if isinstance(visitor, Visitor) else None


def _end(request: Request) -> bool:
    """Ends the sign-in of one request; whether all replicas learn of it."""
    try:
        settings = load_settings()
        return _sign_in(request, settings).end(settings)
    except SettingsError as error:
        logger.error("A sign-out could not be kept: {}", error)
        return False


def _sign_in(request: Request, settings: Settings) -> SignIn:
    section = auth_section()
    providers = check_sign_in(section, settings)
    return SignIn(providers, _claims(request), str(section.get("cookie_secret", "")))


def _contact() -> str:
    try:
        return load_settings().dashboard_contact
    except SettingsError:
        return "whoever runs this dashboard"


def _is_held(place: Place) -> bool:
    """Whether Streamlit still holds an uploaded file."""
    session, file = place
    return bool(get_instance().uploaded_file_mgr.get_files(session, [file]))


def _may_pass(visitor: Visitor, *, download: bool) -> bool:
    """Whether files go to this visitor, or come from them."""
    return visitor.may("download") if download else visitor.sees(UPLOADS)


def _is_own(visitor: Visitor, path: str) -> bool:
    """Whether a file was built for this visitor; one that is not there is nobody's."""
    name = path.removeprefix(_MEDIA).partition(".")[0]
    file = get_instance().media_file_mgr.read_file(name)
    return not visitor.email or file is None or file_owners.owns(visitor.email, file.content)


def _claims(request: Request) -> Mapping[str, object]:
    """What the signed cookie says; nothing when it is missing or forged."""
    try:
        raw = _get_signed_cookie_with_chunks(request.cookies, USER_COOKIE_NAME)
        claims = json.loads(raw) if raw else {}
    except (ValueError, UnicodeError):
        return {}
    return claims if isinstance(claims, dict) else {}


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
    secure = str(auth_section().get("redirect_uri", "")).startswith("https://")
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

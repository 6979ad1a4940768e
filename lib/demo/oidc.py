"""A small OpenID Connect provider for the hosted demo and the tests: a person is picked, no password."""

import base64
import hashlib
import html
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CODE_SECONDS = 60
TOKEN_SECONDS = 3_600
CLIENT_ID = "dashboard"
CLIENT_SECRET = "demo-client-secret"  # noqa: S105 - of a provider that lets everybody in

Claims = Mapping[str, object]

PEOPLE: Mapping[str, Claims] = {
    "vera": {"name": "Vera Viewer", "email": "vera@demo.example", "email_verified": True},
    "mara": {"name": "Mara Owner", "email": "mara@demo.example", "email_verified": True},
    "fritz": {
        "name": "Fritz Finance",
        "email": "fritz@demo.example",
        "email_verified": True,
        "groups": ["finance"],
    },
    "ada": {"name": "Ada Admin", "email": "ada@demo.example", "email_verified": True},
    "nora": {"name": "Nora Norole", "email": "nora@partner.example", "email_verified": True},
    "ulf": {"name": "Ulf Unverified", "email": "ulf@demo.example", "email_verified": False},
    "otto": {"name": "Otto Outside", "email": "otto@elsewhere.example", "email_verified": True},
}
"""Who can be picked. Their roles: ``DEMO_ROLES``; Mara owns a cost centre, Nora has no role, Ulf and Otto are
not let in."""

DEMO_ROLES: Mapping[str, str] = {
    "DASHBOARD_ALLOWED_DOMAINS": "demo.example, partner.example",
    "DASHBOARD_VIEWERS": "@demo.example",
    "DASHBOARD_FINANCE": "group:finance",
    "DASHBOARD_ADMINS": "ada@demo.example",
}
"""Settings of a dashboard that these people sign in to."""


@dataclass(frozen=True)
class Grant:
    """What a code stands for, until it is exchanged or too old."""

    person: str
    redirect_uri: str
    nonce: str
    challenge: str
    until: float


def create_oidc_app(
    *, issuer: str, redirect_uri: str, client_secret: str = CLIENT_SECRET
) -> Starlette:
    """Discovery, authorization code flow with PKCE, RS256 tokens, keys, user information, sign-out.

    ``app.state`` holds ``people``, ``signed_in_ago`` (seconds since the sign-in that the next token
    tells of) and ``down`` (it no longer describes itself); all may be changed while it runs.

    Args:
        issuer: the address it is served at.
        redirect_uri: the one place that codes are sent to.
    """
    app = Starlette(
        routes=[
            Route("/.well-known/openid-configuration", discover),
            Route("/authorize", authorize),
            Route("/token", exchange, methods=["POST"]),
            Route("/jwks", keys),
            Route("/userinfo", user_information),
            Route("/logout", sign_out),
        ]
    )
    app.state.issuer = issuer
    app.state.redirect_uri = redirect_uri
    app.state.client_secret = client_secret
    app.state.people = dict(PEOPLE)
    app.state.signed_in_ago = 0
    app.state.down = False
    app.state.key = RSAKey.generate_key(2048, parameters={"kid": secrets.token_hex(4)})
    app.state.grants = {}
    app.state.tokens = {}
    return app


async def discover(request: Request) -> Response:
    """Where everything is."""
    if request.app.state.down:
        return Response(status_code=503)
    issuer = request.app.state.issuer
    return JSONResponse(
        {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/jwks",
            "userinfo_endpoint": f"{issuer}/userinfo",
            "end_session_endpoint": f"{issuer}/logout",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["openid", "email", "profile"],
        }
    )


async def keys(request: Request) -> Response:
    """The public key that tokens are checked with."""
    key = {**request.app.state.key.as_dict(private=False), "use": "sig", "alg": "RS256"}
    return JSONResponse({"keys": [key]})


async def authorize(request: Request) -> Response:
    """The page on which a person is picked; once picked, the way back with a code."""
    asked, state = request.query_params, request.app.state
    fault = _fault_of(asked, state.redirect_uri)
    if fault:
        return HTMLResponse(f"<h1>Refused</h1><p>{fault}</p>", 400)
    person = asked.get("person", "")
    if person not in state.people:
        return HTMLResponse(_page(asked, state.people))
    code = secrets.token_urlsafe(24)
    state.grants[code] = Grant(
        person,
        asked["redirect_uri"],
        asked.get("nonce", ""),
        asked["code_challenge"],
        time.time() + CODE_SECONDS,
    )
    back = urlencode({"code": code, "state": asked.get("state", "")})
    return RedirectResponse(f"{state.redirect_uri}?{back}", 302)


async def exchange(request: Request) -> Response:
    """Tokens for a code, once, for whoever began the sign-in."""
    form, state = await request.form(), request.app.state
    if _client_of(request, form) != (CLIENT_ID, state.client_secret):
        return JSONResponse({"error": "invalid_client"}, 401)
    grant: Grant | None = state.grants.pop(str(form.get("code")), None)
    verifier = str(form.get("code_verifier", "")).encode()
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier).digest()).rstrip(b"=").decode()
    if (
        grant is None
        or grant.until < time.time()
        or grant.redirect_uri != form.get("redirect_uri")
        or not secrets.compare_digest(grant.challenge, challenge)
    ):
        return JSONResponse({"error": "invalid_grant"}, 400)
    now = int(time.time())
    claims = {
        "iss": state.issuer,
        "aud": CLIENT_ID,
        "sub": grant.person,
        "nonce": grant.nonce,
        "iat": now - int(state.signed_in_ago),
        "exp": now + TOKEN_SECONDS,
        **state.people[grant.person],
    }
    access = secrets.token_urlsafe(24)
    state.tokens[access] = claims
    header = {"alg": "RS256", "kid": state.key.kid}
    return JSONResponse(
        {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "id_token": jwt.encode(header, claims, state.key),
        }
    )


async def user_information(request: Request) -> Response:
    """The claims again, for whoever holds an access token."""
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    claims = request.app.state.tokens.get(token)
    return JSONResponse(claims) if claims else JSONResponse({"error": "invalid_token"}, 401)


async def sign_out(request: Request) -> Response:
    """Back to the dashboard: there is no session to end here."""
    wanted = request.query_params.get("post_logout_redirect_uri", "")
    if wanted == request.app.state.redirect_uri:
        return RedirectResponse(wanted, 302)
    return HTMLResponse("<h1>Signed out</h1>")


def _fault_of(asked: QueryParams, redirect_uri: str) -> str:
    """What is wrong with a request for a sign-in; empty when nothing is."""
    wanted = {
        "client_id": CLIENT_ID,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "code_challenge_method": "S256",
    }
    wrong = [name for name, value in wanted.items() if asked.get(name) != value]
    if not asked.get("code_challenge"):
        wrong.append("code_challenge")
    return f"Not as registered: {', '.join(wrong)}." if wrong else ""


def _client_of(request: Request, form: FormData) -> tuple[str, str]:
    """Name and secret of whoever asks, from the header or the form."""
    scheme, _, word = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, secret = base64.b64decode(word).decode().partition(":")
        except ValueError:
            return "", ""
        return name, secret
    return str(form.get("client_id")), str(form.get("client_secret"))


def _page(asked: QueryParams, people: Mapping[str, Claims]) -> str:
    rows = "".join(
        f'<p><a href="?{html.escape(urlencode([*asked.multi_items(), ("person", key)]))}">'
        f"{html.escape(str(person.get('name')))}</a> {html.escape(str(person.get('email')))}</p>"
        for key, person in people.items()
    )
    return (
        '<!doctype html><html lang="en"><title>Demo sign-in</title>'
        '<body style="font-family: sans-serif; margin: 3rem"><h1>Who are you?</h1>'
        f"<p>A stand-in for your company's sign-in: no password.</p>{rows}"
    )

"""The demo's provider keeps the rules of OpenID Connect: codes, keys, and whom it sends where."""

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from starlette.applications import Starlette

from lib.demo.oidc import CLIENT_ID, CLIENT_SECRET, PEOPLE, create_oidc_app

ISSUER = "https://id.example"
BACK = "https://usage.example/oauth2callback"
VERIFIER = "v" * 64
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
)
ASKED = {
    "client_id": CLIENT_ID,
    "redirect_uri": BACK,
    "response_type": "code",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
    "nonce": "n-1",
    "state": "s&1",
    "scope": "openid email",
}


@pytest.fixture
def provider() -> Starlette:
    return create_oidc_app(issuer=ISSUER, redirect_uri=BACK)


@pytest.fixture
def client(provider: Starlette) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(provider), base_url=ISSUER)


async def code_for(client: httpx.AsyncClient, person: str = "ada") -> str:
    reply = await client.get("/authorize", params={**ASKED, "person": person})
    back = urlsplit(reply.headers["location"])
    assert reply.headers["location"].startswith(f"{BACK}?")
    assert parse_qs(back.query)["state"] == ["s&1"]
    return parse_qs(back.query)["code"][0]


def form(code: str, **changed: str) -> dict[str, str]:
    usual = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
    return {**usual, "code_verifier": VERIFIER, **changed}


OURS = httpx.BasicAuth(CLIENT_ID, CLIENT_SECRET)


@pytest.mark.parametrize("person", PEOPLE)
async def test_a_code_is_exchanged_for_a_token_that_its_public_key_verifies(
    client: httpx.AsyncClient, person: str
) -> None:
    code = await code_for(client, person)
    reply = (await client.post("/token", data=form(code), auth=OURS)).json()
    keys = KeySet.import_key_set((await client.get("/jwks")).json())
    claims = jwt.decode(reply["id_token"], keys, algorithms=["RS256"]).claims
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (ISSUER, CLIENT_ID, "n-1")
    assert claims["email"] == PEOPLE[person]["email"]
    assert claims["exp"] > claims["iat"]
    bearer = {"authorization": f"Bearer {reply['access_token']}"}
    assert (await client.get("/userinfo", headers=bearer)).json()["sub"] == person


async def test_the_private_key_stays_at_home(client: httpx.AsyncClient) -> None:
    (key,) = (await client.get("/jwks")).json()["keys"]
    assert key.keys() == {"kty", "kid", "n", "e", "use", "alg"}


async def test_a_code_works_once(client: httpx.AsyncClient) -> None:
    code = await code_for(client)
    assert (await client.post("/token", data=form(code), auth=OURS)).status_code == 200
    assert (await client.post("/token", data=form(code), auth=OURS)).status_code == 400


@pytest.mark.parametrize(
    "changed",
    [{"code_verifier": "w" * 64}, {"code_verifier": ""}, {"redirect_uri": "https://evil.example"}],
)
async def test_a_code_is_worth_nothing_to_whoever_did_not_ask_for_it(
    client: httpx.AsyncClient, changed: dict[str, str]
) -> None:
    code = await code_for(client)
    reply = await client.post("/token", data=form(code, **changed), auth=OURS)
    assert (reply.status_code, reply.json()) == (400, {"error": "invalid_grant"})


async def test_a_client_without_the_secret_gets_nothing(client: httpx.AsyncClient) -> None:
    code = await code_for(client)
    assert (await client.post("/token", data=form(code))).status_code == 401
    wrong = httpx.BasicAuth(CLIENT_ID, "guessed")
    assert (await client.post("/token", data=form(code), auth=wrong)).status_code == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"redirect_uri": "https://evil.example/oauth2callback"},
        {"client_id": "another"},
        {"response_type": "token"},
        {"code_challenge_method": "plain"},
        {"code_challenge": ""},
    ],
)
async def test_a_request_that_is_not_as_registered_sends_nobody_anywhere(
    client: httpx.AsyncClient, changed: dict[str, str]
) -> None:
    reply = await client.get("/authorize", params={**ASKED, "person": "ada", **changed})
    assert reply.status_code == 400
    assert "location" not in reply.headers


async def test_signing_out_leads_back_to_the_dashboard_only(client: httpx.AsyncClient) -> None:
    ours = await client.get("/logout", params={"post_logout_redirect_uri": BACK})
    assert ours.headers["location"] == BACK
    foreign = await client.get(
        "/logout", params={"post_logout_redirect_uri": "https://evil.example"}
    )
    assert "location" not in foreign.headers


async def test_what_the_page_repeats_acts_as_nothing(client: httpx.AsyncClient) -> None:
    reply = await client.get("/authorize", params={**ASKED, "state": '"><script>alert(1)</script>'})
    assert "<script>" not in reply.text
    assert all(str(one["email"]) in reply.text for one in PEOPLE.values())

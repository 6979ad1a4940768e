"""Where a Comet server is, and who may decide it."""

import base64
import json
import traceback

import certifi
import pytest
from pydantic import SecretStr

from lib.errors import InputError, SettingsError
from lib.loader.comet_source import comet_source, may_type_host
from lib.redaction import redact
from lib.settings import ROOT, Settings, load_settings
from lib.settings.keys import typed_comet_key
from lib.sources.comet.server.address import comet_address

CANARY = "canarycometkey4471"


def smart(url: object, key: str = CANARY, padding: bool = False) -> str:
    packed = base64.b64encode(json.dumps({"baseUrl": url}).encode()).decode()
    return f"{key}*{packed if padding else packed.rstrip('=')}"


def settings(**environ: str) -> Settings:
    return load_settings(environ, ROOT / "no such folder")


@pytest.mark.parametrize(
    ("key", "override", "host", "admin", "rest"),
    [
        (CANARY, None, None, "https://www.comet.com", ("https://www.comet.com",)),
        (smart("https://a.corp"), None, None, "https://a.corp", ("https://a.corp",)),
        (smart("https://a.corp/comet"), None, None, "https://a.corp", ("https://a.corp",)),
        (smart("https://a.corp"), "https://b.corp", None, "https://b.corp", ("https://b.corp",)),
        (CANARY, "https://b.corp:8443/clientlib/", None, "https://b.corp:8443", None),
        (CANARY, "https://b.corp/clientlib", None, "https://b.corp", None),
        (
            CANARY,
            "https://b.corp/comet/clientlib/",
            None,
            "https://b.corp/comet",
            ("https://b.corp", "https://b.corp/comet"),
        ),
        (CANARY, "https://b.corp/a/b/", None, "https://b.corp/a/b", None),
        (smart("https://a.corp"), "https://b.corp", "https://c.corp/x", "https://c.corp/x", None),
        (CANARY, None, "http://[::1]:8080/", "http://[::1]:8080", None),
        (CANARY, None, "HTTPS://C.Corp", "https://c.corp", None),
    ],
)
def test_host_wins_over_override_over_smart_key_over_the_cloud(
    key: str, override: str | None, host: str | None, admin: str, rest: tuple[str, ...] | None
) -> None:
    found = comet_address(key, override=override, host=host)
    assert found.admin_root == admin
    if rest is not None:
        assert found.rest_roots == tuple(f"{root}/api/rest/v2" for root in rest)
    assert CANARY not in repr(found)


@pytest.mark.parametrize(
    ("url", "said"),
    [("http://c.corp", True), ("https://c.corp", False), ("http://localhost:1", False)],
)
def test_a_key_that_travels_unencrypted_is_said(url: str, said: bool) -> None:
    assert bool(comet_address(CANARY, override=url).notes) is said


def test_a_smart_key_for_another_server_is_said() -> None:
    (note,) = comet_address(smart("https://a.corp"), override="https://b.corp").notes
    assert "b.corp was asked" in note


@pytest.mark.parametrize("padding", [True, False])
@pytest.mark.parametrize("length", range(4))
def test_a_smart_key_is_sent_whole_with_or_without_padding(padding: bool, length: int) -> None:
    url = f"https://a{'a' * length}.corp"
    key = smart(url, padding=padding)
    found = settings(COMET_API_KEY=f" {key}\n").comet_api_key
    assert found is not None
    assert found.get_secret_value() == key
    assert comet_address(key).admin_root == url


def test_a_star_with_nothing_behind_it_is_dropped() -> None:
    assert typed_comet_key(f"{CANARY}*").get_secret_value() == CANARY


BROKEN_KEYS = [
    f"{CANARY}*{CANARY}*x",
    f"{CANARY}*!!!",
    f"{CANARY}*{base64.b64encode(b'no json').decode()}",
    f"{CANARY}*{base64.b64encode(b'[1]').decode()}",
    f"{CANARY}*{base64.b64encode(b'[' * 9_000).decode()}",
    smart("ftp://a.corp"),
    smart("https://user:pass@a.corp"),
    smart(17),
    f"*{CANARY}",
    f"{CANARY} x",
    f"{CANARY}\nX-Injected: 1",
    f"{CANARY}\u200b",
]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        *(("COMET_API_KEY", key) for key in BROKEN_KEYS),
        ("COMET_URL_OVERRIDE", CANARY),
        ("COMET_URL_OVERRIDE", f"ftp://{CANARY}.corp"),
        ("COMET_URL_OVERRIDE", f"https://{CANARY}@b.corp"),
        ("COMET_URL_OVERRIDE", f"https://b.corp?{CANARY}"),
        ("COMET_URL_OVERRIDE", f"https://b.corp\\{CANARY}"),
        ("COMET_INCLUDE_CUSTOM_CA_BUNDLE", f"/nowhere/{CANARY}.pem"),
        ("COMET_INCLUDE_CUSTOM_CA_BUNDLE", str(ROOT / "README.md")),
        ("COMET_INCLUDE_CUSTOM_CA_BUNDLE", str(ROOT)),
        ("COMET_INCLUDE_CUSTOM_CA_BUNDLE", f"a\0{CANARY}"),
        ("COMET_ALLOW_HEADER_NAME", f"X {CANARY}"),
        ("COMET_ALLOW_HEADER_NAME", f"X:{CANARY}"),
        ("COMET_ALLOW_HEADER_NAME", "authorization"),
        ("COMET_ALLOW_HEADER_NAME", "Host"),
        ("COMET_ALLOW_HEADER_VALUE", CANARY),
    ],
)
def test_an_unusable_value_is_refused_by_name_and_never_repeated(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        settings(**{variable: value})
    assert caught.value.variable == variable
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_header_needs_its_value_and_the_value_ascii() -> None:
    with pytest.raises(SettingsError, match="COMET_ALLOW_HEADER_VALUE is not set"):
        settings(COMET_ALLOW_HEADER_NAME="X-Gate")
    with pytest.raises(SettingsError, match="COMET_ALLOW_HEADER_VALUE holds"):
        settings(COMET_ALLOW_HEADER_NAME="X-Gate", COMET_ALLOW_HEADER_VALUE="gäte\r\nX: 1")


@pytest.mark.parametrize("key", BROKEN_KEYS)
def test_a_typed_key_that_cannot_work_is_refused_without_repeating_it(key: str) -> None:
    with pytest.raises(InputError, match="API key") as caught:
        typed_comet_key(key)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_keys_and_the_headers_value_are_masked_whole_and_in_part() -> None:
    key = smart("https://a.corp", key="servers-part-8213")
    settings(
        COMET_API_KEY=key, COMET_ALLOW_HEADER_NAME="X-Gate", COMET_ALLOW_HEADER_VALUE="gate-5523"
    )
    typed = smart("https://a.corp", key="typed-part-77123")
    typed_comet_key(typed)
    shown = redact(f"{key}; servers-part-8213; gate-5523; {typed}; typed-part-77123")
    assert shown == "; ".join(["[secret]"] * 5)


@pytest.mark.parametrize(
    "environ", [{"COMET_API_KEY": CANARY}, {"COMET_URL_OVERRIDE": "https://b.corp"}]
)
def test_configured_comet_ends_the_demo_and_typed_hosts(environ: dict[str, str]) -> None:
    found = settings(**environ)
    assert not found.demo
    assert not may_type_host(found)
    with pytest.raises(InputError, match="host"):
        comet_source(found, "https://evil.example", SecretStr("own-key"))
    with pytest.raises(InputError, match="host"):
        comet_source(found, "https://evil.example")


def test_a_visitors_smart_key_leads_nowhere_else_where_a_server_is_set() -> None:
    own = SecretStr(smart("https://evil.example"))
    set_by_key = comet_source(settings(COMET_API_KEY=smart("https://a.corp")), key=own)
    set_by_url = comet_source(settings(COMET_URL_OVERRIDE="https://a.corp"), key=own)
    assert {set_by_key.host, set_by_url.host} == {"a.corp"}
    assert comet_source(settings(COMET_API_KEY=CANARY), key=own).host == "www.comet.com"
    assert not set_by_key.typed


def test_a_visitors_smart_key_is_a_typed_host_where_none_is_set() -> None:
    assert comet_source(settings(), key=SecretStr(smart("https://a.corp"))).typed
    assert not comet_source(settings(), key=SecretStr(CANARY)).typed, "Comet's cloud is no choice"
    assert comet_source(settings(), "http://www.comet.com", SecretStr(CANARY)).typed


def test_a_commands_host_is_its_operators_choice() -> None:
    found = comet_source(settings(COMET_API_KEY=CANARY), "http://10.0.0.5/comet", by_operator=True)
    assert (found.address.admin_root, found.typed) == ("http://10.0.0.5/comet", False)
    assert CANARY not in repr(found)


@pytest.mark.parametrize(
    "host",
    [
        "comet.corp",
        "ftp://comet.corp",
        "file:///etc/passwd",
        "https://",
        "https://user@comet.corp",
        "https://comet.corp?x=1",
        "https://comet.corp#x",
        "https://comet.corp:99999",
        "https://com et.corp",
        "https://comet.corp\\@evil.example",
        "http://\u2603\u200b.corp",
        "javascript:alert(1)",
    ],
)
def test_a_host_that_is_no_address_is_a_mistake_to_correct(host: str) -> None:
    with pytest.raises(InputError, match="host"):
        comet_source(settings(), host, SecretStr(CANARY))


def test_without_any_key_the_variable_is_named() -> None:
    with pytest.raises(SettingsError, match="COMET_API_KEY is not set"):
        comet_source(settings(COMET_URL_OVERRIDE="https://a.corp"))


def test_scopes_tell_keys_servers_and_headers_apart() -> None:
    header = {"COMET_ALLOW_HEADER_NAME": "X-Gate", "COMET_ALLOW_HEADER_VALUE": "gate-1"}
    scopes = {
        comet_source(settings(COMET_API_KEY=key, COMET_URL_OVERRIDE=url, **more)).scope
        for key in (CANARY, f"{CANARY}x")
        for url in ("https://a.corp", "https://a.corp/comet", "https://b.corp")
        for more in ({}, header)
    }
    assert len(scopes) == 12


def test_a_file_of_certificates_is_taken() -> None:
    found = settings(COMET_API_KEY=CANARY, COMET_INCLUDE_CUSTOM_CA_BUNDLE=certifi.where())
    assert comet_source(found).connect().host == "www.comet.com"

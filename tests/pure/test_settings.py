"""Settings come from five places in one order, and an unusable one is named without its value."""

import json
import re
import traceback
from pathlib import Path

import pytest

from lib.errors import InputError, SettingsError
from lib.ledger.database import Database
from lib.redaction import MASK, redact
from lib.settings import ROOT, Settings, load_settings
from lib.settings.keys import typed_openai_key

CANARY = "canary-7f3a91"
KEY = f"sk-admin-{CANARY}"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without secrets, so that the developer's own cannot decide a test."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def level(tmp_path: Path, environ: dict[str, str] | None = None) -> str:
    return load_settings(environ or {}, tmp_path).loguru_level


def test_each_place_wins_over_those_after_it(tmp_path: Path, home: Path) -> None:
    assert level(tmp_path) == "INFO"
    write(home / ".streamlit/secrets.toml", 'LOGURU_LEVEL = "TRACE"')
    assert level(tmp_path) == "TRACE"
    write(tmp_path / ".streamlit/secrets.toml", 'LOGURU_LEVEL = "CRITICAL"')
    assert level(tmp_path) == "CRITICAL"
    write(tmp_path / ".env", "LOGURU_LEVEL=ERROR")
    assert level(tmp_path) == "ERROR"
    write(tmp_path / "devenv.sh", "export LOGURU_LEVEL=WARNING\n")
    assert level(tmp_path) == "WARNING"
    assert level(tmp_path, {"LOGURU_LEVEL": "DEBUG"}) == "DEBUG"


def test_places_are_merged_variable_by_variable(tmp_path: Path) -> None:
    write(tmp_path / "devenv.sh", "export LOGURU_LEVEL=WARNING")
    write(tmp_path / ".env", f"OPENAI_ADMIN_KEY={KEY}\nLOGURU_LEVEL=ERROR")
    settings = load_settings({"DASHBOARD_DEMO": "on"}, tmp_path)
    assert (settings.loguru_level, settings.dashboard_demo) == ("WARNING", "on")
    assert settings.openai_admin_key is not None
    assert settings.openai_admin_key.get_secret_value() == KEY


@pytest.mark.parametrize(
    "line",
    [f"export OPENAI_ADMIN_KEY={KEY}", f"OPENAI_ADMIN_KEY='{KEY}'", f'OPENAI_ADMIN_KEY="{KEY} "'],
)
def test_a_shell_line_is_read_with_or_without_export_and_quotes(tmp_path: Path, line: str) -> None:
    write(tmp_path / "devenv.sh", f"# a comment\n{line}\n")
    settings = load_settings({}, tmp_path)
    assert settings.openai_admin_key is not None
    assert settings.openai_admin_key.get_secret_value() == KEY


@pytest.mark.parametrize("nothing", ["", "   "])
def test_an_empty_variable_counts_as_not_set_and_hides_the_file(
    tmp_path: Path, nothing: str
) -> None:
    write(tmp_path / "devenv.sh", f"export OPENAI_ADMIN_KEY={KEY}\nexport LOGURU_LEVEL=ERROR")
    settings = load_settings({"OPENAI_ADMIN_KEY": nothing, "LOGURU_LEVEL": nothing}, tmp_path)
    assert settings.openai_admin_key is None
    assert settings.loguru_level == "INFO"
    assert settings.demo


def test_the_example_lists_exactly_the_variables_that_are_read() -> None:
    lines = (ROOT / "devenv.sh.example").read_text(encoding="utf-8").splitlines()
    listed = [match[1] for line in lines if (match := re.match(r"export (\w+)=", line))]
    assert sorted(listed) == sorted(name.upper() for name in Settings.model_fields)


def test_the_example_as_it_is_gives_the_defaults(tmp_path: Path) -> None:
    write(tmp_path / "devenv.sh", (ROOT / "devenv.sh.example").read_text(encoding="utf-8"))
    assert load_settings({}, tmp_path) == Settings()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OPENAI_ADMIN_KEY", f"sk-proj-{CANARY}"),
        ("OPENAI_ADMIN_KEY", f"sk-svcacct-{CANARY}"),
        ("OPENAI_ADMIN_KEY", f"sk-None-{CANARY}"),
        ("OPENAI_ADMIN_KEY", f"sk-admin {CANARY}"),
        ("OPENAI_ADMIN_KEY", f"sk-admin-{CANARY}\nX-Injected: 1"),
        ("OPENAI_ADMIN_KEY", f"sk-admin-{CANARY}\u200b"),
        ("OPENAI_ADMIN_KEY", f'"sk-admin-{CANARY}'),
        ("OPENAI_BASE_URL", CANARY),
        ("OPENAI_BASE_URL", f"ftp://{CANARY}.example/v1"),
        ("OPENAI_BASE_URL", f"http://{CANARY}.example/v1"),
        ("OPENAI_BASE_URL", f"http://localhost.{CANARY}.example/v1"),
        ("OPENAI_BASE_URL", f"https://{CANARY}@api.example/v1"),
        ("OPENAI_BASE_URL", f"https://user:{CANARY}@api.example/v1"),
        ("OPENAI_BASE_URL", f"https://api.example/v1?key={CANARY}"),
        ("OPENAI_BASE_URL", f"https://api.example/v1#{CANARY}"),
        ("OPENAI_BASE_URL", "https://api.example/v1?"),
        ("OPENAI_BASE_URL", f"https://api.example:{CANARY}/v1"),
        ("OPENAI_BASE_URL", f"https://api {CANARY}.example/v1"),
        ("OPENAI_BASE_URL", f"https://api.example/\n{CANARY}"),
        ("OPENAI_BASE_URL", f"https://[{CANARY}/v1"),
        ("LOGURU_LEVEL", CANARY),
        ("DASHBOARD_DEMO", CANARY),
        ("LEDGER_URL", f"mysql://user:{CANARY}@host/ledger"),
        ("LEDGER_URL", f"postgresql://user:{CANARY}@host:port/ledger"),
        ("LEDGER_URL", f"postgresql://user:password@host:{CANARY}/ledger"),
        ("LEDGER_URL", f"postgresql://user:{CANARY}@host:/ledger"),
        ("LEDGER_URL", f"postgresql://user:{CANARY}@[::1/ledger"),
        ("LEDGER_URL", f"postgresql://user:{CANARY}@host:65536/ledger"),
        ("LEDGER_URL", f"postgresql://user:{CANARY}@one:5432,two:5432/ledger"),
    ],
)
def test_an_unusable_value_is_refused_by_name_and_never_repeated(
    tmp_path: Path, variable: str, value: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({variable: value}, tmp_path)
    assert caught.value.variable == variable
    assert str(caught.value).startswith(variable)
    assert caught.value.remedy
    assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("text", [f"OPENAI_ADMIN_KEY = {CANARY}", f"{CANARY} [", "A = 1\nA = 2"])
def test_a_broken_secrets_file_is_named_and_never_quoted(tmp_path: Path, text: str) -> None:
    write(tmp_path / ".streamlit/secrets.toml", text)
    with pytest.raises(SettingsError, match=re.escape("secrets.toml")) as caught:
        load_settings({}, tmp_path)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("name", ["devenv.sh", ".env"])
def test_a_file_that_is_not_utf8_is_named_instead_of_crashing(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"OPENAI_ADMIN_KEY=caf\xe9-canary-7f3a91\n")
    with pytest.raises(SettingsError, match=re.escape(name)) as caught:
        load_settings({}, tmp_path)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


def test_a_number_where_a_text_belongs_is_refused_by_name(tmp_path: Path) -> None:
    write(tmp_path / ".streamlit/secrets.toml", "OPENAI_ADMIN_KEY = 731905")
    with pytest.raises(SettingsError, match="OPENAI_ADMIN_KEY") as caught:
        load_settings({}, tmp_path)
    assert "731905" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:8001/v1",
        "http://127.0.0.1:8001/v1",
        "http://[::1]:8001/v1",
        "HTTPS://api.example/v1",
        "https://gateway.example:8443/openai/v1/",
        "  https://api.example/v1  ",
    ],
)
def test_plain_http_is_for_this_machine_and_https_for_any(tmp_path: Path, url: str) -> None:
    settings = load_settings({"OPENAI_BASE_URL": url}, tmp_path)
    assert settings.openai_base_url == url.strip().rstrip("/")


@pytest.mark.parametrize(
    ("mode", "key", "demo"),
    [
        ("auto", "", True),
        ("auto", KEY, False),
        ("on", "", True),
        ("on", KEY, True),
        ("off", "", False),
        ("off", KEY, False),
        ("ON", KEY, True),
    ],
)
def test_demo_data_shows_as_asked_or_when_nothing_is_configured(
    tmp_path: Path, mode: str, key: str, demo: bool
) -> None:
    environ = {"DASHBOARD_DEMO": mode, "OPENAI_ADMIN_KEY": key}
    assert load_settings(environ, tmp_path).demo is demo


@pytest.mark.parametrize(
    ("level", "debug"), [("trace", True), ("Debug", True), ("INFO", False), ("error", False)]
)
def test_levels_are_read_in_any_case_and_only_the_chatty_ones_debug(
    tmp_path: Path, level: str, debug: bool
) -> None:
    settings = load_settings({"LOGURU_LEVEL": level}, tmp_path)
    assert settings.loguru_level == level.upper()
    assert settings.debug is debug


def test_no_rendering_of_settings_shows_the_key(tmp_path: Path) -> None:
    settings = load_settings({"OPENAI_ADMIN_KEY": KEY}, tmp_path)
    renderings = (
        repr(settings),
        str(settings),
        f"{settings!s}",
        repr(settings.model_dump()),
        json.dumps(settings.model_dump(mode="json")),
        settings.model_dump_json(),
        repr(vars(settings)),
    )
    assert not [text for text in renderings if CANARY in text]


def test_settings_cannot_be_changed_after_reading(tmp_path: Path) -> None:
    settings = load_settings({}, tmp_path)
    with pytest.raises(ValueError, match="frozen"):
        settings.dashboard_demo = "off"


def test_a_typed_key_is_trimmed_and_hidden() -> None:
    key = typed_openai_key(f"  {KEY}\n")
    assert key.get_secret_value() == KEY
    assert CANARY not in repr(key)


@pytest.mark.parametrize("text", ["", "  ", f"sk-proj-{CANARY}", f"sk admin {CANARY}", "sk-ä" * 4])
def test_a_typed_key_that_cannot_work_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InputError, match="API key") as caught:
        typed_openai_key(text)
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert not text.strip() or text.strip() not in str(caught.value)


def test_a_word_typed_as_a_key_does_not_riddle_everybodys_messages() -> None:
    message = "openai:completions: Missing scopes for sk-proj. (incomplete organisation)"
    typed_openai_key("openai")
    for text in ("Missing scopes", "(incomplete organisation)"):
        with pytest.raises(InputError):
            typed_openai_key(text)
    assert redact(message) == message


def test_a_key_that_is_used_is_masked_whether_typed_or_set(tmp_path: Path) -> None:
    typed_openai_key("  gateway-typed-2281  ")
    load_settings({"OPENAI_ADMIN_KEY": " gw-set-77 "}, tmp_path)
    assert redact("gateway-typed-2281 gw-set-77") == f"{MASK} {MASK}"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://host",
        "postgresql://user:a/b:c?d@host:5432/ledger?sslmode=require",
        "postgresql://[::1]:5432/ledger",
        "postgresql:///ledger?host=/var/run/postgresql",
        "postgresql://host:5432?port=5433",
    ],
)
def test_an_address_that_the_database_s_client_takes_is_taken(tmp_path: Path, url: str) -> None:
    settings = load_settings({"LEDGER_URL": url}, tmp_path)
    assert settings.ledger_url.get_secret_value() == url
    assert Database(url).engine

"""No secret of the operator leaves a dashboard that people sign in to, whether its upstreams answer or not."""

import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from psycopg import sql
from pypdf import PdfReader

from lib.demo.comet_server import create_comet_app
from lib.demo.openai_server import create_openai_app
from lib.demo.tenants import counters
from lib.ui.page import ENTRIES
from tests.browser.test_browser import frames_of, loaded, turn_to
from tests.support.hosted import CLIENT_SECRET, COOKIE_SECRET, UVICORN, Hosted, hosted, sign_in
from tests.support.redis_servers import READER_PASSWORD, add_reader, redis_server
from tests.support.servers import serve

if TYPE_CHECKING:
    from tests.support.postgres_server import Database

pytest_plugins = ["tests.support.postgres_server"]

MINUTE = 60_000
OPENAI_KEY = "sk-admin-canary-hosted-0123456789"
COMET_KEY = "canary-comet-key-0123456789"
HEADER = {
    "COMET_ALLOW_HEADER_NAME": "X-Gateway",
    "COMET_ALLOW_HEADER_VALUE": "canary-header-value-0123",
}
DATABASE_PASSWORD = "canary-db-password"
FORMATS = (
    re.compile(r"^CSV: \w+ table$"),
    "CSV: all tables (zip)",
    "JSON",
    "PDF summary",
    "PDF with all tables",
)
CHOSEN = "cmu_workspaces=vision&cmu_period=2026-10-01&cmu_period=2026-10-31"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context: BrowserContext = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(MINUTE)
    yield context.new_page()
    context.close()


@pytest.fixture
def upstreams(own_database: "Database") -> Iterator[Mapping[str, str]]:
    """Settings of servers that answer to these secrets only."""
    role = f"{own_database.name}_reader_canary"
    own_database.run(
        "CREATE TABLE tenants (id text PRIMARY KEY)",
        "INSERT INTO tenants VALUES ('acme'), ('borealis')",
        sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
            sql.Identifier(role), sql.Literal(DATABASE_PASSWORD)
        ),
        sql.SQL("GRANT SELECT ON tenants TO {}").format(sql.Identifier(role)),
    )
    port = own_database.server.network["port"]
    with (
        serve(create_openai_app(admin_key=OPENAI_KEY)) as openai,
        serve(create_comet_app(api_key=COMET_KEY)) as comet,
        redis_server() as redis,
    ):
        with redis.admin() as client:
            client.mset(dict(counters(datetime.now(UTC), seed=7)))
        yield {
            "OPENAI_ADMIN_KEY": OPENAI_KEY,
            "OPENAI_BASE_URL": f"{openai}/v1",
            "COMET_API_KEY": COMET_KEY,
            "COMET_URL_OVERRIDE": comet,
            **HEADER,
            "REDIS_PRIMARY_ENDPOINT": add_reader(redis),
            "CONTROL_DATABASE_URL": f"postgresql://{role}:{DATABASE_PASSWORD}@127.0.0.1:{port}/"
            f"{own_database.name}",
        }


def secrets_of(settings: Mapping[str, str]) -> set[str]:
    """What of a dashboard's settings is secret, and the passwords within them by themselves."""
    names = ("KEY", "ENDPOINT", "DATABASE_URL", "HEADER_VALUE")
    whole = {value for name, value in settings.items() if name.endswith(names)}
    passwords = {found for one in whole for found in re.findall(r"//[^:/]+:([^@]+)@", one)}
    return {*whole, *passwords, COOKIE_SECRET, CLIENT_SECRET}


def files_of(page: Page, folder: Path) -> dict[str, str]:
    """Name to text of every file that a page offers."""
    page.get_by_role("button", name="Download", exact=True).click()
    texts = {}
    for label in FORMATS:
        with page.expect_download(timeout=2 * MINUTE) as waiting:
            page.get_by_role("button", name=label, exact=True).first.click()
        path = folder / waiting.value.suggested_filename
        waiting.value.save_as(path)
        texts[path.name] = text_of(path)
    page.keyboard.press("Escape")
    return texts


def text_of(path: Path) -> str:
    """All that can be read in a file, as it is and unpacked."""
    content = path.read_bytes()
    texts = [content.decode("latin-1")]
    if path.suffix == ".zip":
        with zipfile.ZipFile(BytesIO(content)) as archive:
            texts += [archive.read(name).decode("latin-1") for name in archive.namelist()]
    if path.suffix == ".pdf":
        reader = PdfReader(BytesIO(content))
        texts += [repr(reader.metadata), *(page.extract_text() for page in reader.pages)]
    return "\n".join(texts)


def error_pages(app: Hosted) -> str:
    paths = (
        "/nowhere",
        "/media/x",
        "/auth/login?provider=x",
        "/oauth2callback?error=x&state=y",
    )
    return "\n".join(httpx.get(app.url + path).text for path in paths)


def leaks(places: Mapping[str, str], secrets: set[str]) -> set[tuple[str, str]]:
    return {(place, one) for place, text in places.items() for one in secrets if one in text}


def test_no_secret_is_in_a_file_of_any_format_nor_in_what_a_working_dashboard_says(
    page: Page, tmp_path: Path, upstreams: Mapping[str, str]
) -> None:
    secrets = secrets_of(upstreams)
    assert {READER_PASSWORD, DATABASE_PASSWORD, *HEADER.values()} - secrets == {"X-Gateway"}
    frames, places = frames_of(page), {}
    ledger = tmp_path / "ledger"
    kept = {"LEDGER_URL": f"sqlite:///{ledger}/catalog.db", "LEDGER_WAREHOUSE": f"{ledger}/files"}
    with hosted(tmp_path, LOGURU_LEVEL="DEBUG", **upstreams, **kept) as app:
        page.goto(f"{app.url}/comet_usage?{CHOSEN}")
        sign_in(page, "ada")
        # Comet usage first: the link brings what it needs; then History, which fills the ledger
        first = ("comet_usage", "history")
        in_turn = sorted(ENTRIES, key=lambda entry: (*first, entry.name).index(entry.name))
        for entry in in_turn:
            if entry is not in_turn[0]:
                turn_to(page, entry)
            if entry.name == "history":
                page.get_by_role("button", name="Capture now").click()
                expect(page.get_by_text("months are captured.")).to_be_visible(timeout=3 * MINUTE)
            loaded(page)
            found = files_of(page, tmp_path)
            assert len(found) == len(FORMATS)
            assert not any("incomplete" in name or "demo" in name for name in found)
            places |= found | {f"page {entry.name}": page.content()}
        places |= {
            "frames": "\n".join(frames),
            "cookies": repr(page.context.cookies()),
            "error pages": error_pages(app),
            "log": app.log.read_text(),
            "audit": app.audit.read_text(),
            "ledger": "\n".join(map(text_of, filter(Path.is_file, ledger.rglob("*")))),
        }
    assert places["audit"].count('"download"') == len(FORMATS) * len(ENTRIES)
    assert len(places) == (len(FORMATS) + 1) * len(ENTRIES) + 6
    assert len(places["ledger"]) > 1_000_000
    assert leaks(places, secrets) == set()


def test_under_uvicorn_no_secret_is_in_what_a_dashboard_says_when_nobody_answers_it(
    page: Page, tmp_path: Path
) -> None:
    settings = {
        "OPENAI_ADMIN_KEY": OPENAI_KEY,
        "REDIS_PRIMARY_ENDPOINT": "redis://u:canary-redis-password@127.0.0.1:1",
        "CONTROL_DATABASE_URL": f"postgresql://u:{DATABASE_PASSWORD}@127.0.0.1:1/x",
        "COMET_API_KEY": COMET_KEY,
        **HEADER,
        "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
        "COMET_URL_OVERRIDE": "http://127.0.0.1:1",
    }
    frames = frames_of(page)
    with hosted(tmp_path, UVICORN, LOGURU_LEVEL="DEBUG", **settings) as app:
        page.goto(f"{app.url}/openai_usage?oai_period=2026-10-01&oai_group=user_id")
        sign_in(page, "ada")
        expect(page.get_by_text("Traceback (LOGURU_LEVEL=DEBUG)")).to_be_visible(timeout=MINUTE)
        for entry in ENTRIES:
            turn_to(page, entry)
            said = "Nothing is kept yet" if entry.kept else "What to do:"
            expect(page.get_by_text(said).first).to_be_visible(timeout=MINUTE)
        places = {
            "frames": "\n".join(frames),
            "page": page.content(),
            "error pages": error_pages(app),
            "log": app.log.read_text(),
            "audit": app.audit.read_text(),
        }
    assert len(frames) > 5
    assert leaks(places, secrets_of(settings)) == set()
    for line in places["log"].splitlines():
        if line.startswith("{"):
            assert {"time", "level", "name", "message"} == json.loads(line).keys()
    assert "code=" not in places["log"]
    assert "oai_group" not in places["log"]

"""What several files of this folder share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import stamina
from starlette.applications import Starlette
from streamlit.components.v2 import manifest_scanner

from lib.access.audit import trail
from lib.demo.openai_faults import Faults
from lib.demo.openai_server import create_openai_app
from lib.demo.organisation import make_organisation
from lib.ledger.store import Ledger
from tests.support.cost_centres import configured
from tests.support.servers import serve

CANARY = "sk-admin-canary0123456789abcdef"


@pytest.fixture(scope="session", autouse=True)
def _components_scanned_once() -> Iterator[None]:
    """AppTest looks through all installed packages before every run, which is a fifth of its time."""
    components = manifest_scanner.scan_component_manifests()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(manifest_scanner, "scan_component_manifests", lambda: components)
        yield


@pytest.fixture(autouse=True)
def _tries_follow_at_once() -> Iterator[None]:
    """As many tries as ever, without the waits between them: those are tested where requests are."""
    with stamina.set_testing(True, attempts=5, cap=True):
        yield


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Starlette]:
    """A configured organisation, empty caches: no other test has asked this address."""
    app = create_openai_app(admin_key=CANARY, faults=Faults(), org=make_organisation())
    with serve(app) as url:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v1")
        monkeypatch.setenv("OPENAI_ADMIN_KEY", CANARY)
        yield app


@pytest.fixture
def audit(no_settings: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The audit trail, which is closed at the end."""
    file = tmp_path / "audit.jsonl"
    monkeypatch.setenv("DASHBOARD_AUDIT", str(file))
    yield file
    trail(str(file)).close()
    trail.cache_clear()


@pytest.fixture
def kept(no_settings: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ledger:
    return configured(tmp_path, monkeypatch)

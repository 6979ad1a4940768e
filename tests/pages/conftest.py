"""What several files of this folder share."""

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette

from lib.demo.openai_faults import Faults
from lib.demo.openai_server import create_openai_app
from lib.demo.organisation import make_organisation
from tests.support.servers import serve

CANARY = "sk-admin-canary0123456789abcdef"


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Starlette]:
    """A configured organisation, empty caches: no other test has asked this address."""
    app = create_openai_app(admin_key=CANARY, faults=Faults(), org=make_organisation())
    with serve(app) as url:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v1")
        monkeypatch.setenv("OPENAI_ADMIN_KEY", CANARY)
        yield app

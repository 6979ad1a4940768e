"""Uploads where nobody signs in, and what tests of uploads share."""

from pathlib import Path

import httpx
import pytest

from lib.access.visitors import PAGES, ROLES, UPLOADS, Visitor
from tests.support.hosted import STREAMLIT
from tests.support.servers import Dashboard, dashboard
from tests.support.tabs import tab

SIZE = 5_000


def upload(app: Dashboard, cookies: dict[str, str], method: str = "PUT") -> int:
    """The status of an upload to a session of one's own, with the token against forgery."""
    files = {"file": ("october.json", b"x" * SIZE)}
    with tab(app, cookies) as page:
        path = f"/_stcore/upload_file/{page.session()}/any"
        return page.ask(method, path, files=files).status_code


def kept(app: Dashboard) -> int:
    """Bytes of uploads in the server's memory."""
    lines = httpx.get(f"{app.url}/_stcore/metrics").text.splitlines()
    return sum(int(line.split()[-1]) for line in lines if "UploadedFileManager" in line)


@pytest.mark.parametrize("command", [(), STREAMLIT], ids=["app.py", "asgi.py"])
def test_where_nobody_signs_in_everybody_may_upload(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    with dashboard(tmp_path, command=command) as app:
        assert upload(app, {}) == 204
        assert kept(app) == SIZE


def test_the_page_that_takes_files_is_one_that_some_roles_see_and_some_do_not() -> None:
    assert UPLOADS in PAGES
    assert [role for role in ROLES if Visitor(role).sees(UPLOADS)] == ["finance", "admin"]

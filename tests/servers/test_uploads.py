"""Uploads to a hosted dashboard: everybody has a session to upload to, few may."""

import time
from pathlib import Path

import httpx
import pytest

from lib.access.visitors import PAGES, ROLES, UPLOADS, Visitor
from tests.support.hosted import STREAMLIT, cookie_of, hosted, leave
from tests.support.servers import Dashboard, dashboard
from tests.support.tabs import tab

SIZE = 5_000
METRICS_SECONDS = 5
"""How long Streamlit gives the same answer for its memory."""


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


def test_only_who_sees_the_page_that_takes_files_may_upload(tmp_path: Path) -> None:
    with hosted(tmp_path) as app:
        left = cookie_of(app, "fritz", hours_ago=1)
        leave(app.url, left)
        strangers = {
            "anonymous": {},
            "forged": {"_streamlit_user": "x" + cookie_of(app, "ada")["_streamlit_user"]},
            "viewer": cookie_of(app, "vera"),
            "without a verified address": cookie_of(app, "ulf"),
            "of another domain": cookie_of(app, "otto"),
            "without a role": cookie_of(app, "nora"),
            "expired": cookie_of(app, "ada", hours_ago=13),
            "signed out": left,
        }
        refused = {who: upload(app, cookies) for who, cookies in strangers.items()}
        assert refused == dict.fromkeys(strangers, 403)
        assert upload(app, {}, "DELETE") == 403
        assert kept(app) == 0
        for person in ("fritz", "ada"):
            assert upload(app, cookie_of(app, person)) == 204
        time.sleep(METRICS_SECONDS)
        assert kept(app) == 2 * SIZE, "else nothing would be proven"


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

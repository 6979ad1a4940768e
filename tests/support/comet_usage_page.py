"""A small Comet server at the present of the clock, and its figures in plain Python, for page and command."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from lib.demo.comet_organisation import CometSize
from lib.demo.comet_server import create_comet_app
from tests.support.comet_page import CANARY
from tests.support.pages import open_link
from tests.support.servers import serve

PAGE = "comet_usage"
SIZE = CometSize(workspaces=4, users=24, projects=8, experiments_per_project=30, points=12)
PRESENT = datetime.now(UTC) - timedelta(minutes=5)
"""The server's present: a report leaves out what starts in the future, which nothing here does."""

Item = dict[str, Any]


@dataclass(frozen=True)
class Lab:
    """A served stand-in."""

    app: Starlette
    url: str

    def get(self, path: str, **query: str) -> Any:
        reply = httpx.get(
            f"{self.url}/api/rest/v2{path}", params=query, headers={"authorization": CANARY}
        )
        assert reply.status_code == 200, reply.text
        return reply.json()

    @property
    def workspaces(self) -> list[str]:
        names: list[str] = self.get("/workspaces")["workspaceNames"]
        return names

    def projects(self, workspace: str) -> list[str]:
        listed = self.get("/projects", workspaceName=workspace)["projects"]
        return [one["projectName"] for one in listed]

    def experiments(self, workspace: str, *projects: str, archived: bool = False) -> list[Item]:
        """Those with a start time, of some projects or all of a workspace."""
        return [
            one
            for project in projects or self.projects(workspace)
            for one in self.get(
                "/experiments",
                workspaceName=workspace,
                projectName=project,
                archived=str(archived),
                page="1",
                size="1000",
            )["experiments"]
            if one["startTimeMillis"]
        ]

    def asked(self) -> list[str]:
        """Names of the requests since the last look."""
        names = [name for name, _pairs in self.app.state.requests]
        self.app.state.requests.clear()
        return names


@contextmanager
def served_lab(
    patch: pytest.MonkeyPatch, *, size: CometSize = SIZE, hostile_names: bool = False
) -> Iterator[Lab]:
    """The server, healthy and configured; no other test has asked its address."""
    app = create_comet_app(
        now=lambda: PRESENT, api_key=CANARY, size=size, hostile_names=hostile_names
    )
    with serve(app) as url:
        patch.setenv("COMET_API_KEY", CANARY)
        patch.setenv("COMET_URL_OVERRIDE", url)
        yield Lab(app, url)


def open_page(**link: Any) -> AppTest:
    """The page as a link shows it."""
    return open_link(PAGE, **link)

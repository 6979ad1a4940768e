"""Fixtures that several rooms' tests share."""

import os
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from loguru import logger
from playwright.sync_api import Browser, expect, sync_playwright
from starlette.applications import Starlette
from xdist.scheduler.loadscope import LoadScopeScheduling

from lib.demo.comet_server import create_comet_app
from lib.demo.openai_faults import Faults
from lib.demo.openai_server import create_openai_app
from tests.support import comet_page, comet_usage_page, profiles
from tests.support.pages import VisitedPages
from tests.support.replies import NOW
from tests.support.servers import CHROMIUM_FLAGS, NOTHING, chromium

TESTS = Path(__file__).parent
FOLDERS = ("hosting", "browser", "judges", "servers", "pages", "laws", "pure")
"""Of tests, what takes longest first: what is left for the end should be small."""

GIVEN = ("USAGE_TEST_REDIS_URL", "USAGE_TEST_POSTGRES_URL")
ONE_STACK = ("test_cookies", "test_front", "test_uploads")
"""Files whose tests leave the hosted dashboard as it was, and so share one."""

profiles.load()
expect.set_options(timeout=60_000)  # the library's five seconds are short for a busy machine


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks tests by folder, and puts first what takes long."""
    for item in items:
        item.add_marker(folder_of(item))
    items.sort(key=lambda item: FOLDERS.index(folder_of(item)))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Keeps in one process the tests that share a server or a browser, unless told otherwise."""
    if config.getvalue("dist") != "loadscope":
        return None
    return Together(config, log)


class Together(LoadScopeScheduling):
    """Hands out groups of tests. xdist's own groups do nothing under this pytest."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def group_of(nodeid: str) -> str:
    """What must stay together has one name."""
    path = Path(nodeid.partition("::")[0])
    folder = path.relative_to("tests").parts[0]
    # A database that was given is one for all, and tests empty it
    if folder in ("servers", "pages") and any(os.environ.get(name) for name in GIVEN):
        return "given"
    return "stack" if path.stem in ONE_STACK else path.stem


def folder_of(item: pytest.Item) -> str:
    """The folder below ``tests``."""
    return item.path.relative_to(TESTS).parts[0]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser. Of a module, not the session: its event loop must be gone before others' tests."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def _one_stand_in() -> Starlette:
    return create_openai_app(now=lambda: NOW)


@pytest.fixture
def stand_in(_one_stand_in: Starlette) -> Iterator[Starlette]:
    """OpenAI's stand-in without faults, without memory of requests, at ``NOW``.

    It is made once, so that days it has made up once need not be made up again.
    """
    state, healthy = _one_stand_in.state, Faults()
    for field in fields(Faults):
        setattr(state.faults, field.name, getattr(healthy, field.name))
    state.now = lambda: NOW
    state.requests.clear()
    usual = state.org, state.admin_key
    yield _one_stand_in
    state.org, state.admin_key = usual


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads the settings of whoever runs it; its pages are those of a server in use."""
    for name, value in {**NOTHING, "LOGURU_LEVEL": "", "DASHBOARD_DEMO": ""}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("streamlit.testing.v1.app_test.PagesManager", VisitedPages)


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """What is logged, as text."""
    lines: list[str] = []
    sink = logger.add(lines.append, level="TRACE", format="{level} {message}")
    yield lines
    logger.remove(sink)


@pytest.fixture(scope="session")
def _one_comet_server() -> Starlette:
    return create_comet_app(now=lambda: comet_page.NOW, api_key=comet_page.CANARY)


@pytest.fixture
def comet_served(_one_comet_server: Starlette) -> Iterator[comet_page.Served]:
    """A healthy Comet server at an address that no other test has asked, and no settings of it."""
    with comet_page.healthy(_one_comet_server) as served:
        yield served


@pytest.fixture
def comet_upstream(
    comet_served: comet_page.Served, no_settings: None, monkeypatch: pytest.MonkeyPatch
) -> Starlette:
    """The same, configured."""
    app, url = comet_served
    monkeypatch.setenv("COMET_API_KEY", comet_page.CANARY)
    monkeypatch.setenv("COMET_URL_OVERRIDE", url)
    return app


@pytest.fixture
def lab(no_settings: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[comet_usage_page.Lab]:
    """A small Comet server, configured, whose experiments are counted."""
    with comet_usage_page.served_lab(monkeypatch) as served:
        yield served

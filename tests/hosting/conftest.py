"""What the tests of the hosted dashboard share: nginx, TLS, the sub-path, and a browser in front."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Browser, BrowserContext

from lib.demo.hosted import Stack, hosted_stack, nginx_binary
from lib.errors import SettingsError
from tests.support.missing import missing

Start = Callable[..., Stack]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a hosted dashboard; the arguments are those of ``hosted_stack``."""
    with ExitStack() as ending:
        yield lambda **how: ending.enter_context(running(**how))


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """One hosted dashboard with two replicas, for the tests that leave it as it was."""
    with running(replicas=2) as one:
        yield one


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = new_context(browser)
    yield made
    made.close()


def running(**how: object):
    try:
        nginx_binary()
    except SettingsError:
        missing("nginx", "nginx")
    return hosted_stack(**how)


def new_context(browser: Browser) -> BrowserContext:
    """Another person's browser, which believes the certificate."""
    made = browser.new_context(ignore_https_errors=True, viewport={"width": 1400, "height": 1000})
    made.set_default_timeout(60_000)
    return made

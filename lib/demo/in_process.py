"""The stand-ins inside this process, for whoever has configured nothing."""

from functools import cache
from typing import Any

import httpx

from lib.demo.comet_server import create_comet_app
from lib.demo.openai_server import create_openai_app
from lib.demo.tenants import demo_control_database, demo_redis

OPENAI_URL = "http://demo.localhost/v1"
OPENAI_KEY = "sk-admin-demo"
COMET_URL = "https://comet.demo.localhost"
COMET_KEY = "comet-demo-key"
"""The keys open the stand-ins only, so they are no secrets."""


@cache
def openai_transport() -> httpx.AsyncBaseTransport:
    """The way to a stand-in of OpenAI's usage API that needs no network."""
    return httpx.ASGITransport(app=create_openai_app(admin_key=OPENAI_KEY))


@cache
def comet_transport() -> httpx.AsyncBaseTransport:
    """The way to a stand-in of a Comet server that needs no network."""
    return httpx.ASGITransport(app=create_comet_app(api_key=COMET_KEY))


async def connect_redis(_in_flight: int) -> Any:
    """A Redis of made-up counters; it bounds nothing itself."""
    return demo_redis()


@cache
def control_database_url() -> str:
    """The control database of the same tenants."""
    return demo_control_database()

"""The stand-ins inside this process, for whoever has configured nothing."""

import httpx

from lib.demo.openai_server import create_openai_app

OPENAI_URL = "http://demo.localhost/v1"
OPENAI_KEY = "sk-admin-demo"
"""Opens the stand-in only, so it is no secret."""


def openai_transport() -> httpx.AsyncBaseTransport:
    """The way to a stand-in of OpenAI's usage API that needs no network."""
    return httpx.ASGITransport(app=create_openai_app(admin_key=OPENAI_KEY))

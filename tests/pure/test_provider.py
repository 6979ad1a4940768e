"""Requests to the identity provider."""

import ssl
from collections.abc import Iterator

import pytest
from authlib.integrations import starlette_client
from streamlit.web.server.starlette.starlette_auth_routes import _create_streamlit_oauth_class

from lib.ui import provider


@pytest.fixture(autouse=True)
def unshared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    usual = starlette_client.StarletteOAuth2App.client_cls
    monkeypatch.setattr(starlette_client.StarletteOAuth2App, "client_cls", usual)
    provider._trusted.cache_clear()
    yield
    provider._trusted.cache_clear()


def test_sign_ins_read_the_trusted_certificates_once(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = []
    read = ssl.SSLContext.load_verify_locations

    def counted(context: ssl.SSLContext, *args: object, **kwargs: object) -> None:
        readings.append(context)
        read(context, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counted)
    provider.share_certificates()
    app = _create_streamlit_oauth_class(starlette_client).oauth2_client_cls(None, client_id="id")
    clients = [app._get_oauth_client() for _ in range(4)]
    assert len(readings) == 1
    assert {type(client) for client in clients} == {provider.ProviderClient}
    assert {client._transport._pool._ssl_context.verify_mode for client in clients} == {
        ssl.CERT_REQUIRED
    }

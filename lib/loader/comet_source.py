"""A Comet server to ask: its address, its key, and what may reach it."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx
from pydantic import SecretStr

from lib.api_client import ApiClient, Retry, fingerprint
from lib.errors import InputError, SettingsError
from lib.loader.api_source import ApiSource, account
from lib.settings import Settings
from lib.sources.comet.server import NAME
from lib.sources.comet.server.address import CometAddress, comet_address
from lib.sources.comet.server.guard import GuardedTransport, Resolve, resolve

TYPED_CONNECT_SECONDS = 3.0
"""To a host that a visitor typed; its failures are told no sooner, so that time tells nothing."""


@dataclass(frozen=True)
class CometSource(ApiSource):
    """A Comet server and a key; ``connect`` makes a client of the admin API.

    Args:
        address: where the server is.
        connect_to: makes a client for another root of the same server, such as a REST root.
        typed: a visitor chose the host: all its failures are told alike.
        typed_seconds: the least time that a failure of a typed host takes.
    """

    address: CometAddress = field(kw_only=True)
    connect_to: Callable[[str], ApiClient] = field(kw_only=True, repr=False, compare=False)
    typed: bool = field(default=False, kw_only=True)
    typed_seconds: float = field(default=TYPED_CONNECT_SECONDS, kw_only=True)


def may_type_host(settings: Settings) -> bool:
    """Whether visitors may name a host: only where the server is set to none."""
    return settings.comet_api_key is None and settings.comet_url_override is None


def comet_source(
    settings: Settings,
    host: str | None = None,
    key: SecretStr | None = None,
    *,
    by_operator: bool = False,
    otherwise: str = "",
    transport: httpx.AsyncBaseTransport | None = None,
    retry: Retry | None = None,
    resolver: Resolve = resolve,
) -> CometSource:
    """The server that the settings name, or a host given for this question.

    Args:
        host: its address; in a browser only where ``may_type_host``. Empty is as None.
        key: of a person, instead of the server's.
        by_operator: the host was given by whoever runs this process, as a command's ``--host``, and
            may be any. Never for what comes from a browser.
        otherwise: another remedy for a missing key, such as a field to type it in.
        transport, resolver: other ways to the server and its name, for demo and tests.

    Raises:
        InputError: the host cannot be used, or may not be chosen.
        SettingsError: no key anywhere, or an unusable address in the settings.
    """
    host = (host or "").strip() or None
    if host and not by_operator and not may_type_host(settings):
        raise InputError(
            "host",
            "this dashboard is set to one Comet server.",
            "Leave the host empty; whoever runs the dashboard sets COMET_URL_OVERRIDE.",
        )
    chosen = key or settings.comet_api_key
    if chosen is None:
        raise SettingsError(
            "COMET_API_KEY",
            "is not set.",
            f"Set it in devenv.sh or the environment{otherwise}; "
            "DASHBOARD_DEMO=on shows demo data instead.",
        )
    secret = chosen.get_secret_value()
    # The server's own key decides where it is; a visitor's smart key does not lead away from there.
    naming = settings.comet_api_key or chosen
    try:
        address = comet_address(
            naming.get_secret_value(), override=settings.comet_url_override, host=host
        )
    except ValueError as error:
        if host or may_type_host(settings):
            raise InputError("host" if host else "API key", f"{error}.") from None
        variable = "COMET_URL_OVERRIDE" if settings.comet_url_override else "COMET_API_KEY"
        raise SettingsError(variable, f"{error}.") from None
    cloud = comet_address()
    typed = not by_operator and may_type_host(settings) and address.origin != cloud.origin
    headers = {"Authorization": secret}
    if settings.comet_allow_header_name and settings.comet_allow_header_value and not typed:
        value = settings.comet_allow_header_value.get_secret_value()
        headers[settings.comet_allow_header_name] = value

    def connect_to(root: str) -> ApiClient:
        tls = _authorities(settings)
        return ApiClient(
            NAME,
            root,
            headers,
            set_by="--host" if host and by_operator else "COMET_URL_OVERRIDE",
            retry=Retry(attempts=1) if typed else retry,
            connect_timeout=TYPED_CONNECT_SECONDS if typed else 10,
            tls=tls,
            transport=transport
            or (GuardedTransport(tls=tls, resolver=resolver) if typed else None),
        )

    return CometSource(
        fingerprint(address.admin_root, *headers.values(), str(typed)),
        lambda: connect_to(address.admin_root),
        address=address,
        connect_to=connect_to,
        typed=typed,
        host=address.host,
        account=account(NAME, address.origin, key=key.get_secret_value() if key else ""),
    )


def _authorities(settings: Settings) -> ssl.SSLContext | None:
    """The usual authorities and the server's own; None when there is no own one."""
    if settings.comet_include_custom_ca_bundle is None:
        return None
    context = httpx.create_ssl_context()
    try:
        context.load_verify_locations(cafile=settings.comet_include_custom_ca_bundle)
    except (OSError, ssl.SSLError):
        raise SettingsError(
            "COMET_INCLUDE_CUSTOM_CA_BUNDLE", "is no longer a file of certificates."
        ) from None
    return context

"""Whom to ask: what is configured, or the demo's stand-ins."""

import httpx
from pydantic import SecretStr

from lib.api_client import ApiSource, fingerprint
from lib.demo import in_process
from lib.errors import SettingsError
from lib.loader.openai import connect_openai
from lib.loader.tenants import TenantSource, tenant_source
from lib.settings import Settings


def openai_upstream(
    settings: Settings, key: SecretStr | None = None, *, otherwise: str = ""
) -> ApiSource:
    """One OpenAI organisation: the one of a given key, of the server's key, or the made-up one.

    Args:
        key: of a person, who then gets neither the server's data nor the demo's.
        otherwise: another remedy for a missing key, such as a field to type it in.

    Raises:
        SettingsError: no key anywhere, and no demo.
    """
    if key is None and settings.demo:
        demo_key = SecretStr(in_process.OPENAI_KEY)
        return _openai(in_process.OPENAI_URL, demo_key, in_process.openai_transport())
    if key is None:
        key = settings.openai_admin_key
    if key is None:
        raise SettingsError(
            "OPENAI_ADMIN_KEY",
            "is not set.",
            f"Set it in devenv.sh or the environment{otherwise}; "
            "DASHBOARD_DEMO=on shows demo data instead.",
        )
    return _openai(settings.openai_base_url, key)


def _openai(
    base_url: str, key: SecretStr, stand_in: httpx.AsyncBaseTransport | None = None
) -> ApiSource:
    return ApiSource(
        fingerprint(base_url, key.get_secret_value()),
        lambda: connect_openai(base_url, key, transport=stand_in),
        demo=stand_in is not None,
    )


def tenant_upstream(settings: Settings) -> TenantSource:
    """The configured Redis and control database, or the made-up ones.

    Raises:
        SettingsError: names the variable that cannot be used.
    """
    if not settings.demo:
        return tenant_source(settings)
    url = in_process.control_database_url()
    return TenantSource("demo", "demo.localhost", url, in_process.connect_redis, demo=True)

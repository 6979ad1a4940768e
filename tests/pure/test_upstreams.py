"""Whom a report asks: a person's own key first, then the settings, then the demo."""

import pytest
from pydantic import SecretStr

from lib.errors import SettingsError
from lib.settings import Settings
from lib.upstreams import openai_upstream, tenant_upstream

SERVER_KEY, OWN_KEY = SecretStr("sk-admin-of-the-server"), SecretStr("sk-admin-of-a-person")
SERVER = Settings(openai_admin_key=SERVER_KEY)


async def test_a_persons_key_comes_before_the_servers_and_before_the_demo() -> None:
    own = openai_upstream(SERVER, OWN_KEY)
    assert own == openai_upstream(Settings(), OWN_KEY), "same address and key: same source"
    assert own.scope != openai_upstream(SERVER).scope
    assert not own.demo
    assert own.connect().host == "api.openai.com"


def test_with_nothing_configured_every_upstream_is_made_up() -> None:
    assert openai_upstream(Settings()).demo
    assert tenant_upstream(Settings()).demo


def test_a_key_alone_brings_no_made_up_tenants() -> None:
    assert not tenant_upstream(SERVER).demo


def test_no_key_and_no_demo_is_a_setting_to_correct_in_the_ways_there_are() -> None:
    with pytest.raises(SettingsError, match="environment, or type one; DASHBOARD_DEMO=on"):
        openai_upstream(Settings(dashboard_demo="off"), otherwise=", or type one")


def test_a_source_shows_no_credential_when_printed() -> None:
    assert OWN_KEY.get_secret_value() not in repr(openai_upstream(SERVER, OWN_KEY))

"""Whom a report asks: a person's own key first, then the settings, then the demo."""

import pytest
from pydantic import SecretStr

from lib.errors import SettingsError
from lib.settings import Settings
from lib.upstreams import comet_upstream, openai_upstream, tenant_upstream

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


def test_an_account_outlives_its_key_and_is_nobody_elses() -> None:
    ours = openai_upstream(SERVER)
    exchanged = openai_upstream(Settings(openai_admin_key=SecretStr("sk-admin-the-next")))
    assert ours.account == exchanged.account
    assert ours.scope != exchanged.scope
    elsewhere = Settings(
        openai_admin_key=SERVER_KEY, openai_base_url="https://eu.api.openai.com/v1"
    )
    own, others = openai_upstream(SERVER, OWN_KEY), openai_upstream(SERVER, SecretStr("sk-admin-b"))
    demo = openai_upstream(Settings())
    sources = (ours, openai_upstream(elsewhere), own, others, demo)
    assert len({source.account for source in sources}) == len(sources)
    for source in sources:
        assert "sk-" not in source.account


def test_an_account_of_comet_is_its_server() -> None:
    def source(key: str, url: str = "https://comet.acme.example") -> str:
        return comet_upstream(
            Settings(comet_api_key=SecretStr(key), comet_url_override=url)
        ).account

    assert source("key-one") == source("key-two")
    assert source("key-one") != source("key-one", "https://comet.other.example")
    assert source("sk-admin-a", "https://api.openai.com") != openai_upstream(SERVER).account


def test_an_account_of_tenants_is_their_redis_whoever_asks_it() -> None:
    def source(address: str) -> str:
        settings = Settings(dashboard_demo="off", redis_primary_endpoint=SecretStr(address))
        return tenant_upstream(settings).account

    ours = source("redis://reader:one@redis.acme.example:6380/2")
    assert source("rediss://auditor:two@redis.acme.example:6380/2") == ours
    others = ("redis://redis.acme.example:6380/3", "redis://redis.other.example:6380/2")
    assert len({ours, *map(source, others), tenant_upstream(Settings()).account}) == 4

"""Whom to ask: what is configured, or the demo's stand-ins."""

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr, ValidationError

from lib.api_client import fingerprint
from lib.errors import SettingsError
from lib.loader.api_source import ApiSource, account
from lib.settings import Settings
from lib.settings.keys import account_of
from lib.settings.ledger import LedgerSettings, is_there

if TYPE_CHECKING:
    from lib.allocation.rule_set import RuleSet
    from lib.demo.ledger import MadeUpMonths
    from lib.ledger.store import Ledger
    from lib.loader.comet_source import CometSource
    from lib.loader.tenants import TenantSource

# Each platform, and the demo, is imported where it is asked for: a command needs one of them.


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
        from lib.demo import in_process

        demo_key = SecretStr(in_process.OPENAI_KEY)
        return _openai(in_process.OPENAI_URL, demo_key, in_process.openai_transport())
    chosen = key or settings.openai_admin_key
    if chosen is None:
        raise SettingsError(
            "OPENAI_ADMIN_KEY",
            "is not set.",
            f"Set it in devenv.sh or the environment{otherwise}; "
            "DASHBOARD_DEMO=on shows demo data instead.",
        )
    kept = None if key is not None else kept_ledger(settings)
    return replace(
        _openai(
            settings.openai_base_url,
            chosen,
            organisation="" if key is not None else settings.openai_org_id or "",
            of_person=key is not None,
        ),
        ledger=kept,
    )


def _openai(
    base_url: str,
    key: SecretStr,
    stand_in: httpx.AsyncBaseTransport | None = None,
    *,
    organisation: str = "",
    of_person: bool = False,
) -> ApiSource:
    from lib.loader.openai import connect_openai

    return ApiSource(
        fingerprint(base_url, organisation, key.get_secret_value()),
        lambda: connect_openai(base_url, key, organisation=organisation, transport=stand_in),
        demo=stand_in is not None,
        host=urlsplit(base_url).hostname or "",
        organisation=organisation,
        account=account(
            "openai",
            account_of(base_url, organisation),
            key=key.get_secret_value() if of_person else "",
        ),
    )


def tenant_upstream(settings: Settings) -> "TenantSource":
    """The configured Redis and control database, or the made-up ones.

    Raises:
        SettingsError: names the variable that cannot be used.
    """
    from lib.loader.tenants import TenantSource, tenant_source

    if not settings.demo:
        return replace(tenant_source(settings), ledger=kept_ledger(settings))
    from lib.demo import in_process

    url = in_process.control_database_url()
    host = "demo.localhost"
    return TenantSource(
        "demo", host, account("tenants", host), url, in_process.connect_redis, demo=True
    )


def ledger_upstream(settings: Settings) -> "Ledger":
    """The configured ledger, or one of made-up data: the two never meet."""
    from lib.ledger.store import ledger_of

    if not settings.demo:
        return ledger_of(settings)
    from lib.demo.ledger import demo_ledger

    return demo_ledger()


def made_up_months(account: str) -> "MadeUpMonths":
    """OpenAI's months for the demo's ledger."""
    from lib.demo.ledger import MadeUpMonths

    return MadeUpMonths(account)


def made_up_rules(today: date) -> "tuple[RuleSet, str]":
    """Who pays in the demo, and why these rules were published."""
    from lib.demo.cost_centres import REASON, demo_rule_set

    return demo_rule_set(today), REASON


def other_ledger(settings: Settings, url: str, warehouse: str) -> "Ledger":
    """A ledger at another place than the configured one, with the same access to S3; the demo's, too.

    Raises:
        SettingsError: the place cannot be one.
    """
    from lib.demo.ledger import demo_ledger
    from lib.ledger.store import ledger_of

    place = {"ledger_url": SecretStr(url), "ledger_warehouse": warehouse}
    try:
        checked = LedgerSettings.model_validate(settings.model_dump() | place)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        option = "--from-warehouse" if "ledger_warehouse" in first["loc"] else "--from-url"
        raise SettingsError(option, f"{first['msg'].removeprefix('Value error, ')}.") from None
    return ledger_of(checked, made_up=checked.ledger_file == demo_ledger().database.file)


def kept_ledger(settings: Settings) -> "Ledger | None":
    """The ledger to read from; None where nothing was ever captured, which costs no import to know."""
    file = settings.ledger_file
    if settings.demo or (file is not None and not is_there(file)):
        return None
    return ledger_upstream(settings)


def rules_ledger(settings: Settings) -> "Ledger | None":
    """The ledger whose rules of who pays count, the demo's, too; None where nothing was ever written."""
    return ledger_upstream(settings) if settings.demo else kept_ledger(settings)


def comet_upstream(
    settings: Settings,
    host: str | None = None,
    key: SecretStr | None = None,
    *,
    by_operator: bool = False,
    otherwise: str = "",
) -> "CometSource":
    """The configured Comet server, the one of a given host or key, or the made-up one.

    Args:
        host, key, by_operator, otherwise: see ``comet_source``.

    Raises:
        SettingsError: no key anywhere, and no demo; or a setting that cannot be used.
        InputError: the host cannot be used, or may not be chosen.
    """
    from lib.loader.comet_source import comet_source

    if key is not None or host or not settings.demo:
        source = comet_source(settings, host, key, by_operator=by_operator, otherwise=otherwise)
        chosen = key is not None or host
        return source if chosen else replace(source, ledger=kept_ledger(settings))
    from lib.demo import in_process

    made_up = settings.model_copy(
        update={
            "comet_api_key": SecretStr(in_process.COMET_KEY),
            "comet_url_override": in_process.COMET_URL,
        }
    )
    return replace(comet_source(made_up, transport=in_process.comet_transport()), demo=True)

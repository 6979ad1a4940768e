"""What the settings say of signing in: who has which role, and whether ``[auth]`` is fit to be used."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, Field, field_validator

from lib.errors import SettingsError
from lib.redaction import remember_server_secret

_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")
_PEOPLE = re.compile(r"group:.+|[^@\s]*@[a-z0-9-]+(\.[a-z0-9-]+)*")
_SHORTEST_COOKIE_SECRET = 32
_PROVIDER = ("client_id", "client_secret", "server_metadata_url")


def _listed(value: object) -> object:
    """``a, b`` as its items; TOML may give a list itself."""
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        return items
    return [str(one).strip() for one in items if str(one).strip()]


Listed = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class SignInSettings(BaseModel):
    """The part of the settings that says who may sign in, and as what."""

    dashboard_allowed_domains: Listed = ()
    dashboard_allowed_groups: Listed = ()
    dashboard_groups_claim: str = "groups"
    dashboard_viewers: Listed = ()
    dashboard_finance: Listed = ()
    dashboard_admins: Listed = ()
    dashboard_session_hours: float = Field(default=12, gt=0, le=168)
    dashboard_contact: str = "whoever runs this dashboard"
    dashboard_audit: str = ""
    dashboard_state_dir: str = ""

    @field_validator("dashboard_allowed_domains", mode="after")
    @classmethod
    def _usable_domains(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        domains = tuple(one.removeprefix("@").lower() for one in value)
        if not all(_DOMAIN.fullmatch(one) for one in domains):
            raise ValueError("holds something that is no domain; it looks like company.com, b.org")
        return domains

    @field_validator("dashboard_state_dir", mode="after")
    @classmethod
    def _usable_folder(cls, value: str) -> str:
        if value and not Path(value).is_absolute():
            raise ValueError("is not an absolute path, by which all replicas find the same folder")
        return value

    @field_validator("dashboard_viewers", "dashboard_finance", "dashboard_admins", mode="after")
    @classmethod
    def _usable_people(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        people = tuple(one if one.startswith("group:") else one.lower() for one in value)
        if not all(_PEOPLE.fullmatch(one) for one in people):
            raise ValueError(
                "holds something else than addresses (ann@company.com), domains (@company.com) "
                "and groups (group:finance)"
            )
        return people

    @property
    def hosted(self) -> bool:
        """Whether the settings mean that people sign in."""
        return any(
            (
                self.dashboard_allowed_domains,
                self.dashboard_allowed_groups,
                self.dashboard_viewers,
                self.dashboard_finance,
                self.dashboard_admins,
            )
        )


def check_sign_in(section: Mapping[str, object], settings: SignInSettings) -> tuple[str, ...]:
    """Names of the providers that ``[auth]`` offers, "" for the only one; nothing when it is off.

    From now on its secrets are masked wherever they would be written.

    Raises:
        SettingsError: it is incomplete, weak, or missing although people have roles.
    """
    if not section:
        if settings.hosted:
            raise SettingsError(
                "[auth]",
                "is missing in the secrets, although DASHBOARD_… settings say who may sign in.",
                "Add it, or remove those settings on a machine where nobody signs in.",
            )
        return ()
    named = {name: one for name, one in section.items() if isinstance(one, Mapping)}
    providers = {"": section} if "client_id" in section else named
    secrets = [one.get("client_secret") for one in providers.values()]
    for secret in (section.get("cookie_secret"), *secrets):
        if isinstance(secret, str):
            remember_server_secret(secret)
    if len(str(section.get("cookie_secret", ""))) < _SHORTEST_COOKIE_SECRET:
        raise SettingsError(
            "[auth] cookie_secret",
            f"has fewer than {_SHORTEST_COOKIE_SECRET} characters.",
            "Make one:  python -c 'import secrets; print(secrets.token_hex())'",
        )
    if urlsplit(str(section.get("redirect_uri", ""))).path.rpartition("/")[2] != "oauth2callback":
        raise SettingsError("[auth] redirect_uri", "does not end in /oauth2callback.")
    if not providers:
        raise SettingsError("[auth] client_id", "is not set.")
    for name, one in providers.items():
        for key in _PROVIDER:
            if not one.get(key):
                raise SettingsError(f"[auth{name and '.'}{name}] {key}", "is not set.")
    return tuple(providers)

"""What the settings say of signing in: who may, and who has which role."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, field_validator

_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")
_PEOPLE = re.compile(r"group:.+|[^@\s]*@[a-z0-9-]+(\.[a-z0-9-]+)*")

LONGEST_HOURS = 168
"""Of a sign-in; what is kept because of one may go after that."""


def _listed(value: object) -> object:
    """``a, b`` as its items; TOML may give a list itself."""
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        return items
    return [str(item).strip() for item in items if str(item).strip()]


Listed = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class SignInSettings(BaseModel):
    """The part of the settings that says who may sign in, and as what."""

    dashboard_allowed_domains: Listed = ()
    dashboard_allowed_groups: Listed = ()
    dashboard_groups_claim: str = "groups"
    dashboard_viewers: Listed = ()
    dashboard_finance: Listed = ()
    dashboard_admins: Listed = ()
    dashboard_session_hours: float = Field(default=12, gt=0, le=LONGEST_HOURS)
    dashboard_contact: str = "whoever runs this dashboard"
    dashboard_audit: str = ""
    dashboard_state_dir: str = ""

    @field_validator("dashboard_allowed_domains", mode="after")
    @classmethod
    def _usable_domains(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        domains = tuple(domain.removeprefix("@").lower() for domain in value)
        if not all(_DOMAIN.fullmatch(domain) for domain in domains):
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
        people = tuple(
            person if person.startswith("group:") else person.lower() for person in value
        )
        if not all(_PEOPLE.fullmatch(person) for person in people):
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

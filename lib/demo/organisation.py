"""A made-up organisation: its people, projects, keys and service accounts, the same for one seed."""

import random
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from lib.demo.catalogue import (
    ACCOUNT_NAMES,
    HOSTILE_NAMES,
    KEY_NAMES,
    PEOPLE,
    PROJECTS,
    ProjectPlan,
)

DAY = 86_400
DELETED_USERS = (11, 23, 35)
"""Positions in ``PEOPLE`` of those who left: in the usage, no longer in /users."""
NAMELESS_USER = 17
"""Position in ``PEOPLE`` of the one whose name and e-mail address are null."""
ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789"


@dataclass(frozen=True)
class User:
    """A member of the organisation; ``deleted`` ones are only seen in usage."""

    id: str
    name: str | None
    email: str | None
    role: str
    added_at: int
    deleted: bool


@dataclass(frozen=True)
class ServiceAccount:
    """An account without a person; ``usage_user_id`` is what its usage rows say."""

    id: str
    name: str
    role: str
    created_at: int
    usage_user_id: str | None


@dataclass(frozen=True)
class ApiKey:
    """A project's key; ``deleted`` ones are only seen in usage, ``active`` is the owner's access."""

    id: str
    name: str
    redacted_value: str
    created_at: int
    owner: User | ServiceAccount
    active: bool
    deleted: bool
    expires_at: int | None
    hours_since_use: int | None

    @property
    def usage_user_id(self) -> str | None:
        return self.owner.id if isinstance(self.owner, User) else self.owner.usage_user_id


@dataclass(frozen=True)
class AdminKey:
    """A key of the organisation itself; never in usage rows."""

    id: str
    name: str
    redacted_value: str
    created_at: int
    owner: User
    expires_at: int | None


@dataclass(frozen=True)
class Project:
    """A project with all that belongs to it."""

    id: str
    name: str
    created_at: int
    archived_at: int | None
    plan: ProjectPlan
    members: tuple[User, ...]
    accounts: tuple[ServiceAccount, ...]
    keys: tuple[ApiKey, ...]


@dataclass(frozen=True)
class Organisation:
    """The whole made-up organisation; two with one seed are equal."""

    seed: int
    users: tuple[User, ...]
    projects: tuple[Project, ...]
    admin_keys: tuple[AdminKey, ...]


def make_organisation(seed: int = 7, *, hostile_names: bool = False) -> Organisation:
    """The organisation of a seed.

    Args:
        seed: decides ids, owners and memberships.
        hostile_names: give people, projects, keys and accounts the names of ``HOSTILE_NAMES``
            in turn; ids and usage stay the same.
    """
    rng = random.Random(f"{seed}:organisation")
    users = make_users(rng, hostile_names)
    present = [user for user in users if not user.deleted]
    leavers = [user for user in users if user.deleted]
    projects = []
    for position, plan in enumerate(PROJECTS):
        name = HOSTILE_NAMES[position % len(HOSTILE_NAMES)] if hostile_names else plan.name
        leaver = leavers[position // 2 % len(leavers)] if position % 3 != 2 else None
        projects.append(
            make_project(
                rng, plan, name, present=present, leaver=leaver, hostile_names=hostile_names
            )
        )
    admin_keys = tuple(make_admin_key(rng, position, present[position]) for position in range(3))
    return Organisation(seed, users, tuple(projects), admin_keys)


def make_users(rng: random.Random, hostile_names: bool) -> tuple[User, ...]:
    """All forty people, the first two as owners."""
    users = []
    for position, person in enumerate(PEOPLE):
        name = HOSTILE_NAMES[position % len(HOSTILE_NAMES)] if hostile_names else person
        nameless = position == NAMELESS_USER
        users.append(
            User(
                id=f"user-{token(rng, 24)}",
                name=None if nameless else name,
                email=None if nameless else f"{mailbox(person, position)}@example.com",
                role="owner" if position < 2 else "reader",
                added_at=epoch("2023-06-12") + position * 23 * DAY + rng.randrange(DAY),
                deleted=position in DELETED_USERS,
            )
        )
    return tuple(users)


def make_project(
    rng: random.Random,
    plan: ProjectPlan,
    name: str,
    *,
    present: list[User],
    leaver: User | None,
    hostile_names: bool,
) -> Project:
    """A project with members, accounts and keys; a leaver's key outlives the leaver."""
    created_at = epoch(plan.created) + rng.randrange(8, 18) * 3_600
    members = tuple(rng.sample(present, plan.members))
    named = namer(hostile_names)
    accounts = tuple(
        make_account(rng, position, created_at, named) for position in range(plan.accounts)
    )
    owners: list[User | ServiceAccount] = [*accounts]
    if leaver is not None:
        owners.append(leaver)
    owners += members[: plan.keys - len(owners)]
    keys = tuple(
        make_key(rng, position, owner, created_at, named) for position, owner in enumerate(owners)
    )
    return Project(
        id=f"proj_{token(rng, 24)}",
        name=name,
        created_at=created_at,
        archived_at=epoch(plan.archived) + DAY - 1 if plan.archived else None,
        plan=plan,
        members=members,
        accounts=accounts,
        keys=keys,
    )


def make_account(
    rng: random.Random, position: int, created_at: int, named: Callable[[str, int], str]
) -> ServiceAccount:
    """A service account; every other one leaves ``user_id`` null in its usage rows."""
    account_id = f"svc_acct_{token(rng, 16)}"
    return ServiceAccount(
        id=account_id,
        name=named(ACCOUNT_NAMES[position % len(ACCOUNT_NAMES)], position),
        role=("member", "owner", "none")[position % 3],
        created_at=created_at + 3_600,
        usage_user_id=account_id if (position + created_at // DAY) % 2 else None,
    )


def make_key(
    rng: random.Random,
    position: int,
    owner: User | ServiceAccount,
    created_at: int,
    named: Callable[[str, int], str],
) -> ApiKey:
    """A key. Three in ten are deleted, after the first two; a leaver's and one in six lost access."""
    left = isinstance(owner, User) and owner.deleted
    label = KEY_NAMES[rng.randrange(len(KEY_NAMES))]
    return ApiKey(
        id=f"key_{token(rng, 16)}",
        name=named(label, position),
        redacted_value=f"sk-proj-{token(rng, 3)}**********{token(rng, 4)}",
        created_at=created_at + (position + 1) * 7_200,
        owner=owner,
        active=not left and rng.random() > 1 / 6,
        deleted=position >= 2 and rng.random() < 0.3,
        expires_at=epoch("2027-12-31") if rng.random() < 0.3 else None,
        hours_since_use=None if rng.random() < 0.1 else rng.randrange(1, 240),
    )


def make_admin_key(rng: random.Random, position: int, owner: User) -> AdminKey:
    """An admin key; only the second one expires."""
    return AdminKey(
        id=f"key_{token(rng, 16)}",
        name=("Usage dashboard", "Terraform", "FinOps export")[position],
        redacted_value=f"sk-admin-{token(rng, 3)}**********{token(rng, 4)}",
        created_at=epoch("2025-01-07") + position * 61 * DAY,
        owner=owner,
        expires_at=epoch("2027-06-30") if position == 1 else None,
    )


def namer(hostile_names: bool) -> Callable[[str, int], str]:
    """How keys and accounts get their names: as planned, or from the hostile ones in turn."""
    if not hostile_names:
        return lambda label, _position: label
    return lambda label, position: HOSTILE_NAMES[(position + len(label)) % len(HOSTILE_NAMES)]


def mailbox(person: str, position: int) -> str:
    """An ASCII mailbox without accents; names in other scripts get a number."""
    folded = unicodedata.normalize("NFKD", person.lower().replace(" ", "."))
    letters = "".join(c for c in folded if c.isascii() and c not in "'")
    return letters if letters.strip(".") else f"staff{position:03d}"


def token(rng: random.Random, length: int) -> str:
    """Random letters and digits, as ids have."""
    return "".join(rng.choices(ALPHABET, k=length))


def epoch(day: str) -> int:
    """Midnight UTC of YYYY-MM-DD, in Unix seconds."""
    return int(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())

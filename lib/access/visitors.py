"""Who may do what: the claims of a sign-in and the settings, decided in one place."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Literal

from lib.settings.sign_in import SignInSettings

Right = Literal["download", "personal", "type", "operate", "spend", "rules"]
"""``download``: files. ``personal``: e-mail addresses and names of people. ``type``: keys and hosts
of one's own. ``operate``: empty the caches, read tracebacks. ``spend``: the money of all cost centres;
without it, of those alone that one owns. ``rules``: change who pays."""

Role = Literal["viewer", "finance", "admin"]

ROLES: Mapping[Role, frozenset[Right]] = {
    "viewer": frozenset(),
    "finance": frozenset({"download", "personal", "spend", "rules"}),
    "admin": frozenset({"download", "personal", "spend", "rules", "type", "operate"}),
}
"""Role to rights, the least role first; a role sees every page that a lesser one sees."""

PAGES: Mapping[str, Role] = {
    "openai_usage": "viewer",
    "comet_usage": "viewer",
    "comet_chargeback": "finance",  # people, and what their workspaces store
    "tenant_usage": "finance",  # the names of customers
    "history": "finance",  # amounts of all platforms
    "overview": "finance",  # money of all cost centres
    "cost_centres": "viewer",  # of which a viewer sees those that he owns
}
"""Page to the least role that sees it; a page that is not listed is for admins."""

UPLOADS = "comet_chargeback"
"""The first page that takes files; whoever does not see it sends none. Those who change the rules see it."""

_CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True)
class Visitor:
    """Somebody who may be here.

    Args:
        email: empty on a laptop, where nobody signs in.
        signed_in: when, UTC; None on a laptop.
        identity: of this one sign-in; the same person's next one has another.
        groups: that the provider names; some own cost centres.
    """

    role: Role
    email: str = ""
    signed_in: datetime | None = None
    identity: str = ""
    groups: frozenset[str] = frozenset()

    def may(self, right: Right) -> bool:
        """Whether the role has this right."""
        return right in ROLES[self.role]

    def sees(self, page: str) -> bool:
        """Whether the role sees this page."""
        order = list(ROLES)
        return order.index(self.role) >= order.index(PAGES.get(page, "admin"))


@dataclass(frozen=True)
class Refusal:
    """Why somebody may not.

    Args:
        kind: ``anonymous`` and ``expired`` end with a sign-in; the others with asking somebody.
        sentence: for the person; empty when anonymous.
        email: of the person, when verified.
    """

    kind: Literal["anonymous", "expired", "unverified", "outside", "no role", "page", "right"]
    sentence: str = ""
    email: str = ""


LOCAL = Visitor("admin")
"""Whoever sits at the laptop."""


def decide(
    claims: Mapping[str, object],
    settings: SignInSettings,
    *,
    now: datetime,
    signed_out: Container[str] = (),
    person_ended: Callable[[str], datetime | None] = lambda _: None,
) -> Visitor | Refusal:
    """Who a sign-in is, or why it opens nothing. Whatever is missing or odd refuses.

    Args:
        claims: of the ID token, with ``is_logged_in`` as Streamlit adds it.
        now: UTC.
        signed_out: identities of sign-ins that were signed out.
        person_ended: when all sign-ins of an address were ended, UTC.
    """
    stale = _stale(claims, settings, now, signed_out)
    if stale is not None:
        return stale
    email = claims.get("email")
    if (
        claims.get("email_verified") is not True
        or not isinstance(email, str)
        or not is_whole_address(email)
    ):
        return Refusal("unverified", "Your sign-in came without a verified e-mail address.")
    email, groups = email.lower(), _groups(claims.get(settings.dashboard_groups_claim))
    issued, ended = _moment(claims.get("iat")), person_ended(email)
    if issued is None or (ended is not None and issued <= ended):
        return Refusal("expired", "An administrator has ended your sign-ins.")
    domain = email.rpartition("@")[2]
    known_group = not groups.isdisjoint(settings.dashboard_allowed_groups)
    if domain not in settings.dashboard_allowed_domains and not known_group:
        return Refusal("outside", f"{email} is not among those who may use this dashboard.", email)
    names = {email, f"@{domain}", *(f"group:{group}" for group in groups)}
    listed: tuple[tuple[Role, tuple[str, ...]], ...] = (
        ("admin", settings.dashboard_admins),
        ("finance", settings.dashboard_finance),
        ("viewer", settings.dashboard_viewers),
    )
    for role, people in listed:
        if not names.isdisjoint(people):
            return Visitor(role, email, issued, identity_of(claims), frozenset(groups))
    return Refusal("no role", f"{email} has no role in this dashboard.", email)


def _stale(
    claims: Mapping[str, object],
    settings: SignInSettings,
    now: datetime,
    signed_out: Container[str],
) -> Refusal | None:
    """Why there is no sign-in any more, or not yet."""
    if claims.get("is_logged_in") is not True:
        return Refusal("anonymous")
    if identity_of(claims) in signed_out:
        return Refusal("expired", "You have signed out.")
    issued, hours = _moment(claims.get("iat")), settings.dashboard_session_hours
    if issued is None or not -_CLOCKS_DIFFER <= now - issued < timedelta(hours=hours):
        return Refusal("expired", f"A sign-in lasts {hours:g} hours; yours is over.")
    return None


def refuse_page(visitor: Visitor, page: str) -> Refusal | None:
    """Why somebody may not see a page; None when they may."""
    if visitor.sees(page):
        return None
    needed = PAGES.get(page, "admin")
    return Refusal(
        "page",
        f"This page needs the role {needed}; {visitor.email} has the role {visitor.role}.",
        visitor.email,
    )


def identity_of(claims: Mapping[str, object]) -> str:
    """A name for one sign-in, fit for a file, which tells nothing about the person."""
    parts = (claims.get(key) for key in ("iss", "sub", "iat", "nonce"))
    return sha256(repr([str(part) for part in parts]).encode()).hexdigest()


def _moment(seconds: object) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def is_whole_address(email: str) -> bool:
    """Whether a text is one e-mail address, with nothing around it."""
    name, at, domain = email.partition("@")
    return (
        bool(name and at and domain)
        and "@" not in domain
        and email.isprintable()
        and " " not in email
    )


def _groups(claim: object) -> set[str]:
    if isinstance(claim, str):
        return {claim}
    return (
        {group for group in claim if isinstance(group, str)} if isinstance(claim, list) else set()
    )

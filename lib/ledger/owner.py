"""Whose answer is it? Another organisation's never stands under the same account, nor one organisation's under two."""

from collections.abc import Collection, Iterable

from sqlalchemy import Connection, select

from lib.errors import SourceDenied
from lib.ledger.store import Capture
from lib.ledger.tables import NAMES
from lib.ledger.warehouse import Month, Warehouse

PROJECT = "project"
"""The kind of names by which an organisation is known: no two share a project."""


def is_another(projects: Collection[str], known: Collection[str]) -> bool:
    """Whether projects are those of another organisation than the known ones; not where one side is empty."""
    return bool(projects) and bool(known) and {*known}.isdisjoint(projects)


def check_owner(
    connection: Connection,
    warehouse: Warehouse,
    standing: Iterable[Capture],
    key: Month,
    *,
    listed: Collection[str],
    used: Collection[str],
) -> None:
    """Compares the projects of an answer with those that the ledger knows of its account.

    Args:
        listed: all that the organisation has; empty where it may not be asked. Then the same month only
            is compared: an organisation may exchange all its projects between two.
        used: those that the answer has amounts of.

    Raises:
        SourceDenied: none is in common; or the account is new, and another one of its host has some.
    """
    captures = [capture for capture in standing if capture.key[:2] == key[:2]]
    projects = {*listed, *used}
    named = _named(connection, key.platform)
    known = named.get(key.account, set()) if listed else set()
    if projects & known:
        return
    its = captures if listed else [capture for capture in captures if capture.key == key]
    known |= warehouse.values("sub_account", (file for one in its for file in one.files))
    if is_another(projects, known):
        raise SourceDenied(
            key.platform,
            f"this is another organisation than the one that is kept as {key.account}: none of their "
            "projects is the same.",
            "Set OPENAI_ORG_ID to its id, or LEDGER_URL to another ledger.",
        )
    host = key.account.partition("/")[0]
    for account, theirs in sorted(named.items()):
        if not captures and account.partition("/")[0] == host and projects & theirs:
            raise SourceDenied(
                key.platform,
                f"this organisation is kept as {account} already, and would be counted twice.",
                "Set OPENAI_ORG_ID as it was, or leave it out if it was not set.",
            )


def _named(connection: Connection, platform: str) -> dict[str, set[str]]:
    """The projects whose names are known, by account."""
    wanted = select(NAMES.c.account, NAMES.c.id).where(
        NAMES.c.platform == platform, NAMES.c.kind == PROJECT
    )
    named: dict[str, set[str]] = {}
    for account, identity in connection.execute(wanted):
        named.setdefault(account, set()).add(identity)
    return named

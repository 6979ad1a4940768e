"""Whom to ask over HTTP, and whose data that is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lib.api_client import ApiClient, fingerprint
from lib.settings.keys import account_of

if TYPE_CHECKING:
    from lib.ledger.store import Ledger


@dataclass(frozen=True)
class ApiSource:
    """Whom to ask over HTTP, under one credential.

    Args:
        scope: fingerprint of address and credential: sources with the same one share a client.
        account: whose data it is, and the same when the key is exchanged: what outlives a key belongs
            to it. No key of a cache begins with it: two credentials may see different things of it.
        host: for display.
        organisation: of those that a host has, its id where the settings tell it.
        ledger: that keeps what this organisation said; none of a key or host that a person chose.
        connect: makes the client; to be called on the event loop that will use it.
        demo: the data is made up.
    """

    scope: str
    connect: Callable[[], ApiClient] = field(repr=False, compare=False)
    demo: bool = False
    account: str = field(kw_only=True)
    host: str = field(kw_only=True)
    organisation: str = field(default="", kw_only=True)
    ledger: "Ledger | None" = field(default=None, kw_only=True, repr=False, compare=False)

    @property
    def kept_as(self) -> str:
        """The account that the ledger keeps it under."""
        return account_of(self.host, self.organisation)


def account(platform: str, address: str, *, key: str = "") -> str:
    """A stable name for whose data a platform gives: the organisation that this server is set to.

    Args:
        address: where it is asked.
        key: of a person, who may belong to another organisation than the server's key.
    """
    return f"{platform}-{fingerprint(address, key)}"

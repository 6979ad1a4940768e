"""What OpenAI itself alerts at and limits, as the ledger keeps it: no address of anybody."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ValidationError

from lib.sources.openai.parse import misshapen
from lib.usage.exact import LARGEST_INT64

Kind = Literal["alert", "limit"]

MONTH = "month"
"""The one interval there is so far."""


@dataclass(frozen=True)
class SpendLimit:
    """One amount that OpenAI compares spend with.

    Args:
        project: its id; None for the whole organisation.
        kind: an ``alert`` sends mail; a ``limit`` is hard.
        amount: for one interval, in whole units of the currency; None where OpenAI does not say.
        currency: an ISO code, upper case; empty where OpenAI does not say.
        interval: ``month``, or whatever OpenAI says.
        enforcement: of a limit, in OpenAI's word: ``inactive`` or ``enforcing``.
        recipients: how many addresses an alert goes to; None where that is not known.
    """

    project: str | None
    kind: Kind
    amount: Decimal | None
    currency: str
    interval: str
    enforcement: str | None = None
    recipients: int | None = None


def _cents(value: Any) -> Decimal | None:
    """Cents as whole units, to the last digit."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value != int(value):
        raise ValueError("it is not a whole number of cents")  # pydantic wants this one
    if not 0 <= value <= LARGEST_INT64:
        raise ValueError("it is no amount")
    return Decimal(f"{int(value)}E-2")


class _Channel(BaseModel):
    recipients: list[Any] | None = None


class _Enforcement(BaseModel):
    status: str | None = None


class _Reply(BaseModel):
    threshold_amount: Annotated[Decimal | None, BeforeValidator(_cents)]
    currency: str | None = None
    interval: str | None = None
    enforcement: _Enforcement | None = None
    notification_channel: _Channel | None = None


def read_limit(item: Any, kind: Kind, project: str | None, source: str) -> SpendLimit:
    """An alert or a limit. As in all look-ups, undocumented fields are left out: one may hold addresses.

    Args:
        source: named in errors.

    Raises:
        SourceReplyError: not the documented shape; names the field, and quotes nothing.
    """
    try:
        reply = _Reply.model_validate(item)
    except ValidationError as error:
        raise misshapen(source, f"the {kind}", error) from None
    channel, enforcement = reply.notification_channel, reply.enforcement
    return SpendLimit(
        project,
        kind,
        reply.threshold_amount,
        (reply.currency or "").strip().upper(),
        (reply.interval or "").strip(),
        enforcement.status if enforcement else None,
        len(channel.recipients) if channel and channel.recipients is not None else None,
    )


def plain_limit(limit: SpendLimit) -> dict[str, Any]:
    """As a JSON object, the amount as text."""
    amount = None if limit.amount is None else f"{limit.amount:f}"
    return asdict(limit) | {"amount": amount}


def limit_of(plain: Mapping[str, Any]) -> SpendLimit:
    """The limit that ``plain_limit`` wrote."""
    amount = None if plain["amount"] is None else Decimal(plain["amount"])
    return SpendLimit(**{**plain, "amount": amount})

"""Which accounts are programs, not people, and which hold a licence."""

from collections.abc import Collection
from typing import Any

import pandas as pd

NAME_RULE = (
    "By their names: a part that begins with svc-, sa-, bot- or pipeline-, the word automated, a part "
    "that is service-account, or an address at sagemaker-integration.com."
)
"""What stands in for the server's list, in words for the reader."""

_BY_NAME = (
    r"(?i)(?:^|[._-])(?:svc|sa|bot|pipeline)-"
    r"|automated"
    r"|-service-account(?:$|[._-])"
)
_BY_ADDRESS = r"(?i)[@.]sagemaker-integration\.com$"


def is_service(users: pd.DataFrame, service_accounts: Collection[str] | None) -> "pd.Series[Any]":
    """Whether each account is a program's; never null, since everybody is one or the other.

    The server's list alone decides where there is one, in any spelling of upper and lower case;
    without it, ``NAME_RULE`` does.

    Args:
        users: with ``username`` and ``email``.
        service_accounts: names or e-mail addresses; None when the server did not say.

    Returns:
        boolean, with the frame's index.
    """
    names, addresses = (users[column].astype("str") for column in ("username", "email"))
    if service_accounts is not None:
        known = {account.casefold() for account in service_accounts}
        service = names.str.casefold().isin(known) | addresses.str.casefold().isin(known)
    else:
        by_name = names.str.contains(_BY_NAME, na=False)
        service = by_name | addresses.str.contains(_BY_ADDRESS, na=False)
    return service.astype("boolean")


def standing(users: pd.DataFrame) -> pd.DataFrame:
    """Who is ``suspended``, ``deleted``, and ``licensed``, which is neither: what is not told is not so.

    Args:
        users: with ``suspended`` and ``deletedAt``.

    Returns:
        bool, with the frame's index.
    """
    suspended = users["suspended"].astype("boolean").fillna(False).astype(bool)
    deleted = (users["deletedAt"].astype("Int64") > 0).fillna(False).astype(bool)
    return pd.DataFrame(
        {"suspended": suspended, "deleted": deleted, "licensed": ~suspended & ~deleted}
    )

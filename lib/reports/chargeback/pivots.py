"""Users and workspaces of a chargeback report at once."""

from collections.abc import Iterator

from lib.reports.chargeback.select import Side
from lib.reports.pivots import Amount, Heads, Pivot, Rows, pivot
from lib.reports.report import Column
from lib.usage.exact import values_of

_NO_NAME = "(no name)"

_MEASURES = (
    ("totalSizeInMb", Amount("Size", "decimal", "MB", "MB")),
    ("numberOfExperiments", Amount("Experiments", "int", "experiments")),
)
"""The first of these that a member has is crossed. A report tells no months to cross with."""


def chargeback_pivots(side: Side) -> Iterator[Pivot]:
    """What each member has in each workspace, of what the server tells."""
    members = side.members
    rows = Rows("user", Column("userName", "User", personal=True), {}, _NO_NAME)
    heads = Heads("workspace", "workspace", {}, _NO_NAME, behind=lambda of: (("workspace", of),))
    for key, amount in _MEASURES:
        if members[key].notna().any():
            cells = (values_of(members[column]) for column in ("userName", "workspace", key))
            yield pivot("user_by_workspace", rows, heads, amount, zip(*cells, strict=True))
            return

"""What an overview calls things."""

from lib.reports.allocation.select import Selection

UNALLOCATED = "Unallocated"


def against(selection: Selection) -> str:
    """What a month is compared with, after "vs": ``2026-10`` or ``1 to 28 October 2026``."""
    _, then = selection.compared_days
    if not selection.is_running or then.end < then.start:
        return f"{then.start:%Y-%m}"
    return f"{then.start} to {then.end}"

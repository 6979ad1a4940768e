"""What an overview calls things."""

from collections.abc import Mapping

from lib.reports.allocation.select import Selection

UNALLOCATED = "Unallocated"


def against(selection: Selection) -> str:
    """What a month is compared with, after "vs": ``2026-10`` or ``1 to 28 October 2026``."""
    _, then = selection.compared_days
    if not selection.is_running or then.end < then.start:
        return f"{then.start:%Y-%m}"
    return f"{then.start} to {then.end}"


def told_share(rule: str, names: Mapping[str, str]) -> str:
    """``share of Office tools`` for ``share of 9100``.

    Args:
        names: of cost centres.
    """
    of = "share of "
    return f"{of}{names.get(rule.removeprefix(of), rule.removeprefix(of))}"

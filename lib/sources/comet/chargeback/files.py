"""Saved chargeback reports."""

from collections.abc import Sequence
from dataclasses import dataclass

from lib.errors import InputError
from lib.sources.comet.chargeback.answer import Chargeback
from lib.sources.comet.chargeback.parse import NotAReport, read_chargeback

LARGEST_FILE = 200_000_000
"""Bytes; a report of 50,000 users has 40 MB."""

_SAVE_ONE = (
    "Choose the JSON of /api/admin/chargeback/report, as `cometx admin chargeback-report` saves it."
)


def read_report_file(name: str, data: bytes) -> Chargeback:
    """The report in a file; its label is the file's name.

    Raises:
        InputError: names the file and says what it is instead.
    """
    if len(data) > LARGEST_FILE:
        size = f"larger than {LARGEST_FILE // 1_000_000} MB"
        raise InputError("file", f"{name[:80]!r} is {size}.", _SAVE_ONE)
    try:
        return read_chargeback(data, name)
    except NotAReport as error:
        raise InputError("file", f"{name[:80]!r} is {error.problem}.", _SAVE_ONE) from None


@dataclass(frozen=True)
class ChosenReports:
    """The report to show, the one to compare it with, and what a reader must know of the choice."""

    report: Chargeback
    earlier: Chargeback | None
    notes: tuple[str, ...]


def choose_reports(
    reports: Sequence[Chargeback], month: str | None = None, compare: str | None = None
) -> ChosenReports:
    """The latest report, and the one before it as the earlier one.

    They are put in order by their months where all have one and these differ, else by when the
    server made them, else as given. A month that was asked for is the one shown. Files with the
    same content count once.

    Args:
        reports: at least one.

    Raises:
        InputError: no file is of the month asked for.
    """
    notes = []
    once = list({report.raw: report for report in reversed(reports)}.values())[::-1]
    if len(once) < len(reports):
        notes.append("Files with the same content count once.")
    order, by = _in_order(once)
    report = order[-1] if month is None else _of_month(order, month, "month")
    # Not list.index: it would compare frames with each other.
    place = next(index for index, one in enumerate(order) if one is report)
    before = order[:place]
    earlier = before[-1] if before else None
    if compare is not None:
        earlier = _of_month(order, compare, "compare")
    if earlier is not None:
        notes.append(f"{report.label} is compared with {earlier.label}, which is earlier {by}.")
    unused = [other.label for other in order if other is not report and other is not earlier]
    if unused:
        notes.append(f"Not shown: {', '.join(unused)}.")
    return ChosenReports(report, earlier, tuple(notes))


def _in_order(reports: list[Chargeback]) -> tuple[list[Chargeback], str]:
    """Earliest first, and what tells so."""
    months = [report.month for report in reports]
    if None not in months and len(set(months)) == len(reports):
        return sorted(reports, key=lambda report: report.month or ""), "by its month"
    times = [report.created_at for report in reports]
    if None not in times and len(set(times)) == len(reports):
        return sorted(reports, key=lambda report: report.created_at or 0), "by when it was made"
    return reports, "in the order given"


def _of_month(reports: list[Chargeback], month: str, parameter: str) -> Chargeback:
    for report in reports:
        if report.month == month:
            return report
    raise InputError(parameter, f"none of the files is of {month}.", "Leave it empty.")

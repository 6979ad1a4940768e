"""Which months a capture asks for."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from lib.capture.months import chosen_months, due_months, end_of, last_day, months_since
from lib.errors import InputError
from lib.ledger.gaps import missing_months
from lib.ledger.store import GONE, Capture
from lib.periods import EARLIEST, Period, month_after

TODAY = date(2026, 11, 21)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def captured(month: str, *, complete: bool = True, days_after: int = 4) -> Capture:
    """Confirmed some days after the month's end; it may change for three."""
    end = end_of(month)
    return Capture(
        id=1,
        platform="openai",
        account="api.example",
        month=month,
        captured_at=end,
        confirmed_at=end + timedelta(days=days_after),
        complete=complete,
        is_state=False,
        provisional_until=end + timedelta(days=3),
        rows=1,
        sha256="",
        snapshot=1,
        sequence=1,
        files=(),
        unknown_metrics=frozenset(),
        failed=frozenset() if complete else frozenset({"images"}),
        facts={},
        lost=None,
    )


def test_this_month_and_all_of_the_reach_that_are_missing_are_due() -> None:
    assert due_months([], TODAY, 2) == ["2026-09", "2026-10", "2026-11"]


def test_what_is_complete_and_changes_no_more_is_not_asked_for_again() -> None:
    assert due_months([captured("2026-09"), captured("2026-10")], TODAY, 2) == ["2026-11"]


@pytest.mark.parametrize("how", [{"complete": False}, {"days_after": 2}])
def test_what_is_incomplete_or_may_still_change_is_due(how: dict[str, bool | int]) -> None:
    assert due_months([captured("2026-10", **how)], TODAY, 1) == ["2026-10", "2026-11"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("how", "is_due"),
    [({"days_after": 2}, False), ({"complete": False}, True), ({"days_after": -2}, True)],
    ids=["whole", "incomplete", "it went on after its capture"],
)
def test_what_its_source_has_nothing_of_any_more_is_asked_for_until_it_changes_no_more(
    how: dict[str, bool | int], *, is_due: bool
) -> None:
    gone = replace(captured("2026-10", **how), lost=f"{GONE}.")  # type: ignore[arg-type]
    assert ("2026-10" in due_months([gone], TODAY, 1)) is is_due
    assert "2026-10" in due_months([gone], date(2026, 11, 3), 1)


def test_months_are_asked_for_as_they_are_named_each_once() -> None:
    assert chosen_months(["2026-10", "2026-08", "2026-10"], "", TODAY) == ["2026-08", "2026-10"]
    assert chosen_months(["2026-01"], "2026-10", TODAY) == ["2026-01", "2026-10", "2026-11"]
    assert chosen_months([], "", TODAY) == []


@pytest.mark.parametrize(
    "month", ["2026-12", "2026-13", "2026-1", "1999-12", "", "now", "2026-10-01"]
)
def test_what_is_no_month_or_lies_ahead_is_refused(month: str) -> None:
    with pytest.raises(InputError, match="month"):
        chosen_months([month], "", TODAY)


def test_a_year_ends_with_december() -> None:
    assert month_after("2026-12") == "2027-01"
    assert last_day("2028-02") == date(2028, 2, 29)
    assert months_since("2025-12", date(2026, 2, 1)) == ["2025-12", "2026-01", "2026-02"]


def test_a_gap_lies_between_months_that_are_captured() -> None:
    months = [captured(month) for month in ("2026-06", "2026-09", "2026-10")]

    def missing(until: date) -> list[str]:
        return [month for _, _, month in missing_months(months, Period(EARLIEST, until))]

    assert missing(date(2026, 11, 29)) == ["2026-07", "2026-08"]
    assert missing(date(2026, 11, 30)) == ["2026-07", "2026-08", "2026-11"]

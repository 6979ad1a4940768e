"""What was never captured is told wherever sums are asked for, and never reads as zero."""

from datetime import date

import pytest

from lib.ledger.history import capture_statuses
from lib.ledger.query import LedgerAnswer, ask, check_ledger_query
from lib.ledger.store import Ledger
from tests.support.kept import OCTOBER, put

pytest_plugins = ["tests.support.ledgers"]

NINE = {("alpha", "input_tokens"): 9}
MOVED = "api.elsewhere"


def filled(ledger: Ledger, months: dict[str, str]) -> Ledger:
    """Months with the account that each was captured of."""
    for month, account in months.items():
        put(ledger, NINE, OCTOBER._replace(month=month, account=account))
    return ledger


def asked(ledger: Ledger, since: date, until: date) -> LedgerAnswer:
    return ask(ledger, check_ledger_query(since=since, until=until, by=["month", "metric"]))


@pytest.mark.parametrize(
    ("since", "until", "missing"),
    [
        (date(2026, 6, 1), date(2026, 9, 30), ["2026-08"]),
        (date(2026, 8, 1), date(2026, 8, 31), ["2026-08"]),
        (date(2026, 1, 1), date(2026, 7, 31), []),
        (date(2026, 9, 1), date(2026, 11, 30), ["2026-10", "2026-11"]),
        (date(2026, 9, 1), date(2026, 10, 30), []),
    ],
    ids=["between", "alone", "before the first", "after the last", "a month that is not over"],
)
def test_whole_months_from_the_first_capture_on_are_missing_without_one(
    folder_ledger: Ledger, since: date, until: date, missing: list[str]
) -> None:
    filled(folder_ledger, dict.fromkeys(("2026-06", "2026-07", "2026-09"), "api.example"))
    answer = asked(folder_ledger, since, until)
    assert [month for *_, month in answer.gaps] == missing
    assert answer.complete is not bool(missing)


def test_an_account_that_moved_misses_only_what_neither_has(folder_ledger: Ledger) -> None:
    filled(folder_ledger, {"2026-06": "api.example", "2026-08": MOVED, "2026-09": MOVED})
    answer = asked(folder_ledger, date(2026, 6, 1), date(2026, 9, 30))
    assert answer.gaps == (("openai", MOVED, "2026-07"),)


def test_an_account_without_a_capture_in_the_time_has_a_status_of_its_own(
    folder_ledger: Ledger,
) -> None:
    filled(folder_ledger, {"2026-06": "api.example"})
    answer = asked(folder_ledger, date(2026, 7, 1), date(2026, 8, 31))
    (status,) = capture_statuses(answer.captures, answer.gaps)
    assert (status.status, status.as_of, status.rows) == ("failed", None, None)
    assert status.detail == "Nothing was captured of 2026-07, 2026-08."

"""What was never captured is told wherever sums are asked for, and never reads as zero."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from lib.ledger.history import capture_statuses, month_records
from lib.ledger.query import LedgerAnswer, ask, check_ledger_query
from lib.ledger.store import Ledger
from tests.support.kept import NOW, OCTOBER, put

pytest_plugins = ["tests.support.ledgers"]

NINE = {("alpha", "input_tokens"): 9}
MOVED = "api.elsewhere"
IN_OCTOBER = date(2026, 10, 1), date(2026, 10, 31)


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
    (status,) = capture_statuses(answer.captures, answer.gaps, NOW)
    assert (status.status, status.as_of, status.rows) == ("failed", None, None)
    assert status.detail == "Nothing was captured of 2026-07, 2026-08."


def test_a_month_that_went_on_after_its_capture_is_marked_once_it_is_over(
    folder_ledger: Ledger,
) -> None:
    before_its_end = (datetime(2026, 10, 5, tzinfo=UTC) - NOW) / timedelta(hours=1)
    put(folder_ledger, {("alpha", "requests"): 3}, hours=before_its_end)
    (capture,) = folder_ledger.captures()
    assert not capture.lacks_days(datetime(2026, 10, 20, tzinfo=UTC)), "it is a month so far"
    answer = asked(folder_ledger, *IN_OCTOBER)
    assert [(amount.quantity, amount.complete) for amount in answer.amounts] == [(3, False)]
    assert not answer.complete
    (status,) = capture_statuses(answer.captures, answer.gaps, answer.at)
    assert status.detail == "Captured before its end: 2026-10."
    (record,) = month_records(answer.captures, answer.at)
    assert (record["complete"], record["lacks"]) == (False, "what came after 2026-10-05 00:00 UTC")
    put(folder_ledger, {("alpha", "requests"): 9})
    assert asked(folder_ledger, *IN_OCTOBER).complete


def test_of_a_state_the_last_capture_of_a_month_counts(folder_ledger: Ledger) -> None:
    before_its_end = (datetime(2026, 10, 31, tzinfo=UTC) - NOW) / timedelta(hours=1)
    put(folder_ledger, {("alpha", "experiments"): 3}, hours=before_its_end, is_state=True)
    assert asked(folder_ledger, *IN_OCTOBER).complete


@pytest.mark.parametrize("by", [["metric"], ["month", "metric"], ["metric", "sub_account"]])
def test_a_metric_whose_only_source_failed_is_unknown_and_not_left_out(
    folder_ledger: Ledger, by: list[str]
) -> None:
    put(folder_ledger, NINE, OCTOBER._replace(month="2026-09"))
    put(
        folder_ledger,
        {("alpha", "images"): 1},
        failed=frozenset({"completions"}),
        unknown_metrics=frozenset({"input_tokens"}),
    )
    query = check_ledger_query(since=IN_OCTOBER[0], until=IN_OCTOBER[1], by=by)
    tokens = [amount for amount in ask(folder_ledger, query).amounts if amount.metric != "images"]
    place = by.index("metric")
    assert [(one.group[place], one.quantity, one.complete) for one in tokens] == [
        ("input_tokens", None, False)
    ]
    assert ask(folder_ledger, replace(query, metrics=("images",))).amounts[0].quantity == 1


def test_of_two_months_one_unknown_leaves_the_other_its_amount(folder_ledger: Ledger) -> None:
    put(folder_ledger, NINE, OCTOBER._replace(month="2026-09"))
    gone = frozenset({"input_tokens"})
    put(folder_ledger, {}, failed=frozenset({"completions"}), unknown_metrics=gone)
    answer = asked(folder_ledger, date(2026, 9, 1), date(2026, 10, 31))
    assert [(amount.group[0], amount.quantity, amount.unit) for amount in answer.amounts] == [
        ("2026-09", 9, "tokens"),
        ("2026-10", None, "tokens"),
    ]

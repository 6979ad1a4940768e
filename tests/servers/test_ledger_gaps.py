"""What was never captured is told wherever sums are asked for, and never reads as zero."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from lib.errors import SourceUnavailable
from lib.ledger.history import capture_statuses, month_records
from lib.ledger.query import LedgerAnswer, ask, check_ledger_query
from lib.ledger.store import Ledger
from lib.ledger.verify import verify
from lib.ledger.warehouse import Month
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


def test_days_that_are_over_and_were_asked_for_must_have_been_captured(
    folder_ledger: Ledger,
) -> None:
    put(folder_ledger, NINE, OCTOBER._replace(month="2026-11"), hours=-16 * 24)
    since, until = date(2026, 11, 1), date(2026, 11, 18)
    as_of = datetime(2026, 11, 21, tzinfo=UTC)
    closed = check_ledger_query(since=since, until=until, as_of=as_of)
    answer = ask(folder_ledger, closed)
    assert [(amount.quantity, amount.complete) for amount in answer.amounts] == [(9, False)]
    (status,) = capture_statuses(answer.captures, answer.gaps, answer.at, closed.until)
    assert (answer.complete, status.status) == (False, "partial")
    assert ask(folder_ledger, replace(closed, so_far=True)).complete
    captured = check_ledger_query(since=since, until=date(2026, 11, 4), as_of=as_of)
    assert ask(folder_ledger, captured).complete


def test_a_month_that_is_missing_marks_every_sum_that_it_belongs_to(folder_ledger: Ledger) -> None:
    filled(folder_ledger, dict.fromkeys(("2026-07", "2026-09"), "api.example"))
    put(folder_ledger, {("a", "tokens"): 1}, Month("tenants", "redis.example", "2026-07"))
    put(folder_ledger, {("a", "tokens"): 1}, Month("tenants", "redis.example", "2026-08"))
    put(folder_ledger, {("a", "tokens"): 1}, Month("tenants", "redis.example", "2026-09"))
    days = {"since": date(2026, 7, 1), "until": date(2026, 9, 30)}

    def complete(*by: str) -> dict[tuple[str | None, ...], bool]:
        amounts = ask(folder_ledger, check_ledger_query(by=by, **days)).amounts  # type: ignore[arg-type]
        return {amount.group: amount.complete for amount in amounts}

    assert complete("metric") == {("input_tokens",): False, ("tokens",): True}
    assert complete("platform", "metric") == {
        ("openai", "input_tokens"): False,
        ("tenants", "tokens"): True,
    }
    assert set(complete("month", "metric").values()) == {True}, "what there is of a month is whole"


@pytest.mark.parametrize(("first", "last"), [(2, 31), (1, 30), (5, 9)])
def test_what_is_counted_by_the_month_is_unknown_for_a_part_of_it(
    folder_ledger: Ledger, first: int, last: int
) -> None:
    start, end = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    put(folder_ledger, {("alpha", "requests"): 3, ("alpha", "images"): 5}, length=end - start)
    days = date(2026, 10, first), date(2026, 10, last)
    answer = asked(folder_ledger, *days)
    assert {(one.metric, one.quantity, one.complete) for one in answer.amounts} == {
        ("requests", None, False),
        ("images", None, False),
    }
    assert not answer.complete
    assert asked(folder_ledger, *IN_OCTOBER).complete


def test_a_month_that_runs_is_cut_by_no_period_that_reaches_today(folder_ledger: Ledger) -> None:
    today = datetime.now(UTC).date()
    month = OCTOBER._replace(month=f"{today:%Y-%m}")
    hours = (datetime.now(UTC) - NOW) / timedelta(hours=1)
    put(folder_ledger, NINE, month, hours=hours, length=timedelta(days=31))
    amounts = asked(folder_ledger, today.replace(day=1), today).amounts
    assert [amount.quantity for amount in amounts] == [9]


def test_of_a_server_that_was_renamed_levels_count_once(folder_ledger: Ledger) -> None:
    for month, account, users in (
        ("2026-08", "old.example", 50),
        ("2026-09", "old.example", 52),
        ("2026-10", "new.example", 55),
    ):
        put(
            folder_ledger,
            {(None, "users"): users},
            Month("comet-chargeback", account, month),
            nature="level",
            is_state=True,
        )
    for by in (["metric"], ["platform", "metric"], ["account", "metric"]):
        query = check_ledger_query(since=date(2026, 8, 1), until=date(2026, 10, 31), by=by)
        answer = ask(folder_ledger, query)
        assert [amount.quantity for amount in answer.amounts] == [55]
    details = [
        status.detail
        for status in capture_statuses(answer.captures, answer.gaps, answer.at)
        if "old.example" in status.part
    ]
    assert details == ["Ends with 2026-09: what it had then is in no sum of later months."]
    by_month = asked(folder_ledger, date(2026, 8, 1), date(2026, 10, 31)).amounts
    assert [amount.quantity for amount in by_month] == [50, 52, 55]


def test_as_of_a_day_that_is_not_over_is_as_of_now(folder_ledger: Ledger) -> None:
    filled(folder_ledger, {"2026-10": "api.example"})
    later = datetime.now(UTC) + timedelta(days=2)
    query = check_ledger_query(since=IN_OCTOBER[0], until=IN_OCTOBER[1], as_of=later)
    assert ask(folder_ledger, query).at <= datetime.now(UTC)


@pytest.mark.parametrize("left", [0, 8, 100, -40])
def test_a_file_that_is_cut_off_is_one_sentence_and_no_sum(
    folder_ledger: Ledger, left: int
) -> None:
    put(folder_ledger, NINE)
    (file,) = Path(folder_ledger.warehouse.place).rglob("*.parquet")
    file.write_bytes(file.read_bytes()[:left])
    with pytest.raises(SourceUnavailable, match="cannot be read"):
        asked(folder_ledger, *IN_OCTOBER)


def test_without_the_tables_metadata_sums_go_on_and_verify_says_who_cannot_read(
    folder_ledger: Ledger,
) -> None:
    put(folder_ledger, NINE)
    for file in Path(folder_ledger.warehouse.place).rglob("*.metadata.json"):
        file.unlink()
    assert asked(folder_ledger, *IN_OCTOBER).amounts[0].quantity == 9
    assert [finding.kind for finding in verify(folder_ledger)] == ["table"]
    assert {finding.kind for finding in verify(folder_ledger, date(2026, 12, 31))} == {
        "table",
        "gap",
    }

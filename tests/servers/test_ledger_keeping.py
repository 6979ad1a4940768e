"""What may enter the ledger, in a folder, in PostgreSQL, and in S3."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from lib.errors import SourceUnavailable
from lib.ledger.keeping import Said, keep
from lib.ledger.store import Ledger, change_capture, forget_person
from lib.ledger.verify import verify
from lib.ledger.warehouse import Month
from tests.support.kept import (
    NOW,
    OCTOBER,
    amounts_in_table,
    amounts_of,
    every_kind,
    month_rows,
    put,
)

pytest_plugins = ["tests.support.ledgers", "tests.support.postgres_server"]

NINE = {("alpha", "input_tokens"): 9, (None, "input_tokens"): None}
TEN = {("alpha", "input_tokens"): 10}
TENANTS = Month("tenants", "redis.example", "2026-08")


@every_kind
def test_what_was_said_is_kept_to_the_last_digit_and_null_stays_null(any_ledger: Ledger) -> None:
    exact = Decimal("12345678901234567890.123456789012345678")
    outcome = put(any_ledger, {("alpha", "billed_cost"): exact, (None, "billed_cost"): None})
    assert outcome.what == "captured"
    assert amounts_of(any_ledger) == {("alpha", "billed_cost"): exact, (None, "billed_cost"): None}
    assert amounts_in_table(any_ledger) == amounts_of(any_ledger)
    assert verify(any_ledger) == []


@every_kind
def test_the_same_again_changes_no_row_and_makes_no_snapshot(any_ledger: Ledger) -> None:
    first = put(any_ledger, NINE).capture
    again = put(any_ledger, dict(reversed(NINE.items())), hours=1)
    assert again.what == "confirmed"
    (kept,) = any_ledger.captures()
    assert (kept.id, kept.snapshot, kept.captured_at) == (first.id, first.snapshot, NOW)
    assert kept.confirmed_at == NOW + timedelta(hours=1)


@every_kind
def test_an_incomplete_answer_never_replaces_a_complete_one(any_ledger: Ledger) -> None:
    put(any_ledger, NINE)
    outcome = put(any_ledger, TEN, hours=1, failed=frozenset({"embeddings"}))
    assert outcome.what == "kept"
    assert "embeddings" in outcome.detail
    assert amounts_of(any_ledger)["alpha", "input_tokens"] == 9


@every_kind
def test_an_incomplete_answer_stands_where_there_was_none_until_more_comes(
    any_ledger: Ledger,
) -> None:
    both = frozenset({"embeddings", "images"})
    assert not put(any_ledger, TEN, failed=both).capture.complete
    assert put(any_ledger, NINE, hours=1, failed=frozenset({"images"})).what == "replaced"
    assert put(any_ledger, TEN, hours=2, failed=frozenset({"embeddings"})).what == "kept"
    assert put(any_ledger, TEN, hours=3).what == "replaced"
    assert any_ledger.captures()[0].complete


COMPLETIONS = frozenset({"completions"})


@every_kind
def test_rows_of_a_part_that_failed_again_stay_where_the_new_answer_lacks_them(
    any_ledger: Ledger,
) -> None:
    put(any_ledger, NINE, failed=COMPLETIONS)
    outcome = put(any_ledger, TEN, hours=1, failed=COMPLETIONS)
    detail = "Kept: 1 row of completions that the new answer lacks."
    assert (outcome.what, outcome.detail) == ("replaced", detail)
    assert amounts_of(any_ledger) == amounts_in_table(any_ledger) == NINE | TEN
    assert put(any_ledger, TEN, hours=2, failed=COMPLETIONS).what == "confirmed"


def test_a_complete_answer_lacks_no_row_whatever_an_incomplete_one_had(
    folder_ledger: Ledger,
) -> None:
    put(folder_ledger, NINE, failed=COMPLETIONS)
    put(folder_ledger, TEN, hours=1, failed=COMPLETIONS)
    put(folder_ledger, TEN, hours=2)
    assert amounts_of(folder_ledger) == TEN
    assert not folder_ledger.captures()[0].lost


def test_a_part_whose_rows_all_came_loses_those_that_vanish_though_some_lack_their_amount(
    folder_ledger: Ledger,
) -> None:
    put(folder_ledger, NINE, failed=COMPLETIONS, told=COMPLETIONS)
    put(folder_ledger, TEN, hours=1, failed=COMPLETIONS, told=COMPLETIONS)
    assert amounts_of(folder_ledger) == TEN


def test_rows_of_a_part_that_answered_are_those_of_the_new_answer(folder_ledger: Ledger) -> None:
    images = frozenset({"images"})
    put(folder_ledger, NINE, failed=images)
    put(folder_ledger, TEN, hours=1, failed=images)
    assert amounts_of(folder_ledger) == TEN


def test_an_incomplete_answer_with_nothing_replaces_nothing(folder_ledger: Ledger) -> None:
    put(folder_ledger, NINE, failed=COMPLETIONS)
    outcome = put(folder_ledger, {}, hours=1, failed=COMPLETIONS)
    assert (outcome.what, outcome.detail) == ("kept", "the new answer has nothing")


def test_a_state_that_tells_less_of_what_both_lack_does_not_replace_one_that_tells_more(
    folder_ledger: Ledger,
) -> None:
    report = {"failed": frozenset({"chargeback"}), "is_state": True}
    put(folder_ledger, NINE, unknown_metrics=frozenset({"storage"}), **report)
    less = frozenset({"storage", "users"})
    outcome = put(folder_ledger, TEN, hours=1, unknown_metrics=less, **report)
    assert (outcome.what, outcome.detail) == (
        "kept",
        "the new answer does not tell users, the earlier one did",
    )
    assert put(folder_ledger, TEN, hours=2, **report).what == "replaced"


@every_kind
def test_the_same_rows_that_are_complete_now_are_marked_so(any_ledger: Ledger) -> None:
    put(any_ledger, NINE, failed=frozenset({"images"}))
    put(any_ledger, NINE, hours=1)
    assert any_ledger.captures()[0].complete
    assert amounts_in_table(any_ledger) == amounts_of(any_ledger)


@every_kind
def test_a_month_that_the_source_no_longer_has_stays_as_it_was_captured(any_ledger: Ledger) -> None:
    put(any_ledger, NINE)
    outcome = put(any_ledger, {}, hours=1)
    assert outcome.what == "kept"
    (kept,) = any_ledger.captures()
    assert kept.rows == 2
    assert kept.lost is not None


def test_counters_that_expired_or_began_anew_keep_what_they_had_reached(
    folder_ledger: Ledger,
) -> None:
    put(folder_ledger, {("a", "requests"): 5, ("b", "requests"): 7}, TENANTS, loses_rows=True)
    outcome = put(
        folder_ledger, {("b", "requests"): 2, ("c", "requests"): 1}, TENANTS, loses_rows=True
    )
    assert amounts_of(folder_ledger, TENANTS) == {
        ("a", "requests"): 5,
        ("b", "requests"): 7,
        ("c", "requests"): 1,
    }
    assert "1 counter that the source no longer has" in outcome.detail
    assert "1 counter that began anew" in outcome.detail
    put(folder_ledger, {}, TENANTS, loses_rows=True)
    assert len(amounts_of(folder_ledger, TENANTS)) == 3


def counter(value: int | None, part: str) -> Said:
    rows = month_rows({("a", "requests"): value}, TENANTS, part)
    return Said(TENANTS, NOW, NOW, rows, loses_rows=True)


def test_a_counter_that_can_be_read_again_takes_the_place_of_its_unreadable_row(
    folder_ledger: Ledger,
) -> None:
    keep(folder_ledger, counter(None, "unreadable"))
    outcome = keep(folder_ledger, counter(70, "counters"))
    assert (outcome.what, outcome.detail, outcome.capture.rows) == ("replaced", "", 1)
    assert amounts_of(folder_ledger, TENANTS) == {("a", "requests"): 70}


def test_a_counter_that_cannot_be_read_any_more_stays_at_what_it_was(
    folder_ledger: Ledger,
) -> None:
    keep(folder_ledger, counter(70, "counters"))
    assert keep(folder_ledger, counter(None, "unreadable")).what == "confirmed"
    (kept,) = folder_ledger.captures()
    assert folder_ledger.warehouse.rows(kept.files)["part"].to_pylist() == ["counters"]


def test_an_empty_month_is_known_to_be_empty(folder_ledger: Ledger) -> None:
    put(folder_ledger, NINE)
    november = OCTOBER._replace(month="2026-11")
    assert put(folder_ledger, {}, november).what == "captured"
    assert put(folder_ledger, {}, november, hours=1).what == "confirmed"
    assert amounts_of(folder_ledger, november) == {}
    assert verify(folder_ledger) == []


@every_kind
def test_what_stood_on_a_day_can_be_told_later(any_ledger: Ledger) -> None:
    put(any_ledger, NINE)
    put(any_ledger, TEN, hours=48)
    (then,) = any_ledger.captures(as_of=NOW + timedelta(hours=47))
    assert any_ledger.warehouse.rows(then.files).num_rows == 2
    assert any_ledger.captures(as_of=NOW) == []


@every_kind
def test_names_keep_their_last_value_and_forgotten_ones_never_come_back(any_ledger: Ledger) -> None:
    put(any_ledger, NINE, names=[("user", "u1", "Ann"), ("user", "u2", "Bo")])
    put(any_ledger, NINE, hours=1, names=[("user", "u1", "Ann Lee")])
    put(any_ledger, NINE, hours=2)
    assert any_ledger.names("openai", "api.example") == {
        ("user", "u1"): "Ann Lee",
        ("user", "u2"): "Bo",
    }
    assert forget_person(any_ledger, "u1", NOW) == 2
    put(any_ledger, NINE, hours=3, names=[("user", "u1", "Ann Lee"), ("email", "u1", "a@b.c")])
    assert any_ledger.names("openai", "api.example") == {("user", "u2"): "Bo"}
    assert amounts_of(any_ledger)["alpha", "input_tokens"] == 9


def test_an_address_that_one_row_has_is_forgotten_with_its_person(folder_ledger: Ledger) -> None:
    of_row = '["alpha", null, "ann"]'
    names = [("email", "ann", "a@b.c"), ("members.email", of_row, "ann@b.c"), ("email", "[", "x")]
    put(folder_ledger, NINE, names=names)
    assert forget_person(folder_ledger, "ann", NOW) == 2
    put(folder_ledger, NINE, hours=1, names=names)
    assert folder_ledger.names("openai", "api.example") == {("email", "["): "x"}


def test_an_older_answer_that_is_told_late_moves_no_time_back(folder_ledger: Ledger) -> None:
    put(folder_ledger, NINE, hours=5)
    put(folder_ledger, NINE)
    assert folder_ledger.captures()[0].confirmed_at == NOW + timedelta(hours=5)


@every_kind
def test_an_answer_asked_for_earlier_and_entered_later_changes_nothing_that_counts(
    any_ledger: Ledger,
) -> None:
    newer = put(any_ledger, TEN, hours=6).capture
    outcome = put(any_ledger, NINE)
    assert (outcome.what, outcome.capture.id) == ("kept", newer.id)
    assert "asked for later, at 2026-11-21 07:40:00 UTC" in outcome.detail
    assert amounts_of(any_ledger) == amounts_in_table(any_ledger) == TEN


def test_an_answer_asked_for_before_the_last_confirmation_is_late_too(
    folder_ledger: Ledger,
) -> None:
    put(folder_ledger, TEN)
    put(folder_ledger, TEN, hours=6)
    assert put(folder_ledger, NINE, hours=3).what == "kept"


def test_of_what_was_known_on_a_day_the_answer_asked_for_last_counts_in_whatever_order_they_came(
    folder_ledger: Ledger,
) -> None:
    put(folder_ledger, TEN, hours=2)
    newest = put(folder_ledger, NINE, hours=4).capture
    with folder_ledger.database.writing() as connection, connection.begin():
        # As earlier programs entered them
        change_capture(connection, newest.id, captured_at=NOW, confirmed_at=NOW)
    (then,) = folder_ledger.captures(as_of=NOW + timedelta(hours=3))
    assert then.captured_at == NOW + timedelta(hours=2)


def test_it_is_made_for_its_owner_only(folder_ledger: Ledger) -> None:
    put(folder_ledger, NINE)
    assert folder_ledger.database.file is not None
    folder = folder_ledger.database.file.parent
    assert folder.stat().st_mode & 0o777 == 0o700


def test_nothing_is_made_by_looking(folder_ledger: Ledger) -> None:
    assert folder_ledger.captures() == []
    assert folder_ledger.names("openai", "x") == {}
    assert verify(folder_ledger) == []
    assert folder_ledger.database.file is not None
    assert not folder_ledger.database.file.parent.exists()


def test_who_waits_too_long_for_another_writer_is_told(folder_ledger: Ledger) -> None:
    put(folder_ledger, NINE)
    impatient = Ledger(
        f"sqlite:///{folder_ledger.database.file}", folder_ledger.warehouse.place
    ).database
    impatient._patience = 0.1
    with (
        folder_ledger.database.writing(),
        pytest.raises(SourceUnavailable, match="another capture"),
        impatient.writing(),
    ):
        pass


def test_a_month_is_final_once_it_was_confirmed_after_its_last_change(
    folder_ledger: Ledger,
) -> None:
    early = datetime(2026, 11, 1, tzinfo=UTC) - NOW
    assert not put(folder_ledger, NINE, hours=early / timedelta(hours=1)).capture.is_final()
    assert put(folder_ledger, NINE).capture.is_final()

"""What is kept of a chargeback report, measure by measure, and what cannot be kept."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from lib.sources.comet.chargeback.kept import AMOUNTS, ROWS, STANDING
from lib.sources.comet.chargeback.measures import (
    LEDGER_METRICS,
    PLATFORM,
    chargeback_of,
    facts_of,
    measures_of,
    names_of,
    unknown_metrics,
)
from lib.sources.comet.chargeback.tables import FIELDS
from lib.status import SourceStatus, plain_status, status_of
from lib.usage.measure import Name
from tests.support.comet_ledger import MONTH, answered, cells, given_back, plain, sum_of
from tests.support.comet_reports import NOW_MS, Record, document, member, user, workspace

WHOLE = document(
    [
        user("bob", uiUsageCount=7, suspended=True, deletedAt=0, note="x", rank=3),
        user("ada", dataLoggedMb=1.5, experimentCount=2, lastUsedAt=NOW_MS, rank=None),
        user("ada", email="other@corp.test", opikSpanCount=4, deletedAt=NOW_MS),
        user(None, email="nobody@corp.test", sdkUsageCount=1),
    ],
    [
        workspace(
            "vision",
            totalSizeInMb=3,
            members=[member("ada", email=None, totalSizeInMb=1), member("eve")],
            projects=[{"name": "p", "numberOfExperiments": 5}, {"name": "a", "owner": "eve"}],
        ),
        workspace("audio", numberOfMembers=9, projects=4),
    ],
)


def test_a_report_becomes_measures_of_one_month() -> None:
    made = document([user("ada", uiUsageCount=7)], [workspace("vision", totalSizeInMb=0.25)])
    rows = measures_of(answered(made), "2024-12").to_pylist()
    assert {(row["platform"], row["account"], row["month"]) for row in rows} == {
        (PLATFORM, "comet.example", "2024-12")
    }
    span = (datetime(2024, 12, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC))
    assert {(row["start"], row["end"]) for row in rows} == {span}
    told_of = {
        (row["part"], row["sub_account"], row["principal"], row["metric"]): row["quantity"]
        for row in rows
    }
    users = {key[3]: value for key, value in told_of.items() if key[:3] == ("users", None, "ada")}
    assert users == {
        **dict.fromkeys(metric.key for metric in AMOUNTS["users"].values()),
        "users": 1,
        "licensed_users": 1,
        "suspended_users": 0,
        "deleted_users": 0,
        "ui_usage": 7,
        "user_created_at": made["users"]["licensedUsers"][0]["created_at"],
    }
    places = {key[3]: value for key, value in told_of.items() if key[1] == "vision"}
    assert places == {
        "workspaces": 1,
        "storage_mb": Decimal("0.25"),
        "experiments": 0,
        "members": 0,
        "projects": 0,
    }


def test_users_that_are_listed_twice_or_without_a_name_are_all_there() -> None:
    made = document([user("ada"), user("ada"), user(None), user(None), user("ada")])
    table = measures_of(answered(made), MONTH)
    assert sum_of(table, "users") == 5
    assert cells(table, "users", "principal", "dimensions") == {
        ("ada", None, 1): 1,
        ("ada", '{"occurrence": 1}', 1): 1,
        ("ada", '{"occurrence": 2}', 1): 1,
        (None, None, 1): 1,
        (None, '{"occurrence": 1}', 1): 1,
    }


def test_what_nobody_documents_is_kept_under_its_own_name() -> None:
    table = measures_of(answered(WHOLE), MONTH)
    (rank,) = [row for row in table.to_pylist() if row["metric"] == "users.rank"]
    assert (rank["principal"], rank["quantity"], rank["unit"]) == ("bob", 3, "")
    assert rank["nature"] == "moment", "nobody knows whether it may be added up"
    texts = {row["dimensions"] for row in table.to_pylist() if row["metric"] == "users"}
    assert '{"users.note": "x"}' in texts
    assert cells(table, "ui_usage", "principal", "dimensions")["bob", None, 7] == 1, (
        "a counter has the same names next month, whatever the note says then"
    )


def test_an_address_that_differs_from_the_users_own_stays_with_its_row() -> None:
    assert names_of(answered(WHOLE)) == [
        Name("email", "bob", "bob@corp.test"),
        Name("email", "ada", "ada@corp.test"),
        Name("email", "eve", "eve@corp.test"),
        Name("users.email", "[null, null, null, 0]", "nobody@corp.test"),
        Name("users.email", '[null, null, "ada", 1]', "other@corp.test"),
    ]
    back = given_back(answered(WHOLE)).report
    assert plain(back.members["email"])[1] == [None, "eve@corp.test"]


def test_no_value_can_be_lost_unnoticed() -> None:
    answer = answered(WHOLE)
    table, names, facts = measures_of(answer, MONTH), names_of(answer), facts_of(answer)
    whole = shown(answer.report)
    rows = table.to_pylist()
    for at, row in enumerate(rows):
        others = table.take([place for place in range(len(rows)) if place != at])
        is_lost = shown(chargeback_of(others, names, facts)) != whole
        assert is_lost == tells_more_than_that_it_is_there(row), row
    for name in names:
        others = [other for other in names if other != name]
        assert shown(chargeback_of(table, others, facts)) != whole, name
    for fact in ("order", "other_email", "undocumented"):
        said = facts["report"][fact]
        for part in [part for part in said if said[part]]:
            less = said | {part: []} if fact != "order" else without(said, part)
            changed = facts | {"report": facts["report"] | {fact: less}}
            assert shown(chargeback_of(table, names, changed)) != whole, (fact, part)


def tells_more_than_that_it_is_there(row: Record) -> bool:
    """Nulls and ones stand beside others of the same record; texts that nobody documents do not."""
    marks = {metric.key for metric in (*ROWS.values(), *STANDING.values())}
    if row["metric"] in marks:
        return row["metric"] == ROWS[row["part"]].key and f"{row['part']}." in str(
            row["dimensions"]
        )
    return row["quantity"] is not None


def without(said: dict[str, Any], part: str) -> dict[str, Any]:
    return {key: value for key, value in said.items() if key != part}


def shown(report: Any) -> Any:
    return [plain(getattr(report, table)) for table in FIELDS]


def test_the_report_comes_back_in_the_servers_order_with_its_facts() -> None:
    answer = answered(WHOLE, frozenset({"sa-b", "sa-a"}), notes=("A note.",))
    back = given_back(answer)
    assert shown(back.report) == shown(answer.report)
    assert back.report.users["username"].tolist()[:3] == ["bob", "ada", "ada"]
    same = ("label", "month", "asked", "created_at", "number_of_users", "lists", "notes", "unread")
    for fact in same:
        assert getattr(back.report, fact) == getattr(answer.report, fact)
    assert (back.statuses, back.notes, back.host) == (answer.statuses, answer.notes, answer.host)
    assert back.service_accounts == answer.service_accounts
    assert given_back(answered(WHOLE, None)).service_accounts is None


def test_measures_do_not_hang_on_the_order_of_the_server() -> None:
    people = [user(name, uiUsageCount=at) for at, name in enumerate("cab")]
    one, other = (measures_of(answered(document(order)), MONTH) for order in (people, people[::-1]))
    assert one.equals(other)


@pytest.mark.parametrize(
    ("size", "kept", "note"),
    [
        ("1.1234567890123456789", Decimal("1.123456789012345679"), "kept rounded"),
        ("123456789012345678901.5", None, "too large to be kept"),
        ("99999999999999999999.5", Decimal("99999999999999999999.5"), ""),
        (f"{10**19}.{'1' * 18}", Decimal(f"{10**19}.{'1' * 18}"), ""),
        ("1.50", Decimal("1.5"), ""),
        ("-0.001", Decimal("-0.001"), ""),
    ],
)
def test_a_size_that_cannot_be_kept_as_it_is_is_told(
    size: str, kept: Decimal | None, note: str
) -> None:
    answer = answered(document([], [workspace(totalSizeInMb=size)]))
    back = given_back(answer).report
    assert back.workspaces["totalSizeInMb"].tolist() == [kept]
    assert sum_of(measures_of(answer, MONTH), "storage_mb") == kept
    told_of = [note for note in back.notes if note.startswith("Size of workspaces (totalSizeInMb)")]
    assert [*back.notes] == [*answer.report.notes, *told_of]
    assert all(note in one for one in told_of)
    assert bool(told_of) == bool(note)


def unknown(given: Record, **changes: Any) -> frozenset[str]:
    answer = answered(given)
    return unknown_metrics(replace(answer, report=replace(answer.report, **changes)))


def test_totals_of_a_list_that_did_not_come_are_not_known() -> None:
    metrics = {
        table: {metric.key for metric in amounts.values()} for table, amounts in AMOUNTS.items()
    }
    users = {"users", *(metric.key for metric in STANDING.values()), *metrics["users"]}
    assert unknown(WHOLE) == frozenset()
    assert unknown({"workspaces": WHOLE["workspaces"]}) == users
    assert unknown({"users": WHOLE["users"]}) == {*LEDGER_METRICS} - users


def test_totals_of_what_could_not_be_read_are_not_known() -> None:
    one, place = user("ada"), workspace("vision")
    for fields, lost in (
        ({"uiUsageCount": "many"}, {"ui_usage"}),
        ({"suspended": "maybe"}, {"suspended", "suspended_users", "licensed_users"}),
        ({"deletedAt": "once"}, {"user_deleted_at", "deleted_users", "licensed_users"}),
    ):
        assert unknown(document([one | fields])) == lost
    assert "users" in unknown(document([one, "no record"]))
    members = unknown(document([one], [place | {"members": "many"}]))
    assert members == {"listed_members", "member_experiments", "member_storage_mb"}
    projects = unknown(document([one], [place | {"projects": "many"}]))
    assert projects == {"projects", "listed_projects", "project_experiments", "project_storage_mb"}


def test_of_another_month_than_asked_for_nothing_is_known() -> None:
    assert unknown(WHOLE, month="2024-09", asked="2024-10") == {*LEDGER_METRICS}
    assert unknown(WHOLE, month="2024-10", asked="2024-10") == frozenset()


def test_a_status_comes_back_as_it_was_told() -> None:
    moment = datetime(2024, 10, 2, 3, 4, 5, 678, tzinfo=UTC)
    for status in (
        SourceStatus("comet", "chargeback", "ok", moment, 3),
        SourceStatus(
            "comet", "a/b", "failed", None, None, "Why.", "What.", moves=False, lacks="gpu"
        ),
    ):
        assert status_of(plain_status(status)) == status

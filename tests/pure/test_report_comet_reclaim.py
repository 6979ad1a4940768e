"""Licences that nobody seems to use: who is told, since when, and what stays unknown."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from lib.allocation.rule_set import Rate
from lib.exports.csv import to_csv
from lib.exports.json import to_json
from lib.exports.terminal import to_terminal
from lib.reports.personal import hide_people, pseudonym
from lib.reports.report import Report
from tests.support.comet_reports import DAY, NOW_MS, build, document, member, user, workspace

PEOPLE = (
    user("ada", lastUsedAt=NOW_MS - 3 * DAY, suspended=False),
    user("bob", lastUsedAt=NOW_MS - 100 * DAY - 5, suspended=False),
    user("cyd", lastUsedAt=NOW_MS - 61 * DAY, suspended=False),
    user("dan", lastUsedAt=None, uiUsageUpdateTs=0, sdkUsageUpdateTs=0, suspended=False),
    user("eve", lastUsedAt=None, suspended=False),
    user("fay", lastUsedAt=NOW_MS - 90 * DAY, suspended=True),
    user("gus", lastUsedAt=NOW_MS - 90 * DAY, suspended=False, deletedAt=NOW_MS - DAY),
)
PLACES = (
    workspace("vision", members=[member("ada"), member("bob"), member("fay")]),
    workspace("language", members=[member("bob"), member("dan"), member("stranger")]),
    workspace("empty"),
)


def rows(report: Report, table: str = "reclaim") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(to_json(report))["tables"][table]
    return found


def told(report: Report, key: str) -> list[tuple[str, Any]]:
    return [(row["username"], row[key]) for row in rows(report)]


def test_those_longest_unseen_come_first_and_whoever_holds_no_licence_is_not_listed():
    report = build(document(PEOPLE, PLACES))
    assert told(report, "use") == [
        ("dan", "never seen"),
        ("bob", "inactive"),
        ("cyd", "inactive"),
        ("eve", "unknown"),
    ]
    assert told(report, "days_since_use") == [
        ("dan", None),
        ("bob", 100),
        ("cyd", 61),
        ("eve", None),
    ]
    assert "within 60 days by last use" in report.table("reclaim").note


def test_a_total_of_licences_to_reclaim_counts_who_is_in_several_workspaces_once():
    report = build(document(PEOPLE, PLACES))
    table = report.table("reclaim")
    assert told(report, "reclaimable") == [("dan", 1), ("bob", 1), ("cyd", 1), ("eve", 0)]
    assert table.totals == {"reclaimable": 3}, "days since last use have none"
    assert "each user once" in table.note
    elsewhere = sum(row["inactive"] for row in rows(report, "reclaim_by_workspace"))
    assert elsewhere == 4, "bob is in two of them"
    lines = to_terminal(report, width=None, colour=False).splitlines()
    assert any("TOTAL" in line and "3" in line for line in lines)


def test_figures_tell_inactive_licensed_users_of_all_licensed_ones():
    totals = build(document(PEOPLE, PLACES)).totals
    assert totals["licensed_users"] == 5
    assert totals["inactive_users"] == 3
    assert totals["inactive_users_percent"] == 60.0
    assert (totals["never_seen_users"], totals["unknown_use_users"]) == (1, 1)


def test_the_window_decides_who_is_inactive():
    report = build(document(PEOPLE, PLACES), active_window="61d")
    assert report.totals["inactive_users"] == 2
    assert "cyd" not in dict(told(report, "use"))


@pytest.mark.parametrize(
    ("fields", "use"),
    [
        ({"lastUsedAt": 0}, "never seen"),
        ({"lastUsedAt": None, "sdkUsageUpdateTs": 0}, "never seen"),
        ({"lastUsedAt": None, "sdkUsageUpdateTs": NOW_MS - 300 * DAY}, "unknown"),
        ({"lastUsedAt": 0, "uiUsageUpdateTs": NOW_MS}, "unknown"),
        ({"lastUsedAt": -5}, "unknown"),
        ({"lastUsedAt": NOW_MS + DAY}, "unknown"),
    ],
)
def test_never_is_what_every_time_says_and_the_rest_is_unknown(fields, use):
    report = build(document([user("ada", **fields), user("bob", lastUsedAt=NOW_MS)]))
    assert told(report, "use") == [("ada", use)]
    assert told(report, "days_since_use") == [("ada", None)]


def test_workspaces_of_each_are_listed_and_nowhere_is_not_unknown():
    report = build(document(PEOPLE, PLACES))
    names = {row["username"]: (row["workspace_count"], row["workspaces"]) for row in rows(report)}
    assert names["bob"] == (2, ["vision", "language"])
    assert names["cyd"] == (0, [])
    report = build({"users": document(PEOPLE)["users"]})
    assert dict(told(report, "workspace_count"))["bob"] is None
    assert "does not list workspaces" in report.table("reclaim").note


def test_a_name_that_would_look_like_two_is_not_listed_and_counted():
    place = workspace("bob, the owner", members=[member("bob")])
    report = build(document([user("bob", lastUsedAt=0)], [place]))
    assert rows(report)[0]["workspaces"] == ["(a name with a comma)"]
    assert rows(report, "reclaim_by_workspace")[0]["workspace"] == "bob, the owner"


def test_every_workspace_counts_its_members_and_whoever_is_in_none_has_a_row():
    report = build(document(PEOPLE, PLACES))
    keys = ("workspace", "licensed", "active", "inactive", "never_seen", "unknown", "suspended")
    assert [tuple(row[key] for key in keys) for row in rows(report, "reclaim_by_workspace")] == [
        ("language", 2, 0, 2, 1, 0, 0),
        ("vision", 2, 1, 1, 0, 0, 1),
        (None, 2, 0, 1, 0, 1, 0),
        ("empty", 0, 0, 0, 0, 0, 0),
    ]
    shares = [row["inactive_percent"] for row in rows(report, "reclaim_by_workspace")]
    assert shares == [100, 50, 50, None]
    totals = report.table("reclaim_by_workspace").totals
    assert (totals["licensed"], totals["inactive"], totals["inactive_percent"]) == (5, 3, 60)


def test_a_report_without_times_of_use_says_so_and_counts_nobody_as_inactive():
    report = build(document([user("ada"), user("bob")], PLACES))
    assert report.totals["inactive_users"] is None
    assert report.totals["inactive_users_percent"] is None
    assert report.totals["unknown_use_users"] == 2
    assert "nobody knows which licences are used" in report.table("reclaim").note
    assert {row["inactive"] for row in rows(report, "reclaim_by_workspace")} == {None}


def test_a_report_without_users_knows_no_licence():
    report = build({"workspaces": [workspace("vision", members=[member("ada")])]})
    assert [report.totals[key] for key in ("inactive_users", "unknown_use_users")] == [None, None]
    row = rows(report, "reclaim_by_workspace")[0]
    assert {row[key] for key in row if key != "workspace"} == {None}


def test_without_the_field_suspended_the_table_says_who_counts_as_licensed():
    report = build(document([user("ada", lastUsedAt=0)]))
    assert "does not say who is suspended" in report.table("reclaim").note


def test_files_hold_what_the_table_says():
    report = build(document(PEOPLE, PLACES))
    lines = to_csv(report, "reclaim", "machine").decode().splitlines()
    assert [line.split(",")[0] for line in lines] == ["username", "dan", "bob", "cyd", "eve"]
    assert "(in none of these)" in to_terminal(report, width=None, colour=False)


def test_whoever_may_not_know_people_reads_pseudonyms_also_in_the_list_of_workspaces():
    place = workspace("bob", members=[member("bob")])
    hidden = hide_people(build(document(PEOPLE, [*PLACES, place])))
    frame = hidden.table("reclaim").frame
    assert "bob" not in to_json(hidden).decode()
    listed = dict(zip(frame["username"], frame["workspaces"], strict=True))
    assert listed[pseudonym("bob")].split(", ") == ["vision", "language", pseudonym("bob")]
    assert set(frame["days_since_use"].dropna()) == {61, 100}


RATES = (
    Rate("comet-chargeback", "licensed_users", Decimal(20), Decimal(1), "EUR"),
    Rate("comet-chargeback", "licensed_users", Decimal(29), Decimal(1), "EUR", date(2024, 9, 1)),
    Rate("comet-chargeback", "licensed_users", Decimal(99), Decimal(1), "EUR", date(2024, 11, 1)),
    Rate("comet-usage", "gpu_seconds", Decimal(1), Decimal(3600), "EUR"),
)


def test_inactive_licences_cost_what_the_rate_in_force_says_and_rows_sum_to_it():
    report = build(document(PEOPLE, PLACES), rates=RATES)
    figure = next(one for one in report.figures if one.key == "inactive_cost")
    assert (figure.value, figure.unit) == (Decimal(87), "EUR")
    assert "29 EUR a month for one licensed user since 2024-09-01" in figure.help
    keys = [one.key for one in report.figures]
    assert keys.index("inactive_cost") == keys.index("inactive_users") + 1
    table = report.table("reclaim")
    assert table.totals["inactive_cost"] == sum(filter(None, table.frame["inactive_cost"])) == 87
    assert dict(told(report, "inactive_cost"))["eve"] is None, "nobody knows whether it is used"
    places = report.table("reclaim_by_workspace")
    assert places.totals["inactive_cost"] == 87, "each user once"
    assert report.totals["inactive_cost"] == Decimal(87)
    assert report.totals["currency"] == "EUR"
    assert "Showback" in table.note


def test_a_price_for_several_users_is_split_to_the_tenth_digit():
    rate = Rate("comet-chargeback", "licensed_users", Decimal(100), Decimal(3), "USD")
    report = build(document(PEOPLE, PLACES), rates=[rate])
    assert report.totals["inactive_cost"] == Decimal("99.9999999999")


@pytest.mark.parametrize("rates", [(), RATES[3:], RATES[2:3]])
def test_without_a_rate_in_force_nothing_is_priced(rates):
    report = build(document(PEOPLE, PLACES), rates=rates)
    assert report.totals == build(document(PEOPLE, PLACES)).totals
    assert "inactive_cost" not in report.table("reclaim").frame
    assert "inactive_cost" not in [one.key for one in report.figures]


def test_the_change_of_the_cost_is_that_of_the_users_at_one_price():
    before = document(PEOPLE[:1], PLACES)
    report = build(document(PEOPLE, PLACES), before, rates=RATES)
    figures = {one.key: one for one in report.figures}
    users, cost = figures["inactive_users"].delta, figures["inactive_cost"].delta
    assert cost.change == users.change * 29
    assert cost.previous == users.previous * 29
    assert cost.percent == users.percent

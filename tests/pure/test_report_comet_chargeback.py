"""The chargeback report: what is counted, by which time, under which filter, and what is noted."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from lib.errors import InputError
from lib.exports.csv import to_csv
from lib.exports.formats import provenance
from lib.exports.json import to_json
from lib.exports.terminal import to_terminal
from lib.reports.report import Report
from tests.support.comet_reports import DAY, NOW, NOW_MS, build, document, member, user, workspace


def noted(report: Report, words: str) -> bool:
    return any(words in note for note in report.notes)


def figure(report: Report, key: str) -> Any:
    return next(one for one in report.figures if one.key == key)


def rows(report: Report, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(to_json(report))["tables"][table]
    return found


SEEN = NOW_MS - 10 * DAY
LONG_AGO = NOW_MS - 61 * DAY
PEOPLE = (
    user("ada", lastUsedAt=SEEN, suspended=False),
    user("bob", lastUsedAt=SEEN, suspended=True),
    user("cyd", lastUsedAt=SEEN, suspended=False, deletedAt=NOW_MS - DAY),
    user("dan", lastUsedAt=LONG_AGO, suspended=False),
    user("eve", lastUsedAt=None, suspended=True, deletedAt=NOW_MS - DAY),
)


def test_the_control_totals_come_first_and_under_their_names():
    assert [*build(document()).totals][:8] == [
        *("users", "suspended_users", "deleted_users", "active_users"),
        *("workspaces", "projects", "experiments", "total_size_mb"),
    ]


def test_flags_are_counted_as_the_server_sets_them():
    totals = build(document(PEOPLE)).totals
    assert (totals["users"], totals["suspended_users"], totals["deleted_users"]) == (5, 2, 2)
    assert totals["licensed_users"] == 2
    assert noted(
        build(document(PEOPLE)), "Both suspended and deleted, and in both numbers; users: 1."
    )


def test_suspended_and_deleted_users_are_not_active():
    report = build(document(PEOPLE))
    assert report.totals["active_users"] == 1
    assert figure(report, "active_users_percent").value == 50.0
    by_name = {row["username"]: row for row in rows(report, "users")}
    assert [name for name, row in by_name.items() if row["active"]] == ["ada"]
    assert by_name["eve"]["status"] == "suspended; deleted"


def test_nobody_suspended_is_zero_and_the_missing_field_is_noted():
    report = build(document([user()]))
    assert report.totals["suspended_users"] == 0
    assert noted(report, "The report does not say who is suspended")


@pytest.mark.parametrize(("days", "active"), [(60, True), (61, False), (0, True), (-1, False)])
def test_the_active_window_includes_both_ends(days, active):
    report = build(document([user(lastUsedAt=NOW_MS - days * DAY)]))
    assert report.totals["active_users"] == int(active)


EITHER = ("emLastUsedAt/opikLastUsedAt", "the later last use of EM and Opik")


@pytest.mark.parametrize(
    ("fields", "by", "words"),
    [
        ({"lastUsedAt": SEEN, "emLastUsedAt": LONG_AGO}, "lastUsedAt", "last use"),
        ({"opikLastUsedAt": SEEN, "emLastUsedAt": LONG_AGO}, *EITHER),
        ({"emLastUsedAt": SEEN, "uiUsageUpdateTs": LONG_AGO}, *EITHER),
        (
            {"uiUsageUpdateTs": 0, "sdkUsageUpdateTs": SEEN},
            "uiUsageUpdateTs/sdkUsageUpdateTs",
            "the later update of UI and SDK usage",
        ),
    ],
)
def test_the_best_time_of_last_use_decides_and_is_named_in_words(fields, by, words):
    report = build(document([user(**fields)]))
    assert report.totals["active_by"] == by
    assert report.totals["active_users"] == 1
    assert f"within 60 days by {words}." in figure(report, "active_users").help
    assert figure(report, "active_users").label == "Active users (60 days)"
    assert noted(report, f"Whether users are active is told by {words}")


def test_one_measure_holds_for_all_users():
    people = [user("ada", lastUsedAt=LONG_AGO), user("bob", uiUsageUpdateTs=SEEN)]
    assert build(document(people)).totals["active_users"] == 0


def test_without_any_time_of_use_nobody_knows_who_is_active():
    report = build(document([user()], [workspace()]))
    assert report.totals["active_users"] is None
    assert report.totals["active_workspaces"] is None
    assert "active_users" not in [chart.key for chart in report.charts]
    assert noted(report, "Not drawn")


def test_never_used_is_known_and_no_use():
    assert build(document([user(uiUsageUpdateTs=0)])).totals["active_users"] == 0


def test_new_users_are_counted_against_those_before():
    ages = (1, 7, 8, 9, 10, 11)
    people = [user(f"u{age}", created_at=NOW_MS - age * DAY) for age in ages]
    report = build(document(people))
    assert figure(report, "new_users").value == 2
    assert figure(report, "new_users_percent").value == 50.0


def test_growth_without_a_base_is_unknown():
    report = build(document([user(created_at=NOW_MS - DAY)]))
    assert figure(report, "new_users").value == 1
    assert figure(report, "new_users_percent").value is None


def test_both_spellings_of_creation_count():
    people = [user("a", created_at=None, createdAt=NOW_MS - DAY), user("b")]
    assert figure(build(document(people)), "new_users").value == 1


def test_a_workspace_is_as_old_as_its_oldest_member():
    people = [user("old"), user("new", created_at=NOW_MS - DAY)]
    places = [
        workspace("a", members=[member("new")]),
        workspace("b", members=[member("new"), member("old")]),
        workspace("c"),
    ]
    report = build(document(people, places))
    assert figure(report, "new_workspaces").value == 1
    assert figure(report, "new_workspaces_percent").value == 100.0
    assert noted(report, "new workspaces are a proxy")
    assert noted(report, "neither new nor old; workspaces: 1.")


def test_a_workspace_is_active_by_a_licensed_member():
    places = [workspace(name, members=[member(name)]) for name in ("ada", "bob", "cyd", "dan")]
    report = build(document(PEOPLE, places))
    assert report.totals["active_workspaces"] == 1
    assert figure(report, "active_workspaces_percent").value == 25.0


def test_a_file_ends_its_windows_when_the_server_made_it():
    report = build(document(PEOPLE), now=datetime(2026, 1, 1, tzinfo=UTC))
    assert report.totals["active_users"] == 1
    assert report.totals["windows_end"] == "2024-10-02T00:00:00Z"
    assert noted(report, "2024-10-02 00:00 UTC, the time the server made it")


def test_a_live_report_ends_its_windows_now():
    report = build(document(PEOPLE), now=datetime(2026, 1, 1, tzinfo=UTC), host="comet.test")
    assert report.totals["active_users"] == 0
    assert report.totals["windows_end"] == "2026-01-01T00:00:00Z"


def test_an_older_month_that_does_not_say_when_it_was_made_ends_with_the_month():
    given = document(PEOPLE, reportDate="2024-08", inner={"createdAt": None})
    report = build(given, host="comet.test", month="2024-08")
    assert report.totals["windows_end"] == "2024-08-31T23:59:59Z"


def test_levels_are_of_a_moment_and_of_no_period():
    report = build(document(PEOPLE, reportDate="2024-08"), host="comet.test", month="2024-08")
    assert report.period is None
    assert report.state_at == NOW
    assert dict(provenance(report))["State at"] == "2024-10-02 00:00 UTC"
    assert "Period" not in dict(provenance(report))
    assert report.file_name("csv") == "comet-chargeback_2024-10-02.csv"
    assert json.loads(to_json(report))["state_at"] == "2024-10-02T00:00:00Z"


def test_a_list_that_is_not_there_is_unknown_and_an_empty_one_is_zero():
    empty, without = document(), document()
    del without["workspaces"]
    assert build(empty).totals["workspaces"] == 0
    assert build(empty).totals["total_size_mb"] == 0
    assert build(without).totals["workspaces"] is None
    assert build(without).totals["total_size_mb"] is None
    del empty["users"]
    assert build(empty).totals["users"] is None
    assert build(empty).totals["active_users"] is None


def test_the_servers_number_of_users_is_noted_where_it_differs():
    report = build(document([user()], inner={"numberOfUsers": 7}))
    assert report.totals["users"] == 1
    assert noted(report, "counts 7 users, and lists 1")
    assert not noted(build(document([user()], inner={"numberOfUsers": 1})), "The server says")


def test_sizes_are_added_up_exactly():
    places = [workspace(str(at), totalSizeInMb=0.1) for at in range(10)]
    assert build(document([], places)).totals["total_size_mb"] == Decimal("1.0")


def test_counts_are_added_up_beyond_64_bits():
    places = [workspace(name, numberOfExperiments=2**62) for name in "abc"]
    assert build(document([], places)).totals["experiments"] == 3 * 2**62


def test_a_size_that_is_missing_marks_the_total():
    report = build(
        document([], [workspace("a", totalSizeInMb=2.5), workspace("b", totalSizeInMb=None)])
    )
    assert figure(report, "total_size_mb").value == Decimal("2.5")
    assert figure(report, "total_size_mb").incomplete
    assert not figure(report, "experiments").incomplete
    assert noted(report, "workspaces that do not: 1.")


def test_a_bare_number_of_projects_counts():
    report = build(
        document([], [workspace("a", projects=4), workspace("b", projects=[{"name": "p"}])])
    )
    assert report.totals["projects"] == 5


def test_sums_that_differ_are_noted_and_not_corrected():
    parts = {"members": [member("ada", numberOfExperiments=70, totalSizeInMb=4.0)]}
    facts = {"numberOfMembers": 2, "numberOfExperiments": 120, "totalSizeInMb": 5.5}
    report = build(document([user()], [workspace("vision", **facts, **parts)]))
    assert report.totals["experiments"] == 120
    assert noted(report, "The members listed do not add up")
    assert noted(report, "in 1 workspace; the largest difference is -50, in vision.")
    assert noted(report, "the largest difference is -1.5 MB, in vision.")
    assert not noted(report, "of projects do not add up")


def test_sums_that_agree_are_not_noted():
    parts = {"projects": [{"name": "p", "numberOfExperiments": 3, "totalSizeInMb": 0.3}]}
    report = build(document([], [workspace(numberOfExperiments=3, totalSizeInMb=0.3, **parts)]))
    assert not noted(report, "do not add up")


def test_records_listed_twice_are_counted_and_noted():
    places = [workspace("a", members=[member("ada"), member("ada")])]
    report = build(document([user(), user()], places))
    assert report.totals["users"] == 2
    assert noted(report, "1 names stand more than once among the users")
    assert noted(report, "counted each time; members: 1.")


SCOPED = document(
    [user("ada"), user("bob"), user("sa-nightly")],
    [
        workspace("vision", numberOfExperiments=5, members=[member("ada"), member("sa-nightly")]),
        workspace("nlp", numberOfExperiments=7, members=[member("bob")]),
        workspace("Ada-Personal", numberOfExperiments=9, members=[member("ada")]),
    ],
)


def test_chosen_workspaces_bring_their_members_only():
    report = build(SCOPED, workspaces=["vision"])
    assert (report.totals["users"], report.totals["experiments"]) == (2, 5)
    assert {row["workspace"] for row in rows(report, "members")} == {"vision"}
    assert noted(report, "stay those of the whole organisation")


def test_a_pattern_leaves_workspaces_out_whatever_their_case():
    report = build(SCOPED, exclude="*-personal")
    assert (report.totals["workspaces"], report.totals["experiments"]) == (2, 12)
    assert report.totals["users"] == 3


@pytest.mark.parametrize(("accounts", "users"), [("personal", 2), ("service", 1), ("both", 3)])
def test_accounts_are_those_of_people_or_of_programs(accounts, users):
    report = build(SCOPED, accounts=accounts, service=frozenset({"sa-nightly"}))
    assert report.totals["users"] == users
    assert report.totals["experiments"] == 21


def test_without_the_servers_list_names_tell_accounts_apart():
    report = build(SCOPED, service=None)
    assert report.totals["service_accounts"] == 1
    assert noted(report, "The server did not say which accounts are programs.")
    assert build(SCOPED, service=frozenset()).totals["service_accounts"] == 0


def test_an_unknown_workspace_is_refused_with_near_names():
    with pytest.raises(InputError, match="Did you mean 'vision'"):
        build(SCOPED, workspaces=["Visoin"])
    with pytest.raises(InputError, match="upper and lower case"):
        build(SCOPED, workspaces=["zzz"])


def test_json_has_the_servers_milliseconds_and_people_see_utc():
    report = build(document([user(lastUsedAt=1_727_000_000_123, uiUsageUpdateTs=0)]))
    (row,) = rows(report, "users")
    assert (row["lastUsedAt"], row["uiUsageUpdateTs"]) == (1_727_000_000_123, 0)
    assert b"2024-09-22T10:13:20.123" in to_csv(report, "users", "excel")
    assert b",1727000000123," in to_csv(report, "users", "machine")
    text = to_terminal(report, width=None, colour=False)
    assert "2024-09-22 10:13 UTC" in text
    assert "1727000000123" not in text
    assert "1970" not in text


def test_fields_nobody_documented_keep_their_names_and_are_in_no_total():
    report = build(document([user(seats=3, status="odd")]))
    (row,) = rows(report, "users")
    assert row["seats"] == 3
    assert row["status"] == "licensed"
    assert row["comet_status"] == "odd"
    assert "seats" not in (report.table("users").totals or {})


def test_platforms_are_drawn_only_where_opik_is_known():
    def keys(report: Report) -> list[str]:
        return [chart.key for chart in report.charts]

    people = [user("a", experimentCount=3), user("b", experimentCount=0, opikSpanCount=9)]
    report = build(document(people))
    assert "platforms_of_users" in keys(report)
    sentence = next(one.alt for one in report.charts if one.key == "platforms_of_users")
    assert "EM only 1, Opik only 1, both 0, neither 0" in sentence
    assert "platforms_of_users" not in keys(build(document([user(experimentCount=3)])))


def test_charts_say_what_they_show():
    people = [
        user("ada", uiUsageCount=10, sdkUsageCount=90),
        user("bob", deletedAt=NOW_MS - DAY, created_at=NOW_MS - 40 * DAY),
    ]
    places = [workspace(str(at), totalSizeInMb=float(at)) for at in range(1, 13)]
    alts = {chart.key: chart.alt for chart in build(document(people, places)).charts}
    assert "12 is largest with 12.0 MB, 15 % of 78.0 MB in all" in alts["size_by_workspace"]
    assert "the largest 10 of 12 hold 96 %" in alts["size_by_workspace"]
    assert "2 created and 1 deleted" in alts["users_per_month"]
    assert "ada leads with 100 interactions (10 UI, 90 SDK)" in alts["ui_and_sdk_usage"]


def test_a_source_in_trouble_marks_every_figure():
    assert all(one.incomplete for one in build(document([user()]), status="partial").figures)
    assert not any(one.incomplete for one in build(document([user()])).figures)

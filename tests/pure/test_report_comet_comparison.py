"""Two chargeback reports side by side: like for like, each way round, and empty against itself."""

import json
from decimal import Decimal
from typing import Any

from hypothesis import Phase, given, settings

from lib.exports.json import to_json
from lib.reports.report import Report
from tests.support.comet_reports import (
    DAY,
    NOW_MS,
    build,
    document,
    documents,
    member,
    user,
    workspace,
)
from tests.support.profiles import examples

# Shrinking would build thousands of reports; the document that failed is printed as it is
quick = settings(examples(25), phases=[Phase.explicit, Phase.generate])

Change = dict[str, Any]


def changes(report: Report) -> list[Change]:
    found: list[Change] = json.loads(to_json(report))["tables"]["changes"]
    return found


def delta(report: Report, key: str) -> Any:
    return next(one.delta for one in report.figures if one.key == key)


def noted(report: Report, words: str) -> bool:
    return any(words in note for note in report.notes)


BEFORE = document(
    [user("ada", uiUsageCount=3, suspended=False), user("bob", suspended=False)],
    [
        workspace("vision", totalSizeInMb=10.1, numberOfExperiments=5),
        workspace("gone", totalSizeInMb=1.5),
        workspace("same", projects=[{"name": "p", "totalSizeInMb": 1.0}]),
    ],
    reportDate="2024-08",
)
AFTER = document(
    [user("ada", uiUsageCount=8, suspended=True), user("cyd", suspended=False)],
    [
        workspace("vision", totalSizeInMb=10.3, numberOfExperiments=4),
        workspace("fresh", totalSizeInMb=2.0),
        workspace("same", projects=[{"name": "p", "totalSizeInMb": 3.0}]),
    ],
)


def test_there_is_no_table_of_changes_without_an_earlier_report():
    assert "changes" not in [table.key for table in build(AFTER).tables]


def test_new_gone_and_changed_are_told_with_their_differences():
    rows = changes(build(AFTER, BEFORE))
    found = {(row["kind"], row["name"] or row["user"]): row for row in rows}
    assert {key: row["change"] for key, row in found.items()} == {
        ("workspace", "vision"): "changed",
        ("workspace", "gone"): "gone",
        ("workspace", "fresh"): "new",
        ("project", "p"): "changed",
        ("user", "ada"): "changed",
        ("user", "bob"): "gone",
        ("user", "cyd"): "new",
    }
    vision = found["workspace", "vision"]
    assert vision["fields"] == "totalSizeInMb, numberOfExperiments"
    assert (vision["size_mb_before"], vision["size_mb_after"]) == ("10.1", "10.3")
    assert (vision["size_mb_difference"], vision["experiments_difference"]) == ("0.2", -1)
    assert found["workspace", "gone"]["size_mb_difference"] == "-1.5"
    assert found["workspace", "fresh"]["size_mb_before"] is None
    assert found["project", "p"]["workspace"] == "same"
    ada = found["user", "ada"]
    assert (ada["status_before"], ada["status_after"]) == ("licensed", "suspended")
    assert ada["ui_usage_difference"] == 5


def test_figures_carry_the_change_and_what_it_is_against():
    report = build(AFTER, BEFORE)
    assert delta(report, "total_size_mb").change == delta(report, "total_size_mb").previous * 0 + (
        report.totals["total_size_mb"] - delta(report, "total_size_mb").previous
    )
    assert str(delta(report, "total_size_mb").change) == "0.7"
    assert delta(report, "users").change == 0
    assert delta(report, "suspended_users").percent is None
    assert delta(report, "users").against == "2024-08"
    assert noted(report, "Workspaces: 1 new, 1 gone, 1 changed.")


def test_a_field_that_only_one_report_has_is_not_compared():
    before = document([user("ada", uiUsageCount=3)], [workspace("vision")])
    after = document([user("ada", uiUsageCount=3, experimentCount=9)], [workspace("vision")])
    report = build(after, before)
    assert changes(report) == []
    assert noted(report, "only one of the reports has it: experiments of users")


def test_a_list_that_only_one_report_has_is_not_compared():
    report = build(document([user()], [workspace()]), document([user()]))
    assert changes(report) == []
    assert noted(report, "Workspaces are not compared: only one of the reports lists any.")


def test_activity_by_another_measure_is_not_compared():
    seen = NOW_MS - DAY
    report = build(document([user(lastUsedAt=seen)]), document([user(uiUsageUpdateTs=seen)]))
    assert delta(report, "active_users") is None
    assert delta(report, "users").change == 0
    assert noted(report, "No change is shown where the two reports count differently: Active users")


def test_what_was_renamed_is_gone_and_new():
    rows = changes(build(document([], [workspace("b")]), document([], [workspace("a")])))
    assert [(row["name"], row["change"]) for row in rows] == [("a", "gone"), ("b", "new")]


def test_filters_apply_to_both_reports():
    report = build(AFTER, BEFORE, workspaces=["vision"])
    assert {(row["kind"], row["name"]) for row in changes(report)} == {("workspace", "vision")}
    assert delta(report, "workspaces").previous == 1


def test_a_workspace_that_only_the_earlier_report_has_may_be_chosen():
    rows = changes(build(AFTER, BEFORE, workspaces=["gone"]))
    assert [(row["name"], row["change"]) for row in rows] == [("gone", "gone")]


def test_a_member_who_left_the_chosen_workspace_is_gone_from_the_selection():
    before = document([user("ada")], [workspace("vision", members=[member("ada")])])
    after = document([user("ada")], [workspace("vision")])
    rows = changes(build(after, before, workspaces=["vision"]))
    assert [(row["kind"], row["user"], row["change"]) for row in rows] == [("user", "ada", "gone")]


def test_a_younger_report_to_compare_with_is_noted():
    older = document([user()], inner={"createdAt": NOW_MS - 30 * DAY})
    assert noted(build(older, document([user()])), "the younger one")
    assert not noted(build(document([user()]), older), "the younger one")


@quick
@given(documents)
def test_a_report_compared_with_itself_has_no_changes(made):
    report = build(made, made)
    assert changes(report) == []
    assert all(one.delta is None or one.delta.change == 0 for one in report.figures)


@quick
@given(documents, documents)
def test_a_comparison_is_the_mirror_of_the_other_way_round(one, other):
    there, back = changes(build(other, one)), changes(build(one, other))
    assert sorted(map(_mirrored, there)) == sorted(map(_written, back))


def _written(row: Change) -> str:
    return json.dumps(row, sort_keys=True)


def _mirrored(row: Change) -> str:
    swapped = {"new": "gone", "gone": "new", "changed": "changed"}
    mirrored = {}
    for key, value in row.items():
        if key.endswith("_before"):
            mirrored[key.replace("_before", "_after")] = value
        elif key.endswith("_after"):
            mirrored[key.replace("_after", "_before")] = value
        elif key.endswith("_difference"):
            mirrored[key] = _negative(value)
        else:
            mirrored[key] = value
    return _written(mirrored | {"change": swapped[row["change"]]})


def _negative(value: Any) -> Any:
    if isinstance(value, str):
        return value if float(value) == 0 else value[1:] if value[0] == "-" else f"-{value}"
    return None if value is None else -value


@quick
@given(documents, documents)
def test_differences_add_up_to_the_change_of_the_total(one, other):
    report = build(other, one)
    rows = changes(report)
    for key, amount in (("experiments", "experiments"), ("projects", "projects")):
        change = delta(report, key)
        cells = [row.get(f"{amount}_difference") for row in rows if row["kind"] == "workspace"]
        if change is not None and cells and None not in cells:
            assert sum(cells) == change.change


def test_each_share_and_each_new_user_has_a_change_and_shares_change_in_points():
    seen = NOW_MS - 5 * DAY
    before = document(
        [user("ada", lastUsedAt=seen), user("bob", lastUsedAt=NOW_MS - 300 * DAY)],
        [workspace("vision")],
    )
    after = document(
        [user("ada", lastUsedAt=seen), user("cyd", lastUsedAt=seen, created_at=NOW_MS - DAY)],
        [workspace("vision")],
    )
    report = build(after, before)
    share = delta(report, "active_users_percent")
    assert (share.previous, share.change, share.percent) == (50.0, 50.0, None)
    assert delta(report, "inactive_users_percent").change == -50.0
    assert delta(report, "new_users").change == 1
    told = [one.key for one in report.figures if one.value is not None and one.delta is None]
    assert told == []


def test_every_table_of_amounts_says_what_was_before_and_its_rows_sum_to_the_change():
    report = build(AFTER, BEFORE)
    places = report.table("workspaces")
    rows = {row["name"]: row for row in places.frame.to_dict("records")}
    assert rows["vision"]["totalSizeInMb_previous"] == Decimal("10.1")
    assert rows["vision"]["totalSizeInMb_change"] == Decimal("0.2")
    assert rows["gone"]["totalSizeInMb_change"] == Decimal("-1.5")
    assert (rows["gone"]["compared"], rows["fresh"]["compared"]) == ("gone", "new")
    changes_of_rows = sum(row["totalSizeInMb_change"] for row in rows.values())
    assert places.totals["totalSizeInMb_change"] == changes_of_rows == Decimal("0.7")
    people = {row["username"]: row for row in report.table("users").frame.to_dict("records")}
    assert people["ada"]["uiUsageCount_change"] == 5
    assert "totalSizeInMb_change" in report.table("projects").frame
    assert "licensed_change" in report.table("reclaim_by_workspace").frame
    assert "inactive_change" not in report.table("reclaim_by_workspace").frame  # nobody tells


def test_rows_of_one_name_are_not_compared_and_the_notes_name_the_table():
    twins = document([user("ada"), user("ada")], [workspace("vision", totalSizeInMb=1.0)])
    report = build(twins, document([user("ada")], [workspace("vision", totalSizeInMb=2.0)]))
    assert "compared" not in report.table("users").frame
    assert noted(report, "Several rows have one name, so none is compared in: Users.")
    assert "compared" in report.table("workspaces").frame


def test_a_total_that_lacks_a_part_is_not_compared_while_its_rows_are():
    before = document([], [workspace("a", totalSizeInMb=1.0), workspace("b", totalSizeInMb=None)])
    after = document([], [workspace("a", totalSizeInMb=4.0), workspace("b", totalSizeInMb=2.0)])
    table = build(after, before).table("workspaces")
    assert table.totals["totalSizeInMb_change"] is None
    rows = {row["name"]: row["totalSizeInMb_change"] for row in table.frame.to_dict("records")}
    assert rows == {"a": Decimal("3.0"), "b": None}


def test_bars_of_sizes_have_a_mark_where_they_were():
    spec = next(one for one in build(AFTER, BEFORE).charts if one.key == "size_by_workspace")
    assert [*spec.chart.before.itertuples(index=False, name=None)] == [("vision", 10.1)]
    assert "The grey marks are 2024-08." in spec.sentence
    alone = next(one for one in build(AFTER).charts if one.key == "size_by_workspace")
    assert alone.chart.before is None


def test_what_changed_stands_first_with_the_workspace_that_grew_most_on_top():
    report = build(AFTER, BEFORE)
    assert report.tables[0].key == "changes"
    assert changes(report)[0]["name"] == "fresh"

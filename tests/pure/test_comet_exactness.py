"""Chargeback numbers of any size and sign: sums and sentences are exact, shares only where there can be some."""

import pytest

from lib.exports.csv import to_csv
from lib.exports.formats import heading
from lib.exports.json import to_json
from lib.exports.terminal import to_terminal
from lib.reports.report import Report
from tests.support.comet_reports import NOW_MS, build, document, member, user, workspace

LARGEST = 2**63 - 1


def alt(report: Report, key: str) -> str:
    return next(chart.alt for chart in report.charts if chart.key == key)


def test_the_creation_of_a_workspace_is_the_exact_time_of_its_oldest_member() -> None:
    created = 4_102_444_799_999
    people = [user("ada", created_at=created), user("bob", created_at=LARGEST)]
    places = [
        workspace("a", members=[member("ada"), member("bob")]),
        workspace("b", members=[member("bob")]),
        workspace("c"),
        workspace("d", members=[member("stranger")]),
    ]
    frame = build(document(people, places)).table("workspaces").frame
    known = dict(zip(frame["name"], frame["created_proxy"], strict=True))
    assert known["a"] == created
    assert frame["created_proxy"].notna().sum() == 1


def test_sentences_of_charts_keep_every_digit() -> None:
    people = [user("ada", uiUsageCount=LARGEST, sdkUsageCount=LARGEST)]
    report = build(document(people, [workspace("vision")]))
    assert f"leads with {2 * LARGEST:,} interactions" in alt(report, "ui_and_sdk_usage")
    assert f"of the {2 * LARGEST:,} of all users" in alt(report, "ui_and_sdk_usage")


@pytest.mark.parametrize("sizes", [(-20, 10), (0, 0), (30, -10)])
def test_sizes_that_make_no_whole_have_no_shares(sizes: tuple[int, int]) -> None:
    places = [workspace(str(size), totalSizeInMb=size) for size in sizes]
    report = build(document([], places))
    assert report.table("workspaces").frame["size_percent"].isna().all()
    assert all("%" not in chart.alt for chart in report.charts if chart.key.startswith("size"))


def test_shares_are_of_what_is_known() -> None:
    places = [workspace("a", totalSizeInMb=30), workspace("b", totalSizeInMb=10)]
    frame = build(document([], places)).table("workspaces").frame
    assert frame["size_percent"].tolist() == [75.0, 25.0]


def test_a_comparison_of_the_largest_numbers_is_exact_in_every_file() -> None:
    before = document([user(uiUsageCount=-LARGEST)], [workspace("a", totalSizeInMb=1e30)])
    after = document([user(uiUsageCount=LARGEST)], [workspace("a", totalSizeInMb=1)])
    report = build(after, before)
    assert str(2 * LARGEST).encode() in to_csv(report, "changes", "machine")
    assert str(2 * LARGEST).encode() in to_json(report)
    assert f"{2 * LARGEST:,}" in to_terminal(report, width=None, colour=False)


def test_a_heading_says_its_unit_once() -> None:
    assert heading("GPU time", "hours") == "GPU time (hours)"
    assert heading("GPU hours", "hours") == "GPU hours"
    assert heading("Wishes", "s") == "Wishes (s)"
    assert heading("Size", "MB") == "Size", "its cells say it"
    assert heading("Cost", "USD") == "Cost", "its cells say it"
    assert heading("Users", "") == "Users"


def test_a_time_after_the_report_is_no_use_within_the_window() -> None:
    report = build(document([user(lastUsedAt=NOW_MS + 1)]))
    assert report.totals["active_users"] == 0

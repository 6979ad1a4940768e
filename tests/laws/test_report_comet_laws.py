"""The laws of the chargeback report: parts sum to what the server gave, and every rendering holds hostile names."""

import csv
import io
import json
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from lib.exports.csv import to_csv
from lib.exports.json import to_json
from lib.exports.pdf import to_pdf
from lib.exports.terminal import to_terminal
from tests.support.comet_reports import NOW_MS, build, document, documents, user, workspace
from tests.support.profiles import examples
from tests.support.report_strategies import HOSTILE

# Shrinking would build thousands of reports; the document that failed is printed as it is
quick = settings(examples(25), phases=[Phase.explicit, Phase.generate])
slow = settings(examples(8), phases=[Phase.explicit, Phase.generate])

USES = ("never seen", "inactive", "unknown")
ACCOUNTS = st.sampled_from([None, frozenset(), frozenset({"ada"})])


def sent(made, table, key):
    """All values of a field of a document, worked out apart from the code under test."""
    places = made["workspaces"]
    records = {
        "users": made["users"]["licensedUsers"],
        "workspaces": places,
        "members": [one for place in places for one in place.get("members", [])],
        "projects": [one for place in places for one in place.get("projects", [])],
    }[table]
    values = [record.get(key) for record in records]
    return [value for value in values if value is not None]


def added(values):
    return sum(Decimal(str(value)) for value in values) if values else None


@quick
@given(documents, ACCOUNTS)
def test_totals_are_the_sums_of_what_the_server_gave(made, service):
    report = build(made, service=service)
    totals = report.totals
    people = made["users"]["licensedUsers"]
    assert totals["users"] == len(people)
    assert totals["suspended_users"] == sum(bool(one.get("suspended")) for one in people)
    assert totals["deleted_users"] == sum(bool(one.get("deletedAt")) for one in people)
    assert totals["workspaces"] == len(made["workspaces"])
    none = 0 if not made["workspaces"] else None
    for key, field in (("experiments", "numberOfExperiments"), ("total_size_mb", "totalSizeInMb")):
        found = added(sent(made, "workspaces", field))
        assert totals[key] == (none if found is None else found)
    kept = totals["users"] - totals["deleted_users"]
    assert totals["personal_accounts"] + totals["service_accounts"] == kept


@quick
@given(documents)
def test_users_and_workspaces_at_once_hold_what_the_members_hold(made):
    report = build(made)
    members = report.table("members")
    sizes = members.frame["totalSizeInMb"].notna().any()
    key = "totalSizeInMb" if sizes else "numberOfExperiments"
    if "user_by_workspace" not in {table.key for table in report.tables}:
        assert not members.frame[key].notna().any(), "there is something to cross"
        return
    crossed = report.table("user_by_workspace")
    assert crossed.totals["total"] == members.totals[key]
    held = list(members.frame[["userName", "workspace", key]].itertuples(index=False))
    for row in crossed.frame.itertuples(index=False):
        own = [one[2] for one in held if none(one[0]) == none(row.userName)]
        assert none(row.total) == summed(own)
    named = [column for column in crossed.columns if column.json_path]
    for column in named:
        own = [one[2] for one in held if none(one[1]) == column.json_path[-1]]
        assert none(crossed.totals[column.key]) == summed(own)


def none(value):
    return None if pd.isna(value) else value


def summed(values):
    known = [value for value in values if not pd.isna(value)]
    # Integers of a frame are numpy's, whose sums overflow
    return (
        sum(int(value) if isinstance(value, np.integer) else value for value in known)
        if known
        else None
    )


@quick
@given(documents)
def test_the_totals_of_tables_are_those_of_their_records(made):
    report = build(made)
    for name in ("users", "workspaces", "members", "projects"):
        table = report.table(name)
        for key, total in (table.totals or {}).items():
            if key == "numberOfProjects":
                continue
            found = added(sent(made, table.key, key))
            assert (total if total is None else Decimal(total)) == found


@pytest.mark.dear
@slow
@given(documents)
def test_accounts_and_workspaces_split_the_report_without_loss(made):
    report = build(made)
    whole = report.totals
    parts = [build(made, accounts=one).totals for one in ("personal", "service")]
    for key in ("users", "suspended_users", "deleted_users", "licensed_users", "new_users"):
        known = [part[key] for part in parts if part[key] is not None]
        assert sum(known) == (whole[key] or 0)
    names = [str(name) for name in report.table("workspaces").frame["name"].dropna().unique()]
    assume(all(map(str.strip, names)))  # a workspace whose name is blank cannot be asked for
    each = [build(made, workspaces=[name]).totals for name in names]
    for key in ("workspaces", "projects"):
        assert sum(part[key] or 0 for part in each) == (whole[key] or 0)


@quick
@given(documents, st.sampled_from(["1d", "60d", "1y"]))
def test_inactive_active_and_unknown_are_all_licensed_users(made, window):
    report = build(made, active_window=window)
    totals = report.totals
    rows = json.loads(to_json(report))["tables"]["reclaim"]
    number = {use: sum(row["use"] == use for row in rows) for use in USES}
    assert len(rows) == sum(number.values())
    assert totals["unknown_use_users"] == number["unknown"]
    (card,) = [figure.value for figure in report.figures if figure.key == "inactive_users"]
    whole = report.table("reclaim").totals["reclaimable"]
    assert whole == card == report.table("reclaim_by_workspace").totals["inactive"]
    ones = [row["reclaimable"] for row in rows]
    assert sum(ones) == whole if whole is not None else {*ones} <= {None}
    if totals["active_by"] is None:
        assert (totals["inactive_users"], totals["never_seen_users"]) == (None, None)
        assert number["unknown"] == totals["licensed_users"]
        return
    assert totals["inactive_users"] == number["inactive"] + number["never seen"]
    assert totals["never_seen_users"] == number["never seen"]
    parts = ("inactive_users", "active_users", "unknown_use_users")
    assert sum(totals[key] for key in parts) == totals["licensed_users"]
    for row in rows:
        assert (row["days_since_use"] is None) == (row["use"] != "inactive")
        assert (row["days_since_use"] or 400) >= {"1d": 1, "60d": 60, "1y": 365}[window]


@quick
@given(documents)
def test_by_workspace_no_user_is_lost_and_totals_count_each_once(made):
    report = build(made)
    members = {}
    for place in made["workspaces"]:
        for one in place.get("members", []):
            members.setdefault(one.get("userName"), set()).add(place["name"])
    table = report.table("reclaim_by_workspace")
    licensed = {
        place: sum(
            not one.get("suspended") and not one.get("deletedAt")
            for one in made["users"]["licensedUsers"]
            if place in members.get(one["username"], {None})
        )
        for place in (None, *(place["name"] for place in made["workspaces"]))
    }
    rows = json.loads(to_json(report))["tables"]["reclaim_by_workspace"]
    counted = {row["workspace"]: row["licensed"] for row in rows}
    clean = {
        name and name.encode("utf-16", "surrogatepass").decode("utf-16", "replace"): count
        for name, count in licensed.items()
    }
    assert {name: count for name, count in counted.items() if count} == {
        name: count for name, count in clean.items() if count
    }
    assert table.totals["licensed"] == report.totals["licensed_users"]
    assert table.totals["inactive"] == report.totals["inactive_users"]
    for row in rows:
        if row["inactive"] is not None:
            assert row["active"] + row["inactive"] + row["unknown"] == row["licensed"]
            share = row["inactive"] * 100 / row["licensed"] if row["licensed"] else None
            assert row["inactive_percent"] == (share if share is None else pytest.approx(share))


@quick
@given(documents)
def test_json_keeps_every_millisecond_and_spreadsheets_get_times(made):
    report = build(made)
    rows = json.loads(to_json(report))["tables"]["users"]
    assert sorted(row["lastUsedAt"] for row in rows if row["lastUsedAt"] is not None) == sorted(
        sent(made, "users", "lastUsedAt")
    )
    lines = list(csv.DictReader(io.StringIO(to_csv(report, "users", "excel").decode("utf-8-sig"))))
    seen = [line["lastUsedAt"] for line in lines if line["lastUsedAt"]]
    assert all(text.endswith("Z") for text in seen)
    assert len(seen) == sum(value != 0 for value in sent(made, "users", "lastUsedAt"))


@pytest.mark.dear
def test_hostile_names_reach_every_rendering_whole():
    made = document(
        [user(name, lastUsedAt=NOW_MS, uiUsageCount=1) for name in HOSTILE],
        [workspace(name, totalSizeInMb=1.5) for name in HOSTILE],
    )
    report = build(made, document([user("=1+1")], [workspace("=1+1")]))
    names = [row["username"] for row in json.loads(to_json(report))["tables"]["users"]]
    clean = [name.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for name in HOSTILE]
    assert sorted(names) == sorted(clean)
    assert to_pdf(report).startswith(b"%PDF")
    assert "=1+1" in to_terminal(report, width=None, colour=False)

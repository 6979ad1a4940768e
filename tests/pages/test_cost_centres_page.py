"""The page of cost centres: one of them in a month, to whom it may be shown, and the rules edited in place."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from lib.access.audit import trail
from lib.allocation.rule_set import RuleSet
from lib.exports.json import to_json
from lib.ledger.rule_sets import published, versions
from lib.ledger.store import Ledger
from tests.support.cost_centres import RULES, come_as, configured, fill, with_owner
from tests.support.pages import (
    everything,
    figures,
    grid_of,
    open_link,
    press,
    row_of,
    select,
    texts,
)
from tests.support.spending import let_count

OTHERS = ("Risk", "4712", "Marketing", "4713", "Unallocated", "newcomer")
"""Of the rules and the month, all that does not belong to Customer Care; it pays a share of the platform team."""


@pytest.fixture
def audit(no_settings: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The audit trail, which is closed at the end."""
    file = tmp_path / "audit.jsonl"
    monkeypatch.setenv("DASHBOARD_AUDIT", str(file))
    yield file
    trail(str(file)).close()
    trail.cache_clear()


@pytest.fixture
def kept(no_settings: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ledger:
    return configured(tmp_path, monkeypatch)


def centres(at: AppTest) -> list[str]:
    return list(at.selectbox(key="ccs_centre").options)


def said(at: AppTest) -> str:
    return texts([*at.info, *at.warning, *at.error])


def edited(at: AppTest, table: str, **edits: Any) -> AppTest:
    """The page after somebody typed into the editor of a table."""
    (editor,) = [one for one in at.data_editor if f"_edit_{table}_" in str(one.key)]
    state = {"edited_rows": {}, "added_rows": [], "deleted_rows": []} | edits
    at.session_state[str(editor.key)] = state
    return at.run()


def publish_button(at: AppTest) -> Any:
    return next(button for button in at.button if button.label == "Publish")


def with_reason(at: AppTest, reason: str) -> AppTest:
    (field,) = [one for one in at.text_input if one.label == "Reason"]
    return field.set_value(reason).run()


def editor(**link: str) -> AppTest:
    return open_link("cost_centres", ccs_show="rules", **link).run()


def of_newcomer(centre: str = "4713") -> dict[str, str]:
    row = {"priority": "30", "platform": "openai", "field": "sub_account"}
    return row | {"pattern": "newcomer", "cost_centre": centre}


def test_an_empty_ledger_says_how_it_is_filled(kept: Ledger) -> None:
    at = open_link("cost_centres")
    assert "Nothing is kept yet" in texts(at.info)
    assert not at.metric


@pytest.mark.parametrize("centre", ["4711", "4712", "4713", "pool", "unallocated"])
def test_figures_are_those_of_the_row_in_the_overview(kept: Ledger, centre: str) -> None:
    fill(kept)
    report = open_link("overview").session_state["ovr_shown"].report
    frame = report.table("by_cost_centre").frame
    (row,) = frame[frame["cost_centre"].fillna("unallocated") == centre].to_dict("records")
    at = open_link("cost_centres", ccs_centre=centre)
    own = at.session_state["ccs_shown"].report.totals
    kinds = ("billed", "shared", "allocated", "rated", "budget", "projection")
    assert {kind: own[kind] for kind in kinds} == {kind: row[kind] for kind in kinds}
    assert figures(at)["Owed"] == f"${row['allocated']:.2f}"
    assert at.selectbox(key="ccs_centre").value == centre
    assert not at.error


@pytest.mark.parametrize("centre", ["4799", "<b>", "*"])
def test_an_unknown_cost_centre_of_a_link_is_named(kept: Ledger, centre: str) -> None:
    fill(kept)
    at = open_link("cost_centres", ccs_centre=centre)
    assert "Cost centre: it is unknown, or not yours to see." in said(at)
    assert at.selectbox(key="ccs_centre").value == "4711"


def test_who_owes_nothing_is_shown_0_and_no_button_that_leads_nowhere(kept: Ledger) -> None:
    fill(kept)
    at = open_link("cost_centres", ccs_centre="4713", ccs_month="2026-09")
    assert "No usage in this selection" in texts(at.info)
    assert not [button for button in at.button if button.label.startswith("Show ")]
    assert at.session_state["ccs_shown"].report.totals["allocated"] == 0


@pytest.mark.parametrize(
    ("owner", "email", "groups"),
    [
        ("ann@company.com", "ann@company.com", ()),
        ("Ann@Company.COM", "ann@company.com", ()),
        ("zoe@company.com; ann@company.com", "ann@company.com", ()),
        ("group:CareTeam", "ann@company.com", ("careteam",)),
        ("group:careteam", "ann@company.com", ("other", "CareTeam")),
    ],
)
def test_an_owner_sees_what_is_his_and_nothing_else(
    kept: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    owner: str,
    email: str,
    groups: tuple[str, ...],
) -> None:
    fill(kept, with_owner(owner))
    come_as(monkeypatch, "viewer", email, *groups)
    at = open_link("cost_centres")
    assert centres(at) == ["Customer Care"]
    assert figures(at)["Owed"] == "$44.00"
    sent = everything(at)
    assert [word for word in OTHERS if word in sent] == []


@pytest.mark.parametrize("month", ["2026-10", "2026-09"])
@pytest.mark.parametrize("centre", ["4712", "4713", "pool", "unallocated", "4799"])
def test_a_crafted_link_shows_an_owner_his_own_only(
    kept: Ledger, monkeypatch: pytest.MonkeyPatch, centre: str, month: str
) -> None:
    fill(kept)
    come_as(monkeypatch, "viewer", "ann@company.com")
    link = {"ccs_centre": centre, "ccs_month": month, "ccs_centre_kept": centre}
    at = open_link("cost_centres", **link)
    assert "Cost centre: it is unknown, or not yours to see." in said(at)
    assert at.selectbox(key="ccs_centre").value == "4711"
    report = at.session_state["ccs_shown"].report
    assert report.filters["cost_centre"] == "4711"
    assert set(report.table("lines").frame["cost_centre"]) == {"4711"}
    others = {*OTHERS} - {centre}
    assert [word for word in others if word in everything(at)] == []


def test_an_owner_gets_neither_the_rules_nor_a_way_to_them(
    kept: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(kept)
    come_as(monkeypatch, "viewer", "ann@company.com")
    at = open_link("cost_centres", ccs_show="rules").run()
    assert not at.data_editor
    assert not [button for button in at.button if button.label in ("Publish", "Discard draft")]
    assert figures(at)["Owed"] == "$44.00"
    at.session_state["ccs_show"] = "rules"
    assert not at.run().data_editor


def test_an_owner_learns_no_other_cost_centre_from_an_error(
    kept: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = replace(RULES.cost_centres[0], valid_to=date(2026, 9, 30))
    fill(kept, replace(RULES, cost_centres=(gone, *RULES.cost_centres[1:])))
    come_as(monkeypatch, "viewer", "ann@company.com")
    at = open_link("cost_centres")
    assert "2026-10" in said(at)
    assert [word for word in OTHERS if word in everything(at)] == []
    assert not at.metric


def test_an_owner_reads_no_person(kept: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(kept)
    come_as(monkeypatch, "viewer", "ann@company.com")
    for table in ("By person", "Lines", "By project, tenant and workspace"):
        at = open_link("cost_centres", ccs_view_table=table)
        assert "user_eve" not in everything(at), table
        assert "Eve Example" not in everything(at), table
    assert "user_eve" not in to_json(at.session_state["ccs_shown"].report).decode()
    come_as(monkeypatch, "finance", "fin@company.com")
    at = open_link("cost_centres", ccs_view_table="By person")
    assert "Eve Example" in everything(at)
    assert "user_eve" in to_json(at.session_state["ccs_shown"].report).decode()


@pytest.mark.parametrize("email", ["carl@company.com", "ann@company.com.evil.org", ""])
def test_a_viewer_who_owns_none_is_told_whom_to_ask(
    kept: Ledger, monkeypatch: pytest.MonkeyPatch, email: str
) -> None:
    fill(kept)
    monkeypatch.setenv("DASHBOARD_CONTACT", "the finance desk")
    come_as(monkeypatch, "viewer", email, "riskteams", "")
    at = open_link("cost_centres", ccs_centre="4711")
    assert "No cost centre names you as its owner" in said(at)
    assert "Ask the finance desk." in said(at)
    assert not at.metric
    assert [word for word in ("Customer Care", *OTHERS) if word in everything(at)] == []


@pytest.mark.parametrize("role", ["finance", "admin"])
def test_finance_and_admins_see_all(
    kept: Ledger, monkeypatch: pytest.MonkeyPatch, role: Any
) -> None:
    fill(kept)
    come_as(monkeypatch, role, "fin@company.com")
    expected = ["Customer Care", "Marketing", "Platform team", "Risk", "Unallocated"]
    assert centres(open_link("cost_centres")) == expected


def test_a_report_is_audited_with_its_cost_centre(
    kept: Ledger, monkeypatch: pytest.MonkeyPatch, audit: Path
) -> None:
    fill(kept)
    come_as(monkeypatch, "viewer", "ann@company.com")
    open_link("cost_centres", ccs_centre="4712")
    (line,) = [json.loads(text) for text in audit.read_text().splitlines()]
    assert (line["event"], line["user"]) == ("report", "ann@company.com")
    assert line["filters"]["cost_centre"] == "4711"


def test_problems_are_named_with_table_row_and_column_and_nothing_can_be_published(
    kept: Ledger,
) -> None:
    fill(kept)
    rows = [of_newcomer("4799"), of_newcomer() | {"priority": "first"}]
    at = edited(editor(), "rules", added_rows=rows)
    assert "2 problems" in texts(at.warning)
    (problems,) = [one.value for one in at.dataframe if "What is wrong" in one.value]
    place = len(RULES.rules)
    assert problems[["Table", "Row", "Column"]].to_numpy().tolist() == [
        ["Rules", place + 1, "cost_centre"],
        ["Rules", place + 2, "priority"],
    ]
    assert "there is no cost centre '4799'" in problems["What is wrong"][0]
    assert publish_button(at).disabled
    assert published(kept).version == 1


def test_without_a_change_there_is_nothing_to_publish(kept: Ledger) -> None:
    fill(kept)
    assert publish_button(editor()).disabled


@pytest.mark.parametrize("reason", ["", "   "])
def test_nothing_is_published_without_a_reason(kept: Ledger, reason: str) -> None:
    fill(kept)
    at = edited(editor(), "rules", added_rows=[of_newcomer()])
    at = publish_button(with_reason(at, reason)).click().run()
    assert "Reason: it is empty." in said(at)
    assert published(kept).version == 1


def test_a_published_version_counts_at_once_and_is_audited_with_the_difference(
    kept: Ledger, monkeypatch: pytest.MonkeyPatch, audit: Path
) -> None:
    fill(kept)
    come_as(monkeypatch, "finance", "fin@company.com")
    before = open_link("cost_centres", ccs_centre="unallocated").run()
    assert figures(before)["Owed"] == "$5.00"
    at = edited(editor(), "rules", added_rows=[of_newcomer()])
    assert "+ rules: 30, openai, sub_account, newcomer, -, 4713, -, -" in texts(at.code)
    at = publish_button(with_reason(at, "A newcomer")).click().run()
    assert not at.error
    made = published(kept)
    assert (made.version, made.published_by, made.reason) == (2, "fin@company.com", "A newcomer")
    assert publish_button(at).disabled
    assert "No usage in this selection" in texts(before.run().info)
    assert figures(open_link("cost_centres", ccs_centre="4713"))["Owed"] == "$25.00"
    lines = [json.loads(text) for text in audit.read_text().splitlines()]
    (line,) = [line for line in lines if line["event"] == "rules"]
    assert (line["user"], line["version"], line["reason"]) == ("fin@company.com", 2, "A newcomer")
    assert line["changes"] == ["+ rules: 30, openai, sub_account, newcomer, -, 4713, -, -"]


def test_what_somebody_else_published_meanwhile_is_told_and_not_written_over(kept: Ledger) -> None:
    fill(kept)
    at = edited(editor(), "rules", added_rows=[of_newcomer()])
    theirs: RuleSet = with_owner("zoe@company.com")
    let_count(kept, theirs, by="zoe@company.com")
    at = with_reason(at, "A newcomer")
    assert "zoe@company.com has published version 2" in said(at).replace("*", "").replace("`", "")
    assert "+ cost_centres: 4711" in said(at)
    at = publish_button(at).click().run()
    assert "has published version 2 since version 1" in texts(at.warning).replace("`", "")
    assert published(kept).rule_set.sha256 == theirs.sha256
    assert len(versions(kept)) == 2


def test_a_draft_that_is_discarded_begins_anew_from_what_counts(kept: Ledger) -> None:
    fill(kept)
    at = edited(editor(), "rules", added_rows=[of_newcomer()])
    let_count(kept, with_owner("zoe@company.com"))
    at = press(at, "Discard draft").run()
    assert "has published" not in said(at)
    assert publish_button(at).disabled
    (table,) = [one.value for one in at.data_editor if "_edit_cost_centres_" in str(one.key)]
    assert "zoe@company.com" in table["owner"].tolist()


def test_the_first_rules_are_written_in_an_empty_editor_and_previewed(kept: Ledger) -> None:
    fill(kept, None)
    at = edited(editor(), "cost_centres", added_rows=[{"id": "4713", "name": "Marketing"}])
    at = edited(at, "rules", added_rows=[of_newcomer()])
    assert not at.warning
    assert not publish_button(at).disabled
    unallocated = grid_of(at).value
    assert "newcomer" not in unallocated["id"].tolist()
    assert "alpha" in unallocated["id"].tolist()


def test_a_project_leads_to_its_platforms_page_with_its_filter_and_the_month(kept: Ledger) -> None:
    fill(kept)
    at = open_link("cost_centres", ccs_centre="4712", ccs_month="2026-09").run()
    at = select(at, row_of(at, "name", "beta"))
    assert at.title[0].value == "OpenAI usage"
    assert at.query_params["oai_projects"] == "beta"
    assert at.query_params["oai_period"] == ["2026-09-01", "2026-09-30"]

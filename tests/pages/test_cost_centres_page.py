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
from lib.ledger.allocated import PreviewAnswer, previewed
from lib.ledger.rule_sets import published, versions
from lib.ledger.store import Ledger
from lib.ui.rules_draft import FREE_ROWS
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


def table_of(at: AppTest, table: str) -> Any:
    """The editor of a table: ``value`` is what it was given."""
    (editor,) = [one for one in at.data_editor if f"_edit_{table}_" in str(one.key)]
    return editor


def typed(at: AppTest, table: str, cells: dict[int, dict[str, Any]]) -> AppTest:
    """The page after somebody typed into rows of a table, counted from 0, and what was typed before."""
    key = str(table_of(at, table).key)
    edits = {place: dict(row) for place, row in at.session_state[key]["edited_rows"].items()}
    for place, row in cells.items():
        edits[place] = edits.get(place, {}) | row
    at.session_state[key] = {"edited_rows": edits, "added_rows": [], "deleted_rows": []}
    return at.run()


def added(at: AppTest, table: str, *rows: dict[str, str]) -> AppTest:
    """The page after somebody filled free rows of a table."""
    given = table_of(at, table).value.drop(columns=["problem", "delete"]).fillna("")
    first = int((given != "").any(axis=1).sum())
    return typed(at, table, dict(enumerate(rows, first)))


def problems_of(at: AppTest, table: str) -> dict[int, str]:
    """Row to what stands beside it."""
    beside = table_of(at, table).value["problem"]
    return {int(row): str(text) for row, text in beside.items() if text}


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
    rows = of_newcomer("4799"), of_newcomer() | {"priority": "first", "valid_from": "soon"}
    at = added(editor(), "rules", *rows)
    assert "3 problems to mend first: Rules 3" in texts(at.warning).replace("*", "")
    place = len(RULES.rules)
    assert problems_of(at, "rules") == {
        place + 1: "cost centre: there is no cost centre '4799'.",
        place + 2: "priority: 'first' is no whole number, such as 10. "
        "valid from: 'soon' is no day, such as 2026-10-31.",
    }
    assert [tab.label for tab in at.tabs][:3] == ["Cost centres", "Rules (3)", "Shares"]
    assert publish_button(at).disabled
    assert published(kept).version == 1


def test_a_row_that_is_mended_has_no_problem_beside_it_and_keeps_what_was_typed(
    kept: Ledger,
) -> None:
    fill(kept)
    at = added(editor(), "rules", of_newcomer("4799"))
    place = len(RULES.rules)
    shown = table_of(at, "rules").proto.id
    at = typed(at, "rules", {place: {"cost_centre": "4713"}})
    assert problems_of(at, "rules") == {}
    assert table_of(at, "rules").proto.id == shown, "the cell in which somebody types stays"
    assert "+ rules: 30, openai, sub_account, newcomer, -, 4713, -, -" in texts(at.code)
    assert "Draft: 1 row changed, not published." in said(at).replace("*", "")


def test_a_row_that_is_ticked_is_no_part_of_the_draft(kept: Ledger) -> None:
    fill(kept)
    at = typed(editor(), "rules", {0: {"delete": True}})
    assert problems_of(at, "rules") == {1: "Deleted"}
    assert "- rules: 10, openai, sub_account, alpha, -, 4711, -, -" in texts(at.code)
    assert "Draft: 1 row changed, not published." in said(at).replace("*", "")


def test_a_draft_outlives_another_page_with_its_problems(kept: Ledger) -> None:
    fill(kept)
    at = added(editor(), "rules", of_newcomer("4799"))
    before = table_of(at, "rules").key
    at.switch_page("pages/history.py").run()
    assert not at.data_editor
    at.switch_page("pages/cost_centres.py").run()
    if not at.data_editor:
        at.session_state["ccs_show"] = "rules"
        at.run()
    place = len(RULES.rules) + 1
    assert problems_of(at, "rules") == {place: "cost centre: there is no cost centre '4799'."}
    assert table_of(at, "rules").key != before, "what was typed is in it, and is not typed again"
    assert table_of(at, "rules").value["pattern"][place] == "newcomer"


def test_more_free_rows_keep_what_was_typed_and_a_full_table_says_what_may_be_missing(
    kept: Ledger,
) -> None:
    fill(kept)
    rows = [of_newcomer() | {"pattern": f"p{place}"} for place in range(FREE_ROWS)]
    at = added(editor(), "rules", *rows)
    assert "rows may be missing at the end" in texts(at.warning)
    at = at.button(key="ccs_more_rules").click().run()
    assert "rows may be missing" not in texts(at.warning)
    patterns = table_of(at, "rules").value["pattern"]
    assert len(patterns) == len(RULES.rules) + 2 * FREE_ROWS
    assert f"p{FREE_ROWS - 1}" in patterns.tolist()


def upload(at: AppTest, *files: tuple[str, str]) -> AppTest:
    taken = [(name, text.encode(), "text/csv") for name, text in files]
    (uploader,) = at.file_uploader
    return uploader.set_value(taken).run()


def test_uploaded_tables_replace_those_of_the_draft_and_nothing_is_published(kept: Ledger) -> None:
    fill(kept)
    text = "Priority;platform;field;pattern;cost centre\n30;openai;sub_account;newcomer;4713\n"
    at = upload(editor(), ("rules.csv", text))
    assert not at.error
    assert table_of(at, "rules").value["pattern"].tolist()[:2] == ["newcomer", ""]
    assert "4711" in table_of(at, "cost_centres").value["id"].tolist()
    assert "+ rules: 30, openai, sub_account, newcomer, -, 4713, -, -" in texts(at.code)
    assert published(kept).version == 1


def test_a_wrong_cell_of_an_uploaded_table_is_named_beside_it_and_means_what_it_meant(
    kept: Ledger,
) -> None:
    fill(kept)
    text = "id;budget;currency\n4711;1.234;EUR\n4712;1.234,50;EUR\n4713;;\npool;;\n"
    at = upload(editor(), ("cost_centres.csv", text))
    (told,) = problems_of(at, "cost_centres").values()
    assert "'1.234' could be 1234 or 1.234" in told, (
        "as in the file: it was written by a German Excel"
    )
    assert table_of(at, "cost_centres").value["budget"].tolist()[:2] == ["1.234", "1234.50"]


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("rules.csv", "priority,field,pattern\n1,sku,a\n", "column 'cost_centre' is missing"),
        ("rules (1).csv", "priority\n", "is none of cost_centres, rules"),
        ("rules.csv", "", "it is empty"),
    ],
)
def test_a_file_that_is_no_table_is_named_and_none_is_taken(
    kept: Ledger, name: str, text: str, what: str
) -> None:
    fill(kept)
    at = upload(editor(), ("cost_centres.csv", "id\n4799\n"), (name, text))
    assert what in texts(at.error)
    assert "4799" not in table_of(at, "cost_centres").value["id"].tolist()


def test_a_preview_is_reckoned_once_for_a_draft(
    kept: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(kept)
    at = editor()
    asked: list[str] = []

    def counting(ledger: Ledger, month: str, draft: RuleSet) -> PreviewAnswer:
        asked.append(month)
        return previewed(ledger, month, draft)

    monkeypatch.setattr("lib.ledger.allocated.previewed", counting)
    with_reason(at, "A newcomer")
    assert asked == []
    at = added(at, "rules", of_newcomer())
    assert len(asked) == 1
    at = typed(at, "rules", {0: {"cost_centre": "4799"}})
    assert len(asked) == 1
    assert "waits until the problems are mended" in texts(at.caption)
    assert at.metric


def test_without_a_change_there_is_nothing_to_publish(kept: Ledger) -> None:
    fill(kept)
    assert publish_button(editor()).disabled


@pytest.mark.parametrize("reason", ["", "   "])
def test_nothing_is_published_without_a_reason(kept: Ledger, reason: str) -> None:
    fill(kept)
    at = added(editor(), "rules", of_newcomer())
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
    at = added(editor(), "rules", of_newcomer())
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
    at = added(editor(), "rules", of_newcomer())
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
    at = added(editor(), "rules", of_newcomer())
    let_count(kept, with_owner("zoe@company.com"))
    at = press(at, "Discard draft").run()
    assert "has published" not in said(at)
    assert publish_button(at).disabled
    (table,) = [one.value for one in at.data_editor if "_edit_cost_centres_" in str(one.key)]
    assert "zoe@company.com" in table["owner"].tolist()


def test_the_first_rules_are_written_in_an_empty_editor_and_previewed(kept: Ledger) -> None:
    fill(kept, None)
    at = added(editor(), "cost_centres", {"id": "4713", "name": "Marketing"})
    at = added(at, "rules", of_newcomer())
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

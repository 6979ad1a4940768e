"""The rules of who pays, edited on the page of cost centres: problems, draft, files, preview, publication."""

import json
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from lib.allocation.read import read_tables
from lib.allocation.rule_set import RuleSet
from lib.ledger.allocated import PreviewAnswer, previewed
from lib.ledger.rule_sets import published, versions
from lib.ledger.store import Ledger
from lib.ui.rules_draft import FREE_ROWS
from tests.support.cost_centres import RULES, come_as, fill, with_owner
from tests.support.pages import (
    figures,
    grid_of,
    open_link,
    press,
    texts,
)
from tests.support.spending import let_count


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
        ("rules.csv", "priority,field,pattern\n1,sku,a\n", "cost_centre: this column is missing"),
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


def test_a_downloaded_draft_is_what_stands_in_the_editors_and_is_audited(
    kept: Ledger, monkeypatch: pytest.MonkeyPatch, audit: Path
) -> None:
    fill(kept)
    offered: dict[str, Any] = {}
    button = st.download_button

    def offering(label: str, data: Any, name: str, *others: Any, **more: Any) -> bool:
        offered[name] = data
        return button(label, data, name, *others, **more)

    monkeypatch.setattr("streamlit.download_button", offering)
    added(editor(), "rules", of_newcomer())
    with ZipFile(BytesIO(offered["rules.zip"]())) as archive:
        files = {name.removesuffix(".csv"): archive.read(name) for name in archive.namelist()}
    rule_set, problems = read_tables(files)
    assert problems == []
    assert len(rule_set.rules) == len(RULES.rules) + 1
    line = json.loads(audit.read_text().splitlines()[-1])
    assert (line["event"], line["report"], line["name"]) == ("download", "rules", "rules.zip")


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

"""The page of cost centres: one of them in a month, and to whom it may be shown."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from lib.exports.json import to_json
from lib.ledger.store import Ledger
from tests.support.cost_centres import RULES, come_as, fill, with_owner
from tests.support.pages import (
    everything,
    figures,
    open_link,
    row_of,
    select,
    texts,
)

OTHERS = ("Risk", "4712", "Marketing", "4713", "Unallocated", "newcomer")
"""Of the rules and the month, all that does not belong to Customer Care; it pays a share of the platform team."""


def centres(at: AppTest) -> list[str]:
    return list(at.selectbox(key="ccs_centre").options)


def said(at: AppTest) -> str:
    return texts([*at.info, *at.warning, *at.error])


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


def test_a_project_leads_to_its_platforms_page_with_its_filter_and_the_month(kept: Ledger) -> None:
    fill(kept)
    at = open_link("cost_centres", ccs_centre="4712", ccs_month="2026-09").run()
    at = select(at, row_of(at, "name", "beta"))
    assert at.title[0].value == "OpenAI usage"
    assert at.query_params["oai_projects"] == "beta"
    assert at.query_params["oai_period"] == ["2026-09-01", "2026-09-30"]

"""The overview on the screen: empty, filled, month by month, and the way to a cost centre."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lib.access.visitors import Role
from lib.ledger.store import Ledger
from tests.support.cost_centres import OCTOBER, RULES, come_as, configured, fill
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
from tests.support.spending import let_count, put_spent

BILLED = sum(one.amount for one in OCTOBER)


@pytest.fixture
def kept(no_settings: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ledger:
    return configured(tmp_path, monkeypatch)


def month_of(at: AppTest) -> str:
    return str(at.selectbox(key="ovr_month").value)


def test_an_empty_ledger_says_how_it_is_filled(kept: Ledger) -> None:
    at = open_link("overview")
    assert "Nothing is kept yet" in texts(at.info)
    assert "ai-usage ledger capture" in texts(at.info)
    assert not at.metric
    assert not at.error


def test_figures_are_of_the_latest_month_with_budget_and_what_is_unallocated(kept: Ledger) -> None:
    fill(kept)
    at = open_link("overview")
    assert month_of(at) == "2026-10"
    shown = figures(at)
    assert shown["Spend"] == f"${BILLED}.00"
    assert shown["Budget"] == "$1,040.00"
    assert shown["Unallocated"] == "$5.00"
    assert "Changes are against 2026-09." in texts(at.caption)
    assert "Over budget: Customer Care." in texts(at.caption)
    assert not at.error
    assert not at.warning


def test_without_rules_it_says_that_nothing_is_allocated(kept: Ledger) -> None:
    fill(kept, None)
    at = open_link("overview")
    assert "No rules are published" in texts(at.markdown)
    assert figures(at)["Unallocated"] == figures(at)["Spend"] == f"${BILLED}.00"


def test_arrows_lead_from_month_to_month_and_end_where_nothing_is_kept(kept: Ledger) -> None:
    fill(kept)
    at = press(open_link("overview").run(), "Previous")
    assert (month_of(at), at.query_params["ovr_month"]) == ("2026-09", "2026-09")
    assert figures(at)["Spend"] == "$63.00"
    greyed = {button.label: button.disabled for button in at.button}
    assert (greyed["Previous"], greyed["Next"]) == (True, False)
    at = press(at, "Next")
    assert month_of(at) == "2026-10"
    assert "ovr_month" not in at.query_params
    assert figures(at)["Spend"] == f"${BILLED}.00"


def test_a_month_can_be_chosen_and_linked(kept: Ledger) -> None:
    fill(kept)
    at = open_link("overview").run()
    at.selectbox(key="ovr_month").select("2026-09").run()
    assert figures(at)["Spend"] == "$63.00"
    assert figures(open_link("overview", ovr_month="2026-09")) == figures(at)


@pytest.mark.parametrize("month", ["2026-08", "2999-01", "no month", "<b>"])
def test_a_link_with_a_month_that_is_not_kept_is_named_and_shows_the_latest(
    kept: Ledger, month: str
) -> None:
    fill(kept)
    at = open_link("overview", ovr_month=month)
    assert f"nothing is kept of {month!r}; the latest is shown" in texts(at.warning)
    assert (month_of(at), figures(at)["Spend"]) == ("2026-10", f"${BILLED}.00")


def test_a_click_on_a_cost_centre_leads_to_its_page_with_the_month(kept: Ledger) -> None:
    fill(kept)
    at = open_link("overview", ovr_month="2026-09").run()
    row = row_of(at, "name", "Risk")
    owed = grid_of(at).value["allocated"][row]
    at = select(at, row)
    assert at.title[0].value == "Cost centres"
    assert at.selectbox(key="ccs_centre").value == "4712"
    assert at.selectbox(key="ccs_month").value == "2026-09"
    assert figures(at)["Owed"] == f"${owed}"


def test_an_address_without_a_month_of_its_own_shows_the_one_looked_at_last(kept: Ledger) -> None:
    fill(kept)
    at = open_link("overview", ovr_month="2026-09")
    at.query_params.clear()
    at.query_params["ccs_month"] = "2026-10"  # as a browser's way back leads here
    at.run()
    assert month_of(at) == "2026-09"
    assert at.query_params["ovr_month"] == "2026-09"


def test_the_row_of_what_is_unallocated_leads_to_it(kept: Ledger) -> None:
    fill(kept)
    at = open_link("overview").run()
    at = select(at, row_of(at, "name", "Unallocated"))
    assert at.title[0].value == "Cost centres"
    assert at.selectbox(key="ccs_centre").value == "unallocated"
    assert figures(at)["Owed"] == "$5.00"


def test_a_new_version_of_the_rules_counts_at_once(kept: Ledger) -> None:
    fill(kept, None)
    at = open_link("overview").run()
    let_count(kept, RULES)
    at.run()
    assert figures(at)["Unallocated"] == "$5.00"


def test_it_names_no_person_and_its_amounts_are_those_of_the_table(kept: Ledger) -> None:
    fill(kept)
    at = open_link("overview")
    assert "user_eve" not in everything(at)
    assert grid_of(at).value["allocated"].tolist()[-1] == f"{BILLED}.00", "the row TOTAL"


@pytest.mark.parametrize("link", [{}, {"ovr_month": "2026-10"}])
def test_a_viewer_is_refused_and_sees_no_number(
    kept: Ledger, monkeypatch: pytest.MonkeyPatch, link: dict[str, str]
) -> None:
    fill(kept)
    come_as(monkeypatch, "viewer", "ann@company.com")
    at = open_link("overview", **link)
    said = texts([*at.info, *at.warning, *at.error, *at.markdown, *at.caption])
    assert "This page needs the role finance; `ann@company.com` has the role viewer." in said
    assert not at.metric
    assert not at.dataframe
    assert not at.selectbox
    assert "Customer Care" not in everything(at)


@pytest.mark.parametrize("role", ["finance", "admin"])
def test_finance_and_admins_see_all(
    kept: Ledger, monkeypatch: pytest.MonkeyPatch, role: Role
) -> None:
    fill(kept)
    come_as(monkeypatch, role, "fin@company.com")
    assert figures(open_link("overview"))["Spend"] == f"${BILLED}.00"


def with_limit(kept: Ledger) -> None:
    """October once more, with a limit of OpenAI's own."""
    at = datetime.now(UTC).isoformat()
    limit = {
        **{"project": "beta", "kind": "limit", "amount": "11.00", "currency": "USD"},
        **{"interval": "month", "enforcement": "enforcing", "recipients": None},
    }
    part = {"asked_at": at, "as_of": at, "limits": [limit], "trouble": ""}
    put_spent(kept, OCTOBER, limits={"project_spend_limits": part})


def test_what_openai_limits_stands_beside_what_it_billed(kept: Ledger) -> None:
    with_limit(kept)
    grid = grid_of(open_link("overview", ovr_view_table="Limits set at OpenAI")).value
    shown = {name: grid[name].tolist() for name in ("kind", "amount", "billed", "share")}
    assert shown == {
        "kind": ["Limit"],
        "amount": ["11.00"],
        "billed": ["22.00"],
        "share": ["200.0 %"],
    }
    assert grid["enforcement"].tolist() == ["enforcing"]


def test_an_owner_sees_nothing_of_what_openai_limits(
    kept: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_limit(kept)
    let_count(kept, RULES)
    come_as(monkeypatch, "viewer", "ann@company.com")
    for page in ("overview", "cost_centres"):
        shown = everything(open_link(page))
        assert "Limits set at OpenAI" not in shown
        assert "enforcing" not in shown
    assert "Customer Care" in shown, "his own page"

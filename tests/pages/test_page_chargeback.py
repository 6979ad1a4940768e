"""The chargeback page as Streamlit runs it: its link, its controls, its report."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.applications import Starlette

from lib.access.visitors import ROLES
from lib.allocation.rule_set import Rate, RuleSet
from lib.capture.platforms import chargeback_said
from lib.demo.comet_server import create_comet_app
from lib.ledger.keeping import keep
from lib.ledger.rule_sets import publish
from lib.ledger.store import Ledger
from lib.loader.chargeback import load_chargeback_files
from lib.periods import months_before
from lib.sources.comet.chargeback.query import ChargebackQuery
from lib.ui.ask import REFRESH
from tests.support.comet_page import CANARY, NOW, OCTOBER, Served, asked, open_page, saved
from tests.support.kept import in_folder
from tests.support.pages import everything, figures, press, texts
from tests.support.servers import serve

DAY = 86_400_000

pytestmark = pytest.mark.usefixtures("no_settings")


def test_without_any_setting_a_made_up_server_is_shown_and_called_demo() -> None:
    at = open_page()
    assert "Demo data" in texts(at.markdown)
    assert "comet.demo.localhost" in texts(at.caption)
    assert int(figures(at)["Users"]) > 50
    assert at.selectbox(key="cmc_compare").value == "month-before"
    assert "Changes" in [tab.label for tab in at.tabs]


def test_without_a_key_and_with_the_demo_off_the_page_says_which_variable_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DASHBOARD_DEMO", "off")
    at = open_page()
    assert "COMET_API_KEY is not set" in texts(at.warning)
    assert not at.metric


def test_a_configured_server_is_read_and_its_own_figures_are_shown(
    comet_served: Served, comet_upstream: Starlette
) -> None:
    sent = json.loads(saved(comet_served[1], "2026-10"))
    at = open_page(**OCTOBER)
    users, places = sent["users"]["licensedUsers"], sent["workspaces"]
    shown = figures(at)
    assert shown["Users"] == str(len(users))
    assert shown["Deleted users"] == str(sum("deletedAt" in one for one in users))
    assert shown["Workspaces"] == str(len(places))
    assert shown["Projects"] == str(sum(len(one["projects"]) for one in places))
    assert shown["Experiments"] == f"{sum(one['numberOfExperiments'] for one in places):,}"
    assert urlsplit(comet_served[1]).netloc in texts(at.caption)
    assert "2026-10-31 23:59 UTC" in texts(at.caption)


def test_a_link_sets_every_control_and_the_report_follows(
    comet_served: Served, comet_upstream: Starlette
) -> None:
    link = {
        "cmc_month": "2026-10",
        "cmc_compare": "2026-08",
        "cmc_window": "2m",
        "cmc_active": "2w",
        "cmc_workspaces": ["vision", "language", "robotics"],
        "cmc_exclude": "lang*",
        "cmc_accounts": "personal",
    }
    at = open_page(**link)
    assert at.selectbox(key="cmc_month_choice").value == "2026-10"
    assert at.selectbox(key="cmc_compare_choice").value == "2026-08"
    for key in ("cmc_window", "cmc_active", "cmc_exclude"):
        assert at.text_input(key=key).value == link[key]
    assert at.multiselect(key="cmc_workspaces").value == link["cmc_workspaces"]
    assert at.selectbox(key="cmc_compare").value == "other"
    (accounts,) = (one for one in at.get("button_group") if one.key == "cmc_accounts")
    assert accounts.value == "personal"

    def people(sent: Any) -> list[Any]:
        """Users of the chosen workspaces that are no programs."""
        names = {who["userName"] for one in places(sent) for who in one["members"]}
        return [
            one
            for one in sent["users"]["licensedUsers"]
            if one["username"] in names and one["username"] not in programs
        ]

    def places(sent: Any) -> list[Any]:
        return [one for one in sent["workspaces"] if one["name"] in ("vision", "robotics")]

    programs = {one.name for one in comet_upstream.state.org.users if one.service}
    october, august = (
        json.loads(saved(comet_served[1], month)) for month in ("2026-10", "2026-08")
    )
    end, users = october["users"]["createdAt"], people(october)
    licensed = [one for one in users if not one["suspended"] and "deletedAt" not in one]
    active = sum((one["lastUsedAt"] or 0) >= end - 14 * DAY for one in licensed)
    new = sum(one["createdAt"] >= end - 60 * DAY for one in users)
    shown = figures(at)
    assert shown["Users"] == str(len(users))
    assert shown["Active users (14 days)"] == str(active)
    assert shown["New users (60 days)"] == str(new)
    assert shown["Workspaces"] == "2"
    assert (0 < active < len(licensed), 0 < new < len(users)) == (True, True)
    now, before = (
        sum(one["numberOfExperiments"] for one in places(sent)) for sent in (october, august)
    )
    listed = at.table[0].value.set_index("Figure")
    change = listed.loc["Experiments", "Change"].replace("\\", "")
    assert change.startswith(f"+{now - before:,} (")
    assert "Changes" in [tab.label for tab in at.tabs]


def test_the_copied_link_holds_every_control_defaults_included(comet_upstream: Starlette) -> None:
    at = open_page(**OCTOBER, cmc_workspaces=["vision", "Zürich-Lab"])
    link = urlsplit(at.code[0].value)
    chosen = parse_qs(link.query, keep_blank_values=True)
    assert {key: value for key, value in chosen.items() if "_view_" not in key} == {
        "cmc_month": ["2026-10"],
        "cmc_compare": ["none"],
        "cmc_window": ["7d"],
        "cmc_active": ["60d"],
        "cmc_workspaces": ["vision", "Zürich-Lab"],
        "cmc_exclude": [""],
        "cmc_accounts": ["both"],
    }


def test_the_copied_link_shows_the_same_numbers(comet_upstream: Starlette) -> None:
    at = open_page(**OCTOBER, cmc_compare="2026-08", cmc_exclude="Z*", cmc_active="1w")
    query = parse_qs(urlsplit(at.code[0].value).query, keep_blank_values=True)
    again = open_page(**query)
    assert not again.warning
    assert figures(again) == figures(at)


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("cmc_month", "2026-13", "Month: "),
        ("cmc_compare", "last month", "Compare with: "),
        ("cmc_window", "7 days", "New within: "),
        ("cmc_active", "0d", "Active within: "),
        ("cmc_accounts", "robots", "Accounts: "),
        ("cmc_colour", "blue", "cmc_colour"),
        ("cmc_month", "<script>alert(1)</script>", "Month: "),
    ],
)
def test_a_link_that_cannot_be_followed_names_what_is_wrong(
    comet_upstream: Starlette, key: str, value: str, named: str
) -> None:
    at = open_page(**{key: value})
    assert named in texts(at.warning)
    assert value in texts(at.warning) or named == "cmc_colour"
    assert at.metric, "the rest of the page is shown all the same"


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ({"cmc_month": "2026-08", "cmc_compare": "2026-08"}, "both months are the same"),
    ],
)
def test_months_that_do_not_go_together_are_refused_before_anything_is_asked(
    comet_upstream: Starlette, link: dict[str, str], said: str
) -> None:
    at = open_page(**link)
    assert said in texts(at.warning)
    assert not at.metric
    assert not comet_upstream.state.requests


def test_a_month_is_picked_and_the_arrows_lead_to_the_next_and_back(
    comet_upstream: Starlette,
) -> None:
    at = open_page()
    assert next(one for one in at.button if one.label == "Next").disabled, "nothing is after now"
    at.selectbox(key="cmc_month_choice").set_value("2026-05").run()
    assert "2026-05-31 23:59 UTC" in texts(at.caption)
    assert at.query_params["cmc_month"] == "2026-05"
    at = press(at, "Previous")
    assert "2026-04-30 23:59 UTC" in texts(at.caption)
    at = press(at, "Next")
    assert "2026-05-31 23:59 UTC" in texts(at.caption)
    assert asked(comet_upstream) == ["", "2026-05", "2026-04"]


def test_a_month_is_one_click_from_the_month_before(comet_upstream: Starlette) -> None:
    at = open_page(**OCTOBER)
    at.selectbox(key="cmc_compare").set_value("month-before").run()
    assert asked(comet_upstream) == ["2026-10", "2026-09"]
    assert at.query_params["cmc_compare"] == "month-before"
    assert "Changes" in [tab.label for tab in at.tabs]


def kept_month(ledger: Ledger, app: Starlette, url: str, back: int) -> str:
    """A month that is over, captured of the server just now."""
    now = datetime.now(UTC)
    month = f"{months_before(now.date(), back):%Y-%m}"
    answer = load_chargeback_files([(f"{month}.json", saved(url, month))], ChargebackQuery())
    answer = replace(answer, host=urlsplit(url).netloc)
    keep(ledger, chargeback_said(answer, month, now))
    app.state.requests.clear()
    return month


def test_it_opens_with_the_newest_month_that_is_kept_and_asks_the_server_for_the_current_one_only(
    comet_served: Served,
    comet_upstream: Starlette,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    ledger = in_folder(tmp_path)
    kept_month(ledger, *comet_served, back=3)
    month = kept_month(ledger, *comet_served, back=2)
    monkeypatch.setenv("LEDGER_URL", f"sqlite:///{ledger.database.file}")
    monkeypatch.setenv("LEDGER_WAREHOUSE", ledger.warehouse.place)
    at = open_page()
    assert asked(comet_upstream) == [""]
    assert at.selectbox(key="cmc_compare_choice").value == month
    assert at.query_params["cmc_compare"] == month
    assert "Changes" in [tab.label for tab in at.tabs]
    monkeypatch.setattr("lib.loader.chargeback_kept.MOST_ROWS", 10)
    assert open_page().selectbox(key="cmc_compare").value == "none", "it would be slow"
    at = at.selectbox(key="cmc_compare").set_value("none").run()
    again = open_page(**{key: at.query_params[key] for key in at.query_params})
    assert "Changes" not in [tab.label for tab in again.tabs]


def test_inactive_licences_have_a_price_for_whoever_may_see_money_only(
    comet_upstream: Starlette, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ledger = in_folder(tmp_path)
    rate = Rate("comet-chargeback", "licensed_users", Decimal(29), Decimal(1), "EUR")
    publish(
        ledger,
        RuleSet(rates=(rate,)),
        over=0,
        by="finance",
        reason="The contract",
        now=datetime.now(UTC),
    )
    monkeypatch.setenv("LEDGER_URL", f"sqlite:///{ledger.database.file}")
    monkeypatch.setenv("LEDGER_WAREHOUSE", ledger.warehouse.place)
    shown = figures(open_page(**OCTOBER))
    inactive = next(int(one) for name, one in shown.items() if name.startswith("Inactive licensed"))
    assert inactive > 0
    assert shown["Inactive licences a month (showback)"] == f"{29 * inactive:,}.00 EUR"
    without = ROLES["admin"] - {"spend"}
    monkeypatch.setattr("lib.access.visitors.ROLES", {**ROLES, "admin": without})
    assert "showback" not in " ".join(figures(open_page(**OCTOBER)))


def test_without_anything_kept_it_opens_without_a_comparison(comet_upstream: Starlette) -> None:
    at = open_page()
    assert asked(comet_upstream) == [""]
    assert at.selectbox(key="cmc_compare").value == "none"


def test_a_relative_link_is_pinned_when_it_is_opened_and_offered_again(
    comet_upstream: Starlette,
) -> None:
    today = datetime.now(UTC).date()
    last, before = (f"{months_before(today, back):%Y-%m}" for back in (1, 2))
    at = open_page(cmc_preset="last-month", cmc_compare="month-before")
    assert not at.warning
    assert sorted(asked(comet_upstream)) == [before, last]
    assert at.query_params["cmc_month"] == last
    pinned, always = (parse_qs(urlsplit(code.value).query) for code in at.code)
    assert (pinned["cmc_month"], pinned["cmc_compare"]) == ([last], [before])
    assert (always["cmc_preset"], always["cmc_compare"]) == (["last-month"], ["month-before"])
    assert "cmc_month" not in always


def test_a_relative_link_that_is_no_month_is_named(comet_upstream: Starlette) -> None:
    at = open_page(cmc_preset="last-quarter")
    assert "last-quarter" in texts(at.warning)
    assert at.selectbox(key="cmc_month_choice").value == ""


def test_an_unknown_workspace_is_named_beside_the_one_that_is_meant(
    comet_upstream: Starlette,
) -> None:
    at = open_page(**OCTOBER, cmc_workspaces="visoin")
    assert "'visoin' is not in the report" in texts(at.warning)
    assert "'vision'" in texts(at.warning)
    assert not at.metric


def test_the_filter_offers_the_workspaces_of_the_report(comet_upstream: Starlette) -> None:
    at = open_page(**OCTOBER)
    picker = at.multiselect(key="cmc_workspaces")
    assert {"vision", "Zürich-Lab"} < set(picker.options)
    picker.select("vision")
    at = press(at, REFRESH)
    assert figures(at)["Workspaces"] == "1"
    assert {"vision", "Zürich-Lab"} < set(at.multiselect(key="cmc_workspaces").options)


def test_hostile_names_are_shown_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_comet_app(now=lambda: NOW, api_key=CANARY, hostile_names=True)
    with serve(app) as url:
        monkeypatch.setenv("COMET_URL_OVERRIDE", url)
        monkeypatch.setenv("COMET_API_KEY", CANARY)
        at = open_page(**OCTOBER, cmc_compare="2026-08", cmc_exclude="<b>*[x](http://evil)")
        names = {one.name for one in app.state.org.workspaces}
        hostile = open_page(**OCTOBER, cmc_workspaces=sorted(names)[0])
    assert at.metric
    assert hostile.metric
    said = [str(one.value) for one in (*at.markdown, *at.caption, *at.warning, *at.info)]
    assert any("evil" in one for one in said), "names do stand in the sentences"
    for mark in ("<script>", "<b>", "](http", ":material/bolt:", " **b** ", "$x$"):
        assert not any(mark in one for one in said)


@pytest.mark.parametrize("status", [None, 403])
def test_no_secret_of_the_server_reaches_the_page_even_when_debugging(
    comet_upstream: Starlette, monkeypatch: pytest.MonkeyPatch, status: int | None
) -> None:
    monkeypatch.setenv("LOGURU_LEVEL", "DEBUG")
    monkeypatch.setenv("COMET_ALLOW_HEADER_NAME", "X-Gateway-Token")
    monkeypatch.setenv("COMET_ALLOW_HEADER_VALUE", "gateway-canary-77")
    if status:
        comet_upstream.state.faults.fail = {"chargeback": status}
    at = open_page(**OCTOBER)
    assert bool(at.metric) is (status is None)
    assert bool([one for one in at.expander if "Traceback" in one.label]) is (status is not None)
    assert at.text_input(key="cmc_key").value in ("", None)
    assert at.text_input(key="cmc_key").proto.placeholder == "configured on the server"
    for secret in (CANARY, "gateway-canary-77"):
        assert secret not in everything(at)

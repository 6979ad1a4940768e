"""Where the chargeback page's reports come from: a server that is set or typed, or files; and what fails."""

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from lib.demo.comet_faults import old_server
from lib.ui.ask import REFRESH
from tests.support.comet_page import CANARY, OCTOBER, Served, asked, open_page, saved
from tests.support.pages import everything, figures, press, texts

pytestmark = pytest.mark.usefixtures("no_settings")


def uploaded(at: AppTest, **files: bytes) -> AppTest:
    """The page after files were uploaded, by name without ending."""
    given = [(f"{name}.json", data, "application/json") for name, data in files.items()]
    return at.file_uploader(key="cmc_files").set_value(given).run()


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        ({}, {"cmc_host", "cmc_key"}),
        ({"COMET_URL_OVERRIDE": "https://comet.example.com"}, {"cmc_key"}),
        ({"COMET_API_KEY": CANARY}, {"cmc_key"}),
        ({"DASHBOARD_DEMO": "on"}, set()),
    ],
)
def test_a_server_is_typed_only_where_none_is_set(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], fields: set[str]
) -> None:
    monkeypatch.setenv("COMET_URL_OVERRIDE", "")
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    # A link that is refused, so that nobody is asked.
    at = open_page(cmc_compare="2026-08")
    assert {one.key for one in at.sidebar.text_input} == fields


def test_a_typed_key_opens_the_server_that_is_set_and_is_in_no_message(
    comet_served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, url = comet_served
    monkeypatch.setenv("COMET_URL_OVERRIDE", url)
    at = open_page(**OCTOBER)
    assert "COMET_API_KEY is not set" in texts(at.warning)
    at = at.text_input(key="cmc_key").input(CANARY).run()
    assert int(figures(at)["Users"]) > 50
    assert asked(app) == ["2026-10"]
    assert CANARY not in at.code[0].value
    assert CANARY not in everything(at)


def test_a_typed_server_without_a_key_is_not_asked() -> None:
    at = open_page()
    at = at.text_input(key="cmc_host").input("https://comet.example.com").run()
    assert "a server was typed, but no key for it" in texts(at.warning)
    assert not at.metric


def test_a_typed_server_and_key_are_asked_and_are_in_no_link(
    comet_served: Served,
) -> None:
    app, url = comet_served
    at = open_page(**OCTOBER)
    at.text_input(key="cmc_key").input(CANARY)
    at = at.text_input(key="cmc_host").input(url).run()
    assert "Demo data" not in texts(at.markdown)
    assert urlsplit(url).netloc in texts(at.caption)
    assert asked(app) == ["2026-10"]
    assert urlsplit(url).netloc not in at.code[0].value
    assert CANARY not in everything(at)


def test_a_typed_server_that_refuses_is_told_no_other_way_than_one_that_is_not_there(
    comet_served: Served,
) -> None:
    app, url = comet_served
    app.state.faults.no_admin = True
    at = open_page(**OCTOBER)
    at.text_input(key="cmc_key").input(CANARY)
    at = at.text_input(key="cmc_host").input(url).run()
    assert "the host that was typed gave no chargeback report" in texts(at.error)
    assert "403" not in texts(at.error)
    assert not at.metric
    assert CANARY not in everything(at)


@pytest.mark.parametrize(
    ("faults", "said", "remedy"),
    [
        ({"no_admin": True}, "answered 403", "ADMIN_USER_LIST"),
        ({"fail": {"chargeback": 404}}, "answered 404", "3.7.46"),
        ({"html_page": {"chargeback"}}, "web page", "sign-in"),
        ({"redirect": {"chargeback"}, "redirect_to": "http://sso.test"}, "redirect", "COMET_ALLOW"),
        ({"truncated_json": {"chargeback"}}, "JSON", ""),
        ({"empty_object": {"chargeback"}}, "chargeback", ""),
    ],
)
def test_a_server_that_gives_no_report_gives_one_error_with_the_remedy(
    comet_upstream: Starlette, faults: dict[str, Any], said: str, remedy: str
) -> None:
    vars(comet_upstream.state.faults).update(faults)
    at = open_page(**OCTOBER)
    assert len(at.error) == 1
    assert said in texts(at.error)
    assert remedy in texts(at.error)
    assert "What to do" in texts(at.error)
    assert not at.metric
    assert not at.get("progress")
    assert CANARY not in everything(at)


def test_an_old_server_asks_for_a_month(comet_upstream: Starlette) -> None:
    comet_upstream.state.shape = old_server()
    at = open_page()
    assert "Choose a month" in texts(at.error)
    at.selectbox(key="cmc_month_choice").set_value("2026-10").run()
    assert not at.error
    assert int(figures(at)["Users"]) > 50


def test_an_earlier_month_that_is_not_there_costs_the_comparison_only(
    comet_upstream: Starlette,
) -> None:
    at = open_page(**OCTOBER, cmc_compare="2020-01")
    assert "Comet chargeback 2020-01" in texts(at.warning)
    assert figures(at)["Users (incomplete)"].startswith("≥ ")
    assert {button.proto.disabled for button in at.get("download_button")} == {True}
    at.checkbox(key="cmc_incomplete").check().run()
    assert {button.proto.disabled for button in at.get("download_button")} == {False}


def test_a_rerun_and_another_window_ask_for_nothing_a_cleared_cache_does(
    comet_upstream: Starlette,
) -> None:
    at = open_page(**OCTOBER).run()
    assert asked(comet_upstream) == ["2026-10"]
    at.text_input(key="cmc_window").input("1y")
    at = press(at, REFRESH)
    assert "New users (365 days)" in figures(at)
    assert asked(comet_upstream) == ["2026-10"]
    at = press(press(at, "Clear cache"), REFRESH)
    assert asked(comet_upstream) == ["2026-10"] * 2


def test_an_uploaded_report_is_shown_instead_of_a_server(
    comet_served: Served, comet_upstream: Starlette
) -> None:
    august = saved(comet_served[1], "2026-08")
    at = open_page(**{"cmc_window": "1m"})
    comet_upstream.state.requests.clear()
    at = uploaded(at, august=august)
    assert figures(at)["Users"] == str(len(json.loads(august)["users"]["licensedUsers"]))
    assert "2026-08-31 23:59 UTC" in texts(at.caption)
    assert not comet_upstream.state.requests
    assert "Changes" not in [tab.label for tab in at.tabs]


def test_what_a_server_is_compared_with_does_not_hold_for_an_uploaded_report(
    comet_served: Served,
) -> None:
    at = open_page()  # the demo, which opens with a comparison
    assert "Changes" in [tab.label for tab in at.tabs]
    at = uploaded(at, august=saved(comet_served[1], "2026-08"))
    assert not at.warning
    assert at.selectbox(key="cmc_compare").value == "none"
    assert "Changes" not in [tab.label for tab in at.tabs]


def test_two_uploaded_reports_are_compared_whatever_their_order(
    comet_served: Served,
) -> None:
    october, august = (saved(comet_served[1], month) for month in ("2026-10", "2026-08"))
    at = uploaded(open_page(), october=october, august=august)
    counts = [len(json.loads(one)["users"]["licensedUsers"]) for one in (october, august)]
    card = next(metric for metric in at.metric if metric.label == "Users")
    assert card.value == str(counts[0])
    assert card.delta.startswith(f"+{counts[0] - counts[1]} (")
    assert "october.json is compared with august.json" in texts(at.markdown)


def test_a_file_that_is_no_report_is_named(comet_served: Served) -> None:
    at = uploaded(open_page(), holidays=b'{"days": []}')
    assert "'holidays.json' is" in texts(at.warning)
    assert "cometx admin chargeback-report" in texts(at.warning)
    assert not at.metric
    at = uploaded(at, october=saved(comet_served[1], "2026-10"))
    assert not at.warning
    assert at.metric

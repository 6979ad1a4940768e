"""Days on the OpenAI page: by name, by arrow, one by one, and what they are compared with."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from lib.periods import months_before
from lib.presets import resolve
from tests.support.pages import open_link, press, texts

pytestmark = pytest.mark.usefixtures("no_settings")


def open_page(**link: Any) -> AppTest:
    return open_link("openai_usage", **link)


def test_a_range_of_one_day_in_a_link_is_that_day(upstream: Starlette) -> None:
    at = open_page(oai_period=["2026-03-04"])
    assert at.metric
    assert "2026-03-04 (UTC), 1 day" in texts(at.caption).replace("\\", "")


def test_a_relative_link_opens_with_its_days_which_the_address_then_pins(
    upstream: Starlette,
) -> None:
    last = resolve("last-month", datetime.now(UTC).date())
    days = [last.start.isoformat(), last.end.isoformat()]
    at = open_page(oai_preset="last-month", oai_endpoints="embeddings")
    assert not at.warning
    assert at.selectbox(key="oai_named").value == "last-month"
    assert str(last) in texts(at.caption).replace("\\", "")
    assert at.query_params["oai_period"] == days
    assert "oai_preset" not in at.query_params
    pinned, always = (parse_qs(urlsplit(code.value).query) for code in at.code)
    assert pinned["oai_period"] == days
    assert always["oai_preset"] == ["last-month"]
    assert "oai_period" not in always


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ({"oai_preset": "last-mnth"}, "last-month"),
        ({"oai_preset": "all-time"}, "all-time"),
        (
            {"oai_preset": "last-year", "oai_period": ["2026-03-01", "2026-03-02"]},
            "these are shown",
        ),
        ({"oai_period": ["0001-01-02", "0001-01-03"]}, "from 2000-01-01"),
        ({"oai_compare": "same-day"}, "Same days, month before"),
    ],
)
def test_a_name_that_a_link_cannot_mean_is_named(
    upstream: Starlette, link: dict[str, Any], said: str
) -> None:
    at = open_page(**link, oai_endpoints="embeddings")
    assert said in texts(at.warning).replace("\\", "")
    assert at.metric


def test_the_arrows_step_by_what_is_shown_and_a_name_is_one_choice(upstream: Starlette) -> None:
    today = datetime.now(UTC).date()
    at = open_page(oai_preset="last-month", oai_endpoints="embeddings")
    for name, back in (("Previous", 2), ("Previous", 3), ("Next", 2)):
        press(at, name)
        first, after = months_before(today, back), months_before(today, back - 1)
        days = [first.isoformat(), (after - timedelta(days=1)).isoformat()]
        assert at.query_params["oai_period"] == days
        assert " to ".join(days) in texts(at.caption).replace("\\", "")
    at.selectbox(key="oai_named").set_value("this-month").run()
    assert at.query_params["oai_period"] == [today.replace(day=1).isoformat(), today.isoformat()]
    assert next(one for one in at.button if one.label == "Next").disabled


def test_days_of_ones_own_are_asked_for_when_both_are_chosen(upstream: Starlette) -> None:
    at = open_page(oai_endpoints="embeddings")
    assert not at.date_input, "only live inputs are drawn"
    at.selectbox(key="oai_named").set_value("custom").run()
    shown = at.query_params["oai_period"]
    at.date_input[0].set_value((date(2026, 3, 1),)).run()
    assert at.query_params["oai_period"] == shown, "one day is half a choice"
    at.date_input[0].set_value((date(2026, 3, 1), date(2026, 3, 9))).run()
    assert at.query_params["oai_period"] == ["2026-03-01", "2026-03-09"]
    assert "2026-03-01 to 2026-03-09" in texts(at.caption).replace("\\", "")


def test_one_month_against_the_one_before_is_one_click(upstream: Starlette) -> None:
    at = open_page(oai_period=["2026-10-01", "2026-10-31"], oai_endpoints="embeddings")
    at.selectbox(key="oai_compare").set_value("month-before").run()
    assert at.query_params["oai_compare"] == "month-before"
    said = texts(at.markdown).replace("\\", "")
    assert "2026-09-01 to 2026-09-30 (UTC), 30 days against 31" in said


def test_what_changes_how_figures_are_read_stands_beside_them_once_and_in_every_file(
    upstream: Starlette,
) -> None:
    at = open_page()
    report = at.session_state["oai_shown"].report
    assert report.cautions, "costs of the last days are provisional"
    assert {*report.cautions} < {*report.notes}
    beside, below = texts(at.caption), texts(at.markdown)
    for caution in report.cautions:
        assert caution in beside
        assert caution not in below
    assert report.notes[-1] in below


@pytest.mark.parametrize(
    ("named", "suited"),
    [
        ("last-month", "month-before"),
        ("this-month", "same-days"),
        ("last-quarter", "month-before"),
        ("last-year", "year-before"),
        ("last-30-days", "preceding"),
    ],
)
def test_a_comparison_goes_over_to_the_one_that_a_named_period_suits_unless_it_is_off(
    upstream: Starlette, named: str, suited: str
) -> None:
    days = {"oai_period": ["2026-10-05", "2026-10-05"], "oai_endpoints": "embeddings"}
    at = open_page(**days, oai_compare="year-before")
    at.selectbox(key="oai_named").set_value(named).run()
    assert at.query_params["oai_compare"] == suited
    at = open_page(**days, oai_compare="none")
    at.selectbox(key="oai_named").set_value(named).run()
    assert at.query_params["oai_compare"] == "none"


def test_days_without_usage_say_so_and_lead_to_the_nearest_that_have_some(
    upstream: Starlette,
) -> None:
    at = open_page(oai_period=["2025-08-01", "2025-08-31"])
    assert [one.value for one in at.info] == ["No usage in this selection. Choose other days."]
    (button,) = [one for one in at.button if one.key == "oai_nearest"]
    assert button.label == "Show September 2025"
    at = press(at, button.label)
    assert not at.info
    assert at.metric

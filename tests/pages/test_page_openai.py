"""The OpenAI page as Streamlit runs it, in each of its states."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from lib.demo.openai_server import create_openai_app
from lib.demo.organisation import make_organisation
from tests.pages.conftest import CANARY
from tests.support.pages import figures
from tests.support.servers import ROOT, serve


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads the settings of whoever runs it."""
    for name in ("OPENAI_ADMIN_KEY", "OPENAI_BASE_URL", "LOGURU_LEVEL", "DASHBOARD_DEMO"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("HOME", str(tmp_path))


def open_link(**link: Any) -> AppTest:
    """The page as a link shows it."""
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.switch_page("pages/openai_usage.py")
    for key, value in link.items():
        at.query_params[key] = value
    at.run()
    assert not at.exception, at.exception
    return at


def open_page(**link: Any) -> AppTest:
    """The page, ready for input.

    The first run knows the page by its file, later ones by its address: inputs get other ids.
    """
    return open_link(**link).run()


def everything(at: AppTest) -> str:
    """Every message that the page sends, as text."""
    return "\n".join(str(element.proto) for element in _leaves(at))


def _leaves(at: AppTest) -> Iterator[Any]:
    for area in (at.main, at.sidebar):
        for element in area:
            if getattr(element, "proto", None) is not None:
                yield element


def texts(elements: Any) -> str:
    return "\n".join(str(element.value) for element in elements)


def test_the_bare_address_leads_to_the_first_page_and_keeps_the_link(upstream: Starlette) -> None:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.query_params["oai_period"] = ["2026-03-01", "2026-03-02"]
    at.run()
    assert at.title[0].value == "OpenAI usage"
    assert at.selectbox(key="oai_named").value == "shown"
    assert "2026-03-01 to 2026-03-02" in texts(at.caption).replace("\\", "")


def test_without_any_key_a_demo_organisation_is_shown_and_called_demo() -> None:
    at = open_page()
    assert "Demo data" in texts(at.markdown)
    assert figures(at)["Billed cost"].startswith("$")
    assert figures(at)["Active users"] not in ("0", "—")


def test_without_a_key_and_with_the_demo_off_the_page_says_which_variable_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DASHBOARD_DEMO", "off")
    at = open_page()
    assert "OPENAI\\_ADMIN\\_KEY is not set" in texts(at.warning)
    assert not at.metric


def test_an_unusable_setting_is_named_and_its_value_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere.example/v1")
    at = open_page()
    assert "OPENAI\\_BASE\\_URL" in texts(at.warning)
    assert "elsewhere" not in everything(at)


def test_the_default_is_the_last_seven_whole_days_so_that_no_day_runs(upstream: Starlette) -> None:
    at = open_page()
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    assert at.selectbox(key="oai_named").value == "last-7-days"
    assert f"{yesterday - timedelta(days=6)} to {yesterday}" in texts(at.caption).replace("\\", "")
    assert "running" not in texts(at.caption) + texts(at.markdown)
    assert at.selectbox(key="oai_compare").value == "preceding"
    shown = figures(at)
    assert shown["Billed cost"].startswith("$")
    assert shown["Input tokens"] not in ("0", "—")
    assert at.metric[0].delta, "the first figure has a change"


def test_a_link_of_days_alone_compares_with_nothing_as_it_always_did(upstream: Starlette) -> None:
    at = open_page(oai_period=["2026-03-01", "2026-03-02"])
    assert at.selectbox(key="oai_compare").value == "none"


def test_choices_have_words_and_the_address_has_ids(upstream: Starlette) -> None:
    at = open_page(
        oai_period=["2026-03-01", "2026-03-02"], oai_group=["project_id"], oai_width=["1h"]
    )
    assert at.multiselect(key="oai_group").options[:2] == ["Project", "User"]
    at.multiselect(key="oai_group").set_value(["project_id", "model"]).run()
    assert at.query_params["oai_group"] == ["project_id", "model"]
    assert at.query_params["oai_width"] == "1h", "as the link had it"


def test_days_without_usage_are_said_to_be_empty(upstream: Starlette) -> None:
    at = open_page(oai_period=["2020-01-01", "2020-01-03"])
    assert "No usage in this selection" in texts(at.info)
    assert not at.metric
    _press(at, "Show 2019-12-29 to 2019-12-31").run()
    assert at.query_params["oai_period"] == ["2019-12-29", "2019-12-31"]


def test_a_failed_endpoint_is_listed_beside_what_the_others_answered(upstream: Starlette) -> None:
    upstream.state.faults.fail = {"completions": 403}
    at = open_page()
    assert "OpenAI completions" in texts(at.warning).replace("\\", "")
    shown = figures(at)
    assert shown["Requests (incomplete)"] == "—", "a source that counts into it failed"
    assert shown["Billed cost"].startswith("$")


def test_an_incomplete_report_is_downloaded_only_by_an_explicit_choice(
    upstream: Starlette,
) -> None:
    upstream.state.faults.fail = {"completions": 403}
    at = open_page()
    assert {button.proto.disabled for button in at.get("download_button")} == {True}
    why = ("The files wait for that", "agree under Download first")
    assert all(reason in texts(at.caption) for reason in why), "beside them, not in a hover"
    at.checkbox(key="oai_incomplete").check().run()
    assert not any(reason in texts(at.caption) for reason in why)
    assert {button.proto.disabled for button in at.get("download_button")} == {False}


def test_a_wrong_key_gives_one_error_with_the_remedy(
    upstream: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-of-somebody-else")
    at = open_page()
    assert len(at.error) == 1
    assert "answered 401" in texts(at.error)
    assert "What to do" in texts(at.error)
    assert not at.metric
    assert "somebody-else" not in everything(at)


def test_a_project_key_typed_into_the_page_is_refused_without_a_request(
    upstream: Starlette,
) -> None:
    at = open_page()
    before = len(upstream.state.requests)
    at.text_input(key="oai_key").input("sk-proj-0123456789abcdef").run()
    assert "a project key" in texts(at.warning)
    assert "0123456789abcdef" not in texts(at.warning)
    assert len(upstream.state.requests) == before


def test_the_server_key_never_reaches_the_page(upstream: Starlette) -> None:
    at = open_page()
    field = at.text_input(key="oai_key")
    assert field.value in ("", None)
    assert field.proto.placeholder == "configured on the server"
    assert at.metric
    assert CANARY not in everything(at)


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("oai_width", "9d", "Time step: '9d' is unknown. Use Day, Hour, Minute."),
        ("oai_endpoints", "bogus", "bogus"),
        ("oai_group", "planet", "Group by: 'planet' is unknown. Use Project, User,"),
        ("oai_period", ["2026-02-30", "2026-03-01"], "2026-02-30"),
        ("oai_period", ["2999-01-01", "2999-01-02"], "Period: it takes two days from"),
        ("oai_compare", "perhaps", "Compare with: 'perhaps' is unknown. Use None; "),
        ("oai_colour", "blue", "oai_colour"),
        ("oai_width", "<script>alert(1)</script>", "script"),
    ],
)
def test_a_link_that_cannot_be_followed_names_what_is_wrong(
    upstream: Starlette, key: str, value: Any, named: str
) -> None:
    at = open_link(**{key: value})
    assert named in texts(at.warning).replace("\\", "")
    assert at.metric, "the rest of the page is shown all the same"


@pytest.mark.parametrize(
    ("period", "width", "said"),
    [
        (["2026-03-09", "2026-03-01"], "1d", "Date range: it starts on 2026-03-09, after its end"),
        (["2025-01-01", "2026-03-01"], "1h", "366 days"),
        (["2026-01-01", "2026-03-01"], "1m", "31 days"),
    ],
)
def test_a_range_that_cannot_be_asked_for_is_refused_with_the_limit(
    upstream: Starlette, period: list[str], width: str, said: str
) -> None:
    at = open_page(oai_period=period, oai_width=width)
    assert said in texts(at.warning).replace("\\", "")
    assert not at.metric
    assert not upstream.state.requests


def test_a_project_that_does_not_exist_is_one_warning_beside_the_inputs(
    upstream: Starlette,
) -> None:
    at = open_link(oai_projects="nope")
    assert len(at.warning) == 1
    assert "nope" in texts(at.warning)
    assert not at.error
    assert not at.metric
    assert [box for box in at.multiselect if box.label == "Projects"]


def test_a_rerun_asks_upstream_for_nothing(upstream: Starlette) -> None:
    at = open_page()
    asked = len(upstream.state.requests)
    shown = figures(at)
    at.run()
    assert len(upstream.state.requests) == asked
    assert figures(at) == shown


def test_clearing_the_cache_makes_the_next_fetch_ask_again(upstream: Starlette) -> None:
    at = open_page()
    asked = len(upstream.state.requests)
    _press(at, "Refresh").run()
    assert len(upstream.state.requests) == asked, "the cache is fresh"
    _press(at, "Clear cache").run()
    _press(at, "Refresh").run()
    assert len(upstream.state.requests) == 2 * asked


def _press(at: AppTest, label: str) -> Any:
    return next(button for button in at.button if button.label == label).click()


def test_a_choice_counts_at_once(upstream: Starlette) -> None:
    at = open_page()
    at.multiselect(key="oai_endpoints").select("embeddings").run()
    shown = figures(at)
    assert "Billed cost" not in shown, "not asked for"
    assert "Output tokens" not in shown, "embeddings have none"
    assert shown["Input tokens"] not in ("0", "—")


def test_a_failed_load_leaves_no_progress_bar_behind(upstream: Starlette) -> None:
    upstream.state.admin_key = "sk-admin-changed"
    at = open_page()
    assert at.error
    assert not at.get("progress")
    assert [button.label for button in at.button if button.label == "Stop"] == []


def test_a_comparison_shows_the_change_and_its_percentage(upstream: Starlette) -> None:
    at = open_page(oai_compare="true")
    deltas = [metric.delta for metric in at.metric]
    assert all("%" in delta or "points" in delta for delta in deltas)


def grid(at: AppTest) -> pd.DataFrame:
    """The open table, as text."""
    shown: pd.DataFrame = at.dataframe[0].value
    return shown


def test_a_link_filters_and_sorts_a_table_and_total_stays_that_of_all(upstream: Starlette) -> None:
    whole = grid(open_page())
    total = whole["cost"].iloc[-1]
    assert whole["project_name"].iloc[-1] == "TOTAL"
    assert "project_id" not in whole, "the names tell the projects apart"
    at = open_page(
        oai_view_find_by_project="a",
        oai_view_sort_by_project="Requests ↑",
        oai_view_hide_by_project=["Output tokens", "Project ID"],
    )
    shown = grid(at)
    rows = shown.iloc[:-2]
    assert 0 < len(rows) < len(whole) - 1
    requests = [int(text.replace(",", "")) for text in rows["num_model_requests"]]
    assert requests == sorted(requests)
    assert list(shown["project_name"])[-2].startswith(f"Filtered: {len(rows)} of")
    assert shown["cost"].iloc[-1] == total
    assert "output_tokens" not in shown
    link = at.code[0].value
    for part in ("oai_view_find_by_project=a", "oai_view_sort_by_project=Requests+%E2%86%91"):
        assert part in link


def test_a_sort_by_a_column_that_is_not_there_leaves_the_order(upstream: Starlette) -> None:
    plain, sorted_by = open_page(oai_compare="none"), open_page(oai_view_sort_by_project="Planet ↑")
    assert grid(sorted_by).equals(grid(plain))


def test_six_figures_stand_above_and_a_table_has_them_all(upstream: Starlette) -> None:
    at = open_page()
    assert len(at.metric) == 6
    assert set(at.table[0].value["Figure"]) >= {metric.label for metric in at.metric}


def test_the_first_file_offered_holds_money(upstream: Starlette) -> None:
    at = open_page()
    labels = [button.proto.label for button in at.get("download_button")]
    assert labels[:2] == ["CSV: costs table", "CSV: usage table"]
    assert labels[-1] == "CSV of this table"


def test_the_filters_offer_names_and_filter_by_id(upstream: Starlette) -> None:
    at = open_page()
    picker = at.multiselect(key="oai_projects")
    assert len(picker.options) >= 8
    whole = figures(at)["Requests"]
    picker.select(picker.options[0])
    _press(at, "Refresh").run()
    assert figures(at)["Active projects"] == "1"
    assert figures(at)["Requests"] != whole


def test_hostile_names_are_shown_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_openai_app(admin_key=CANARY, org=make_organisation(hostile_names=True))
    with serve(app) as url:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v1")
        monkeypatch.setenv("OPENAI_ADMIN_KEY", CANARY)
        at = open_page()
    assert at.metric
    written = texts(at.markdown) + texts(at.caption)
    assert "<script>" not in written
    assert "](http" not in written


@pytest.mark.parametrize(("level", "shown"), [("DEBUG", True), ("INFO", False)])
def test_a_traceback_is_shown_in_debug_only_and_without_the_key(
    upstream: Starlette, monkeypatch: pytest.MonkeyPatch, level: str, shown: bool
) -> None:
    monkeypatch.setenv("LOGURU_LEVEL", level)
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "sk-admin-not-the-right-one")
    at = open_page()
    assert any("Traceback" in expander.label for expander in at.expander) is shown
    assert "not-the-right-one" not in everything(at)


def test_cache_statistics_are_shown_in_debug_only(
    upstream: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "misses" not in texts(open_page().caption)
    monkeypatch.setenv("LOGURU_LEVEL", "DEBUG")
    assert "misses" in texts(open_page().caption)

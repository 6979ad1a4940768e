"""The page of what is kept: empty, filled, capturing, and the demo's."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from starlette.applications import Starlette

from lib.ledger.store import Ledger
from lib.ledger.warehouse import Month
from tests.support.kept import in_folder, put
from tests.support.pages import figures, open_link, press, texts
from tests.support.replies import KEY
from tests.support.servers import serve

COSTS = {("alpha", "billed_cost"): 12, ("beta", "billed_cost"): 30}


@pytest.fixture
def kept(no_settings: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ledger:
    """A ledger that the settings name; nothing else is configured but an OpenAI that refuses."""
    ledger = in_folder(tmp_path)
    monkeypatch.setenv("LEDGER_URL", f"sqlite:///{ledger.database.file}")
    monkeypatch.setenv("LEDGER_WAREHOUSE", ledger.warehouse.place)
    monkeypatch.setenv("OPENAI_ADMIN_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    return ledger


def test_an_empty_ledger_says_how_it_is_filled(kept: Ledger) -> None:
    at = open_link("history")
    assert "Nothing is kept yet" in texts(at.info)
    assert "ai-usage ledger capture" in texts(at.info)
    assert [button.label for button in at.button if button.key == "his_capture"] == ["Capture now"]


def test_what_is_kept_is_shown(kept: Ledger) -> None:
    put(kept, COSTS)
    at = open_link("history")
    assert figures(at)["Platforms"] == "1"
    assert figures(at)["Months, 2026-10"] == "1"
    assert not at.error


def test_another_platform_has_nothing_and_the_link_says_which(kept: Ledger) -> None:
    put(kept, COSTS)
    at = open_link("history", his_platform="tenants")
    assert "No usage in this selection. Choose another one." in texts(at.info)
    assert at.query_params["his_platform"] == "tenants"


def test_capture_now_keeps_what_the_platforms_say(
    kept: Ledger, stand_in: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.state.now = lambda: datetime.now(UTC)
    with serve(stand_in) as url:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v1")
        monkeypatch.setattr("lib.capture.months.due_months.__defaults__", (1,))
        at = press(open_link("history"), "Capture now")
    assert [status.label for status in at.status] == ["2 months are captured."]
    assert {capture.platform for capture in kept.captures()} == {"openai"}
    assert figures(at)["Platforms"] == "1"


def test_what_has_just_been_captured_is_shown_at_once(
    kept: Ledger, stand_in: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(kept, {("acme", "requests"): 1}, Month("tenants", "redis.example", "2026-10"))
    stand_in.state.now = lambda: datetime.now(UTC)
    with serve(stand_in) as url:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v1")
        monkeypatch.setattr("lib.capture.months.due_months.__defaults__", (0,))
        at = open_link("history")
        assert figures(at)["Platforms"] == "1"
        assert figures(press(at, "Capture now"))["Platforms"] == "2"


def test_a_platform_that_does_not_answer_is_named_and_costs_nothing_else(kept: Ledger) -> None:
    put(kept, COSTS)
    at = press(open_link("history"), "Capture now")
    assert [status.label for status in at.status] == ["Not everything could be captured."]
    assert "openai" in texts(at.markdown)
    assert figures(at)["Platforms"] == "1"


def test_a_ledger_that_cannot_be_read_is_one_sentence(kept: Ledger) -> None:
    put(kept, COSTS)
    for file in kept.warehouse.data_files():
        kept.warehouse.files.delete_file(file)
    at = open_link("history")
    assert "Ledger: it cannot be read" in texts(at.error).replace("*", "")
    assert "went wrong" not in texts(at.error)

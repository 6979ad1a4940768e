"""Sessions with the same question share one report, as far as their people may see the same."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import Any
from weakref import WeakValueDictionary

import pytest
from starlette.applications import Starlette
from streamlit.testing.v1 import AppTest

from lib.access.visitors import Visitor
from lib.demo.openai_faults import Faults
from lib.demo.openai_server import create_openai_app
from lib.reports.openai.build import build_openai_usage
from lib.reports.report import Report
from lib.ui.load import _turn
from lib.ui.runtime import runtime
from tests.support.comet_page import Served, saved
from tests.support.pages import everything, open_link, press
from tests.support.servers import serve

KEY = "sk-admin-shared-reports"


@pytest.fixture(autouse=True)
def upstream(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Starlette]:
    """A configured organisation at an address that no other test has asked."""
    app = create_openai_app(admin_key=KEY, faults=Faults())
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OPENAI_ADMIN_KEY", KEY)
    with serve(app) as url:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v1")
        yield app


def session(**link: str) -> AppTest:
    """Somebody who opens the page in a browser of their own."""
    return open_link("openai_usage", **link)


def report(at: AppTest) -> Any:
    return at.session_state["oai_shown"].report


def test_the_same_question_is_answered_by_the_same_report_and_another_by_another() -> None:
    first = session()
    assert report(session()) is report(first)
    assert report(session(oai_compare="month-before")) is not report(first)


def test_fetching_again_gives_a_new_report_which_those_who_come_next_share() -> None:
    first, second = session(), session()
    before = report(first)
    press(second.run(), "Refresh")
    assert report(second) is not before
    assert report(session()) is report(second)
    assert report(first.run()) is before, "no number moves under somebody's eyes"


def test_a_report_is_not_shared_once_young_data_would_be_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = session()
    monkeypatch.setattr("lib.ui.load.OPEN_SECONDS", 0)
    assert report(session()) is not report(first)


def test_clearing_the_cache_forgets_shared_reports() -> None:
    first = session()
    press(first.run(), "Clear cache")
    assert report(session()) is not report(first)


def test_an_incomplete_report_is_not_shared(upstream: Starlette) -> None:
    upstream.state.faults.fail = {"completions": 403}
    first = session()
    assert not report(first).complete
    upstream.state.faults.fail = {}
    assert report(session()).complete


def test_who_may_not_see_people_never_gets_the_report_of_who_may(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    admin = session()
    monkeypatch.setattr("lib.access.sign_in.LOCAL", Visitor("viewer"))
    viewer = session()
    assert report(viewer) is not report(admin)
    assert "@" in report(admin).table("by_user").frame.to_csv()
    assert "@" not in report(viewer).table("by_user").frame.to_csv()
    assert report(session()) is report(viewer)


def test_every_session_has_its_line_in_the_audit_trail_with_the_filters_it_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def hidden(report: Report) -> Report:
        return replace(report, filters={"models": ["person-1"]})

    monkeypatch.setattr("lib.ui.load.hide_people", hidden)
    monkeypatch.setenv("DASHBOARD_AUDIT", str(tmp_path / "audit.jsonl"))
    monkeypatch.setattr("lib.access.sign_in.LOCAL", Visitor("viewer"))
    first, second = session(), session()
    assert report(first) is report(second)
    lines = (tmp_path / "audit.jsonl").read_text(encoding="utf-8").splitlines()
    one, other = ({**json.loads(line), "time": ""} for line in lines)
    assert one == other
    assert one["filters"]["models"] == []


def test_what_was_on_its_way_when_the_cache_was_cleared_is_not_shared(
    upstream: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(*given: Any, **named: Any) -> Report:
        runtime().clear()  # somebody else does
        return build_openai_usage(*given, **named)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr("lib.reports.openai.build.build_openai_usage", slowly)
        first = session()
    assert report(session()) is not report(first)


def test_who_stopped_a_question_is_not_shown_what_others_see_of_it() -> None:
    first, second = session(), session()
    identity = second.session_state["oai_shown"].identity
    del second.session_state["oai_shown"]
    second.session_state["oai_stopped"] = identity  # as the button does
    second.run()
    assert "Stopped." in str(second.info[-1].value)
    assert report(first).complete


def test_reports_of_uploaded_files_are_of_one_session_only(
    comet_served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lib.ui.chargeback_controls.fingerprint", lambda *_: "the same for all")
    given = ("saved.json", saved(comet_served[1]), "application/json")
    reports = []
    for _ in range(2):
        at = open_link("comet_chargeback").run()
        at.file_uploader(key="cmc_files").set_value([given]).run()
        assert not at.exception, at.exception
        reports.append(at.session_state["cmc_shown"].report)
    assert reports[0].sources == reports[1].sources
    assert reports[0] is not reports[1]


def test_what_a_typed_key_brought_is_shown_to_nobody_who_typed_another(
    upstream: Starlette, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_ADMIN_KEY", "")
    monkeypatch.setenv("DASHBOARD_DEMO", "off")

    def typed(key: str) -> AppTest:
        at = session()
        at.text_input(key="oai_key").input(key).run()
        return at

    owner = typed(KEY)
    assert report(owner).complete
    asked = len(upstream.state.requests)
    stranger = typed("sk-admin-of-somebody-else-77")
    assert "oai_shown" not in stranger.session_state
    assert len(upstream.state.requests) > asked, "a key is tried, whatever another has brought"
    assert not stranger.metric
    nobody = session()
    assert "oai_shown" not in nobody.session_state
    assert KEY not in everything(stranger) + everything(nobody)


def test_who_asks_while_somebody_builds_the_same_waits_and_others_do_not() -> None:
    page: Any = SimpleNamespace(runtime=SimpleNamespace(turns=WeakValueDictionary()))
    building, together = [0], Barrier(2, timeout=10)

    def build_the_same(_: int) -> int:
        with _turn(page, "one question"):
            building[0] += 1
            time.sleep(0.02)  # as long as it takes; nobody else may come in meanwhile
            here, building[0] = building[0], building[0] - 1
        return here

    def build(question: str) -> None:
        with _turn(page, question):
            together.wait()  # breaks unless both are here at once

    with ThreadPoolExecutor(4) as people:
        assert [*people.map(build_the_same, range(4))] == [1, 1, 1, 1]
        assert [*people.map(build, ("a question", "another"))] == [None, None]

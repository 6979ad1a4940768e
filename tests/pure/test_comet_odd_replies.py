"""Chargeback reports that say what they mean in odd ways: read where the meaning is plain, else unknown."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pandas as pd
import pytest
from pydantic import SecretStr

from lib.cache import Caches
from lib.errors import InputError
from lib.exports.csv import to_csv
from lib.exports.json import to_json
from lib.exports.terminal import to_terminal
from lib.loader.chargeback import load_chargeback
from lib.loader.comet_source import comet_source
from lib.reports.chargeback.build import build_comet_chargeback
from lib.reports.report import Report
from lib.settings import Settings
from lib.sources.comet.chargeback.parse import read_chargeback
from lib.sources.comet.chargeback.query import check_chargeback_query, check_month
from lib.sources.comet.server.entries import read_entries
from tests.support.comet_reports import DAY, NOW, NOW_MS, build, document, user, workspace


def noted(report: Report, words: str) -> bool:
    return any(words in note for note in report.notes)


@pytest.mark.parametrize("suspended", ["true", "True", 1, "1", 1.0])
def test_a_suspension_counts_however_it_is_written(suspended: Any) -> None:
    report = build(document([user(suspended=suspended), user("bob", suspended=False)]))
    assert report.totals["suspended_users"] == 1
    assert noted(
        report, "Mark of suspension of users (suspended): 1 values are written in another way"
    )
    assert not noted(report, "The report does not say who is suspended")


def test_a_suspension_that_cannot_be_read_is_not_called_absent() -> None:
    report = build(document([user(suspended="perhaps")]))
    assert noted(report, "Mark of suspension of users (suspended): 1 values cannot be read")
    assert not noted(report, "The report does not say who is suspended")


def test_times_in_seconds_are_read_as_such_and_noted() -> None:
    seconds = (NOW_MS - 3 * DAY) // 1_000
    report = build(document([user(created_at=seconds, lastUsedAt=seconds)]))
    row = json.loads(to_json(report))["tables"]["users"][0]
    assert (row["created_at"], row["lastUsedAt"]) == (seconds * 1_000, seconds * 1_000)
    assert (report.totals["new_users"], report.totals["active_users"]) == (1, 1)
    assert noted(report, "Time of creation of users (created_at): 1 values are seconds since 1970")


def test_a_report_made_in_seconds_ends_its_windows_there() -> None:
    report = build(document([user()], inner={"createdAt": NOW_MS // 1_000}))
    assert report.totals["windows_end"] == "2024-10-02T00:00:00Z"


@pytest.mark.parametrize("time", [5, 2**63 - 1, NOW_MS * 1_000, -NOW_MS])
def test_an_impossible_time_is_unknown_and_noted(time: int) -> None:
    report = build(document([user(created_at=time, lastUsedAt=time)]))
    assert report.totals["new_users"] is None
    assert noted(report, "Times outside the years 2000 to 2099")
    to_csv(report, "users")
    to_terminal(report, width=None, colour=False)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32-le"])
def test_a_file_in_utf_16_is_read_with_and_without_its_mark(encoding: str) -> None:
    raw = json.dumps(document([user("zoë")]), ensure_ascii=False).encode(encoding)
    assert read_chargeback(raw, "a.json").users["username"].tolist() == ["zoë"]


def test_half_a_character_is_marked_wherever_it_stands() -> None:
    given = document([user("a\ud800")], [workspace("b\ud800")], **{"c\ud800": 1})
    report = build(given | {"organizationId": "d\ud800", "c\ud801": 2})
    assert report.table("users").frame["username"].tolist() == ["a\ufffd"]
    assert report.table("workspaces").frame["name"].tolist() == ["b\ufffd"]
    assert "\ud800" not in to_json(report).decode()
    assert all(note.encode() for note in report.notes)


def test_two_names_that_half_a_character_tells_apart_stay_two() -> None:
    halves = {f"x{chr(0xD800)}": 1, f"x{chr(0xD801)}": 2}
    given = json.dumps(document([user(**halves)]))
    users = read_chargeback(given.encode(), "a").users
    assert (users["x\ufffd"][0], users["x\ufffd\ufffd"][0]) == (1, 2)


@pytest.mark.parametrize(
    "number", ["1e99999999999999999999", "-1e99999999999999999999", "1e999999", "9" * 5_000]
)
@pytest.mark.parametrize("field", ["totalSizeInMb", "numberOfExperiments", "projects"])
def test_an_absurd_number_is_unknown_and_the_rest_stands(number: str, field: str) -> None:
    given = json.dumps(document([user()], [workspace("vision", **{field: 7_777})]))
    report = read_chargeback(given.replace("7777", number).encode(), "a")
    column = "numberOfProjects" if field == "projects" else field
    assert pd.isna(report.workspaces[column][0])
    assert report.unread == 1
    assert report.users["username"].tolist() == ["ada"]


@pytest.mark.parametrize("list_of", ['{"experiments": null}', '{"experiments": null} '])
def test_null_is_not_an_empty_list(list_of: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for at_once in (4_000_000, 0):
        monkeypatch.setattr("lib.sources.comet.server.entries.AT_ONCE", at_once)
        with pytest.raises(ValueError, match="neither an object nor an array"):
            read_entries(list_of.encode(), "experiments", lambda _key, _entry: None)


def test_a_month_that_has_not_begun_is_refused() -> None:
    check_month("month", "2024-10", NOW)
    for parameter in ("month", "compare"):
        with pytest.raises(InputError, match="2024-11 lies in the future") as refused:
            check_chargeback_query(**{"month": "2024-10", parameter: "2024-11"}, now=NOW)
        assert "2024-10" in refused.value.remedy


def answers_with(month: str, made: int | None) -> Any:
    given = document([user(created_at=NOW_MS - 40 * DAY)], [], inner={"createdAt": made})

    def handle(request: httpx.Request) -> httpx.Response:
        accounts = "service" in request.url.path
        return httpx.Response(200, json=[] if accounts else given | {"reportDate": month})

    server = Settings.model_construct(
        comet_api_key=SecretStr("key"), comet_url_override="http://demo.localhost/clientlib/"
    )
    return comet_source(server, transport=httpx.MockTransport(handle))


async def of_month(asked: str, came: str, made: int | None, now: datetime) -> Report:
    source = answers_with(came, made)
    query = check_chargeback_query(month=asked, now=now)
    answer = await load_chargeback(source, source.connect(), query, caches=Caches(), now=now)
    return build_comet_chargeback(answer, query, now=now)


async def test_another_month_than_asked_for_is_incomplete_and_ends_where_the_data_end() -> None:
    report = await of_month("2024-10", "2024-07", None, NOW)
    assert not report.complete
    assert report.totals["windows_end"] == "2024-07-31T23:59:59Z"
    assert noted(report, "Asked for 2024-10, the server answered with its report of 2024-07")
    assert "2024-10 is missing" in str(report.sources[0].detail)


async def test_the_present_instead_of_an_older_month_ends_now() -> None:
    now = datetime(2024, 10, 2, 12, tzinfo=UTC)
    report = await of_month("2024-08", "2024-10", None, now)
    assert not report.complete
    assert report.totals["windows_end"] == "2024-10-02T12:00:00Z"

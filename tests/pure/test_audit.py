"""The audit trail: one JSON line per act, complete, redacted, and no act without its line."""

import hashlib
import json
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from lib.access import audit
from lib.access.audit import Trail
from lib.errors import SettingsError
from lib.redaction import MASK, remember_server_secret
from lib.reports.report import Report, SourceStatus
from tests.support.personal_report import make_report

CANARY = 'audit "canary\\ 77'


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_download_names_user_page_filters_rows_format_and_the_hash_of_its_bytes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "new folder" / "audit.jsonl"
    data = b"a,b\n1,2\n"
    with closing(Trail(str(path))) as trail:
        trail.note_download(
            make_report(), data, user="ann@company.com", page="openai_usage", name="x.csv"
        )
    (line,) = lines(path)
    assert line.pop("time")
    assert line == {
        "event": "download",
        "user": "ann@company.com",
        "page": "openai_usage",
        "report": "openai-usage",
        "period": ["2026-10-01", "2026-10-31"],
        "filters": {"users": ["ann@company.com"]},
        "rows": 3,
        "complete": True,
        "demo": False,
        "format": "csv",
        "name": "x.csv",
        "bytes": 8,
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def test_an_incomplete_report_is_noted_as_such(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    failed = replace(make_report(), sources=(SourceStatus("openai", "costs", "failed"),))
    with closing(Trail(str(path))) as trail:
        trail.note_report(failed, user="ann@company.com", page="openai_usage")
    assert lines(path)[0]["complete"] is False


def test_no_secret_is_in_a_line_even_one_that_json_would_escape(tmp_path: Path) -> None:
    remember_server_secret(CANARY)
    path = tmp_path / "audit.jsonl"
    report = replace(make_report(), filters={"a": [CANARY, {"b": f"x{CANARY}"}], CANARY: 1})
    with closing(Trail(str(path))) as trail:
        trail.note_report(report, user=CANARY, page="p")
    assert "canary" not in path.read_text()
    assert lines(path)[0]["filters"] == {"a": [MASK, {"b": f"x{MASK}"}], MASK: 1}


def test_line_breaks_in_what_people_choose_forge_no_second_line(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    forged = 'x\n{"event": "sign-in"}\u2028\r'
    with closing(Trail(str(path))) as trail:
        trail.note("report", user=forged, page=forged, filters=[forged])
    assert len(path.read_bytes().splitlines()) == 1


def test_stdout_gets_the_line_and_off_gets_none(capsys: pytest.CaptureFixture[str]) -> None:
    Trail("off").note("sign-in", user="a@b.c")
    assert capsys.readouterr().out == ""
    Trail("stdout").note("sign-in", user="a@b.c")
    assert json.loads(capsys.readouterr().out)["user"] == "a@b.c"


def test_a_full_file_rotates_and_no_line_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_MEGABYTES_A_FILE", 0.002)
    with closing(Trail(str(tmp_path / "audit.jsonl"))) as trail:
        for number in range(100):
            trail.note("sign-in", user=f"user-{number}")
    files = sorted(tmp_path.iterdir())
    assert len(files) > 3
    assert all(path.stat().st_size <= 2_000 for path in files)
    users = [line["user"] for path in files for line in lines(path)]
    assert sorted(users) == sorted(f"user-{number}" for number in range(100))


@pytest.mark.parametrize(
    "write",
    [
        lambda trail, report: trail.note("sign-in", user="a@b.c"),
        lambda trail, report: trail.note_report(report, user="a@b.c", page="p"),
        lambda trail, report: trail.note_download(report, b"", user="a", page="p", name="x.csv"),
    ],
)
def test_what_cannot_be_noted_is_refused(write: Callable[[Trail, Report], None]) -> None:
    full = Trail("/dev/full")
    with pytest.raises(SettingsError, match="DASHBOARD_AUDIT"):
        write(full, make_report())
    with suppress(OSError):  # what could not be written cannot be on closing either
        full.close()


def test_a_place_that_cannot_be_opened_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="DASHBOARD_AUDIT"):
        Trail(str(tmp_path / "file" / "audit.jsonl"))
    with pytest.raises(SettingsError, match="DASHBOARD_AUDIT"):
        Trail(str(tmp_path))

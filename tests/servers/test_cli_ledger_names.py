"""What the commands ``ledger …`` print where a platform's names hold what terminals obey, and of made-up data."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from lib.capture.rounds import MonthResult
from lib.cli.commands import app
from lib.errors import SourceUnavailable
from lib.ledger.exported import export
from lib.ledger.retention import tidy
from lib.ledger.store import Ledger
from tests.support.kept import NOW, OCTOBER, in_folder, put
from tests.support.servers import NOTHING

FORGED = "api\x1b[2J\n7 captures came in.\u202e"
VISIBLE = "api?[2J?7 captures came in.?"
FOREIGN = OCTOBER._replace(account=FORGED)
pytest_plugins = ["tests.support.ledgers"]

NINE = {("alpha", "input_tokens"): 9}
TEN = {("alpha", "input_tokens"): 10}


def run(ledger: Ledger, *words: str, **settings: str) -> Result:
    """``ai-usage ledger …``."""
    where = {
        "LEDGER_URL": f"sqlite:///{ledger.database.file}",
        "LEDGER_WAREHOUSE": ledger.warehouse.place,
    }
    usual = NOTHING | {"DASHBOARD_DEMO": "off"} | where
    return CliRunner().invoke(app, ["ledger", *words], env=usual | settings)


def test_a_name_cannot_forge_a_line_of_an_import(tmp_path: Path) -> None:
    ours, theirs = in_folder(tmp_path / "ours"), in_folder(tmp_path / "theirs")
    put(ours, NINE, FOREIGN)
    for hours, amounts in enumerate((TEN, NINE, TEN)):
        put(theirs, amounts, FOREIGN, hours=hours + 1)
    export(theirs, tmp_path / "kept")
    done = run(ours, "import", str(tmp_path / "kept"))
    assert (done.exit_code, done.stdout.splitlines()) == (
        1,
        [
            "0 captures came in.",
            f"openai 2026-10 of {VISIBLE} stays as it is: this ledger has something else.",
        ],
    )


def test_a_name_cannot_forge_a_line_of_a_check(folder_ledger: Ledger) -> None:
    for month in ("2026-08", "2026-10"):
        put(folder_ledger, NINE, FOREIGN._replace(month=month))
    done = run(folder_ledger, "verify")
    assert done.stdout.splitlines() == [
        f"gap      openai 2026-09  Nothing of {VISIBLE} was captured.",
        "1 gap",
    ]


def test_a_name_cannot_forge_a_line_of_a_capture(
    folder_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = put(folder_ledger, NINE, failed=frozenset({FORGED}))

    async def told(*_: Any, **__: Any) -> AsyncIterator[MonthResult]:
        yield MonthResult("openai", "2026-10", outcome)
        yield MonthResult("openai", "2026-09", error=SourceUnavailable("ledger", FORGED, "Wait."))

    monkeypatch.setattr("lib.cli.ledger.capture_round", told)
    monkeypatch.setattr("lib.cli.ledger.chosen_platforms", lambda *_: [])
    done = run(folder_ledger, "capture")
    assert (done.exit_code, done.stdout.splitlines()) == (
        1,
        [
            f"openai            2026-10  captured   1 rows, INCOMPLETE: {VISIBLE}",
            f"openai            2026-09  FAILED     Ledger: {VISIBLE} Wait.",
        ],
    )


def test_an_import_tells_what_was_confirmed_and_what_was_passed_over(tmp_path: Path) -> None:
    ours = in_folder(tmp_path / "ours")
    put(ours, NINE)
    put(ours, TEN, hours=1)
    export(ours, tmp_path / "early")
    tidy(ours, NOW + timedelta(days=402))
    put(ours, TEN, hours=2)
    export(ours, tmp_path / "late")
    done = run(ours, "import", str(tmp_path / "early"))
    assert (done.exit_code, done.stdout) == (
        0,
        "0 captures came in.\nPassed over, since newer ones count: 1 capture.\n",
    )
    other = in_folder(tmp_path / "other")
    assert run(other, "import", str(tmp_path / "early")).stdout == "2 captures came in.\n"
    done = run(other, "import", str(tmp_path / "late"))
    assert (done.exit_code, done.stdout) == (
        0,
        "0 captures came in.\nConfirmed again since, and noted: 1 capture.\n",
    )


def test_made_up_data_and_what_platforms_said_never_meet(tmp_path: Path) -> None:
    demo = Ledger(f"sqlite:///{tmp_path}/demo.db", str(tmp_path / "demo"), made_up=True)
    for ledger, name in ((demo, "made up"), (in_folder(tmp_path / "theirs"), "real")):
        put(ledger, NINE)
        export(ledger, tmp_path / name)
    ours = in_folder(tmp_path / "ours")
    for name, settings, said in (
        ("made up", {}, "Error: source: it holds made-up demo data"),
        ("real", {"DASHBOARD_DEMO": "on"}, "and this ledger made-up demo data. Set DASHBOARD_DEMO"),
    ):
        done = run(ours, "import", str(tmp_path / name), **settings)
        assert (done.exit_code, done.stdout) == (2, "")
        assert said in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert not ours.exists

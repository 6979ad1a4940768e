"""The commands ``ledger …`` against OpenAI over HTTP and a real Redis: what they say, and how they end."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from starlette.applications import Starlette
from typer.testing import CliRunner

from lib.cli.commands import app
from lib.demo.openai_server import create_openai_app
from lib.ledger.store import Ledger
from lib.periods import months_before
from tests.support.redis_servers import redis_server
from tests.support.servers import NOTHING, ROOT, serve

CANARY = "sk-admin-canary-Lg40Rt61"
TODAY = datetime.now(UTC).date()
THIS_MONTH = f"{TODAY:%Y-%m}"
MONTH, EARLIER, LONG_AGO = (f"{months_before(TODAY, back):%Y-%m}" for back in (1, 2, 6))
ONE = ("--since", MONTH, "--until", MONTH)
ACCOUNT = "openai", "127.0.0.1"


@dataclass(frozen=True)
class Platforms:
    """OpenAI's stand-in, and settings that name it and a Redis with three counters."""

    openai: Starlette
    settings: dict[str, str]

    @property
    def redis_alone(self) -> dict[str, str]:
        return {key: value for key, value in self.settings.items() if "REDIS" in key}

    @property
    def openai_alone(self) -> dict[str, str]:
        return {key: value for key, value in self.settings.items() if "OPENAI" in key}


class Place:
    """A ledger of its own.

    Args:
        upstreams: settings of the platforms.
    """

    def __init__(self, folder: Path, upstreams: dict[str, str]) -> None:
        self.url = f"sqlite:///{folder}/ledger/catalog.db"
        self.files = folder / "ledger" / "files"
        self.where = {"LEDGER_URL": self.url, "LEDGER_WAREHOUSE": str(self.files)}
        self.ledger = Ledger(self.url, str(self.files))
        self.settings = {
            **NOTHING,
            "HOME": str(folder),
            "DASHBOARD_DEMO": "off",
            **self.where,
            **upstreams,
        }

    def run(self, *words: str, **settings: str) -> Result:
        """``ai-usage ledger …``."""
        return CliRunner().invoke(app, ["ledger", *words], env=self.settings | settings)

    def start(self, *words: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        """The same as a process of its own."""
        return subprocess.run(
            [sys.executable, "-m", "lib.cli", "ledger", *words],
            cwd=ROOT,
            env=os.environ | self.settings | settings,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def amounts(self, *words: str) -> Any:
        """What a query answers as JSON, complete or not."""
        done = self.run("query", *words, "--format", "json")
        assert done.stdout, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def platforms() -> Iterator[Platforms]:
    openai = create_openai_app(admin_key=CANARY)
    with serve(openai) as url, redis_server() as redis:
        counters = {
            f"usage:acme:requests:{MONTH}": 12,
            f"usage:acme:input_tokens:{MONTH}": 3_400,
            f"usage:globex:requests:{EARLIER}": 7,
        }
        with redis.admin() as client:
            client.mset(counters)
        settings = {
            "OPENAI_ADMIN_KEY": CANARY,
            "OPENAI_BASE_URL": f"{url}/v1",
            "REDIS_PRIMARY_ENDPOINT": redis.tcp,
        }
        yield Platforms(openai, settings)


@pytest.fixture
def tenants(platforms: Platforms, tmp_path: Path) -> Place:
    """An empty ledger for tenants alone."""
    return Place(tmp_path, platforms.redis_alone)


@pytest.fixture(scope="module")
def captured(platforms: Platforms, tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, str]:
    kept = Place(tmp_path_factory.mktemp("both"), platforms.settings)
    done = kept.start("capture", "--month", MONTH)
    assert (done.returncode, done.stderr) == (0, "")
    return kept, done.stdout


@pytest.fixture
def both(captured: tuple[Place, str]) -> Place:
    """Last month of both platforms, which nobody may change."""
    return captured[0]


def test_a_capture_prints_a_line_per_platform_and_month_and_ends_with_zero(
    captured: tuple[Place, str],
) -> None:
    first, second = captured[1].splitlines()
    assert first.split()[:3] == ["openai", MONTH, "captured"]
    assert first.endswith(" rows, complete")
    assert second.split() == ["tenants", MONTH, "captured", "2", "rows,", "complete"]


def test_a_second_capture_says_confirmed(tenants: Place) -> None:
    words = ("capture", "--since", EARLIER)
    first, again = tenants.run(*words), tenants.run(*words)
    assert (first.exit_code, again.exit_code) == (0, 0), first.output
    lines = [line.split()[:3] for line in again.stdout.splitlines()]
    assert lines == [["tenants", month, "confirmed"] for month in (EARLIER, MONTH, THIS_MONTH)]


def test_an_endpoint_that_fails_ends_with_one_and_is_told_until_it_answers(
    platforms: Platforms, tmp_path: Path
) -> None:
    kept = Place(tmp_path, platforms.openai_alone)
    platforms.openai.state.faults.fail = {"images": 404}
    done = kept.start("capture", "--month", MONTH, LOGURU_LEVEL="DEBUG")
    assert done.returncode == 1
    assert "INCOMPLETE: images" in done.stdout
    assert CANARY not in done.stdout + done.stderr
    asked = kept.run("query", *ONE, "--by", "metric", "--format", "json")
    assert asked.exit_code == 1
    assert "INCOMPLETE" in asked.stderr
    answer = json.loads(asked.stdout)
    known = {row["metric"]: row["quantity"] for row in answer["rows"]}
    assert answer["complete"] is False
    assert known["num_model_requests"] is None, "what lacks a source is not known"
    assert known["num_sessions"]
    platforms.openai.state.faults.fail = {}
    again = kept.run("capture", "--month", MONTH)
    assert (again.exit_code, again.stdout.split()[2]) == (0, "replaced")
    assert kept.amounts(*ONE)["complete"] is True


def test_a_platform_that_refuses_costs_its_own_months_only(
    platforms: Platforms, tmp_path: Path
) -> None:
    kept = Place(tmp_path, platforms.settings | {"OPENAI_ADMIN_KEY": "sk-admin-another-canary"})
    done = kept.run("capture", "--month", MONTH)
    assert done.exit_code == 1
    refused, taken = done.stdout.splitlines()
    assert refused.split()[:3] == ["openai", MONTH, "FAILED"]
    assert "canary" not in done.output
    assert taken.split()[:3] == ["tenants", MONTH, "captured"]


def test_the_status_tells_months_and_what_is_missing(tenants: Place) -> None:
    tenants.run("capture", "--month", MONTH, "--month", LONG_AGO)
    done = tenants.run("status", "--format", "json")
    assert done.exit_code == 1, "months between the two are missing"
    report = json.loads(done.stdout)
    months = {row["month"]: (row["rows"], row["complete"]) for row in report["tables"]["months"]}
    assert months == {LONG_AGO: (0, True), MONTH: (2, True)}
    (source,) = report["sources"]
    assert EARLIER in source["detail"]
    assert MONTH in tenants.run("status").stdout


def test_json_has_a_schema_a_key_per_column_and_quantities_as_text(both: Place) -> None:
    answer = both.amounts(*ONE, "--platform", "tenants", "--by", "month,sub_account,metric")
    assert {key: answer[key] for key in ("schema", "complete", "demo")} == {
        "schema": "ledger-query/1",
        "complete": True,
        "demo": False,
    }
    common = {"month": MONTH, "sub_account": "acme", "complete": True}
    assert answer["rows"] == [
        {**common, "metric": "input_tokens", "quantity": "3400", "unit": "tokens"},
        {**common, "metric": "requests", "quantity": "12", "unit": "requests"},
    ]


def test_csv_and_json_tell_the_same_to_the_last_digit(both: Place, tmp_path: Path) -> None:
    words = (*ONE, "--by", "sub_account,day", "--metric", "billed_cost")
    done = both.run("query", *words, "--output", str(tmp_path / "costs.csv"))
    assert (done.exit_code, done.stdout) == (0, ""), done.stderr
    lines = (tmp_path / "costs.csv").read_text("utf-8-sig").splitlines()
    columns = ("sub_account", "day", "quantity", "unit")
    rows = [[row[key] for key in columns] for row in csv.DictReader(lines)]
    assert len(rows) > 20
    assert any("." in row[2] for row in rows)
    assert rows == [[row[key] or "" for key in columns] for row in both.amounts(*words)["rows"]]


def test_what_stood_on_an_earlier_day_can_be_asked_for(tenants: Place) -> None:
    tenants.run("capture", "--month", MONTH)
    assert len(tenants.amounts(*ONE, "--as-of", TODAY.isoformat())["rows"]) == 2
    before = tenants.run("query", *ONE, "--as-of", (TODAY - timedelta(days=2)).isoformat())
    assert (before.exit_code, before.stdout) == (1, "")
    assert "nothing was captured" in before.stderr


def test_a_month_that_was_never_captured_does_not_read_as_zero(tenants: Place) -> None:
    assert tenants.run("query", *ONE).exit_code == 1, "there is no ledger"
    tenants.run("capture", "--month", EARLIER)
    never = tenants.run("query", *ONE)
    assert (never.exit_code, never.stdout) == (1, "")
    assert f"nothing was captured of {MONTH}; it begins with {EARLIER}" in never.stderr
    partly = tenants.run("query", "--since", EARLIER, "--until", MONTH, "--format", "json")
    assert partly.exit_code == 1
    answer = json.loads(partly.stdout)
    assert answer["complete"] is False
    assert [row["quantity"] for row in answer["rows"]] == ["7"]


def test_a_file_that_was_changed_is_found_and_ends_with_one(tenants: Place) -> None:
    tenants.run("capture", "--month", MONTH)
    whole = tenants.run("verify")
    assert (whole.exit_code, whole.stderr) == (0, "")
    assert "Every file is as it was written" in whole.stdout
    (file,) = tenants.files.rglob("*.parquet")
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    changed = tenants.run("verify")
    assert changed.exit_code == 1
    assert changed.stdout.startswith("changed ")
    assert "1 changed" in changed.stdout


def of_place(kept: Place) -> tuple[str, ...]:
    """Options that name a ledger to take in."""
    return "--from-url", kept.url, "--from-warehouse", str(kept.files)


@pytest.mark.parametrize("through", ["kept.tar", "kept", ""])
def test_everything_goes_from_one_ledger_to_another(
    both: Place, tmp_path: Path, through: str
) -> None:
    other, words = Place(tmp_path, {}), of_place(both)
    if through:
        done = both.run("export", str(tmp_path / through))
        assert (done.exit_code, done.stdout) == (0, f"{tmp_path / through} holds 2 captures.\n")
        words = (str(tmp_path / through),)
    for said in ("2 captures came in.\n", "0 captures came in.\n"):
        done = other.run("import", *words)
        assert (done.exit_code, done.stdout) == (0, said), done.output
    assert other.amounts(*ONE) == both.amounts(*ONE)
    assert other.run("verify").exit_code == 0
    assert other.ledger.names(*ACCOUNT) == both.ledger.names(*ACCOUNT)


def test_a_month_of_which_there_is_something_else_stays_and_ends_with_one(
    both: Place, tenants: Place
) -> None:
    tenants.run("capture", "--month", MONTH)
    done = tenants.run("import", *of_place(both))
    assert done.exit_code == 1
    first, second = done.stdout.splitlines()
    assert first == "1 capture came in."
    assert second.startswith(f"tenants {MONTH} of 127.0.0.1")
    assert second.endswith("stays as it is: this ledger has something else.")


def test_a_person_is_forgotten_for_good_and_no_amount_changes(
    platforms: Platforms, both: Place, tmp_path: Path
) -> None:
    other = Place(tmp_path, platforms.openai_alone)
    other.run("import", *of_place(both))
    names = other.ledger.names(*ACCOUNT)
    person = next(identity for kind, identity in sorted(names, reverse=True) if kind == "user")
    by_person = (*ONE, "--by", "principal,metric")
    before = other.amounts(*by_person)
    done = other.run("forget-person", person)
    assert (done.exit_code, done.stdout) == (
        0,
        # What it is called, and the address that costs have beside the id
        f"Erased: 2 names of {person}. None will be kept again.\n",
    )
    again = other.run("capture", "--month", MONTH)
    assert (again.exit_code, again.stdout.split()[2]) == (0, "confirmed")
    left = {identity for _, identity in other.ledger.names(*ACCOUNT)}
    assert left == {identity for _, identity in names if person not in identity}
    assert other.amounts(*by_person) == before
    assert person in json.dumps(before)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("capture", "--month", "2999-01"), "lies in the future"),
        (("capture", "--since", "2999-01"), "lies in the future"),
        (("capture", "--month", "2026-13"), "is not a month"),
        (("capture", "--month", ""), "is not a month"),
        (("capture", "--platform", "opnai"), "Use openai, tenants"),
        (("capture", "--platform", "comet-usage"), "comet-usage is not configured"),
        (("query", *ONE, "--by", "platform"), "never one sum"),
        (("query", *ONE, "--by", "planet"), "Use platform, account"),
        (("query", "--since", MONTH, "--until", EARLIER), "Swap"),
        (("query", "--since", "2999-01"), "lies in the future"),
        (("query", "--since", MONTH, "--until", "2999-01"), "lies in the future"),
        (("query", "--since", "21.11.2026"), "Write 2026-10 or 2026-10-31"),
        (("query", "--since", "2026-13"), "'2026-13' is neither a month nor a day"),
        (("query", *ONE, "--as-of", "9999-12-31"), "lies in the future"),
        (("query", *ONE, "--platform", "opnai"), "Use openai, tenants"),
        (("query", *ONE, "--metric", "biled_cost"), "Did you mean billed_cost"),
        (("query", *ONE, "--output", "amounts.xlsx"), "Add --format"),
        (("forget-person", " "), "it is empty"),
        (("forget-person", "user-mistyped"), "stands nowhere in the ledger"),
        (("export", "no/such/folder/kept.tar"), "no/such/folder is no folder"),
        (("export", "."), "is there already"),
        (("import",), "say where from"),
        (("import", "kept.tar", "--from-url", "sqlite:///x"), "say where from"),
        (("import", "nothing.tar"), "Name what ledger export wrote"),
        (
            ("import", "--from-url", "mysql://x", "--from-warehouse", "x"),
            "--from-url is not the URL of a database",
        ),
        (
            ("import", "--from-url", "sqlite:///x", "--from-warehouse", "ftp://x"),
            "--from-warehouse is neither",
        ),
        (
            ("import", "--from-url", "sqlite:////no/such/file", "--from-warehouse", "x"),
            "there is no ledger",
        ),
    ],
)
def test_misuse_is_one_sentence_and_exit_code_two_and_nobody_is_asked(
    platforms: Platforms, both: Place, words: tuple[str, ...], said: str
) -> None:
    platforms.openai.state.requests.clear()
    done = both.run(*words)
    assert (done.exit_code, done.stdout) == (2, ""), done.output
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not platforms.openai.state.requests


def test_a_ledger_that_cannot_be_opened_is_one_sentence_and_exit_code_one(tmp_path: Path) -> None:
    nowhere = Place(tmp_path, {})
    unreachable = {"LEDGER_URL": f"sqlite:///{tmp_path}/{'x' * 300}/catalog.db"}
    for words in (("status",), ("verify",), ("query", *ONE), ("forget-person", "u1")):
        done = nowhere.run(*words, **unreachable)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.startswith("Error: Ledger: it cannot be ")
        assert len(done.stderr.splitlines()) == 1


def test_a_ledger_that_does_not_exist_is_not_made_by_asking_and_never_called_well(
    tmp_path: Path,
) -> None:
    nowhere = Place(tmp_path, {})
    codes = {
        words[0]: nowhere.run(*words).exit_code
        for words in (("status",), ("verify",), ("query", *ONE), ("forget-person", "u1"))
    }
    assert codes == {"status": 1, "verify": 1, "query": 1, "forget-person": 2}
    assert [*tmp_path.iterdir()] == []

"""The tenant page as Streamlit runs it, and the command, in each of their states."""

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import redis
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner, Result

from lib.cli.commands import app
from tests.support.redis_servers import add_reader, redis_server
from tests.support.servers import ROOT

PASSWORD_OF = "CanaryPassword123"


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reads the settings of whoever runs it."""
    names = "OPENAI_ADMIN_KEY OPENAI_BASE_URL LOGURU_LEVEL DASHBOARD_DEMO"
    for name in (*names.split(), "REDIS_PRIMARY_ENDPOINT", "CONTROL_DATABASE_URL"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A Redis with two tenants, read by the user with the least rights, and a control database."""
    path = tmp_path / "control.sqlite"
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("CREATE TABLE tenants (id TEXT, state TEXT)")
        connection.execute("INSERT INTO tenants VALUES ('acme', 'provisioned')")
    connection.close()
    with redis_server() as server:
        with server.admin() as client:
            client.set("usage:acme:requests:2026-10", 1_250)
            client.set("usage:acme:embedding_tokens:2026-10", 125_000)
            client.set("usage:acme:input_tokens:2026-10", 45_000)
            client.set("usage:acme:output_tokens:2026-10", 62_000)
            client.set("usage:<b>x</b>:requests:2026-10", 890)
        address = add_reader(server)
        monkeypatch.setenv("REDIS_PRIMARY_ENDPOINT", address)
        monkeypatch.setenv("CONTROL_DATABASE_URL", f"sqlite:///{path}")
        yield address


def open_link(**link: Any) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.switch_page("pages/tenant_usage.py")
    for key, value in link.items():
        at.query_params[key] = value
    at.run()
    assert not at.exception, at.exception
    return at


def texts(elements: Any) -> str:
    return "\n".join(str(element.value) for element in elements).replace("\\", "")


def figures(at: AppTest) -> dict[str, str]:
    return {metric.label.replace("\\", ""): metric.value for metric in at.metric}


MONTHS = {"red_period": ["2026-10-05", "2026-10-20"]}


def test_with_nothing_configured_made_up_tenants_are_shown_and_called_demo() -> None:
    at = open_link()
    assert "Demo data" in texts(at.markdown)
    assert figures(at)["Tenants with usage"] == "59"


def test_without_a_link_the_page_says_which_tenants_grew_most_this_month() -> None:
    at = open_link()
    today = datetime.now(UTC).date()
    assert at.query_params["red_compare"] == "month-before"
    assert at.query_params["red_period"] == [f"{today:%Y-%m}-01", f"{today}"]
    assert at.tabs[0].label == "Changes"
    changes = at.tabs[0].dataframe[0].value
    rows = changes[changes["dimension"] == "Tenant"]
    texts_of = rows["total_tokens_change"].str.replace(r"[-+,]", "", regex=True)
    sizes = [int(text) for text in texts_of if text.isdecimal()]
    assert sizes
    assert sizes == sorted(sizes, reverse=True)
    assert f"{today:%Y-%m} has run {today.day} of" in texts(at.caption)
    assert all(metric.delta for metric in at.metric)


def test_a_configured_redis_is_read_and_its_whole_months_are_said(configured: str) -> None:
    at = open_link(**MONTHS)
    assert figures(at)["Requests"] == "2,140"
    assert figures(at)["Average requests per tenant"] == "1,070"
    assert "2026-10" in texts(at.markdown)
    assert "<b>" not in "".join(str(one.value) for one in at.markdown)


def test_another_session_shares_the_read_and_the_button_reads_anew(configured: str) -> None:
    assert figures(open_link(**MONTHS))["Requests"] == "2,140"
    with redis.Redis.from_url(f"redis://{configured.rpartition('@')[2]}") as client:
        client.incrby("usage:acme:requests:2026-10", 1_000)
    # The first run knows the page by its file, later ones by its address: inputs get other ids.
    at = open_link(**MONTHS).run()
    assert figures(at)["Requests"] == "2,140"
    next(one for one in at.button if one.label == "Refresh").click().run()
    assert figures(at)["Requests"] == "3,140"
    assert figures(open_link(**MONTHS))["Requests"] == "3,140"


def test_without_a_redis_one_sentence_says_what_to_set_and_how_to_get_demo_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lib.loader.tenants.DEFAULT_ENDPOINT", "127.0.0.1:1")
    monkeypatch.setenv("DASHBOARD_DEMO", "off")
    said = texts(open_link().warning)
    assert "REDIS_PRIMARY_ENDPOINT is not set, and no Redis answers at 127.0.0.1:1." in said
    assert "Set it and CONTROL_DATABASE_URL in devenv.sh or the environment; " in said
    assert "DASHBOARD_DEMO=on shows demo data instead." in said


def test_a_redis_that_is_down_gives_one_error_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDIS_PRIMARY_ENDPOINT", f"redis://:{PASSWORD_OF}@127.0.0.1:1")
    at = open_link()
    assert "Redis: " in texts(at.error)
    assert "What to do" in texts(at.error)
    assert not at.metric
    assert PASSWORD_OF not in texts(at.error)


def test_a_control_database_that_is_down_is_listed_and_the_counters_still_show(
    configured: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CONTROL_DATABASE_URL", f"sqlite:///{tmp_path}/gone.sqlite")
    at = open_link(**MONTHS)
    assert "Control database" in texts(at.warning)
    assert figures(at)["Requests"] == "2,140"


def test_an_unknown_tenant_in_a_link_is_named(configured: str) -> None:
    at = open_link(**MONTHS, red_tenants="acne")
    assert "acne" in texts(at.warning)
    assert not at.metric


def test_a_bad_link_is_named_and_the_rest_is_shown(configured: str) -> None:
    at = open_link(**MONTHS, red_sort="colour")
    assert "colour" in texts(at.warning)
    assert figures(at)["Requests"] == "2,140"


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["tenants", *words])


OCTOBER = ("--since", "2026-10-01", "--until", "2026-10-31")


def test_the_report_looks_like_the_table_people_know(configured: str) -> None:
    done = run("report", *OCTOBER)
    assert done.exit_code == 0, done.stderr
    for word in ("Tenant ID", "Embedding tokens", "Month range", "TOTAL", "2,140", "1,070"):
        assert word in done.stdout


def test_one_tenant_as_json_holds_its_own_numbers(configured: str) -> None:
    done = run("report", *OCTOBER, "--tenant", "acme", "--format", "json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["totals"]["requests"] == 1_250


def test_the_summary_covers_the_months_of_the_last_days() -> None:
    done = run("summary", "--days", "40", "--format", "json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["totals"]["tenants_with_usage"] > 50


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("report", "--since", "2026-11-02", "--until", "2026-11-01"), 2),
        (("report", "--tenant", "nobody-at-all"), 2),
        (("report", "--sort", "colour"), 2),
        (("report", "--top", "0"), 2),
        (("summary", "--days", "0"), 2),
        (("report", "--max-parallel", "0"), 2),
    ],
)
def test_a_bad_choice_ends_with_two(words: tuple[str, ...], code: int) -> None:
    done = run(*words)
    assert done.exit_code == code
    assert done.stdout == ""


def test_a_redis_that_is_down_ends_with_one_and_shows_no_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("REDIS_PRIMARY_ENDPOINT", f"redis://:{PASSWORD_OF}@127.0.0.1:1")
    monkeypatch.setenv("LOGURU_LEVEL", "DEBUG")
    done = run("report")
    assert done.exit_code == 1
    assert PASSWORD_OF not in done.output


def test_a_control_database_that_is_down_ends_with_one_and_the_report_is_written(
    configured: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CONTROL_DATABASE_URL", f"sqlite:///{tmp_path}/gone.sqlite")
    path = tmp_path / "r.json"
    done = run("report", *OCTOBER, "--output", str(path))
    assert done.exit_code == 1
    report = json.loads(path.read_text())
    assert (report["complete"], report["totals"]["requests"]) == (False, 2_140)


def test_the_check_asks_redis_and_the_control_database(configured: str) -> None:
    done = CliRunner().invoke(app, ["check"])
    assert done.exit_code == 0, done.stdout
    _, redis, control, _ = done.stdout.splitlines()
    assert "reachable: yes, permitted: yes" in redis
    assert "reachable: yes, permitted: yes" in control


def test_the_check_fails_for_a_redis_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_PRIMARY_ENDPOINT", f"redis://:{PASSWORD_OF}@127.0.0.1:1")
    done = CliRunner().invoke(app, ["check"])
    assert done.exit_code == 1
    assert "reachable: NO" in done.stdout
    assert PASSWORD_OF not in done.output

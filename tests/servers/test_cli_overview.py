"""The commands ``overview`` and ``cost-centre`` on a ledger in a folder: what they say, and how they end."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from lib.allocation.rule_set import CostCentre, ExchangeRate, Rate, Rule, RuleSet, Share
from lib.cli.commands import app
from lib.ledger.overview import load_overview
from lib.ledger.store import Ledger
from lib.periods import months_before
from lib.reports.allocation.overview import build_overview
from lib.usage.measure import Name
from tests.support.kept import in_folder
from tests.support.servers import NOTHING
from tests.support.spending import Spent, let_count, put_spent

TODAY = datetime.now(UTC).date()
FIRST, FIRST_BEFORE = months_before(TODAY, 2), months_before(TODAY, 3)
MONTH, BEFORE, LAST = f"{FIRST:%Y-%m}", f"{FIRST_BEFORE:%Y-%m}", f"{months_before(TODAY, 1):%Y-%m}"

RULES = RuleSet(
    (
        CostCentre("4711", "Customer Care", "ann@company.com", "", Decimal(10), "USD"),
        CostCentre("4712", "Marketing"),
        CostCentre("pool", "Shared"),
    ),
    (
        Rule(10, "openai", "sub_account", "alpha", "", "4711"),
        Rule(20, "openai", "sub_account", "pool", "", "pool"),
        Rule(30, "tenants", "sub_account", "*", "", "4712"),
    ),
    (Share("pool", "even"),),
    (Rate("tenants", "input_tokens", Decimal("0.40"), Decimal(1_000_000), "USD"),),
    (ExchangeRate(MONTH, "EUR", "USD", Decimal("1.25"), "Treasury"),),
)
LINES = (
    *("platform", "account", "sub_account", "resource", "sku", "metric", "cost_centre", "rule"),
    *("billed", "shared", "allocated", "rated", "currency"),
)
LONG = Decimal("12.345678901234567891")


def on(
    day: int, amount: Any, sub_account: str = "alpha", first: date = FIRST, **more: Any
) -> Spent:
    return Spent(first + timedelta(days=day - 1), amount, sub_account, **more)


SPENT = [
    on(3, LONG, principal="user_eve"),
    on(4, Decimal(3), "pool"),
    on(5, Decimal("0.5"), "beta"),
    on(6, Decimal(4), "beta", unit="EUR"),
    on(5, 5_000_000, "acme", unit="tokens", metric="input_tokens", platform="tenants"),
]


class Place:
    """A ledger of its own, and settings that name it."""

    def __init__(self, folder: Path) -> None:
        self.ledger: Ledger = in_folder(folder)
        self.settings = {
            **NOTHING,
            "HOME": str(folder),
            "DASHBOARD_DEMO": "off",
            "LEDGER_URL": f"sqlite:///{self.ledger.database.file}",
            "LEDGER_WAREHOUSE": self.ledger.warehouse.place,
        }

    def run(self, *words: str) -> Result:
        """``ai-usage …``."""
        return CliRunner().invoke(app, [*words], env=self.settings)

    def asked(self, *words: str, month: str = MONTH) -> Any:
        """What a command says as JSON."""
        done = self.run(*words, "--month", month, "--format", "json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)


@pytest.fixture
def empty(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Two months and rules, which nobody may change."""
    place = Place(tmp_path_factory.mktemp("overview"))
    names = [Name("project", "alpha", "Chatbot")]
    put_spent(place.ledger, [*SPENT, on(3, 1, first=FIRST_BEFORE)], names=names)
    let_count(place.ledger, RULES)
    return place


def sums(rows: list[dict[str, Any]], kind: str) -> Decimal:
    return sum((Decimal(row[kind] or 0) for row in rows), Decimal(0))


BILLED = LONG + 3 + Decimal("0.5") + 4 * Decimal("1.25")


def test_totals_are_decimals_with_all_digits_and_every_table_sums_to_them(kept: Place) -> None:
    said = kept.asked("overview")
    totals = said["totals"]
    assert {*totals} >= {"billed", "allocated", "rated", "unallocated", "budget", "projection"}
    assert isinstance(totals["billed"], str)
    assert Decimal(totals["billed"]) == Decimal(totals["allocated"]) == BILLED
    assert Decimal(totals["rated"]) == 2
    assert Decimal(totals["unallocated"]) == Decimal("5.5")
    assert (Decimal(totals["budget"]), totals["projection"]) == (10, None)
    for table in ("by_cost_centre", "by_platform", "lines"):
        for kind in ("billed", "allocated", "rated"):
            assert sums(said["tables"][table], kind) == Decimal(totals[kind]), (table, kind)
        assert sums(said["tables"][table], "shared") == 0


def test_lines_say_whose_they_are_and_by_which_rule(kept: Place) -> None:
    lines = kept.asked("overview")["tables"]["lines"]
    assert all({*LINES} <= {*line} for line in lines)
    told = {(one["sub_account"], one["cost_centre"], one["rule"]) for one in lines}
    assert told == {
        ("alpha", "4711", "10 openai sub_account alpha"),
        ("pool", "pool", "20 openai sub_account pool"),
        *(("pool", centre, "share of pool") for centre in ("4711", "4712", "pool")),
        ("acme", "4712", "30 tenants sub_account *"),
        ("beta", None, None),
    }
    (rated,) = [one for one in lines if one["platform"] == "tenants"]
    assert (rated["billed"], rated["allocated"], Decimal(rated["rated"])) == (None, None, 2)


def test_one_row_is_unallocated_and_last_month_stands_beside_each(kept: Place) -> None:
    rows = {row["cost_centre"]: row for row in kept.asked("overview")["tables"]["by_cost_centre"]}
    assert rows.keys() == {"4711", "4712", "pool", None}
    care = rows["4711"]
    assert Decimal(care["billed"]) == LONG
    assert (Decimal(care["shared"]), Decimal(care["allocated"])) == (
        Decimal("1.5"),
        LONG + Decimal("1.5"),
    )
    assert Decimal(care["previous"]) == 1
    assert Decimal(care["change"]) == LONG + Decimal("0.5")
    assert (Decimal(rows["pool"]["shared"]), Decimal(rows["pool"]["allocated"])) == (-3, 0)
    assert Decimal(rows[None]["allocated"]) == Decimal("5.5")


def test_the_rate_of_the_month_stands_in_the_notes(kept: Place) -> None:
    assert f"1 EUR = 1.25 USD in {MONTH} (Treasury)." in kept.asked("overview")["notes"]


@pytest.mark.parametrize("identity", ["4711", "4712", "pool", "unallocated"])
def test_a_cost_centre_says_what_its_row_in_the_overview_says(kept: Place, identity: str) -> None:
    rows = kept.asked("overview")["tables"]["by_cost_centre"]
    (row,) = [row for row in rows if (row["cost_centre"] or "unallocated") == identity]
    said = kept.asked("cost-centre", identity)
    for kind in ("billed", "shared", "allocated", "rated"):
        assert Decimal(said["totals"][kind]) == Decimal(row[kind]), kind
        assert sums(said["tables"]["lines"], kind) == Decimal(row[kind]), kind
    assert said["totals"]["budget"] == row["budget"]
    assert {line["cost_centre"] or "unallocated" for line in said["tables"]["lines"]} == {identity}


def test_a_cost_centre_is_told_by_project_and_person(kept: Place) -> None:
    tables = kept.asked("cost-centre", "4711")["tables"]
    assert {row["name"] for row in tables["by_sub_account"]} == {"Chatbot", "pool"}
    people = {(row["id"], row["share"]): Decimal(row["allocated"]) for row in tables["by_person"]}
    assert people["user_eve", None] == LONG
    assert people[None, "share of pool"] == Decimal("1.5")


def test_an_unknown_cost_centre_is_one_sentence_that_names_those_there_are(kept: Place) -> None:
    done = kept.run("cost-centre", "4799", "--month", MONTH)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"there is no '4799' in {MONTH}." in done.stderr
    assert "Use 4711, 4712, pool, unallocated." in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "words", [("overview",), ("cost-centre", "4711"), ("cost-centre", "unallocated")]
)
@pytest.mark.parametrize("month", [f"{months_before(TODAY, 7):%Y-%m}", ""])
def test_a_month_without_a_capture_says_so_and_shows_no_zero(
    kept: Place, words: tuple[str, ...], month: str
) -> None:
    done = kept.run(*words, *(("--month", month) if month else ()))
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"nothing was captured of {month or LAST}" in done.stderr
    assert f"the ledger has {BEFORE} to {MONTH}" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("words", [("overview",), ("cost-centre", "4711")])
@pytest.mark.parametrize(
    ("month", "said"),
    [("2026-13", "is no month"), ("10/2026", "is no month"), ("2999-01", "future")],
)
def test_a_month_that_is_none_is_misuse(
    kept: Place, words: tuple[str, ...], month: str, said: str
) -> None:
    done = kept.run(*words, "--month", month)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_ledger_that_is_not_there_is_said_and_not_made(empty: Place, tmp_path: Path) -> None:
    done = empty.run("overview", "--month", MONTH)
    assert (done.exit_code, done.stdout) == (1, "")
    assert f"nothing was captured of {MONTH}" in done.stderr
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("words", [("overview",), ("cost-centre", "4711")])
def test_every_format_writes_a_file(kept: Place, tmp_path: Path, words: tuple[str, ...]) -> None:
    starts = {".csv": b"", ".zip": b"PK", ".json": b"{", ".pdf": b"%PDF", ".txt": b""}
    for ending, start in starts.items():
        file = tmp_path / f"month{ending}"
        done = kept.run(*words, "--month", MONTH, "--output", str(file))
        assert (done.exit_code, done.output) == (0, ""), ending
        assert file.read_bytes().startswith(start)
        assert file.stat().st_size > 100
    assert "Customer Care" in (tmp_path / "month.txt").read_text(encoding="utf-8")


def test_without_rules_all_is_unallocated_and_it_says_so(empty: Place) -> None:
    put_spent(empty.ledger, [on(3, 7)])
    said = empty.asked("overview")
    assert Decimal(said["totals"]["unallocated"]) == Decimal(said["totals"]["billed"]) == 7
    assert any("No rules are published" in note for note in said["notes"])


def test_what_a_platform_could_not_tell_ends_with_one_and_is_no_smaller_number(
    empty: Place,
) -> None:
    put_spent(empty.ledger, [on(3, 7)], failed=frozenset({"costs"}))
    done = empty.run("overview", "--month", MONTH, "--format", "json")
    said = json.loads(done.stdout)
    assert (done.exit_code, said["complete"]) == (1, False)
    assert "INCOMPLETE" in done.stderr
    assert all(line["billed"] is None for line in said["tables"]["lines"])
    assert any("nobody knows" in note for note in said["notes"])


def test_a_month_that_nobody_asked_for_again_is_compared_by_its_whole_days(empty: Place) -> None:
    asked = datetime(FIRST.year, FIRST.month, 20, 6, tzinfo=UTC)
    put_spent(empty.ledger, [on(3, 7)], asked=asked)
    put_spent(empty.ledger, [on(day, 5, first=FIRST_BEFORE) for day in (3, 25)])
    said = json.loads(empty.run("overview", "--month", MONTH, "--format", "json").stdout)
    (spend,) = [figure for figure in said["figures"] if figure["key"] == "billed_usd"]
    assert spend["incomplete"]
    assert Decimal(spend["delta"]["previous"]) == 5
    assert "Captured before its end" in said["sources"][0]["detail"]


def test_a_month_that_is_missing_between_others_is_named_in_the_trend(empty: Place) -> None:
    put_spent(empty.ledger, [on(3, 7), on(3, 9, first=months_before(TODAY, 4))])
    tokens = {"unit": "tokens", "metric": "input_tokens", "platform": "tenants"}
    put_spent(empty.ledger, [on(3, 9, "acme", first=months_before(TODAY, 6), **tokens)])
    put_spent(empty.ledger, [on(3, 9, "acme", **tokens)])
    now = datetime.now(UTC)
    report = build_overview(load_overview(empty.ledger, MONTH, now), now=now)
    (trend,) = [chart for chart in report.charts if chart.key == "trend"]
    assert trend.sentence == f"$7.00 in {MONTH}. Not whole: {BEFORE}."


def test_alerts_are_told_once_and_end_with_three(empty: Place) -> None:
    put_spent(empty.ledger, [on(3, 9), on(4, 9, first=FIRST_BEFORE)])
    let_count(empty.ledger, RULES)
    first = empty.run("alerts", "--month", MONTH)
    assert first.exit_code == 3
    assert [line.split()[0] for line in first.stdout.splitlines()] == [MONTH, MONTH]
    assert "80 % of the budget of $10.00 is reached; $9.00 is spent." in first.stdout
    again = empty.run("alerts", "--month", MONTH)
    assert (again.exit_code, again.stdout) == (0, "")
    every = empty.run("alerts", "--month", MONTH, "--all")
    assert (every.exit_code, every.stdout) == (3, first.stdout)
    put_spent(empty.ledger, [on(3, 11)], asked=datetime.now(UTC))
    more = empty.run("alerts", "--month", MONTH)
    assert "100 % of the budget" in more.stdout
    assert len(more.stdout.splitlines()) == 1


def test_alerts_of_a_month_without_a_capture_are_no_all_clear(empty: Place) -> None:
    done = empty.run("alerts", "--month", MONTH)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "nothing was captured" in done.stderr

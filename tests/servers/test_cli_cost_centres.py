"""The commands ``cost-centres …`` on a ledger in a folder: from an export to a version that counts."""

import csv
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from lib.allocation.read import write_tables
from lib.allocation.rule_set import COLUMNS, CostCentre, Rule, RuleSet
from lib.cli.commands import app
from lib.ledger.rule_sets import publish, published, versions
from lib.ledger.store import Ledger
from lib.periods import months_before
from tests.support.bills import Bill, put_bills
from tests.support.kept import NOW, OCTOBER, in_folder
from tests.support.servers import NOTHING

TODAY = datetime.now(UTC)
MONTH, EARLIER, LONG_AGO, FUTURE = (
    f"{months_before(TODAY.date(), back):%Y-%m}" for back in (1, 2, 30, -1)
)
NAMES = [
    ("project", "proj_a", "Chat"),
    ("project", "proj_b", "Sales \x1b[31mbot"),
    ("user", "u", "U"),
]
BILLS = [Bill(1, "proj_a", 30), Bill(2, "proj_b", "10.5"), Bill(3, "proj_c", 4, "EUR")]
ESCAPE = "\x1b"
TWO = RuleSet((CostCentre("4711", "Sales"), CostCentre("labs")))


class Place:
    """A ledger, and a folder for drafts."""

    def __init__(self, folder: Path) -> None:
        self.ledger = in_folder(folder)
        self.draft = folder / "rules"
        self.settings = {
            **NOTHING,
            "HOME": str(folder),
            "LOGNAME": "ann",
            "DASHBOARD_DEMO": "off",
            "LEDGER_URL": f"sqlite:///{folder / 'ledger' / 'catalog.db'}",
            "LEDGER_WAREHOUSE": str(folder / "ledger" / "files"),
        }

    def run(self, *words: str, **settings: str) -> Result:
        """``ai-usage cost-centres …``."""
        return CliRunner().invoke(app, ["cost-centres", *words], env=self.settings | settings)

    def exported(self) -> None:
        """A draft of what counts now."""
        done = self.run("export", str(self.draft))
        assert (done.exit_code, done.stderr) == (0, "")

    def add(self, table: str, *rows: str) -> None:
        """Rows at the end of a table, as an editor would put them there."""
        with (self.draft / f"{table}.csv").open("a", encoding="utf-8", newline="") as file:
            file.writelines(f"{row}\r\n" for row in rows)

    def publish(self, reason: str = "a reason", *words: str) -> Result:
        return self.run("publish", str(self.draft), "--reason", reason, *words)

    def preview(self, month: str = MONTH, *words: str) -> Result:
        return self.run("preview", str(self.draft), "--month", month, *words)

    def previewed(self) -> Any:
        done = self.preview(MONTH, "--format", "json")
        assert (done.exit_code, done.stderr) == (0, "")
        return json.loads(done.stdout)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """With a month that was captured, and no rules yet."""
    made = Place(tmp_path)
    month = OCTOBER._replace(month=MONTH)
    put_bills(made.ledger, BILLS, month, names=NAMES, asked_at=TODAY)
    return made


@pytest.fixture
def drafted(place: Place) -> Place:
    """With a draft of two cost centres, of which one has a project by its name."""
    place.exported()
    place.add("cost_centres", "4711,Sales,,,,,,", "labs,,,,,,,")
    place.add("rules", "10,openai,sub_account,,chat,labs,,")
    return place


def rows(done: Any, key: str) -> list[dict[str, Any]]:
    """A table of a report as JSON."""
    found: list[dict[str, Any]] = done["tables"][key]
    return found


def assert_nothing_published(ledger: Ledger, before: int = 0) -> None:
    assert len(versions(ledger)) == before


def test_a_draft_is_exported_edited_checked_previewed_published_and_told(place: Place) -> None:
    done = place.run("export", str(place.draft))
    assert "empty tables: nothing is published yet" in done.stdout
    assert {path.name for path in place.draft.glob("*.csv")} == {f"{t}.csv" for t in COLUMNS}
    assert (place.run("history").exit_code, place.run("history").stdout) == (0, "")

    place.add("cost_centres", "4711,Sales,,,100,USD,,", "labs,,,,,,,")
    place.add("rules", "10,openai,sub_account,,chat,labs,,")
    done = place.run("check", str(place.draft))
    assert (done.exit_code, done.stderr) == (0, "")
    assert "2 cost centres, 1 rule," in done.stdout
    assert_nothing_published(place.ledger)

    preview = place.previewed()
    assert [
        (row["id"], row["billed"], row["suggestion"]) for row in rows(preview, "unallocated")
    ] == [
        ("proj_b", "10.5", "4711"),
        ("proj_c", "4", None),
    ]
    moves = {row["cost_centre"]: Decimal(row["change"]) for row in rows(preview, "moves")}
    assert moves == {"labs": 30, None: -30}
    assert_nothing_published(place.ledger)

    done = place.publish("Chat has a home")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "Version 1 counts from now on.\n"
    (made,) = versions(place.ledger)
    assert (made.published_by, made.reason) == ("ann", "Chat has a home")
    assert [(rule.pattern, rule.name) for rule in made.rule_set.rules] == [("proj_a", "Chat")]

    (line,) = place.run("history").stdout.splitlines()
    assert line.split()[0] == "1"
    assert f"{made.published_at:%Y-%m-%d %H:%M} UTC  ann  Chat has a home" in line
    assert line.endswith(made.sha256[:12])


def test_what_was_published_can_be_exported_and_gone_on_from(drafted: Place) -> None:
    assert drafted.publish().exit_code == 0
    other = drafted.draft.with_name("other")
    assert drafted.run("export", str(other)).stdout == f"{other} holds version 1.\n"
    with (other / "rules.csv").open(encoding="utf-8-sig", newline="") as file:
        (rule,) = csv.DictReader(file)
    assert (rule["pattern"], rule["name"]) == ("proj_a", "Chat")
    drafted.draft = other
    assert drafted.publish().exit_code == 2  # nothing was changed
    drafted.add("cost_centres", "new,,,,,,,")
    assert drafted.publish().exit_code == 0
    assert [len(made.rule_set.cost_centres) for made in versions(drafted.ledger)] == [2, 3]
    oldest = drafted.draft.with_name("oldest")
    assert "holds version 1." in drafted.run("export", str(oldest), "--version", "1").stdout


def test_after_publishing_the_same_folder_goes_on(drafted: Place) -> None:
    assert drafted.publish().exit_code == 0
    drafted.add("cost_centres", "new,,,,,,,")
    assert drafted.publish().exit_code == 0
    assert len(versions(drafted.ledger)) == 2


@pytest.mark.parametrize("command", ["check", "preview", "publish"])
def test_everything_that_is_wrong_is_named_on_stderr_at_once_and_nothing_is_published(
    drafted: Place, command: str
) -> None:
    drafted.add("cost_centres", "4711,Again,,,1.234.5,,,", "x,,nobody,,,,,")
    drafted.add("rules", "20,,sub_account,,Nowhere,labs,,", "first,,model,a,,labs,,")
    drafted.add("shares", "labs,fixed,4711,99.9,,,,")
    drafted.add("rates", "tenants,nothing,1,,USD,")
    (drafted.draft / "notes.csv").write_text("a,b\n")
    more = {"check": (), "preview": ("--month", MONTH), "publish": ("--reason", "x")}[command]
    done = drafted.run(command, str(drafted.draft), *more)
    assert (done.exit_code, done.stdout) == (2, "")
    *problems, last = done.stderr.splitlines()
    assert [problem.split(":")[0] for problem in problems] == [
        "notes",
        "cost_centres, row 4, budget",
        "cost_centres, row 4, currency",
        "cost_centres, row 4, id",
        "cost_centres, row 5, owner",
        "rules, row 3, name",
        "rules, row 4, field",
        "rules, row 4, priority",
        "shares, row 2, weight",
        "rates, row 2, metric",
    ]
    assert "10 problems, named above." in last
    assert_nothing_published(drafted.ledger)


def test_of_very_many_problems_the_first_are_named_and_the_others_counted(drafted: Place) -> None:
    drafted.add("rules", *(f"{n},,sku,a,,nowhere,," for n in range(1_300)))
    done = drafted.run("check", str(drafted.draft))
    *problems, more, last = done.stderr.splitlines()
    assert (len(problems), more) == (200, "… and 1,100 more.")
    assert "1,300 problems" in last


def test_nobody_publishes_without_a_reason(drafted: Place) -> None:
    assert drafted.run("publish", str(drafted.draft)).exit_code == 2
    done = drafted.publish("  ")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "reason: it is empty" in done.stderr
    assert_nothing_published(drafted.ledger)


def test_who_was_overtaken_sees_what_changed_and_publishes_nothing(drafted: Place) -> None:
    publish(drafted.ledger, TWO, over=0, by="bob", reason="first", now=NOW)
    done = drafted.publish()
    assert (done.exit_code, done.stdout) == (2, "")
    assert "bob has published version 1 since version 0" in done.stderr
    assert "\n+ cost_centres: 4711, Sales, -, -, -, -, -, -\n" in done.stderr
    assert published(drafted.ledger).rule_set == TWO


@pytest.mark.parametrize("said", [None, "", "{}", "[]", '{"version": "new"}'])
def test_a_draft_of_unknown_origin_follows_no_version_unless_told_to(
    drafted: Place, said: str | None
) -> None:
    publish(drafted.ledger, TWO, over=0, by="bob", reason="first", now=NOW)
    origin = drafted.draft / "version.json"
    origin.unlink() if said is None else origin.write_text(said)
    done = drafted.publish()
    assert done.exit_code == 2
    assert "does not say from which version" in done.stderr
    assert "the newest is 1" in done.stderr
    assert_nothing_published(drafted.ledger, 1)
    assert drafted.publish("on purpose", "--over", "1").exit_code == 0
    assert_nothing_published(drafted.ledger, 2)


def test_the_first_version_may_come_of_any_folder(drafted: Place) -> None:
    (drafted.draft / "version.json").unlink()
    assert drafted.publish().stdout == "Version 1 counts from now on.\n"


def test_a_folder_that_cannot_be_written_any_more_publishes_all_the_same(drafted: Place) -> None:
    (drafted.draft / "version.json").unlink()
    (drafted.draft / "version.json").mkdir()
    done = drafted.publish()
    assert (done.exit_code, done.stdout) == (0, "Version 1 counts from now on.\n")


@pytest.mark.parametrize(
    ("month", "code", "said"),
    [
        (FUTURE, 2, "lies in the future"),
        ("October", 2, "is no month"),
        ("2026-13", 2, "is no month"),
        (LONG_AGO, 1, f"nothing was captured of {LONG_AGO}; the ledger has {MONTH}"),
    ],
)
@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_a_month_that_is_none_or_has_no_capture_says_so_and_shows_no_zero(
    drafted: Place, month: str, code: int, said: str, form: str
) -> None:
    done = drafted.preview(month, "--format", form)
    assert (done.exit_code, done.stdout) == (code, "")
    assert said in done.stderr


def test_a_ledger_without_any_capture_says_so(tmp_path: Path) -> None:
    empty = Place(tmp_path)
    empty.exported()
    done = empty.preview()
    assert (done.exit_code, done.stdout) == (1, "")
    assert "ledger capture" in done.stderr


def test_a_month_of_which_something_is_missing_ends_with_1_and_says_so(drafted: Place) -> None:
    month = OCTOBER._replace(month=EARLIER)
    put_bills(drafted.ledger, BILLS, month, asked_at=TODAY, failed=frozenset({"costs"}))
    done = drafted.preview(EARLIER)
    assert done.exit_code == 1
    assert "INCOMPLETE" in done.stderr
    assert f"Incomplete: {EARLIER}." in done.stdout


@pytest.mark.parametrize("form", ["table", "csv", "json", "zip", "pdf"])
def test_a_preview_is_written_in_every_format(drafted: Place, form: str) -> None:
    target = drafted.draft.with_name(f"preview.{form if form != 'table' else 'txt'}")
    done = drafted.preview(MONTH, "--output", str(target))
    assert (done.exit_code, done.stdout) == (0, "")
    begins = {"zip": b"PK", "pdf": b"%PDF", "json": b"{", "csv": b"\xef\xbb\xbf"}.get(form, b"")
    assert target.read_bytes().startswith(begins)
    assert target.stat().st_size > 100


def test_a_preview_adds_no_currencies_and_no_digits(drafted: Place) -> None:
    totals = drafted.previewed()["totals"]
    money = {
        key: Decimal(totals[key])
        for key in totals
        if key.startswith(("billed_", "unall")) and totals[key] is not None
    }
    assert money == {
        "billed_eur": 4,
        "billed_usd": Decimal("40.5"),
        "unallocated_eur": 4,
        "unallocated_usd": Decimal("10.5"),
    }
    assert (totals["billed"], totals["unallocated"]) == (None, None)


@pytest.mark.parametrize("where", ["nowhere", "file"])
def test_a_draft_that_is_no_folder_is_said_to_be_none(place: Place, where: str) -> None:
    (place.draft.parent / "file").write_text("x")
    done = place.run("check", str(place.draft.parent / where))
    assert (done.exit_code, done.stdout) == (2, "")
    assert "is none. Make one with cost-centres export." in done.stderr


def test_a_table_that_is_a_folder_cannot_be_read(drafted: Place) -> None:
    (drafted.draft / "rules.csv").unlink()
    (drafted.draft / "rules.csv").mkdir()
    done = drafted.run("check", str(drafted.draft))
    assert done.exit_code == 2
    assert "cannot be read" in done.stderr


def test_an_export_overwrites_nothing_and_makes_no_folders_above(place: Place) -> None:
    place.draft.mkdir()
    (place.draft / "mine.txt").write_text("x")
    done = place.run("export", str(place.draft))
    assert done.exit_code == 2
    assert "is not empty" in done.stderr
    assert [path.name for path in place.draft.iterdir()] == ["mine.txt"]
    done = place.run("export", str(place.draft / "mine.txt"))
    assert (done.exit_code, "cannot be written" in done.stderr) == (2, True)
    done = place.run("export", str(place.draft.parent / "a" / "b"))
    assert (done.exit_code, "cannot be written" in done.stderr) == (2, True)


def test_a_version_that_there_is_not_leaves_no_folder(place: Place) -> None:
    done = place.run("export", str(place.draft), "--version", "3")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "no version 3" in done.stderr
    assert not place.draft.exists()


def test_names_with_control_characters_do_not_reach_the_terminal(drafted: Place) -> None:
    hostile = RuleSet((CostCentre(f"{ESCAPE}[2J", f"\u202e{ESCAPE}]0;owned\x07"),))
    reason = f"because {ESCAPE}[31m"
    publish(drafted.ledger, hostile, over=0, by=f"{ESCAPE}bob", reason=reason, now=NOW)
    overtaken = drafted.publish()
    drafted.add("rules", f'x,{ESCAPE},sku,a,{ESCAPE},"\u202e{ESCAPE}",,', f'1,,sku,a,,"{ESCAPE}",,')
    (drafted.draft / f"\u202e{ESCAPE}.csv").write_text("a,b\n")  # colours alone click takes out
    said = overtaken, drafted.run("history"), drafted.run("check", str(drafted.draft))
    assert [done.exit_code for done in said] == [2, 0, 2]
    for done in said:
        assert {ESCAPE, "\x07", "\u202e"}.isdisjoint(done.stdout + done.stderr)
    assert "because ?[31m" in said[1].stdout
    assert "cost_centres: ?[2J, ??]0;owned?" in overtaken.stderr


def test_names_of_platforms_with_control_characters_do_not_reach_the_terminal(
    drafted: Place,
) -> None:
    done = drafted.preview()
    assert done.exit_code == 0
    assert "Sales ?[31mbot" in done.stdout
    assert ESCAPE not in done.stdout + done.stderr


def test_files_of_another_program_are_read_as_a_draft(place: Place) -> None:
    place.draft.mkdir()
    rule = Rule(1, "openai", "sub_account", "proj_*", "", "4711")
    for table, content in write_tables(RuleSet(TWO.cost_centres, (rule,))).items():
        german = content.decode("utf-8-sig").replace(",", ";").encode("cp1252")
        (place.draft / f"{table}.csv").write_bytes(german)
    assert place.publish().exit_code == 0
    assert published(place.ledger).rule_set.rules == (rule,)

"""Versions of who pays in a ledger: who publishes over whom, and how they travel."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import text

from lib.allocation.rule_set import CostCentre, ExchangeRate, Rate, Rule, RuleSet, Share
from lib.errors import InputError
from lib.ledger.allocated import allocated
from lib.ledger.database import NEWEST
from lib.ledger.exported import OfLedger, export, opened_export
from lib.ledger.rule_sets import Overtaken, Published, known_names, publish, published, versions
from lib.ledger.store import Ledger
from lib.ledger.tables import METADATA
from lib.ledger.transfer import take_in
from tests.support.bills import Bill, put_bills
from tests.support.kept import NOW, every_kind, in_folder, put
from tests.support.report_strategies import HOSTILE
from tests.support.servers import ROOT

pytest_plugins = ["tests.support.ledgers", "tests.support.postgres_server"]

SIXTEENTH = date(2026, 10, 16)
EVERYTHING = RuleSet(
    (
        CostCentre("4711", "Sales", "ann@x.example", "s@x.example", Decimal("0.10"), "EUR"),
        CostCentre("4712", "Öffentlichkeit 漢 🚀", valid_from=date(2026, 1, 1)),
    ),
    (Rule(10, "openai", "sub_account", "proj_*", "Chat\n=1\u2028+1", "4711", None, SIXTEENTH),),
    (Share("unallocated", "fixed", "4711", Decimal(100)),),
    (Rate("tenants", "requests", Decimal("1e-18"), Decimal(1_000_000), "USD", SIXTEENTH),),
    (ExchangeRate("2026-10", "EUR", "USD", Decimal("1.08"), "ECB"),),
)
FEWER = RuleSet((CostCentre("4711", "Sales"),))
OTHER = RuleSet((CostCentre("4711", "Field sales"), CostCentre("4713")))


def add(ledger: Ledger, rule_set: RuleSet, over: int = 0, reason: str = "a reason") -> Published:
    return publish(ledger, rule_set, over=over, by="ann", reason=reason, now=NOW)


@every_kind
def test_each_version_stays_as_it_was_published_with_who_when_and_why(any_ledger: Ledger) -> None:
    assert published(any_ledger).version == 0
    first = add(any_ledger, EVERYTHING, reason="  the first ")
    second = publish(
        any_ledger, FEWER, over=1, by="bob", reason="fewer", now=NOW + timedelta(hours=1)
    )
    assert versions(any_ledger) == [first, second]
    assert first == Published(1, NOW, "ann", "the first", EVERYTHING.sha256, EVERYTHING)
    assert published(any_ledger) == second
    assert published(any_ledger, 1).rule_set == EVERYTHING
    assert published(any_ledger, 0).rule_set == RuleSet()
    assert published(any_ledger, 1).rule_set.sha256 == published(any_ledger, 1).sha256


@every_kind
def test_whatever_text_stands_in_a_rule_set_comes_back(any_ledger: Ledger) -> None:
    whole = (text.encode(errors="ignore").decode().strip() for text in HOSTILE)
    hostile = RuleSet(tuple(CostCentre(f"{n}{text}", text) for n, text in enumerate(whole)))
    add(any_ledger, hostile)
    again = published(any_ledger).rule_set
    assert {*again.cost_centres} == {*hostile.cost_centres}
    assert again.sha256 == hostile.sha256


def test_a_ledger_that_is_not_there_has_no_rules_and_is_not_made_by_asking(tmp_path: Path) -> None:
    ledger = in_folder(tmp_path)
    assert published(ledger).rule_set == RuleSet()
    assert versions(ledger) == known_names(ledger) == []
    assert list(tmp_path.iterdir()) == []


def test_a_version_that_there_is_not_is_told(folder_ledger: Ledger) -> None:
    with pytest.raises(InputError, match=r"no version 1 of .* None was published yet"):
        published(folder_ledger, 1)
    add(folder_ledger, FEWER)
    for version in (2, -1):
        with pytest.raises(InputError, match=f"no version {version} of .* The newest is 1"):
            published(folder_ledger, version)


@pytest.mark.parametrize("reason", ["", " \n\t ", "x" * 501])
def test_nobody_publishes_without_a_short_reason(folder_ledger: Ledger, reason: str) -> None:
    with pytest.raises(InputError, match=r"^reason: it"):
        add(folder_ledger, EVERYTHING, reason=reason)
    assert versions(folder_ledger) == []


def test_the_same_rules_in_another_order_are_no_new_version(folder_ledger: Ledger) -> None:
    add(folder_ledger, EVERYTHING)
    turned = replace(EVERYTHING, cost_centres=EVERYTHING.cost_centres[::-1])
    with pytest.raises(InputError, match="those of version 1 already"):
        add(folder_ledger, turned, over=1)
    assert len(versions(folder_ledger)) == 1


def test_no_rules_are_no_first_version(folder_ledger: Ledger) -> None:
    with pytest.raises(InputError, match="those of version 0 already"):
        add(folder_ledger, RuleSet())


@every_kind
def test_who_was_overtaken_is_told_what_changed_meanwhile(any_ledger: Ledger) -> None:
    add(any_ledger, FEWER)
    publish(any_ledger, OTHER, over=1, by="bob", reason="moved", now=NOW)
    with pytest.raises(Overtaken) as caught:
        add(any_ledger, EVERYTHING, over=1)
    said = str(caught.value)
    assert "bob has published version 2 since version 1" in said
    assert {line for line in said.splitlines() if line[:2] in ("- ", "+ ")} == {
        "- cost_centres: 4711, Sales, -, -, -, -, -, -",
        "+ cost_centres: 4711, Field sales, -, -, -, -, -, -",
        "+ cost_centres: 4713, -, -, -, -, -, -, -",
    }
    assert "Export version 2" in said
    assert published(any_ledger).rule_set == OTHER


def test_what_changed_is_one_line_a_row_and_not_endless(folder_ledger: Ledger) -> None:
    many = [CostCentre(f"{n:03}", "two\nlines") for n in range(50)]
    add(folder_ledger, RuleSet(tuple(many)))
    with pytest.raises(Overtaken) as caught:
        add(folder_ledger, FEWER)
    lines = str(caught.value).splitlines()
    assert len([line for line in lines if line.startswith("+ ")]) == 20
    assert lines[1] == "+ cost_centres: 000, two lines, -, -, -, -, -, -"
    assert "… and 30 rows more" in lines


def test_a_draft_of_a_version_that_never_was_is_refused(folder_ledger: Ledger) -> None:
    with pytest.raises(Overtaken, match="no version 7; the newest is 0"):
        add(folder_ledger, FEWER, over=7)


PUBLISHER = """
import sys
from lib.allocation.rule_set import CostCentre, RuleSet
from lib.ledger.exported import OfLedger, export, opened_export
from lib.ledger.rule_sets import Overtaken, publish
from lib.ledger.store import Ledger
from tests.support.kept import NOW
who, url, files = sys.argv[1:]
ledger = Ledger(url, files)
print("ready", flush=True)
sys.stdin.readline()
try:
    publish(ledger, RuleSet((CostCentre(who),)), over=1, by=who, reason="at once", now=NOW)
except Overtaken as error:
    sys.exit(f"overtaken: {error}")
"""


@pytest.mark.parametrize("any_ledger", ["folder", "postgres"], indirect=True)
def test_of_two_who_publish_at_once_one_wins_and_the_other_sees_what_changed(
    any_ledger: Ledger, tmp_path: Path
) -> None:
    add(any_ledger, FEWER)
    url = any_ledger.database.driver_url.replace("+psycopg", "")
    both = {
        who: subprocess.Popen(
            [sys.executable, "-c", PUBLISHER, who, url, str(tmp_path / "files")],
            **{"cwd": ROOT, "text": True},
            **dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE),
        )
        for who in ("ann", "bob")
    }
    for process in both.values():
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    with any_ledger.database.writing():  # both come to the door while it is shut
        for process in both.values():
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
    said = {who: process.communicate(timeout=60)[1] for who, process in both.items()}
    codes = {who: process.returncode for who, process in both.items()}
    assert sorted(codes.values()) == [0, 1], said
    winner, loser = sorted(codes, key=lambda who: codes[who])
    assert f"overtaken: version: {winner} has published version 2 since version 1" in said[loser]
    assert f"+ cost_centres: {winner}," in said[loser]
    assert [one.published_by for one in versions(any_ledger)] == ["ann", winner]


def make_older(ledger: Ledger) -> None:
    """As a program left it that knew of no rules."""
    with ledger.database.engine.begin() as connection:
        for table in METADATA.tables.keys() - {"captures", "names", "forgotten"}:
            connection.execute(text(f"DROP TABLE {table}"))
        connection.execute(text("UPDATE ledger_version SET version_num = '0001'"))


@every_kind
def test_a_ledger_of_an_older_program_has_no_rules_until_some_are_published(
    any_ledger: Ledger,
) -> None:
    put_bills(any_ledger, [Bill(1, "proj_a", 5)], names=[("project", "proj_a", "Chat")])
    make_older(any_ledger)
    assert (versions(any_ledger), published(any_ledger).version) == ([], 0)
    assert allocated(any_ledger, "2026-10", RuleSet()).allocation.lines[0].billed == 5
    assert any_ledger.database.version == "0001"
    add(any_ledger, EVERYTHING)
    assert any_ledger.database.version == NEWEST
    assert published(any_ledger).rule_set == EVERYTHING
    assert [name.name for name in known_names(any_ledger)] == ["Chat"]


@pytest.mark.parametrize("name", ["folder", "file.tar"])
def test_every_version_travels_with_the_ledger(
    folder_ledger: Ledger, tmp_path: Path, name: str
) -> None:
    add(folder_ledger, EVERYTHING)
    add(folder_ledger, FEWER, over=1)
    export(folder_ledger, tmp_path / name)
    other = in_folder(tmp_path / "other")
    for _ in range(2):  # again changes nothing
        with opened_export(tmp_path / name) as kept:
            take_in(other, kept)
        assert versions(other) == versions(folder_ledger)
    assert add(other, OTHER, over=2).version == 3


@every_kind
def test_versions_move_straight_into_any_ledger(any_ledger: Ledger, tmp_path: Path) -> None:
    source = in_folder(tmp_path / "source")
    add(source, EVERYTHING)
    add(source, FEWER, over=1)
    take_in(any_ledger, OfLedger(source))
    assert versions(any_ledger) == versions(source)


def test_a_ledger_that_went_on_keeps_its_own_versions(
    folder_ledger: Ledger, tmp_path: Path
) -> None:
    add(folder_ledger, EVERYTHING)
    other = in_folder(tmp_path / "other")
    take_in(other, OfLedger(folder_ledger))
    add(other, FEWER, over=1)
    take_in(other, OfLedger(folder_ledger))
    assert [one.rule_set for one in versions(other)] == [EVERYTHING, FEWER]


def test_a_ledger_with_other_rules_refuses_them_and_stays_as_it_is(
    folder_ledger: Ledger, tmp_path: Path
) -> None:
    put(folder_ledger, {("alpha", "input_tokens"): 9})
    for ledger, second in ((folder_ledger, FEWER), (other := in_folder(tmp_path / "other"), OTHER)):
        add(ledger, EVERYTHING)
        add(ledger, second, over=1)
    with pytest.raises(InputError, match="are others than this ledger's from version 2 on"):
        take_in(other, OfLedger(folder_ledger))
    assert [one.rule_set for one in versions(other)] == [EVERYTHING, OTHER]
    assert other.captures() == []


def test_what_an_older_program_exported_has_no_rules(folder_ledger: Ledger, tmp_path: Path) -> None:
    put(folder_ledger, {("alpha", "input_tokens"): 9})
    make_older(folder_ledger)
    export(folder_ledger, tmp_path / "folder")
    described = json.loads((tmp_path / "folder" / "ledger.json").read_text())
    del described["rule_sets"]
    (tmp_path / "folder" / "ledger.json").write_text(json.dumps(described))
    (tmp_path / "folder" / "rule_sets.jsonl").unlink()
    other = in_folder(tmp_path / "other")
    add(other, FEWER)
    with opened_export(tmp_path / "folder") as kept:
        assert take_in(other, kept).entered == 1
    assert [one.rule_set for one in versions(other)] == [FEWER]

"""What OpenAI itself limits, on the overview: the same on screen and in files, and for nobody who sees less than all."""

import csv
import io
import json
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from lib.demo.catalogue import HOSTILE_NAMES
from lib.exports.csv import to_csv
from lib.exports.formats import cell
from lib.exports.json import to_json
from lib.reports.allocation.cost_centre import build_cost_centre
from lib.reports.allocation.limits import KEY, Reached
from lib.reports.allocation.overview import build_overview
from lib.reports.report import Report
from lib.sources.openai.limits import SpendLimit
from lib.ui.table_view import View, see
from tests.support.cost_centres import RULES
from tests.support.every_format import every_format
from tests.support.rule_sets import bill
from tests.support.spending import NOW, answered

ALERT = SpendLimit(None, "alert", Decimal("5000.00"), "USD", "month", recipients=2)
HARD = SpendLimit("alpha", "limit", Decimal("50.00"), "USD", "month", "enforcing")
LIMITS = (
    Reached("api.example", HARD, NOW, Decimal("62.000000000000000001")),
    Reached("api.example", ALERT, NOW, Decimal(84)),
    Reached("api.example", replace(ALERT, amount=Decimal("80.00")), NOW, Decimal(84)),
)
LINES = [bill(84, "alpha", day=date(2026, 10, 3))]
TROUBLE = "OpenAI: project spend limits: not all known. Not you."


def overview(limits: Any = LIMITS, **facts: Any) -> Report:
    return build_overview(answered(LINES, RULES, limits=limits, **facts), now=NOW)


def rows(report: Report) -> list[dict[str, Any]]:
    document: dict[str, Any] = json.loads(to_json(report))
    return list(document["tables"][KEY])


def test_each_alert_and_limit_stands_beside_what_is_billed_and_its_share() -> None:
    names = {("openai", "alpha"): "Chatbot"}
    found = [
        (row["project"], row["kind"], row["amount"], row["billed"], row["enforcement"])
        for row in rows(overview(names=names))
    ]
    assert found == [
        (None, "Alert", "80.00", "84", None),
        (None, "Alert", "5000.00", "84", None),
        ("Chatbot", "Limit", "50.00", "62.000000000000000001", "enforcing"),
    ]
    shares = overview().table(KEY).frame["share"].tolist()
    assert [f"{share:.1f}" for share in shares] == ["105.0", "1.7", "124.0"]


def test_files_have_every_digit_and_the_screen_shows_the_same() -> None:
    report = overview()
    table = report.table(KEY)
    written = [
        *csv.DictReader(io.StringIO(to_csv(report, KEY, "machine").decode("utf-8-sig"), newline=""))
    ]
    shown = see(table, "", table.frame, View()).text
    for column in ("amount", "billed"):
        exact = [f"{amount:f}" for amount in table.frame[column]]
        assert [row[column] for row in rows(report)] == exact
        assert [row[column] for row in written] == exact
        assert shown[column].tolist() == [cell(one, "decimal", "") for one in table.frame[column]]
    assert shown["project"].tolist()[:2] == ["Whole organisation"] * 2
    for name, text in every_format(report).items():
        assert "enforcing" in text, name
        assert "2026-11-21" in text, name
    older = LIMITS[0]._replace(as_of=NOW - timedelta(days=1))
    note = overview([older, *LIMITS[1:]]).table(KEY).note
    assert note.startswith("As of 2026-11-20 01:40 UTC."), "the oldest"


def test_what_is_not_known_is_empty_and_never_0() -> None:
    unknown = Reached("api.example", replace(HARD, amount=None), NOW, None)
    (row,) = rows(overview([unknown]))
    assert (row["amount"], row["billed"], row["share"]) == (None, None, None)


def test_a_limit_of_nothing_has_no_share() -> None:
    nothing = Reached("api.example", replace(HARD, amount=Decimal("0.00")), NOW, Decimal(3))
    (row,) = rows(overview([nothing]))
    assert (row["amount"], row["share"]) == ("0.00", None)


def test_where_nothing_is_limited_there_is_no_table() -> None:
    assert KEY not in json.loads(to_json(overview(())))["tables"]


def test_why_not_all_are_known_is_a_note_and_makes_no_figure_incomplete() -> None:
    report = overview((), limit_troubles=(TROUBLE,))
    assert TROUBLE in report.notes
    assert report.complete
    assert not any(figure.incomplete for figure in report.figures)


def test_limits_are_in_no_total_and_change_no_other_table() -> None:
    one, other = overview(), overview(())
    assert one.totals == other.totals
    for table in other.tables:
        assert one.table(table.key).frame.equals(table.frame)


def test_who_sees_one_cost_centre_sees_no_limit_and_no_trouble() -> None:
    answer = answered(LINES, RULES, limits=LIMITS, limit_troubles=(TROUBLE,))
    for name in ("4711", "unallocated"):
        texts = every_format(build_cost_centre(answer, name, now=NOW))
        for text in texts.values():
            assert "enforcing" not in text
            assert "5,000.00" not in text
            assert "Not you." not in text


def test_hostile_names_of_projects_are_only_names() -> None:
    for hostile in HOSTILE_NAMES:
        report = overview(names={("openai", "alpha"): hostile})
        assert [row["project"] for row in rows(report)] == [None, None, hostile]
        written = to_csv(report, KEY, "excel").decode("utf-8-sig")
        assert not any(line.startswith(("=", "+", "@")) for line in written.splitlines())
    texts = every_format(overview(names={("openai", "alpha"): "<script>alert(1)</script>\x1b[31m"}))
    assert "\x1b" not in texts["terminal"]

"""What a draft would do to a month: who is new, which rules decide nothing, and what moves."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from difflib import get_close_matches
from itertools import starmap
from typing import Any

import pandas as pd
import pytest

from lib.allocation.allocate import Allocation, allocate
from lib.allocation.names import Named
from lib.allocation.preview import Newcomer, Preview, preview
from lib.allocation.rule_set import CostCentre, Rule, RuleSet, Share
from lib.ledger.lines import days_of
from lib.quantities import is_missing
from lib.reports.allocation.preview import build_preview
from lib.reports.report import Report, SourceStatus
from tests.support.every_format import every_format
from tests.support.rule_sets import DAYS, bill, counted, frame_of

NOW = datetime(2026, 11, 21, 1, 40, tzinfo=UTC)
NO_RULES = RuleSet()
CENTRES = CostCentre("sales", "Field sales"), CostCentre("labs", "Laboratories"), CostCentre("x")


def to(centre: str, pattern: str, priority: int = 10, **more: Any) -> Rule:
    facts = {"platform": "", "field": "sub_account", "name": ""} | more
    return Rule(priority, pattern=pattern, cost_centre=centre, **facts)


def rule_set(*rules: Rule, shares: tuple[Share, ...] = ()) -> RuleSet:
    return RuleSet(CENTRES, rules, shares)


def shown(
    lines: list[Any],
    draft: RuleSet,
    published: RuleSet = NO_RULES,
    names: tuple[Named, ...] = (),
    earlier: tuple[list[Any], RuleSet] | None = None,
) -> Preview:
    """The preview of a month of lines, and of another month before it."""
    month = frame_of(lines)
    before = allocate(frame_of(earlier[0]), earlier[1]) if earlier else None
    return preview(allocate(month, draft), allocate(month, published), draft, names, before)


def suggested(found: Preview, identity: str = "proj_new") -> tuple[str, str]:
    """Of one newcomer."""
    (one,) = [newcomer for newcomer in found.newcomers if newcomer.id == identity]
    return one.suggestion, one.because


def project(identity: str, name: str) -> Named:
    return Named("openai", "project", identity, name)


def test_newcomers_come_with_the_most_money_first_each_with_all_that_it_was_billed() -> None:
    lines = [
        bill("2", "small"),
        bill("-30", "credit"),
        bill("7.5", "large"),
        bill("3.25", "large", sku="other"),
        bill("99", "known"),
        bill("5", None, principal="ann"),
        bill("4", None),
        bill(None, "unknown amount"),
    ]
    found = shown(lines, rule_set(to("sales", "known")), names=(project("large", "Big one"),))
    assert [newcomer[1:5] for newcomer in found.newcomers] == [
        ("sub_account", "credit", "", Decimal(-30)),
        ("sub_account", "large", "Big one", Decimal("10.75")),
        ("principal", "ann", "", Decimal(5)),
        ("account", "api.example", "", Decimal(4)),
        ("sub_account", "small", "", Decimal(2)),
    ]


def test_a_newcomer_of_two_currencies_is_there_once_for_each() -> None:
    found = shown([bill("2"), bill("5", unit="EUR")], rule_set())
    assert [(one.billed, one.currency) for one in found.newcomers] == [(5, "EUR"), (2, "USD")]


def test_who_was_there_last_month_is_suggested_to_go_there_again() -> None:
    earlier = [bill("1", "proj_new")], rule_set(to("labs", "proj_new"))
    found = shown([bill("1", "proj_new")], rule_set(), earlier=earlier)
    assert suggested(found) == ("labs", "it was there the month before")


def test_the_month_before_counts_more_than_a_name() -> None:
    earlier = [bill("1", "proj_new")], rule_set(to("labs", "proj_new"))
    names = (project("proj_new", "sales"),)
    found = shown([bill("1", "proj_new")], rule_set(), names=names, earlier=earlier)
    assert suggested(found)[0] == "labs"


def test_nobody_is_suggested_to_go_where_the_draft_has_no_cost_centre() -> None:
    gone = RuleSet((CostCentre("gone"),), (to("gone", "proj_new"),))
    found = shown([bill("1", "proj_new")], rule_set(), earlier=([bill("1", "proj_new")], gone))
    assert suggested(found) == ("", "")


def test_who_is_elsewhere_this_month_with_other_lines_is_suggested_to_go_there() -> None:
    lines = [bill("1", "proj_new", sku="a"), bill("1", "proj_new", sku="b")]
    found = shown(lines, rule_set(to("labs", "a", field="sku")))
    assert suggested(found) == ("labs", "other lines of it are there")


@pytest.mark.parametrize(
    ("name", "suggestion", "because"),
    [
        ("Chat for SALES", "sales", "its name has 'sales'"),
        ("field sales bot", "sales", "its name has 'field sales'"),
        ("laboratories", "labs", "its name has 'laboratories'"),
        ("ex", "", ""),  # a name of one letter speaks for nothing
        ("something else", "", ""),
    ],
)
def test_the_name_of_a_cost_centre_in_that_of_a_newcomer_speaks_for_it(
    name: str, suggestion: str, because: str
) -> None:
    names = (project("proj_new", name),)
    found = shown([bill("1", "proj_new")], rule_set(), names=names)
    assert suggested(found) == (suggestion, because)


def test_an_id_without_a_name_speaks_for_itself() -> None:
    found = shown([bill("1", "labs-7")], rule_set())
    assert suggested(found, "labs-7") == ("labs", "its name has 'labs'")


def test_of_several_places_the_one_with_most_money_speaks_and_says_so() -> None:
    before = [
        bill(84, "proj_a", principal="chloe"),
        bill(69, "proj_b", principal="chloe"),
        bill(33, "proj_a", principal="chloe", sku="x"),
    ]
    rules = rule_set(to("labs", "proj_a"), to("sales", "proj_b"))
    found = shown([bill(7, None, principal="chloe")], rules, earlier=(before, rules))
    assert suggested(found, "chloe") == ("labs", "most of it was there the month before")


def test_a_number_makes_nobody_alike_another() -> None:
    lines = [
        bill(5, "proj_a", principal="staff003@x.example"),
        bill(7, None, principal="staff009@x.example"),
    ]
    found = shown(lines, rule_set(to("labs", "proj_a")))
    assert suggested(found, "staff009@x.example") == ("", "")


def test_a_similar_name_speaks_for_where_that_one_is() -> None:
    names = (project("proj_new", "Invoice reader 2"), project("proj_old", "Invoice reader 1"))
    lines = [bill("1", "proj_new"), bill("1", "proj_old")]
    found = shown(lines, rule_set(to("labs", "proj_old")), names=names)
    assert suggested(found) == ("labs", "Invoice reader 1 has a similar name")


def test_of_several_similar_names_the_most_similar_speaks() -> None:
    names = {"proj_new": "invoice reader 22", "far": "invoice writer 2", "near": "invoice reader 2"}
    lines = [bill("1", identity) for identity in names]
    draft = rule_set(to("sales", "far"), to("labs", "near"))
    found = shown(lines, draft, names=tuple(starmap(project, names.items())))
    assert suggested(found) == ("labs", "invoice reader 2 has a similar name")


def test_thousands_of_names_are_compared_without_comparing_each_with_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[int] = []

    def counting(word: str, words: list[str], *more: Any) -> list[str]:
        compared.append(len(words))
        return get_close_matches(word, words, *more)

    monkeypatch.setattr("lib.allocation.preview.get_close_matches", counting)
    ids = [f"proj_{place}" for place in range(600)]
    names = tuple(project(identity, f"{identity} of the company") for identity in ids)
    rules = [to("labs", identity) for identity in ids[100:]]
    found = shown([bill("1", identity) for identity in ids], rule_set(*rules), names=names)
    assert len(found.newcomers) == len(compared) == 100
    assert max(compared) <= 50


def test_a_similar_name_on_another_platform_speaks_for_nothing() -> None:
    lines = [bill("1", "proj_new"), bill("1", "proj_neu", platform="focus:aws")]
    found = shown(lines, rule_set(to("labs", "proj_neu")))
    assert suggested(found) == ("", "")


@pytest.mark.parametrize(("others", "suggestion"), [((), "labs"), (("bob",), ""), (("eve",), "")])
def test_its_people_speak_for_a_newcomer_when_all_of_them_are_in_one_place(
    others: tuple[str, ...], suggestion: str
) -> None:
    lines = [
        bill("1", "old", principal="ann"),
        bill("1", "other", principal="bob"),
        *(bill("1", "proj_new", principal=who) for who in ("ann", *others)),
    ]
    found = shown(lines, rule_set(to("labs", "old"), to("sales", "other")))
    because = "its people are there" if suggestion else ""
    assert suggested(found) == (suggestion, because)


def test_rules_that_decide_nothing_are_told_from_those_that_others_shadow() -> None:
    all_of_it, shadowed = to("sales", "proj_*"), to("labs", "proj_a", 20)
    nothing, half = to("labs", "nobody"), to("labs", "*_b", 20)
    ended = to("labs", "proj_a", 1, valid_to=date(2026, 9, 30))
    lines = [bill("1", "proj_a"), bill("1", "x_b"), bill("1", "proj_b")]
    found = shown(lines, rule_set(all_of_it, shadowed, nothing, half, ended))
    assert set(found.idle) == {(shadowed, True), (nothing, False), (ended, False)}


def test_a_rule_that_decides_about_what_is_only_counted_is_not_idle() -> None:
    found = shown([counted(5, "acme")], rule_set(to("labs", "acme")))
    assert found.idle == ()


LINES = [
    bill("10", "proj_a"),
    bill("1", "proj_b"),
    bill("5", "proj_c", unit="EUR"),
    bill("0.0000000001", "proj_a", day=DAYS[1]),
    bill("-3", "proj_d"),
]


def test_what_moves_is_told_in_money_with_the_largest_first_and_nothing_else() -> None:
    before = rule_set(to("sales", "proj_a"), to("labs", "proj_b"), to("labs", "proj_d"))
    after = rule_set(to("labs", "proj_a"), to("labs", "proj_b"), to("x", "proj_d"))
    found = shown(LINES, after, before)
    assert [(move.cost_centre, move.before, move.after, move.change) for move in found.moved] == [
        ("labs", Decimal(-2), Decimal("11.0000000001"), Decimal("13.0000000001")),
        ("sales", Decimal("10.0000000001"), Decimal(0), Decimal("-10.0000000001")),
        ("x", Decimal(0), Decimal(-3), Decimal(-3)),
    ]
    assert shown(LINES, after, after).moved == ()


def test_what_moves_adds_up_to_nothing_in_every_currency() -> None:
    shares = (Share("labs", "even", "sales"), Share("labs", "even", "x"))
    before = rule_set(to("sales", "proj_*", valid_to=date(2026, 10, 10)))
    after = rule_set(to("labs", "proj_*"), to("x", "*d", 1), shares=shares)
    moved = shown(LINES, after, before).moved
    assert {move.currency for move in moved} == {"EUR", "USD"}
    for currency in ("EUR", "USD"):
        assert sum(move.change for move in moved if move.currency == currency) == 0


def report(
    lines: list[Any],
    draft: RuleSet,
    names: tuple[Named, ...] = (),
    statuses: tuple[SourceStatus, ...] = (),
    complete: bool = True,
) -> Report:
    """As the command makes it, over version 3 without rules."""
    month: pd.DataFrame = frame_of(lines)
    made: Allocation = allocate(month, draft)
    return build_preview(
        made,
        preview(made, allocate(month, RuleSet()), draft, names),
        draft.names,
        month="2026-10",
        period=days_of("2026-10"),
        over=3,
        sources=statuses,
        now=NOW,
        complete=complete,
    )


def table(found: Report, key: str) -> list[dict[str, Any]]:
    (one,) = [table for table in found.tables if table.key == key]
    rows = one.frame.to_dict("records")
    return [
        {str(key): None if is_missing(value) else value for key, value in row.items()}
        for row in rows
    ]


def figures(found: Report) -> dict[str, Any]:
    return {figure.key: figure.value for figure in found.figures}


def test_the_report_says_how_much_stays_unallocated_and_its_share() -> None:
    found = report([bill("30", "proj_a"), bill("10", "new")], rule_set(to("sales", "proj_a")))
    assert figures(found) == {
        "billed_usd": Decimal(40),
        "unallocated_usd": Decimal(10),
        "share_usd": 25,
        "idle": 0,
    }
    assert (found.totals["billed"], found.totals["unallocated"]) == (Decimal(40), Decimal(10))
    (move, other) = sorted(table(found, "moves"), key=lambda row: row["change"])
    assert (move["cost_centre"], move["change"]) == (None, Decimal(-30))
    assert (other["cost_centre"], other["name"], other["before"]) == ("sales", "Field sales", 0)


def test_a_month_of_which_something_is_missing_is_no_total_and_says_so_beside_the_figures() -> None:
    found = report([bill("30", "new")], rule_set(), complete=False)
    assert [caution.split(":")[0] for caution in found.cautions] == ["Not all of 2026-10 is kept"]
    assert {*found.cautions} <= {*found.notes}
    least = [figure.key for figure in found.figures if figure.is_least]
    assert least == ["billed_usd", "unallocated_usd"]
    whole = report([bill("30", "new")], rule_set())
    assert whole.cautions == ()
    assert not any(figure.is_least for figure in whole.figures)


def test_several_currencies_are_never_one_sum() -> None:
    lines = [bill("30", "new"), bill("10", "new", unit="EUR"), bill("5", "proj_a")]
    found = report(lines, rule_set(to("sales", "proj_a")))
    shown_figures = figures(found)
    assert shown_figures.pop("share_usd") == pytest.approx(600 / 7)
    assert shown_figures == {
        "billed_eur": 10,
        "unallocated_eur": 10,
        "share_eur": 100,
        "billed_usd": 35,
        "unallocated_usd": 30,
        "idle": 0,
    }
    totals = {key: found.totals[key] for key in found.totals if key != "currency"}
    assert totals == {
        "billed": None,
        "billed_eur": 10,
        "billed_usd": 35,
        "unallocated": None,
        "unallocated_eur": 10,
        "unallocated_usd": 30,
    }
    written = json.loads(every_format(found)["json"])
    assert "45" not in json.dumps(written["totals"])


def test_where_all_is_allocated_nothing_is_unallocated_and_it_says_so() -> None:
    found = report([bill("5", "proj_a")], rule_set(to("sales", "*")))
    assert (figures(found)["unallocated_usd"], figures(found)["share_usd"]) == (0, 0)
    assert table(found, "unallocated") == []


def test_what_cannot_be_shared_and_amounts_that_nobody_knows_stand_in_the_notes() -> None:
    shares = (Share("labs", "proportional", "*", None, "tenants", "tokens"),)
    lines = [bill("5", "proj_a"), bill(None, "proj_b")]
    notes = report(lines, rule_set(to("labs", "proj_a"), shares=shares)).notes
    assert notes[0] == "labs is not split: none of its targets has any tenants tokens."
    assert notes[1].startswith("1 line of money")
    assert "nobody knows" in notes[1]


def test_every_format_tells_newcomers_idle_rules_and_moves() -> None:
    names = (project("new", "=Sales\n\x1b[31m 漢"),)
    lines = [bill("30", "proj_a"), bill("10.25", "new")]
    draft = rule_set(to("labs", "proj_a"), to("x", "nobody", 77), to("x", "proj_*", 88))
    for form, text in every_format(report(lines, draft, names)).items():
        for words in ("proj_*", "nobody", "matches nothing of the month", "30", "10.25", "labs"):
            assert words in " ".join(text.split()), (form, words)
        assert form in ("csv", "json") or "\x1b" not in text


def test_a_month_without_money_shows_no_zero_as_if_it_were_known() -> None:
    found = report([counted(5, "acme")], rule_set(to("labs", "acme")))
    assert found.is_unused
    assert figures(found) == {"idle": 0}
    assert (found.totals["billed"], found.totals["unallocated"]) == (None, None)
    every_format(found)


def test_a_newcomer_in_the_report_has_all_that_the_preview_knows() -> None:
    (row,) = table(report([bill("1", "new")], rule_set(), (project("new", "x"),)), "unallocated")
    known = {name: row[name] for name in Newcomer._fields}
    assert known == {
        "platform": "openai",
        "field": "sub_account",
        "id": "new",
        "name": "x",
        "billed": Decimal(1),
        "currency": "USD",
        "suggestion": None,
        "because": None,
        "rated": Decimal(0),
    }
    assert row["platform_label"] == "OpenAI"

"""Filters are called the same on screen, on paper and in the terminal, and programs keep their names."""

from datetime import date

import pytest

from lib.exports import formats
from lib.reports.chargeback.words import FILTER_WORDS as CHARGEBACK
from lib.reports.experiments.build import TITLE
from lib.reports.experiments.words import FILTER_WORDS as EXPERIMENTS
from lib.reports.openai.build import build_openai_usage
from lib.reports.openai.words import FILTER_WORDS as OPENAI
from lib.reports.tenants.words import FILTER_WORDS as TENANTS
from lib.reports.words import FilterWords
from lib.sources.comet.chargeback.query import check_chargeback_query
from lib.sources.comet.experiments.query import check_usage_query
from lib.sources.tenants.query import check_tenant_query
from lib.ui.page import ENTRIES
from tests.support.replies import MONDAY, NOW, answer_of, ask

DAY = date(2026, 10, 1)
ASKED: dict[str, tuple[dict[str, object], FilterWords]] = {
    "openai": (ask(compare="preceding").described(), OPENAI),
    "tenants": (
        check_tenant_query(since=DAY, until=DAY, today=DAY, compare="month-before").described(),
        TENANTS,
    ),
    "chargeback": (check_chargeback_query().described(), CHARGEBACK),
    "experiments": (
        check_usage_query(
            targets=["a"], since=DAY, until=DAY, today=DAY, compare="preceding"
        ).described(),
        EXPERIMENTS,
    ),
}


@pytest.mark.parametrize("platform", ASKED)
def test_every_filter_has_a_label(platform: str) -> None:
    described, words = ASKED[platform]
    assert {*described} - {*words} == set()
    assert "_" not in formats.filters(described, words)


def test_paper_and_terminal_call_filters_as_the_screen_does_and_json_by_name() -> None:
    report = build_openai_usage(
        answer_of({"completions": {MONDAY: []}}), ask(group_by=["project_id", "model"]), now=NOW
    )
    line = dict(formats.provenance(report))["Filters"]
    assert "Time step: Day; Group by: Project, Model; Compare with: None" in line
    assert report.filters["group_by"] == ["project_id", "model"]
    assert report.filters["bucket_width"] == "1d"


def test_a_filter_without_words_stands_under_its_name_and_values_of_others_stay() -> None:
    chosen = {"bucket_width": "1d", "models": ["1d"], "new_one": "x"}
    assert formats.filters(chosen, OPENAI) == "Time step: Day; Models: 1d; new one: x"


def test_the_page_of_comet_usage_and_its_pdf_have_the_same_title() -> None:
    assert next(entry.title for entry in ENTRIES if entry.name == "comet_usage") == TITLE

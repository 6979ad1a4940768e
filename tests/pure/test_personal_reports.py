"""No report that is built from a stand-in names people to a role that may not know them."""

import subprocess
import sys
import zipfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO

import pytest

from lib.access.visitors import ROLES, Visitor
from lib.cache import Caches
from lib.demo.comet_organisation import CometSize
from lib.demo.comet_server import create_comet_app
from lib.demo.openai_server import create_openai_app
from lib.demo.organisation import make_organisation
from lib.exports.csv import to_csv, to_zip
from lib.exports.formats import visible
from lib.loader.chargeback import load_chargeback
from lib.periods import Period
from lib.reports.chargeback.build import build_comet_chargeback
from lib.reports.experiments.build import build_comet_usage
from lib.reports.personal import hide_people, pseudonym
from lib.reports.report import Report
from lib.sources.comet.chargeback.query import check_chargeback_query
from lib.sources.comet.experiments.query import CometUsageQuery
from tests.pure.test_personal import renderings
from tests.support import comet_reports, comet_usage_answers
from tests.support.comet_reports import document, member, user, workspace
from tests.support.comet_usage_answers import answer_of, ms, run
from tests.support.comet_usage_loads import NOW, load, source_of
from tests.support.replies import LAST, ask, report_of
from tests.support.replies import NOW as OPENAI_NOW
from tests.support.servers import ROOT


@dataclass(frozen=True)
class Built:
    """A report, everybody whom its server knows, and the renderings that need not name them."""

    report: Report
    people: frozenset[str]
    silent: tuple[str, ...] = ("sentences",)


async def openai_usage() -> Built:
    app = create_openai_app(now=lambda: OPENAI_NOW)
    split = ("user_id", "project_id")
    asked = ask(LAST, endpoints=("completions", "costs"), group_by=split, compare="preceding")
    report = await report_of(app, asked)
    people = {text for one in make_organisation().users for text in (one.email, one.name) if text}
    return Built(report, frozenset(people))


def comet_usage(group: str) -> Callable[[], Awaitable[Built]]:
    async def built() -> Built:
        app = create_comet_app(now=lambda: NOW, size=SIZE)
        answer = await load(app)
        since = NOW.date() - timedelta(days=200)
        query = CometUsageQuery(
            ("vision", "language"),
            Period(since, NOW.date()),
            group=group,  # type: ignore[arg-type]
            compare="preceding",
        )
        silent = ("sentences",) if group == "user" else ("sentences", "charts")
        return Built(build_comet_usage(answer, query, now=NOW), people_of(app), silent)

    return built


def chargeback(compare: str | None) -> Callable[[], Awaitable[Built]]:
    async def built() -> Built:
        app = create_comet_app(now=lambda: NOW, size=SIZE)
        source = source_of(app)
        query = check_chargeback_query(month="2026-10", compare=compare)
        answer = await load_chargeback(source, source.connect(), query, caches=Caches(), now=NOW)
        return Built(build_comet_chargeback(answer, query, now=NOW), people_of(app))

    return built


def people_of(app: object) -> frozenset[str]:
    users = app.state.org.users  # type: ignore[attr-defined]
    return frozenset(text for one in users for text in (one.name, one.email) if text)


SIZE = CometSize(workspaces=3, users=16, projects=6, experiments_per_project=8, points=5)
"""Everybody and everything that a report can name, and little else: all of it is printed and read."""

KINDS = {
    "openai-usage": openai_usage,
    "comet-usage by user": comet_usage("user"),
    "comet-usage by project": comet_usage("project"),
    "comet-chargeback": chargeback(None),
    "comet-chargeback compared": chargeback("2026-01"),
}


def everything(report: Report) -> dict[str, str]:
    """All renderings, and each table as it is downloaded by itself."""
    with zipfile.ZipFile(BytesIO(to_zip(report, "excel"))) as archive:
        files = [archive.read(name).decode() for name in archive.namelist()]
    tables = [to_csv(report, table.key).decode() for table in report.tables]
    return {**renderings(report), "zip for Excel": "".join(files), "tables": "".join(tables)}


@pytest.mark.dear
@pytest.mark.parametrize("kind", KINDS)
async def test_people_are_named_to_roles_that_may_know_them_and_to_nobody_else(kind: str) -> None:
    built = await KINDS[kind]()
    rights = {Visitor(role).may("personal") for role in ROLES}
    assert rights == {True, False}
    for may in rights:
        shown = everything(built.report if may else hide_people(built.report))
        named = {
            place: [one for one in sorted(built.people) if one in text or visible(one) in text]
            for place, text in shown.items()
        }
        if may:
            assert {place for place, names in named.items() if not names} <= {*built.silent}
        else:
            assert {place: names for place, names in named.items() if names} == {}


def test_a_comparison_hides_who_is_gone_and_names_workspaces_and_projects() -> None:
    before = document([user("bob")], [workspace("vision", projects=[{"name": "sim"}])])
    after = document(
        [user("cyd")], [workspace("vision"), workspace("speech", projects=[{"name": "churn"}])]
    )
    frame = hide_people(comet_reports.build(after, before)).table("changes").frame
    assert {*frame["user"].dropna()} == {pseudonym("bob"), pseudonym("cyd")}
    assert {*frame["name"].dropna()} == {"vision", "speech", "churn", "sim"}


@pytest.mark.dear
def test_a_member_is_hidden_without_being_a_user_and_an_address_without_being_one() -> None:
    given = document(
        [user("ada", email="Ada Lovelace")],
        [workspace("vision", members=[member("eve", email="Eve Adams")])],
    )
    shown = everything(comet_reports.build(given))
    hidden = everything(hide_people(comet_reports.build(given)))
    for name in ("Ada Lovelace", "eve", "Eve Adams"):
        assert name in shown["json"], "else nothing would be proven"
        assert [place for place, text in hidden.items() if f'"{name}"' in text] == []


def test_a_field_that_nobody_documented_may_name_whoever_created_something() -> None:
    given = document(
        [user("ada", realName="Ada Lovelace", manager="Charles Babbage")],
        [workspace("vision", owner="Annabella Byron", members=[member("ada", nick="Countess")])],
    )
    names = ("Ada Lovelace", "Charles Babbage", "Annabella Byron", "Countess")
    report = comet_reports.build(given)
    shown, hidden = everything(report)["json"], everything(hide_people(report))
    assert [one for one in names if one not in shown] == []
    assert {(place, one) for one in names for place, text in hidden.items() if one in text} == set()


@pytest.mark.dear
def test_a_workspace_that_is_named_after_a_person_is_hidden_with_the_person() -> None:
    rows = [
        run(ms(2024, 1, day), user=user, workspace=user, project="churn")
        for day, user in ((5, "ada.byron"), (6, "cyd.jones"), (7, "cyd.jones"))
    ]
    report = comet_usage_answers.build(answer_of(rows), group="project")
    assert "cyd.jones/churn" in renderings(report)["charts"], "else nothing would be proven"
    hidden = everything(hide_people(report))
    names = ("ada.byron", "cyd.jones")
    assert {(place, one) for one in names for place, text in hidden.items() if one in text} == set()
    churn = pseudonym("churn", "project")
    assert f"{pseudonym('cyd.jones', 'workspace')}/{churn}" in hidden["charts"]
    assert pseudonym("cyd.jones") in hidden["tables"]
    assert f"{pseudonym('cyd.jones').partition('-')[2]}/" not in hidden["charts"]


def test_the_workspace_of_somebody_who_has_no_row_is_hidden_too() -> None:
    rows = [run(ms(2024, 1, 5), user="bob", workspace="ada.byron", project="ada-thesis")]
    report = comet_usage_answers.build(answer_of(rows), group="workspace")
    hidden = everything(hide_people(report))
    names = ("ada.byron", "ada-thesis")
    assert {(place, one) for one in names for place, text in hidden.items() if one in text} == set()


@pytest.mark.dear
def test_pseudonyms_of_workspaces_and_projects_outlive_the_process_and_those_of_people_do_not() -> (
    None
):
    script = (
        "from lib.reports.personal import *; key_places('cookie-secret-1');"
        "print(pseudonym('ada'), pseudonym('ada', 'workspace'), pseudonym('ada', 'project'))"
    )
    first, second = (
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
        ).stdout.split()
        for _ in range(2)
    )
    assert first[1:] == second[1:]
    assert first[0] != second[0]
    assert len({one.partition("-")[2] for one in first}) == 3


def test_a_person_who_is_named_like_a_part_of_the_report_breaks_none_of_it() -> None:
    names = ("skipped", "by_user", "paper", "both", "screen", "comet", "experiments")
    rows = [run(ms(2024, 1, 5), user=name) for name in names]
    report = comet_usage_answers.build(answer_of(rows), group="user")
    hidden = hide_people(report)
    assert (hidden.kind, hidden.main_table) == (report.kind, report.main_table)
    for kept in ("key", "place"):
        ours = [getattr(one, kept) for one in report.charts]
        assert [getattr(one, kept) for one in hidden.charts] == ours
    assert [one.unit for one in hidden.figures] == [one.unit for one in report.figures]
    assert [one.status for one in hidden.sources] == [one.status for one in report.sources]


def test_a_name_of_two_letters_is_hidden_in_a_sentence_too() -> None:
    rows = [run(ms(2024, 1, day), user=name) for day, name in ((5, "jo"), (6, "al"), (7, "jo"))]
    report = comet_usage_answers.build(answer_of(rows), group="user")
    assert any("largest is jo with" in one.alt for one in report.charts)
    assert not any("jo" in one.alt for one in hide_people(report).charts)

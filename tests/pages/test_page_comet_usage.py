"""The Comet usage page as Streamlit runs it: its link, its controls, its report, what it asks."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from lib.ui.ask import REFRESH
from tests.support.comet_page import CANARY
from tests.support.comet_usage_page import PRESENT, Lab, open_page, served_lab
from tests.support.pages import everything, figures, press, texts

pytestmark = pytest.mark.usefixtures("no_settings")


def test_without_any_setting_a_made_up_server_and_one_of_its_workspaces_are_shown() -> None:
    at = open_page()
    assert "Demo data" in texts(at.markdown)
    assert "comet.demo.localhost" in texts(at.caption)
    assert len(at.multiselect(key="cmu_workspaces").value) == 1
    assert int(figures(at)["Experiments"]) > 20
    assert at.tabs[0].label == "Changes"


def test_without_a_key_and_with_the_demo_off_the_page_says_which_variable_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DASHBOARD_DEMO", "off")
    at = open_page()
    assert "COMET_API_KEY is not set" in texts(at.warning)
    assert not at.metric


def test_nothing_chosen_asks_for_the_list_only_and_says_how_to_choose(lab: Lab) -> None:
    at = open_page()
    assert "Choose one or more workspaces." in texts(at.info)
    assert set(at.multiselect(key="cmu_workspaces").options) == {*lab.workspaces}
    assert not at.metric
    assert set(lab.asked()) == {"workspaces"}


def test_a_configured_server_is_read_and_its_own_figures_are_shown(lab: Lab) -> None:
    first, second = lab.workspaces[:2]
    at = open_page(cmu_workspaces=[first, second])
    runs = [*lab.experiments(first), *lab.experiments(second)]
    shown = figures(at)
    assert shown["Experiments"] == f"{len(runs):,}"
    assert shown["Users"] == str(len({one["userName"] for one in runs}))
    assert shown["Active workspaces"] == "2"
    assert shown["Active projects"] == str(
        len({(one["workspaceName"], one["projectName"]) for one in runs})
    )
    assert urlsplit(lab.url).netloc in texts(at.caption)
    assert not at.warning


def test_a_link_sets_every_control_and_the_report_follows(lab: Lab) -> None:
    first, second = lab.workspaces[:2]
    project = lab.projects(second)[0]
    since, until = (PRESENT - timedelta(days=back) for back in (200, 20))
    link = {
        "cmu_workspaces": [first, second],
        "cmu_projects": [f"{second}/{project}"],
        "cmu_span": "Date range",
        "cmu_period": [f"{since:%Y-%m-%d}", f"{until:%Y-%m-%d}"],
        "cmu_units": "week",
        "cmu_group": "workspace",
        "cmu_utilisation": "peak",
        "cmu_archived": "true",
        "cmu_series": "7",
        "cmu_compare": "preceding",
    }
    at = open_page(**link)
    assert at.multiselect(key="cmu_workspaces").value == link["cmu_workspaces"]
    assert at.multiselect(key="cmu_projects").value == link["cmu_projects"]
    assert at.selectbox(key="cmu_named").value == "shown"
    assert at.selectbox(key="cmu_compare").value == "preceding"
    chosen = [one.value for one in at.get("button_group") if one.key != "cmu_profile"][:3]
    assert chosen == ["week", "workspace", "peak"]
    assert at.toggle(key="cmu_archived").value is True
    assert at.number_input(key="cmu_series").value == 7
    runs = [
        one
        for archived in (False, True)
        for one in (
            *lab.experiments(first, archived=archived),
            *lab.experiments(second, project, archived=archived),
        )
        if since.date() <= day_of(one) <= until.date()
    ]
    shown = figures(at)
    assert shown["Experiments"] == str(len(runs))
    assert any(one["archived"] for one in runs), "else the switch would show nothing"
    assert "GPU use, mean of peaks" in shown
    assert [tab.label for tab in at.tabs][:2] == ["Changes", "By week"]


def test_all_time_is_compared_with_nothing_and_the_address_says_so(lab: Lab) -> None:
    at = open_page(cmu_workspaces=lab.workspaces[0], cmu_compare="preceding")
    assert "cmu_compare" not in at.query_params
    assert "cmu_compare" not in [one.key for one in at.get("button_group")]
    assert at.tabs[0].label == "By month"


def test_it_opens_with_whole_days_against_those_before_and_asks_for_nothing_more(lab: Lab) -> None:
    name = lab.workspaces[0]
    open_page(cmu_workspaces=name)
    press(open_page(), "Clear cache")
    lab.asked()
    open_page(cmu_workspaces=name)
    alone = sorted(lab.asked())
    at = press(open_page(), "Clear cache")  # and the list comes again
    lab.app.state.requests.clear()
    at = at.multiselect(key="cmu_workspaces").select(name).run()
    assert sorted(lab.asked()) == alone
    yesterday = datetime.now(UTC).date() - timedelta(days=1)
    assert at.query_params["cmu_period"] == [f"{yesterday - timedelta(29)}", f"{yesterday}"]
    assert at.query_params["cmu_compare"] in ("preceding", ["preceding"])
    assert [tab.label for tab in at.tabs][:2] == ["Changes", "By day"]
    days = [day_of(one) for one in lab.experiments(name)]
    counted = [sum(0 < (yesterday - day).days + 1 <= 30 for day in days)]
    counted.append(sum(30 < (yesterday - day).days + 1 <= 60 for day in days))
    card = next(metric for metric in at.metric if metric.label == "Experiments")
    assert card.value == str(counted[0])
    assert card.delta.startswith(f"{counted[0] - counted[1]:+}")


def test_all_time_stays_all_time_when_its_address_is_opened_again(lab: Lab) -> None:
    at = open_page(cmu_workspaces=lab.workspaces[0], cmu_period=["2026-01-01", "2026-02-01"])
    at = at.selectbox(key="cmu_named").set_value("all-time").run()
    again = open_page(**{key: at.query_params[key] for key in at.query_params})
    assert not again.warning
    assert again.selectbox(key="cmu_named").value == "all-time"
    assert figures(again) == figures(at)


def day_of(one: dict[str, Any]) -> Any:
    return datetime.fromtimestamp(one["startTimeMillis"] / 1_000, UTC).date()


def test_the_copied_link_holds_every_control_and_shows_the_same_numbers(lab: Lab) -> None:
    first, second = lab.workspaces[:2]
    project = f"{second}/{lab.projects(second)[0]}"
    at = open_page(cmu_workspaces=[first, second], cmu_projects=project, cmu_units="day")
    query = parse_qs(urlsplit(at.code[0].value).query, keep_blank_values=True)
    assert {key: value for key, value in query.items() if "_view_" not in key} == {
        "cmu_workspaces": [first, second],
        "cmu_projects": [project],
        "cmu_preset": ["all-time"],
        "cmu_compare": ["none"],
        "cmu_units": ["day"],
        "cmu_group": ["project"],
        "cmu_utilisation": ["mean"],
        "cmu_archived": ["false"],
        "cmu_series": ["100"],
    }
    again = open_page(**query)
    assert not again.warning
    assert figures(again) == figures(at)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cmu_units", "decade"),
        ("cmu_group", "planet"),
        ("cmu_utilisation", "median"),
        ("cmu_archived", "perhaps"),
        ("cmu_span", "last week"),
        ("cmu_period", ["2026-02-30", "2026-03-01"]),
        ("cmu_colour", "blue"),
        ("cmu_units", "<script>alert(1)</script>"),
    ],
)
def test_a_link_that_cannot_be_followed_names_what_is_wrong(
    lab: Lab, key: str, value: str | list[str]
) -> None:
    at = open_page(cmu_workspaces=lab.workspaces[0], **{key: value})
    named = key if key == "cmu_colour" else value[0] if isinstance(value, list) else value
    assert named in texts(at.warning)
    assert at.metric, "the rest of the page is shown all the same"


def test_a_range_the_wrong_way_round_is_refused_before_experiments_are_asked_for(
    lab: Lab,
) -> None:
    span = {"cmu_span": "Date range", "cmu_period": ["2024-03-09", "2024-03-01"]}
    at = open_page(cmu_workspaces=lab.workspaces[0], **span)
    assert "after its end" in texts(at.warning)
    assert not at.metric
    assert set(lab.asked()) == {"workspaces", "projects"}


def test_a_workspace_that_is_gone_is_named_beside_the_one_that_is_meant(lab: Lab) -> None:
    name = lab.workspaces[0]
    at = open_page(cmu_workspaces=f"{name}x")
    assert f"no workspace is named '{name}x'" in texts(at.warning)
    assert f"'{name}'" in texts(at.warning).partition("Did you mean")[2]
    assert not at.metric
    assert at.multiselect(key="cmu_workspaces").value == [f"{name}x"], "to be taken away"


def test_lists_are_asked_for_when_needed_and_projects_narrow_the_report(lab: Lab) -> None:
    at = open_page(cmu_preset="all-time")
    assert not at.multiselect(key="cmu_projects").options
    name = lab.workspaces[0]
    lab.asked()
    at = at.multiselect(key="cmu_workspaces").select(name).run()
    asked = lab.asked()
    assert asked.count("projects") == 1
    assert "workspaces" not in asked
    whole = figures(at)["Experiments"]
    assert whole == str(len(lab.experiments(name)))
    picker = at.multiselect(key="cmu_projects")
    assert set(picker.options) == {f"{name}/{one}" for one in lab.projects(name)}
    at = picker.select(f"{name}/{lab.projects(name)[0]}").run()
    assert figures(at)["Experiments"] == str(len(lab.experiments(name, lab.projects(name)[0])))
    assert figures(at)["Active projects"] == "1"


def test_another_unit_or_group_asks_for_nothing(lab: Lab) -> None:
    at = open_page(cmu_workspaces=lab.workspaces[0])
    shown = figures(at)
    lab.asked()
    for key, value in (("units", "week"), ("group", "user"), ("utilisation", "peak")):
        (chosen,) = (one for one in at.get("button_group") if one.key == f"cmu_{key}")
        chosen.set_value(value)
        at = press(at, REFRESH)
        assert at.metric
        assert lab.asked() == []
    assert at.tabs[0].label == "By week"
    assert figures(at)["Experiments"] == shown["Experiments"]
    assert "GPU use, mean of peaks" in figures(at)


def test_the_same_question_asked_again_asks_for_the_lists_and_what_has_changed(lab: Lab) -> None:
    name = lab.workspaces[0]
    at = open_page(cmu_workspaces=name)
    lab.asked()
    at = press(at, REFRESH)
    assert at.metric
    assert lab.asked() == ["projects"]
    lab.app.state.now = lambda: PRESENT + timedelta(minutes=1)
    at = press(press(at, "Clear cache"), REFRESH)
    assert {"workspaces", "projects", "experiments", "columns"} <= set(lab.asked())


def test_hostile_names_are_shown_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    with served_lab(monkeypatch, hostile_names=True) as lab:
        names = lab.workspaces
        at = open_page(cmu_workspaces=names)
        lab.app.state.faults.fail_project = {("experiments", lab.projects(names[0])[0]): 403}
        broken = open_page(cmu_workspaces=[names[0], "<b>*[x](http://evil)*</b>"])
    assert at.metric
    said = [
        str(one.value)
        for page in (at, broken)
        for one in (*page.markdown, *page.caption, *page.warning, *page.info, *page.error)
    ]
    assert any("evil" in one for one in said), "names do stand in the sentences"
    for mark in ("<script>", "<b>", "](http", ":material/bolt:", " **b** ", "$x$"):
        assert not any(mark in one for one in said)


@pytest.mark.parametrize("status", [None, 403])
def test_no_secret_of_the_server_reaches_the_page_even_when_debugging(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, status: int | None
) -> None:
    monkeypatch.setenv("LOGURU_LEVEL", "DEBUG")
    monkeypatch.setenv("COMET_ALLOW_HEADER_NAME", "X-Gateway-Token")
    monkeypatch.setenv("COMET_ALLOW_HEADER_VALUE", "gateway-canary-77")
    name = lab.workspaces[0]
    if status:
        lab.app.state.faults.fail = {"experiments": status}
    at = open_page(cmu_workspaces=name)
    assert bool(at.metric) is (status is None)
    assert bool([one for one in at.expander if "Traceback" in one.label]) is (status is not None)
    assert at.text_input(key="cmu_key").value in ("", None)
    assert at.text_input(key="cmu_key").proto.placeholder == "configured on the server"
    for secret in (CANARY, "gateway-canary-77"):
        assert secret not in everything(at)


def test_a_typed_key_opens_the_server_that_is_set_and_is_in_no_message(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMET_API_KEY", "")
    name = lab.workspaces[0]
    lab.asked()
    at = open_page(cmu_workspaces=name)
    assert "COMET_API_KEY is not set" in texts(at.warning)
    assert lab.asked() == []
    at = at.text_input(key="cmu_key").input(CANARY).run()
    assert figures(at)["Experiments"] == str(len(lab.experiments(name)))
    assert CANARY not in at.code[0].value
    assert CANARY not in everything(at)

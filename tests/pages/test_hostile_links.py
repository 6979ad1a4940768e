"""Hostile input in every parameter of every page's links: nothing raises, nothing acts as markup."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from lib.ui.page import ENTRIES
from tests.support.profiles import examples
from tests.support.servers import ROOT

PARAMETERS = sorted(
    {"ovr_month", "ovr_centre", "ccs_month"}  # whose prefix is that of their page
    | {
        name
        for path in (ROOT / "lib/ui").glob("*_controls.py")
        for entry in ENTRIES
        for name in re.findall(rf'"({entry.prefix}_\w+)"', path.read_text(encoding="utf-8"))
    }
)
"""Of the links, and of inputs that are in none, such as those of keys."""

HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "[here](javascript:alert(1))",
    ":material/bolt:",
    ":red[danger]",
    "$\\href{javascript:alert(1)}{x}$",
    "`code` **bold** # head",
    "\u202egpj.exe\n\r\x00\x1b[31m",
    "' OR 1=1 --",
    "{0.__class__} %s %(x)s",
    "../../etc/passwd",
    "2026-13-45",
    "-1",
    "1e400",
    "x" * 5_000,
    "",
)
ACTS = re.compile(
    r"(?<!\\)<img|(?<!\\)\]\(javascript|(?<!\\):material/bolt|(?<!\\):red\[|\*\*bold\*\*|[\u202e\x00\x1b]"
)


@pytest.fixture(autouse=True)
def _demo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DASHBOARD_DEMO", "on")
    monkeypatch.setenv("HOME", str(tmp_path))


def test_every_page_has_parameters_to_be_hostile_in() -> None:
    assert {name.split("_")[0] for name in PARAMETERS} == {entry.prefix for entry in ENTRIES}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
@settings(
    examples(12),
    phases=[Phase.explicit, Phase.generate],  # shrinking whole pages would take minutes
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_no_parameter_raises_or_acts_as_markup(entry: Any, data: st.DataObject) -> None:
    ours = [name for name in PARAMETERS if name.startswith(f"{entry.prefix}_")]
    keys = st.sampled_from([*ours, f"{entry.prefix}_view_table", "unknown"]) | st.text(min_size=1)
    values = st.lists(st.sampled_from(HOSTILE) | st.text(max_size=40), min_size=1, max_size=3)
    link = data.draw(st.dictionaries(keys, values, min_size=1, max_size=6))
    shown = _shown(entry.name, link)
    assert "went wrong" not in shown
    assert ACTS.findall(shown) == []


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_the_worst_value_in_all_parameters_at_once_is_named_as_text(entry: Any) -> None:
    link = {name: [HOSTILE[0]] for name in PARAMETERS if name.startswith(f"{entry.prefix}_")}
    shown = _shown(entry.name, {**link, "<img src=x>": ["1"]})
    assert "img src" in shown, "else nothing would be proven"
    assert ACTS.findall(shown) == []


@pytest.mark.parametrize("value", ["1e400", "-1e400", "nan", "1e300", "-1", "1.5", "many"])
@pytest.mark.parametrize(
    ("page", "name", "label"),
    [
        ("tenant_usage", "red_top", "Rows (0: all)"),
        ("comet_usage", "cmu_series", "Series per chart"),
    ],
)
def test_a_number_that_cannot_be_chosen_is_named_and_its_default_stands_in(
    page: str, name: str, label: str, value: str
) -> None:
    shown = _shown(page, {name: [value]}).replace("\\", "")
    assert "went wrong" not in shown
    assert f"{label}: it takes a whole number from" in shown


@pytest.mark.parametrize("name", PARAMETERS)
def test_an_empty_value_of_any_parameter_is_no_fault_of_the_dashboard(name: str) -> None:
    page = next(one.name for one in ENTRIES if name.startswith(f"{one.prefix}_"))
    assert "went wrong" not in _shown(page, {name: [""]})


def _shown(page: str, link: dict[str, list[str]]) -> str:
    """Every text that the page draws as markdown, for a link."""
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=90)
    at.switch_page(f"pages/{page}.py")
    for key, value in link.items():
        at.query_params[key] = value
    at.run()
    assert not at.exception, at.exception
    kinds = (at.title, at.markdown, at.caption, at.info, at.warning, at.error, at.success)
    return "\n".join(str(one.value) for kind in kinds for one in kind)

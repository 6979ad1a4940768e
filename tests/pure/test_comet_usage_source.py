"""Experiments of a Comet server: what its answers come to, read piece by piece."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.errors import InputError
from lib.sources.comet.experiments.entities import CometProject, ExperimentPage
from lib.sources.comet.experiments.frames import experiments_frame, projects_frame
from lib.sources.comet.experiments.lists import (
    PageLengths,
    parse_experiments,
    parse_gpu_columns,
    parse_projects,
    parse_workspaces,
)
from lib.sources.comet.experiments.rows import rows_of
from lib.sources.comet.experiments.targets import Wanted, chosen, unknown, wanted
from lib.sources.comet.server.entries import read_entries

pytestmark = pytest.mark.usefixtures("whole_and_in_pieces")

anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


def entries(text: str, name: str = "x") -> tuple[list[tuple[str, Any]], dict[str, Any]]:
    found: list[tuple[str, Any]] = []
    others = read_entries(text.encode(), name, lambda key, value: found.append((key, value)))
    return found, others


@given(
    st.dictionaries(st.text().filter(lambda name: name != "x"), anything, max_size=4),
    st.dictionaries(st.text(), anything, max_size=4) | st.lists(anything, max_size=4),
    st.sampled_from([None, 1, "\t"]),
    st.integers(0, 4),
)
def test_entries_are_what_a_parser_of_the_whole_would_find(
    others: dict[str, Any], member: Any, indent: Any, place: int
) -> None:
    items = list(others.items())
    items.insert(place, ("x", member))
    text = f" {json.dumps(dict(items), indent=indent)}\n"
    found, rest = entries(text)
    assert repr(rest) == repr(others)  # in which NaN is as good as NaN
    pairs = member.items() if isinstance(member, dict) else (("", one) for one in member)
    assert repr(found) == repr(list(pairs))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "null",
        "<html>",
        '{"y": []}',
        '{"x": 5}',
        '{"x": null}',
        '{"x": "text"}',
        '{"x": [1,]}',
        '{"x": [1 2]}',
        '{"x": [1]',
        '{"x": {"a" 1}}',
        '{"x": {1: 2}}',
        '{"x": []} {}',
        '{"x": [],}',
        '{"x": [' + "[" * 100_000,
    ],
)
def test_what_is_not_such_a_reply_is_refused(text: str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        entries(text)


@given(st.text(alphabet='{}[]",:x1 \\nul', max_size=12), st.integers(0, 30))
def test_damaged_json_is_refused_exactly_where_a_parser_refuses_it(insert: str, at: int) -> None:
    text = '{"a": [1, {"x": 2}], "x": {"k": [1], "l": null}}'
    text = text[:at] + insert + text[at:]
    try:
        whole = json.loads(text)
        fine = isinstance(whole, dict) and isinstance(whole.get("x", 0), dict | list)
    except ValueError:
        fine = False
    if fine:
        entries(text)
    else:
        with pytest.raises(ValueError):  # noqa: PT011 - any kind of it
            entries(text)


UTIL, MEMORY = "sys.gpu.0.gpu_utilization", "sys.gpu.0.memory_utilization"

# Experiments


def page(
    *items: Any, archived: bool = False, seen: set[str] | None = None, **beside: Any
) -> ExperimentPage:
    reply = json.dumps({"experiments": items, **beside}).encode()
    return parse_experiments(reply, archived=archived, page=1, seen=set() if seen is None else seen)


def test_moments_that_are_none_are_unknown_whatever_they_are_written_as() -> None:
    found = page(
        {"experimentKey": "a", "startTimeMillis": 1_718_000_000_000, "endTimeMillis": None},
        {"experimentKey": "b", "startTimeMillis": "1718000000000", "endTimeMillis": 0},
        {"experimentKey": "c", "startTimeMillis": 1e400, "endTimeMillis": 1_718_000_000_000.0},
        {"experimentKey": "d", "startTimeMillis": 10**30, "endTimeMillis": True, "userName": 5},
        {"experimentKey": "e", "startTimeMillis": 10**18, "durationMillis": -4, "userName": "ada"},
    )
    first = 1_718_000_000_000
    assert found.starts == [first, first, 0, 0, 0]
    assert found.ends == [0, 0, first, 0, 0]
    assert found.durations == [0] * 5
    assert found.users == ["", "", "", "", "ada"]


def test_entries_without_a_key_are_counted_and_left_out() -> None:
    found = page({"experimentKey": None}, {}, "text", None, {"experimentKey": "a"})
    assert (found.keys, found.unread, found.listed) == (["a"], 4, 5)


def test_an_experiments_own_word_decides_whether_it_is_archived() -> None:
    items = [{"experimentKey": "a", "archived": True}, {"experimentKey": "b", "archived": False}]
    assert page(*items).keys == ["b"]
    assert page(*items, archived=True).keys == ["a"]
    assert page({"experimentKey": "a"}, archived=True).keys == ["a"]


def test_what_still_runs_is_kept_apart_from_what_the_server_does_not_say() -> None:
    said = {"a": True, "b": False, "c": None, "d": "yes"}
    found = page(*({"experimentKey": key, "running": runs} for key, runs in said.items()))
    frame = experiments_frame([(CometProject("w", "p"), rows_of([found], {}, archived=False))])
    assert frame["running"].astype(object).where(frame["running"].notna(), None).tolist() == [
        *(True, False, None, None)
    ]


def test_half_characters_in_names_do_not_break_tables() -> None:
    found = page({"experimentKey": "a\ud800", "userName": "b\udfff"})
    frame = experiments_frame([(CometProject("w", "p"), rows_of([found], {}, archived=False))])
    assert frame["user"].tolist() == ["b\ufffd"]


@pytest.mark.parametrize(
    ("listed", "fresh", "more", "counted", "last"),
    [
        (999, 999, None, 2_000, False),  # a short page proves nothing
        (999, 999, None, None, False),
        (999, 999, False, 2_000, False),
        (999, 999, None, 999, True),  # as many as the server counts
        (999, 999, None, 900, False),  # its count lags behind
        (1_000, 1_000, None, None, False),
        (1_000, 1_000, None, 1_000, False),
        (1_000, 0, None, 5_000, True),  # the same page again
        (1_000, 0, True, 5_000, True),  # whatever it promises
        (2_500, 2_500, None, 9_999, True),  # paging ignored: everything
        (1_000, 1_000, False, 1_000, True),
        (100, 100, True, None, False),
        (500, 500, None, 500, True),
        (0, 0, None, 10, True),
    ],
)
def test_a_short_page_proves_nothing_unless_it_reaches_the_servers_count(
    listed: int, fresh: int, more: bool | None, counted: int | None, last: bool
) -> None:
    found = ExperimentPage(listed=listed, fresh=fresh, more=more)
    project = CometProject("w", "p", counted)
    assert PageLengths().is_last(found, project, 0, fresh) is last


def test_a_first_page_that_could_have_held_all_is_the_last_one() -> None:
    lengths = PageLengths(longest=250)
    short = ExperimentPage(listed=40, fresh=40)
    assert lengths.is_last(short, CometProject("w", "p", 43), 0, 40)
    assert not lengths.is_last(short, CometProject("w", "p", 260), 0, 40)
    assert not lengths.is_last(short, CometProject("w", "p", 43), 40, 40)


def test_a_page_of_the_length_that_the_server_caps_at_is_not_the_last_one() -> None:
    lengths, project = PageLengths(), CometProject("w", "p", 500)
    page = ExperimentPage(listed=250, fresh=250)
    assert not lengths.is_last(page, project, 0, 250)
    assert not lengths.is_last(page, project, 250, 500)
    assert lengths.cap == 250


@pytest.mark.parametrize(
    ("beside", "more"),
    [
        ({}, None),
        ({"hasMore": True}, True),
        ({"hasMore": False, "nextPage": 2}, False),
        ({"nextPage": None}, False),
        ({"nextPage": 2}, True),
        ({"totalPages": 3}, True),
        ({"pageCount": 1}, False),
    ],
)
def test_the_servers_word_on_further_pages_is_heard(beside: dict[str, Any], more: Any) -> None:
    assert page({"experimentKey": "a"}, **beside).more is more


def test_lists_are_read_around_what_is_malformed() -> None:
    names = {"workspaceNames": ["a", None, "b", "a", 5, ""]}
    assert parse_workspaces(json.dumps(names).encode()) == ("a", "b")
    projects = [
        {"projectName": "p", "numberOfExperiments": 3, "lastUpdated": 4_000},
        {"projectName": "p", "numberOfExperiments": 9},
        {"projectName": None},
        "text",
        {"projectName": "q", "numberOfExperiments": "many"},
        {"projectName": "r", "numberOfExperiments": -3, "lastUpdated": 9 * 10**18},
    ]
    assert parse_projects(json.dumps({"projects": projects}).encode(), "w") == (
        CometProject("w", "p", 3, 4_000),
        CometProject("w", "q"),
        CometProject("w", "r"),
    )
    columns = [{"name": UTIL}, {"name": UTIL}, {"name": "sys.gpu.0.power_usage"}, {"name": MEMORY}]
    columns += [{"name": "my.gpu_utilization"}, {"name": None}, {}]
    assert parse_gpu_columns(json.dumps({"columns": columns}).encode()) == (UTIL, MEMORY)


def test_an_experiment_in_two_projects_is_counted_once() -> None:
    rows = rows_of([page({"experimentKey": "a"}, {"experimentKey": "b"})], {}, archived=False)
    other = rows_of(
        [page({"experimentKey": "b", "archived": True}, archived=True)], {}, archived=True
    )
    frame = experiments_frame([(CometProject("w", "p"), rows), (CometProject("w", "q"), other)])
    assert frame["experiment_key"].tolist() == ["a", "b"]
    assert frame["project"].tolist() == ["p", "p"]
    assert frame["archived"].tolist() == [False, False]


def test_frames_have_their_types_also_without_rows() -> None:
    full = experiments_frame(
        [(CometProject("w", "p"), rows_of([page({"experimentKey": "a"})], {}, archived=False))]
    )
    empty = experiments_frame([])
    assert list(full.columns) == list(empty.columns)
    kinds = {"workspace": "category", "experiment_key": "str", "start_ms": "Int64"}
    kinds |= {"archived": "boolean", "gpus": "Int64", "gpu_mean": "Float64", "gpu_rule": "category"}
    for frame in (full, empty):
        assert {name: str(frame[name].dtype) for name in kinds} == kinds
    assert full[["user", "start_ms", "gpus", "gpu_mean", "gpu_rule"]].isna().all().all()
    assert projects_frame([]).dtypes.astype(str).to_dict()["has_gpu"] == "boolean"


# Targets

LISTED = {
    "a": (CometProject("a", "p"), CometProject("a", "p/q"), CometProject("a", " spaced ")),
    "b": (CometProject("b", "p"),),
}


@pytest.mark.parametrize(
    ("targets", "found"),
    [
        (["a/p"], ["a/p"]),
        (["a/p/q"], ["a/p/q"]),  # parted at the first slash
        (["a/p", "a"], ["a/p", "a/p/q", "a/ spaced "]),  # overlaps count once
        (["b", "a/p", "b/p", "b"], ["b/p", "a/p"]),
        (["a/spaced"], ["a/ spaced "]),
    ],
)
def test_targets_name_projects_each_once(targets: list[str], found: list[str]) -> None:
    projects = chosen([wanted(target) for target in targets], LISTED)
    assert [one.target for one in projects] == found


def test_a_misspelt_name_is_told_its_nearest() -> None:
    listed = {"a": (CometProject("a", "Detector"), CometProject("a", "zzz"))}
    with pytest.raises(
        InputError, match=r"no project is named 'detecter' in workspace 'a'"
    ) as told:
        chosen([Wanted("a", "detecter")], listed)
    assert told.value.remedy == "Did you mean 'Detector'?"
    assert "There is only: 'x'." in str(unknown("workspace", "completely", ["x"]))
    assert len(str(unknown("workspace", "y" * 5_000, ["x" * 300] * 3))) < 600


def test_a_workspace_with_a_slash_in_its_name_is_found_among_those_that_exist() -> None:
    assert wanted("a/b/c", ["a", "a/b", "x"]) == Wanted("a/b", "c")
    assert wanted("a/b", ["a/b"]) == Wanted("a/b")
    assert wanted("x y", [" x y "]) == Wanted(" x y ")
    assert wanted("ab/c", ["a"]) == Wanted("ab", "c")

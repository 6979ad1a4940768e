"""Experiments of a Comet server: what its answers come to, read piece by piece."""

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.errors import InputError
from lib.sources.comet.entries import read_entries
from lib.sources.comet.experiments import (
    CometProject,
    Page,
    is_last_page,
    parse_experiments,
    parse_gpu_columns,
    parse_projects,
    parse_workspaces,
)
from lib.sources.comet.gpu import RULES, Skipped, gpu_figures
from lib.sources.comet.metrics import batches, parse_metrics
from lib.sources.comet.targets import Wanted, chosen, unknown, wanted
from lib.sources.comet.usage_frames import experiments_frame, projects_frame, rows_of

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


def entries(text: str, name: str = "x") -> tuple[list[tuple[str, Any]], dict[str, Any]]:
    found: list[tuple[str, Any]] = []
    others = read_entries(text.encode(), name, lambda key, value: found.append((key, value)))
    return found, others


@given(
    st.dictionaries(st.text().filter(lambda name: name != "x"), anything, max_size=4),
    st.dictionaries(st.text(), anything, max_size=4) | st.lists(anything, max_size=4) | st.none(),
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
    assert rest == others
    expected = [] if member is None else member
    pairs = expected.items() if isinstance(expected, dict) else (("", one) for one in expected)
    assert found == list(pairs)


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
        fine = isinstance(whole, dict) and isinstance(whole.get("x", 0), dict | list | None)
    except ValueError:
        fine = False
    if fine:
        entries(text)
    else:
        with pytest.raises(ValueError):  # noqa: PT011 - any kind of it
            entries(text)


# GPU figures


def series(name: str, values: Any, **times: Any) -> dict[str, Any]:
    return {"metricName": name, "values": values, **times}


UTIL, MEMORY = "sys.gpu.0.gpu_utilization", "sys.gpu.0.memory_utilization"

samples = st.lists(
    st.one_of(
        st.floats(0, 100),
        st.integers(0, 100),
        st.none(),
        st.sampled_from(["50.5", " 7 ", "high", "", "NaN", "1e999", "inf"]),
        st.sampled_from([float("nan"), float("inf"), True, False, [1], {}, 10**400]),
    ),
    max_size=6,
)
times = st.none() | st.lists(st.integers(0, 10**13) | st.none(), max_size=6)


def plain_number(value: Any) -> Fraction | None:
    if value is None or isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
        return Fraction(number) if abs(number) < 1e100 else None
    except (ValueError, OverflowError):
        return None


def plain_numbers(values: Any) -> list[Fraction]:
    return [one for value in values or [] if (one := plain_number(value)) is not None]


def plain_span(record: dict[str, Any], run: int | None) -> tuple[Fraction, int] | None:
    moments = plain_numbers(record["timestamps"])
    if moments:
        return abs(moments[-1] - moments[0]) / 1000, 0
    lasted = plain_numbers(record["durations"])
    if not lasted:
        return None
    if len(lasted) > 1 and sorted(lasted) == lasted:
        grows = lasted[-1] > lasted[0]
        if run is not None:
            grows = abs(lasted[-1] - run) <= abs(sum(lasted) - run)
        if grows:
            return (lasted[-1] - lasted[0]) / 1000, 1
    return sum(lasted, Fraction()) / 1000, 2


@given(
    st.lists(st.tuples(st.integers(0, 2), st.booleans(), samples, times, times), max_size=6),
    st.none() | st.integers(1, 10**13),
    st.sampled_from([None, 1, "\t "]),
)
def test_figures_are_those_of_a_slow_plain_computation(
    drawn: list[tuple[int, bool, Any, Any, Any]], run: int | None, indent: Any
) -> None:
    records = [
        series(
            f"sys.gpu.{gpu}.{'memory' if memory else 'gpu'}_utilization",
            values,
            timestamps=stamps,
            durations=durations,
        )
        for gpu, memory, values, stamps, durations in drawn
    ]
    reply = json.dumps({"experiments": {"k": {"metrics": records}}}, indent=indent)
    answer = parse_metrics(reply.encode(), {"k": run})
    found, skipped = answer.figures.get("k"), answer.skipped

    first: dict[str, dict[str, Any]] = {}
    for record in records:
        if plain_numbers(record["values"]):
            first.setdefault(record["metricName"], record)
    gpus = sorted({name.rsplit(".", 1)[0] for name in first})
    if not gpus:
        assert found is None
        return
    assert found is not None
    assert found.gpus == len(gpus)
    for kind, mean, peak in (
        ("gpu_utilization", found.gpu_mean, found.gpu_peak),
        ("memory_utilization", found.memory_mean, found.memory_peak),
    ):
        values = [
            plain_numbers(first[f"{gpu}.{kind}"]["values"])
            for gpu in gpus
            if f"{gpu}.{kind}" in first
        ]
        if not values:
            assert mean is None
            assert peak is None
            continue
        assert mean == pytest.approx(
            float(sum(sum(v) / len(v) for v in values) / len(values)), rel=1e-12
        )
        assert peak == pytest.approx(float(sum(max(v) for v in values) / len(values)), rel=1e-12)
    spans = [
        next(
            (
                span
                for record in records
                if record is first.get(record["metricName"])
                and record["metricName"].rsplit(".", 1)[0] == gpu
                and (span := plain_span(record, run))
            ),
            None,
        )
        for gpu in gpus
    ]
    if None in spans:
        assert found.seconds is None
        assert found.rule is None
        assert skipped.timeless == 1
    else:
        known = [span for span in spans if span]
        assert found.seconds == pytest.approx(float(sum(s for s, _ in known)), rel=1e-12)
        assert found.rule == max(rule for _, rule in known)


def test_null_and_text_are_skipped_one_by_one_and_counted() -> None:
    skipped = Skipped()
    found = gpu_figures(
        [series(UTIL, [10, None, "30", "much", float("nan")], timestamps=[0, 9_000])], None, skipped
    )
    assert found is not None
    assert (found.gpu_mean, found.gpu_peak) == (20.0, 30.0)
    assert skipped.values == {"null": 1, "no number": 2}


N = 60
GROWING = [1_000 * (place + 1) for place in range(N)]
CONSTANT = [1_000] * N


@pytest.mark.parametrize(
    ("times", "run", "seconds", "rule"),
    [
        ({"timestamps": [5_000, 9_000], "durations": CONSTANT}, None, 4.0, "timestamps"),
        ({"timestamps": [9_000, None, 5_000]}, None, 4.0, "timestamps"),
        ({"timestamps": [9_000]}, None, 0.0, "timestamps"),
        ({"timestamps": [None], "durations": GROWING}, 60_000, 59.0, "durations"),
        ({"durations": GROWING}, None, 59.0, "durations"),
        ({"durations": CONSTANT}, 60_000, 60.0, "intervals"),
        ({"durations": CONSTANT}, None, 60.0, "intervals"),
        ({"durations": [1_000, 3_000, 2_000]}, None, 6.0, "intervals"),
        # Intervals that happen to grow: their sum is the run time, their last is not.
        ({"durations": [1_000, 2_000, 3_000]}, 6_000, 6.0, "intervals"),
        ({"durations": [30_000]}, None, 30.0, "intervals"),
        ({"durations": []}, None, None, None),
        ({}, 60_000, None, None),
    ],
)
def test_gpu_time_follows_the_most_trusted_rule_that_can_be_used(
    times: dict[str, Any], run: int | None, seconds: float | None, rule: str | None
) -> None:
    found = gpu_figures([series(UTIL, [1.0], **times)], run, Skipped())
    assert found is not None
    assert found.seconds == seconds
    assert (None if found.rule is None else RULES[found.rule]) == rule


def test_the_least_trusted_rule_of_an_experiments_gpus_is_named_and_time_is_their_sum() -> None:
    found = gpu_figures(
        [
            series(UTIL, [1], timestamps=[0, 10_000]),
            series("sys.gpu.1.gpu_utilization", [1], durations=[3_000, 2_000]),
            series("sys.gpu.1.memory_utilization", [9], timestamps=[0, 99_000]),
        ],
        None,
        Skipped(),
    )
    assert found is not None
    assert (found.gpus, found.seconds, found.rule) == (2, 15.0, 2)


def test_other_metrics_and_malformed_records_say_nothing_of_gpus() -> None:
    records = [series("loss", [1.0]), series("sys.gpu.0.power_usage", [300]), None, 5, {}, {"a": 1}]
    assert gpu_figures(records, None, Skipped()) is None
    assert gpu_figures("text", None, Skipped()) is None
    assert gpu_figures([series(UTIL, "text"), series(MEMORY, {})], None, Skipped()) is None


def test_metrics_of_experiments_that_were_not_asked_for_are_passed_over() -> None:
    one = {"metrics": [series(UTIL, [1, 2], timestamps=[0, 1_000])]}
    reply = json.dumps({"empty": False, "experiments": {"a": one, "b": one, "c": None}})
    assert list(parse_metrics(reply.encode(), {"a": None, "c": None}).figures) == ["a"]
    listed = json.dumps({"experiments": [{"experimentKey": "a", **one}]})
    assert list(parse_metrics(listed.encode(), {"a": None}).figures) == ["a"]


def test_batches_hold_at_most_250_experiments_and_fewer_with_many_gpus() -> None:
    keys = [str(place) for place in range(600)]
    assert [len(one) for one in batches(keys, 2)] == [250, 250, 100]
    assert [len(one) for one in batches(keys, 40)] == [100] * 6
    assert len(batches(keys, 1_000_000)) == 600
    assert [key for batch in batches(keys, 40) for key in batch] == keys


# Experiments


def page(*items: Any, archived: bool = False, seen: set[str] | None = None, **beside: Any) -> Page:
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


def test_half_characters_in_names_do_not_break_tables() -> None:
    found = page({"experimentKey": "a\ud800", "userName": "b\udfff"})
    frame, _ = experiments_frame([(CometProject("w", "p"), rows_of([found], {}, archived=False))])
    assert frame["user"].tolist() == ["b?"]


@pytest.mark.parametrize(
    ("listed", "fresh", "more", "counted", "last"),
    [
        (999, 999, None, 2_000, True),  # a short page
        (1_000, 1_000, None, None, False),
        (1_000, 1_000, None, 1_000, True),  # as many as the server counts
        (1_000, 0, None, 5_000, True),  # the same page again
        (1_000, 0, True, 5_000, True),  # whatever it promises
        (2_500, 2_500, None, 9_999, True),  # paging ignored: everything
        (1_000, 1_000, False, 5_000, True),
        (100, 100, True, None, False),
        (500, 500, None, 2_000, False),  # a server that sends at most 500
        (500, 500, None, 500, True),
        (0, 0, None, 10, True),
    ],
)
def test_paging_ends_without_an_empty_page(
    listed: int, fresh: int, more: bool | None, counted: int | None, last: bool
) -> None:
    found = Page(listed=listed, fresh=fresh, more=more)
    project = CometProject("w", "p", counted)
    assert is_last_page(found, project, fresh, archived=False) is last


def test_what_the_server_counts_does_not_end_the_list_of_archived_experiments() -> None:
    found = Page(listed=1_000, fresh=1_000)
    assert not is_last_page(found, CometProject("w", "p", 1_000), 1_000, archived=True)


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
        {"projectName": "p", "numberOfExperiments": 3, "lastUpdated": 4},
        {"projectName": "p", "numberOfExperiments": 9},
        {"projectName": None},
        "text",
        {"projectName": "q", "numberOfExperiments": "many"},
    ]
    assert parse_projects(json.dumps({"projects": projects}).encode(), "w") == (
        CometProject("w", "p", 3, 4),
        CometProject("w", "q"),
    )
    columns = [{"name": UTIL}, {"name": UTIL}, {"name": "sys.gpu.0.power_usage"}, {"name": MEMORY}]
    columns += [{"name": "my.gpu_utilization"}, {"name": None}, {}]
    assert parse_gpu_columns(json.dumps({"columns": columns}).encode()) == (UTIL, MEMORY)


def test_an_experiment_in_two_projects_is_counted_once() -> None:
    rows = rows_of([page({"experimentKey": "a"}, {"experimentKey": "b"})], {}, archived=False)
    other = rows_of(
        [page({"experimentKey": "b", "archived": True}, archived=True)], {}, archived=True
    )
    frame, twice = experiments_frame(
        [(CometProject("w", "p"), rows), (CometProject("w", "q"), other)]
    )
    assert twice == 1
    assert frame["experiment_key"].tolist() == ["a", "b"]
    assert frame["project"].tolist() == ["p", "p"]
    assert frame["archived"].tolist() == [False, False]


def test_frames_have_their_types_also_without_rows() -> None:
    full, _ = experiments_frame(
        [(CometProject("w", "p"), rows_of([page({"experimentKey": "a"})], {}, archived=False))]
    )
    empty, _ = experiments_frame([])
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

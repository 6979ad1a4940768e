"""Replies become columns without losing, inventing or rounding anything."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lib.errors import SourceReplyError
from lib.sources.openai.frames import costs_frame, usage_frame
from lib.sources.openai.parse import parse_page
from tests.support.replies import DAY, MONDAY, bucket_of, kept, page

SOURCE = "openai:completions"


def parse(*results: dict[str, Any], endpoint: str = "completions") -> dict[str, list[Any]]:
    """The columns of one bucket, after a journey through JSON as the client reads it."""
    text = json.dumps(page([bucket_of(MONDAY, list(results))]))
    payload = json.loads(text, parse_float=Decimal)
    (bucket,), _ = parse_page(payload, endpoint, SOURCE)
    assert bucket.rows == len(results)
    return bucket.columns


def refused(payload: Any, endpoint: str = "completions") -> SourceReplyError:
    with pytest.raises(SourceReplyError) as caught:
        parse_page(payload, endpoint, SOURCE)
    assert caught.value.source == SOURCE
    return caught.value


def test_a_row_keeps_every_documented_field_under_its_own_name() -> None:
    columns = parse(
        {
            "object": "organization.usage.completions.result",
            "input_tokens": 1_000,
            "output_tokens": 500,
            "num_model_requests": 5,
            "project_id": "proj_x",
            "user_id": None,
            "batch": False,
            "model": "gpt-5",
        }
    )
    assert columns == {
        "input_tokens": [1_000],
        "output_tokens": [500],
        "num_model_requests": [5],
        "project_id": ["proj_x"],
        "batch": [False],
        "model": ["gpt-5"],
    }


def test_missing_and_null_are_both_unknown_and_never_zero() -> None:
    columns = parse({"input_tokens": 0}, {"input_tokens": None}, {"output_tokens": 7})
    assert columns == {"input_tokens": [0, None, None], "output_tokens": [None, None, 7]}


@pytest.mark.parametrize("written", ["12", "12.0", '"12"', '" 12.00 "', "1.2e1", '"1.2E1"'])
def test_whole_numbers_are_read_however_they_are_written(written: str) -> None:
    text = json.dumps(page([bucket_of(MONDAY, [{"input_tokens": 0}])]))
    payload = json.loads(
        text.replace('"input_tokens": 0', f'"input_tokens": {written}'), parse_float=Decimal
    )
    (bucket,), _ = parse_page(payload, "completions", SOURCE)
    (value,) = bucket.columns["input_tokens"]
    assert (value, type(value)) == (12, int)


@pytest.mark.parametrize(
    "value",
    [1.5, "1.5", "abc", "", float("nan"), float("inf"), "NaN", True, [1], {"n": 1}, 2**63, "1e400"],
)
@pytest.mark.parametrize("metric", ["input_tokens", "usage_bytes"])
def test_what_is_no_whole_number_is_refused_by_field_not_rounded(metric: str, value: Any) -> None:
    results = [{metric: 3}, {metric: value}]
    found = refused(page([bucket_of(MONDAY, results)]))
    assert metric in found.detail
    assert len(found.detail) < 150


@pytest.mark.parametrize("value", ["true", 1, 0.0])
def test_batch_is_true_or_false_and_nothing_else(value: Any) -> None:
    assert "batch" in refused(page([bucket_of(MONDAY, [{"batch": value}])])).detail


@given(st.integers(-(2**62), 2**62))
def test_every_integer_comes_back_as_it_was(number: int) -> None:
    assert parse({"input_tokens": number})["input_tokens"] == [number]


# Costs


def cost(*results: dict[str, Any]) -> dict[str, list[Any]]:
    return parse(*results, endpoint="costs")


@pytest.mark.parametrize(
    ("written", "exact"),
    [
        ("0.061325", "0.061325"),
        ('"12.50"', "12.50"),
        (
            '"0.123456789012345678901234567890123456789"',
            "0.123456789012345678901234567890123456789",
        ),
        ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
        ("1e-7", "1e-7"),
        ("3", "3"),
        ("-4.20", "-4.20"),
        ("0", "0"),
    ],
)
def test_amounts_keep_every_digit_they_were_sent_with(written: str, exact: str) -> None:
    text = '{"data":[{"start_time":0,"end_time":86400,"results":[{"amount":{"value":%s,"currency":"usd"}}]}],"has_more":false}'
    (bucket,), _ = parse_page(json.loads(text % written, parse_float=Decimal), "costs", SOURCE)
    assert [str(value) for value in bucket.columns["amount"]] == [str(Decimal(exact))]
    assert bucket.columns["currency"] == ["USD"]


@pytest.mark.parametrize(
    "row",
    [{}, {"amount": None}, {"amount": {}}, {"amount": {"value": None, "currency": None}}],
)
def test_an_amount_that_is_absent_is_unknown(row: dict[str, Any]) -> None:
    columns = cost({**row, "line_item": "x"})
    assert columns == {"line_item": ["x"]}


@pytest.mark.parametrize("value", ["twelve", True, "NaN", "Infinity", float("nan"), [], {"a": 1}])
def test_an_amount_that_is_no_number_is_refused(value: Any) -> None:
    row = {"amount": {"value": value, "currency": "usd"}}
    assert "amount" in refused(page([bucket_of(MONDAY, [row])]), "costs").detail


@pytest.mark.parametrize("amount", [3, "3", [3]])
def test_an_amount_without_currency_is_refused(amount: Any) -> None:
    assert "amount" in refused(page([bucket_of(MONDAY, [{"amount": amount}])]), "costs").detail


def test_a_currency_beside_no_amount_is_none_of_ours() -> None:
    assert cost({"currency": "eur", "project_id": "p"}, {"project_id": "q"}) == {
        "project_id": ["p", "q"]
    }


@given(
    st.lists(
        st.permutations(("input_tokens", "model")) | st.permutations(("model", "user_id", "x")),
        max_size=4,
    )
)
@example([["input_tokens", "model"], ["model", "input_tokens"]])
def test_a_value_stays_in_its_row_whatever_fields_each_has_and_in_which_order(
    names: list[list[str]],
) -> None:
    rows: list[dict[str, Any]] = [
        {name: row if name == "input_tokens" else f"{name} of {row}" for name in fields}
        for row, fields in enumerate(names)
    ]
    columns = parse(*rows)
    read = [
        {name: values[row] for name, values in columns.items() if values[row] is not None}
        for row in range(len(rows))
    ]
    assert read == rows


def test_quantities_and_their_units_are_kept() -> None:
    columns = cost(
        {"quantity": 245300.0, "quantity_unit": "tokens"}, {"quantity": None, "quantity_unit": None}
    )
    assert columns == {"quantity": [Decimal("245300.0"), None], "quantity_unit": ["tokens", None]}


# What nobody documented


def test_undocumented_fields_are_kept_numbers_as_numbers_and_the_rest_as_text() -> None:
    columns = parse(
        {"dream_tokens": 3, "state": "lucid", "rate": 0.25, "on": True, "nested": {"a": [1, 0.5]}},
        {"dream_tokens": None, "state": None, "rate": 7, "on": None, "nested": None},
    )
    assert columns["dream_tokens"] == [3, None]
    assert columns["state"] == ["lucid", None]
    assert columns["rate"][1] == "7"
    assert Decimal(columns["rate"][0].strip('"')) == Decimal("0.25")
    assert columns["on"] == ["true", None]
    assert json.loads(columns["nested"][0])["a"][0] == 1


def test_another_object_name_and_further_bucket_fields_are_tolerated() -> None:
    bucket = bucket_of(MONDAY, [{"object": "something.else", "num_requests": 2}])
    bucket |= {"start_time_iso": "2026-11-16T00:00:00+00:00", "object": "bin", "news": [1]}
    (parsed,), more = parse_page(
        {"object": "book", "data": [bucket], "has_more": True, "extra": 1},
        "file_search_calls",
        SOURCE,
    )
    assert parsed.columns == {"num_requests": [2]}
    assert (parsed.start, parsed.end, more) == (MONDAY, MONDAY + DAY, True)


def test_undocumented_numbers_too_large_to_count_are_kept_as_text() -> None:
    frame = usage_frame([("completions", [kept(MONDAY, [{"snowflake": 2**64 + 1}])])])
    assert frame["snowflake"].tolist() == [str(2**64 + 1)]


@pytest.mark.parametrize("name", ["date", "endpoint_type"])
def test_an_undocumented_field_cannot_take_the_place_of_our_own_columns(name: str) -> None:
    rows = [{name: "theirs", "input_tokens": 1}]
    frame = usage_frame([("completions", [kept(MONDAY, rows)])])
    assert frame["endpoint_type"].tolist() == ["completions"]
    assert [day.isoformat() for day in frame["date"]] == ["2026-11-16"]
    others = [column for column in frame if column not in ("date", "endpoint_type")]
    assert "theirs" in frame[others].astype(str).to_numpy(), "and it is not lost"


def test_an_empty_id_or_currency_is_missing() -> None:
    nameless = {"input_tokens": 1, "project_id": "", "model": "gpt-5"}
    (parsed,), _ = parse_page(page([bucket_of(MONDAY, [nameless])]), "completions", "openai")
    assert "project_id" not in parsed.columns, "as a column that is null throughout"
    rows = [{"project_id": "", "line_item": "", "amount": {"value": 1, "currency": " "}}]
    (parsed,), _ = parse_page(page([bucket_of(MONDAY, rows)]), "costs", "openai")
    assert parsed.columns == {"amount": [1]}


# Not the documented shape


def without(payload: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in payload.items() if key != name}


GOOD = bucket_of(MONDAY, [])


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        (None, "the reply"),
        ([], "the reply"),
        ("page", "the reply"),
        ({}, "data"),
        (without(page([GOOD]), "data"), "data"),
        (without(page([GOOD]), "has_more"), "has_more"),
        (page([without(GOOD, "results")]), "results"),
        (page([without(GOOD, "start_time")]), "start_time"),
        (page([without(GOOD, "end_time")]), "end_time"),
        (page([GOOD | {"results": None}]), "results"),
        (page([GOOD | {"results": [17]}]), "results"),
        (page([GOOD | {"start_time": "soon"}]), "start_time"),
        (page([GOOD | {"start_time": 1.5}]), "start_time"),
        (page([GOOD | {"start_time": MONDAY * 1_000}]), "start_time"),
        (page([GOOD | {"end_time": MONDAY * 1_000}]), "end_time"),
        (page([GOOD | {"start_time": 10**30}]), "start_time"),
        (page([GOOD | {"start_time": Decimal("1e300")}]), "start_time"),
        (page([GOOD | {"start_time": -1}]), "start_time"),
        ({"data": {"a": 1}, "has_more": False}, "data"),
    ],
)
def test_a_reply_of_another_shape_is_refused_by_the_field_that_is_wrong(
    payload: Any, field: str
) -> None:
    found = refused(payload)
    assert field in found.detail
    assert found.remedy


def test_a_wrong_value_is_not_repeated_in_full() -> None:
    found = refused(page([GOOD | {"start_time": "s3cret" * 50}]))
    assert "s3crets3cret" not in found.detail


def test_an_old_reply_with_result_instead_of_results_is_refused_not_read_as_empty() -> None:
    old = without(GOOD, "results") | {"result": [{"input_tokens": 5}]}
    assert "results" in refused(page([old])).detail


def test_a_page_without_buckets_is_a_page() -> None:
    assert parse_page(page([]), "completions", SOURCE) == ([], False)


# Frames


def test_a_frame_counts_in_integers_beyond_what_floats_can_hold() -> None:
    big = 2**53 + 1
    rows = [{"input_tokens": big, "project_id": "a"}, {"project_id": "b"}]
    frame = usage_frame([("completions", [kept(MONDAY, rows)])])
    assert frame["input_tokens"].dtype == "Int64"
    assert frame["input_tokens"].isna().tolist() == [False, True]
    assert int(frame["input_tokens"].sum()) == big


def test_buckets_of_different_columns_line_up() -> None:
    first = kept(MONDAY, [{"input_tokens": 1, "model": "m"}])
    second = kept(MONDAY + DAY, [{"images": 2}, {"images": 3, "batch": True}])
    frame = usage_frame([("completions", [first]), ("images", [second])])
    assert frame["endpoint_type"].tolist() == ["completions", "images", "images"]
    assert [str(day) for day in frame["date"]] == ["2026-11-16", "2026-11-17", "2026-11-17"]
    assert frame["images"].dropna().tolist() == [2, 3]
    assert frame["batch"].isna().tolist() == [True, True, False]
    assert str(frame["start_time"].dt.tz) == "UTC"


def test_a_field_that_is_a_number_one_day_and_text_the_next_is_text() -> None:
    days = [kept(MONDAY, [{"mood": 3}]), kept(MONDAY + DAY, [{"mood": "grim"}])]
    assert usage_frame([("completions", days)])["mood"].tolist() == ["3", "grim"]


def test_frames_without_rows_have_their_columns_all_the_same() -> None:
    assert usage_frame([]).empty
    empty = costs_frame([kept(MONDAY, [], "costs")])
    assert empty.empty
    assert {"date", "start_time", "amount", "currency", "project_id"} <= {*empty.columns}

"""What an upstream's JSON becomes: exact numbers within bounds, text that every file can hold."""

import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.api_client import ApiClient, Retry
from lib.errors import SourceReplyError
from lib.replies import AbsurdNumber, read_decimal, read_json, read_whole, whole_characters

ANY_TEXT = st.text(st.characters(categories=None))  # with lone surrogates
JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)


async def answered(body: bytes) -> Any:
    client = ApiClient(
        "openai",
        "https://api.example",
        {},
        retry=Retry(attempts=1),
        transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body)),
    )
    return await client.get_json("/x", part="costs")


@given(JSON_VALUES)
def test_whatever_is_read_can_be_written_as_utf_8(value: Any) -> None:
    found = read_json(json.dumps(value).encode())
    json.dumps(found, ensure_ascii=False).encode()


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner, max_size=3)))
def test_what_utf_8_can_hold_comes_as_it_was_sent(value: Any) -> None:
    for written in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert read_json(written.encode()) == value


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb'"Pr\ud800od"', "Pr\ufffdod"),
        (rb'"\udfff"', "\ufffd"),
        (rb'"\ud83d\ude00 \uD83D"', "\U0001f600 \ufffd"),
        (rb'{"\ud800": ["\udc00"]}', {"\ufffd": ["\ufffd"]}),
        (b'"\xed\xa0\x80"', "\ufffd" * 3),
        (b'"M\xfcller"', "M\ufffdller"),
    ],
)
async def test_half_a_character_costs_that_character_only(written: bytes, read: Any) -> None:
    assert await answered(written) == read


async def test_names_that_only_half_a_character_keeps_apart_are_not_merged() -> None:
    read = await answered(rb'{"a\ud800": 1, "a\ud801": 2, "a\udc00": 3}')
    assert read == {"a\ufffd": 1, "a\ufffd\ufffd": 2, "a\ufffd\ufffd\ufffd": 3}


def test_a_name_that_is_whole_stays_as_it_is_beside_one_that_is_not() -> None:
    whole, half = "a\ufffd", "a\ud800"
    for names in ((whole, half), (half, whole)):
        assert whole_characters({name: name for name in names}) == {
            whole: whole,
            whole + "\ufffd": whole,
        }


@given(st.dictionaries(ANY_TEXT, st.integers()))
def test_no_value_is_lost_with_its_name(value: dict[str, int]) -> None:
    assert sorted(read_json(json.dumps(value).encode()).values()) == sorted(value.values())


@pytest.mark.parametrize(
    "number",
    [
        "1e99999999999999999999",
        "-1e41",
        "1e-41",
        "9" * 5_000,
        "9" * 42,
        "NaN",
        "Infinity",
        "-Infinity",
        "0." + "1" * 5_000,
        "0e-99999999999999999999",
    ],
)
async def test_a_number_beyond_all_bounds_fails_its_source_in_one_sentence(number: str) -> None:
    with pytest.raises(SourceReplyError) as caught:
        await answered(f'{{"data": [{{"value": {number}}}]}}'.encode())
    assert caught.value.source == "openai:costs"
    assert "beyond all bounds" in caught.value.message
    assert len(caught.value.message) < 250


def test_a_number_is_beyond_all_bounds_in_whatever_bytes_it_is_written() -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32-be"):
        with pytest.raises(AbsurdNumber):
            read_json(f"[{'9' * 42}]".encode(encoding))
    assert read_json(b'["%s", 12]' % (b"1" * 99)) == ["1" * 99, 12]


@pytest.mark.parametrize("depth", [3_000, 200_000])
async def test_a_reply_nested_too_deeply_fails_its_source(depth: int) -> None:
    with pytest.raises(SourceReplyError):
        await answered(b"[" * depth + b"]" * depth)
    with pytest.raises(SourceReplyError):
        await answered(b'{"a": ' * depth + rb'"\ud800"' + b"}" * depth)


def test_numbers_within_bounds_are_read_digit_by_digit() -> None:
    assert str(read_decimal("0.1000000000000000055511151231257827021181583404541015625")) == (
        "0.1000000000000000055511151231257827021181583404541015625"
    )
    assert read_json(b"[1.50, 1e40, -9223372036854775809, -0]") == [
        Decimal("1.50"),
        Decimal("1e40"),
        -9223372036854775809,
        0,
    ]
    assert read_whole("9" * 41) == 10**41 - 1
    assert read_whole("-" + "9" * 41) == -(10**41) + 1
    for text in ("", "one", "1e41", "sNaN"):
        with pytest.raises(AbsurdNumber):
            read_decimal(text)

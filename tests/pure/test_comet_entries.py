"""Long replies of a Comet server with halves of characters and absurd numbers: whole, or piece by piece."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.sources.comet.experiments.entities import CometProject
from lib.sources.comet.experiments.lists import parse_experiments, parse_projects
from lib.sources.comet.server.entries import read_entries

pytestmark = pytest.mark.usefixtures("whole_and_in_pieces")

ANY_TEXT = st.text(st.characters(categories=None), max_size=5)  # with lone surrogates


def entries(text: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    read_entries(text.encode(), "x", lambda key, value: found.append((key, value)))
    return found


@given(st.recursive(ANY_TEXT, lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner)))
def test_whatever_is_read_can_be_written_as_utf_8(value: Any) -> None:
    found = entries(json.dumps({"x": [value]}))
    json.dumps(found, ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (rb'"Pr\ud800od"', "Pr\ufffdod"),
        (rb'"\ud83d\ude00 \uD83D"', "\U0001f600 \ufffd"),
        (rb'"C:\\ud800 \ud800"', "C:\\ud800 \ufffd"),
        (rb'{"a\ud800": ["\udc00"], "a\udc00": 2}', {"a\ufffd": ["\ufffd"], "a\ufffd\ufffd": 2}),
        (b'"M\xfcller"', "M\ufffdller"),
        ('"M\u00fcller"'.encode(), "M\u00fcller"),
    ],
)
def test_half_a_character_costs_that_character_only(written: bytes, read: Any) -> None:
    found: list[Any] = []
    raw = b'{"a\\udfff": %b, "x": {"k\\udfff": %b, "l": 1}}' % (written, written)
    others = read_entries(raw, "x", lambda key, value: found.append((key, value)))
    assert found == [("k\ufffd", read), ("l", 1)]
    assert others == {"a\ufffd": read}


def test_a_reply_in_utf_16_is_read() -> None:
    found: list[Any] = []
    raw = '{"x": ["M\u00fcller \\ud800"]}'.encode("utf-16")
    read_entries(raw, "x", lambda key, value: found.append(value))
    assert found == ["M\u00fcller \ufffd"]


@pytest.mark.parametrize("number", ["9" * 5_000, "-" + "9" * 5_000, "1e99999999999999999999"])
def test_a_number_beyond_all_bounds_costs_nothing_else(number: str) -> None:
    items = f'{{"experimentKey": "a", "startTimeMillis": {number}, "durationMillis": {number}}}'
    reply = f'{{"more": {number}, "experiments": [{items}, {{"experimentKey": "b"}}]}}'
    found = parse_experiments(reply.encode(), archived=False, page=1, seen=set())
    assert (found.keys, found.starts, found.durations) == (["a", "b"], [0, 0], [0, 0])
    listed = f'{{"projects": [{{"projectName": "p", "numberOfExperiments": {number}}}]}}'
    assert parse_projects(listed.encode(), "w") == (CometProject("w", "p"),)

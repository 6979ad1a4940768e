"""Inputs that no page has: taken out of a message, and said in one line of the log a minute."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message
from streamlit.proto.BackMsg_pb2 import BackMsg

from lib.ui.forged import ForgedInputs

REAL = "$$ID-0123456789abcdef-oai_width"


def message(*ids: str) -> Message:
    asked = BackMsg()
    asked.rerun_script.page_name = "openai_usage"
    for name in ids:
        asked.rerun_script.widget_states.widgets.add(id=name, string_value="x")
    return {"type": "websocket.receive", "bytes": asked.SerializeToString()}


def ids_of(received: Message) -> list[str]:
    asked = BackMsg()
    asked.ParseFromString(received["bytes"])
    assert asked.rerun_script.page_name == "openai_usage"
    return [one.id for one in asked.rerun_script.widget_states.widgets]


def test_only_ids_that_a_page_makes_come_through() -> None:
    forged = ("cmu_host", "", "x" * 10_000, "$$STREAMLIT_INTERNAL_KEY_SCRIPT_RUN", f" {REAL}")
    assert ids_of(ForgedInputs().remove(message(*forged, REAL))) == [REAL]


def test_an_honest_message_is_the_very_same() -> None:
    honest = message(REAL)
    assert ForgedInputs().remove(honest) is honest


@given(st.binary())
def test_no_bytes_are_a_fault_and_what_is_no_message_is_left_to_streamlit(raw: bytes) -> None:
    received = ForgedInputs().remove({"type": "websocket.receive", "bytes": raw})
    assert received["type"] == "websocket.receive"


@pytest.mark.parametrize("kind", ["websocket.connect", "websocket.disconnect"])
def test_other_events_pass(kind: str) -> None:
    event = {"type": kind}
    assert ForgedInputs().remove(event) is event
    text = {"type": "websocket.receive", "text": "cmu_host"}
    assert ForgedInputs().remove(text) is text


def test_a_thousand_of_them_are_one_line_a_minute_which_repeats_none(logged: list[str]) -> None:
    seconds = [0.0]
    inputs = ForgedInputs(lambda: seconds[0])
    for _ in range(1_000):
        inputs.remove(message("canary_host"))
    assert len(logged) == 1
    seconds[0] = 61
    inputs.remove(message("canary_host"))
    assert len(logged) == 2
    assert "1000 values" in logged[1]
    assert "canary" not in "".join(logged)

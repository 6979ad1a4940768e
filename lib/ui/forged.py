"""Messages of browsers without what no page of ours can have sent."""

import time
from collections.abc import Callable

from google.protobuf.message import DecodeError
from loguru import logger
from starlette.types import Message
from streamlit.proto.BackMsg_pb2 import BackMsg

_WIDGET = "$$ID-"
"""How the id of every input begins. Streamlit looks any other up as a key of the session, and fails."""

_QUIET_SECONDS = 60


class ForgedInputs:
    """Takes forged ids of inputs out of messages; one line of the log a minute says how many.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._refused = 0
        self._next_line = 0.0

    def remove(self, message: Message) -> Message:
        """The message of a websocket, without forged inputs."""
        raw = message.get("bytes")
        if message["type"] != "websocket.receive" or not raw:
            return message
        asked = BackMsg()
        try:
            asked.ParseFromString(raw)
        except DecodeError:
            return message  # which Streamlit refuses
        inputs = asked.rerun_script.widget_states.widgets
        ours = [entry for entry in inputs if entry.id.startswith(_WIDGET)]
        if len(ours) == len(inputs):
            return message
        self._note(len(inputs) - len(ours))
        del inputs[:]
        inputs.extend(ours)
        return {**message, "bytes": asked.SerializeToString()}

    def _note(self, count: int) -> None:
        self._refused += count
        if self._clock() < self._next_line:
            return
        logger.warning("Inputs refused that no page has: {} values.", self._refused)
        self._refused, self._next_line = 0, self._clock() + _QUIET_SECONDS

"""Pages without a browser: what a tab sends, and what the server answers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from tests.support.servers import Dashboard


@dataclass
class Tab:
    """An open page: what a browser holds of it."""

    http: httpx.Client
    socket: ClientConnection
    token: str

    def receive(self) -> ForwardMsg:
        raw = self.socket.recv(timeout=60)
        assert isinstance(raw, bytes)
        message = ForwardMsg()
        message.ParseFromString(raw)
        return message

    def run(self, page: str, *inputs: str) -> str:
        """Everything that a run of a page sends, as text."""
        question = BackMsg()
        question.rerun_script.page_name = page
        for name in inputs:
            question.rerun_script.widget_states.widgets.add(id=name, string_value="x")
        self.socket.send(question.SerializeToString())
        sent = []
        while True:
            message = self.receive()
            sent.append(str(message))
            early = message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN
            if message.WhichOneof("type") == "script_finished" and not early:
                return "".join(sent)

    def session(self) -> str:
        """The session that the server has for it."""
        self.socket.send(BackMsg(rerun_script={"query_string": ""}).SerializeToString())
        while not (message := self.receive()).HasField("new_session"):
            pass
        name: str = message.new_session.initialize.session_id
        return name

    def ask(self, method: str, path: str, **sent: Any) -> httpx.Response:
        return self.http.request(method, path, headers={"X-Xsrftoken": self.token}, **sent)


@contextmanager
def tab(app: Dashboard, cookie: dict[str, str]) -> Iterator[Tab]:
    """A page of somebody with these cookies, opened by HTTP and websocket."""
    with httpx.Client(base_url=app.url, cookies=cookie) as http:
        http.get("/_stcore/health")
        token = http.cookies["_streamlit_xsrf"]
        known = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
        with connect(
            f"{app.url.replace('http', 'ws')}/_stcore/stream",
            origin=app.url,  # type: ignore[arg-type]
            subprotocols=["streamlit", token],  # type: ignore[list-item]
            additional_headers={"Cookie": known},
            max_size=None,
        ) as socket:
            yield Tab(http, socket, token)

"""Pages without a browser: what a tab sends, and what the server answers."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.Navigation_pb2 import Navigation
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

    def run(self, page: str, *inputs: str, query: str = "") -> str:
        """Everything that a run of a page sends, as text."""
        return text_of(self.messages(page, *inputs, query=query))

    def messages(
        self, page: str, *inputs: str, query: str = "", pressed: str = ""
    ) -> list[ForwardMsg]:
        """Everything that a run of a page sends.

        Args:
            pressed: id of the button whose click asks for the run.
        """
        question = BackMsg()
        question.rerun_script.page_name = page
        question.rerun_script.query_string = query
        for name in inputs:
            question.rerun_script.widget_states.widgets.add(id=name, string_value="x")
        if pressed:
            question.rerun_script.widget_states.widgets.add(id=pressed, trigger_value=True)
        self.socket.send(question.SerializeToString())
        sent = []
        while True:
            message = self.receive()
            sent.append(message)
            early = message.script_finished == ForwardMsg.FINISHED_EARLY_FOR_RERUN
            if message.WhichOneof("type") == "script_finished" and not early:
                return sent

    def session(self) -> str:
        """The session that the server has for it."""
        self.socket.send(BackMsg(rerun_script={"query_string": ""}).SerializeToString())
        while not (message := self.receive()).HasField("new_session"):
            pass
        name: str = message.new_session.initialize.session_id
        return name

    def ask(self, method: str, path: str, **sent: Any) -> httpx.Response:
        return self.http.request(method, path, headers={"X-Xsrftoken": self.token}, **sent)


def text_of(messages: Iterable[ForwardMsg]) -> str:
    return "".join(str(message) for message in messages)


def menu_of(messages: Iterable[ForwardMsg]) -> list[str]:
    """Titles of the pages in the menu that a run leaves in the sidebar."""
    last = [one.navigation for one in messages if one.HasField("navigation")][-1]
    if last.position == Navigation.HIDDEN:
        return []
    return [page.page_name for page in last.app_pages if not page.is_hidden]


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
            max_queue=None,  # else closing waits ten seconds for what nobody reads any more
        ) as socket:
            yield Tab(http, socket, token)

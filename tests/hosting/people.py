"""People without a browser: they sign in, open pages and click, over HTTP and Streamlit's websocket."""

import html
import re
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

import httpx
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ButtonGroup_pb2 import ButtonGroup
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.asyncio.client import ClientConnection, connect

from lib.demo.hosted import Stack

SECONDS = 60
SIGN_OF_DATA = "Data as of"


@dataclass
class Run:
    """What one run of a page's script sent.

    Args:
        seconds: from the question to the end of the script.
        faults: errors on the page, or of the protocol.
    """

    page: str
    seconds: float = 0
    messages: list[ForwardMsg] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    elements: list[Element] = field(default_factory=list)
    loaded: bool = False


class Person:
    """One browser: its cookies, and one tab."""

    def __init__(self, stack: Stack, http: httpx.AsyncClient) -> None:
        self._stack = stack
        self._http = http
        self._socket: ClientConnection | None = None
        self._pages: dict[str, str] = {}
        self._page = ""
        self._states: dict[str, WidgetState] = {}

    @property
    def cookies(self) -> dict[str, str]:
        return {cookie.name: cookie.value or "" for cookie in self._http.cookies.jar}

    async def sign_in(self, name: str) -> None:
        """By the button of the sign-in screen and the provider's page."""
        await self.open("openai_usage")
        run = await self.visit("openai_usage")
        button = next(one.button for one in run.elements if one.button.label == "Sign in")
        press = WidgetState(id=button.id, trigger_value=True)
        run = await self._run(button.id, {button.id: press})
        (address,) = [
            one.auth_redirect.url for one in run.messages if one.HasField("auth_redirect")
        ]
        choice = await self._http.get(urljoin(f"{self._stack.url}/", address))
        links = re.findall(rf'href="([^"]*person={name})"', choice.text)
        assert len(links) == 1, f"{choice.status_code} {choice.url}: {choice.text[:500]}"
        landed = await self._http.get(urljoin(str(choice.url), html.unescape(links[0])))
        assert landed.status_code == 200, landed.text[:500]
        assert "_streamlit_user" in self.cookies, f"{landed.url}: {landed.text[:500]}"
        await self.close()

    async def open(self, page: str, query: str = "") -> None:
        """The requests that a browser begins a page with, and the websocket."""
        await self.close()
        for path in (f"{page}?{query}", "_stcore/health", "_stcore/host-config"):
            reply = await self._http.get(f"{self._stack.url}/{path}")
            assert reply.status_code == 200, f"{path}: {reply.status_code}"
        parts = urlsplit(self._stack.url)
        context = ssl.create_default_context(cafile=str(self._stack.certificate))
        known = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        self._socket = await connect(
            f"wss://{parts.netloc}{parts.path}/_stcore/stream",
            ssl=context,
            origin=f"https://{parts.netloc}",  # type: ignore[arg-type]
            subprotocols=["streamlit", self.cookies.get("_streamlit_xsrf", "")],  # type: ignore[list-item]
            additional_headers={"Cookie": known},
            max_size=None,
        )
        self._pages, self._page, self._states = {}, "", {}

    async def close(self) -> None:
        """Closes the tab."""
        if self._socket is not None:
            await self._socket.close()
            self._socket = None

    async def visit(self, page: str, query: str = "") -> Run:
        """To a page by its address, or by the menu once there is one."""
        self._page, self._states = page, {}
        return await self._run(page, {}, query)

    async def change_a_view(self, run: Run, turn: int) -> Run:
        """Chooses another view of a chart, where the page has a choice."""
        groups = [
            one.button_group
            for one in run.elements
            if "_view_" in one.button_group.id and len(one.button_group.options) > 1
        ]
        if not groups:
            return await self._run(self._page, {})
        group = groups[turn % len(groups)]
        state = WidgetState(id=group.id)
        state.string_array_value.data.append(_option(group, turn))
        return await self._run(self._page, {group.id: state})

    async def _run(self, what: str, states: Mapping[str, WidgetState], query: str = "") -> Run:
        assert self._socket is not None
        self._states.update(states)
        ask = BackMsg()
        ask.rerun_script.query_string = query
        ask.rerun_script.page_name = self._page if self._page not in self._pages else ""
        ask.rerun_script.page_script_hash = self._pages.get(self._page, "")
        ask.rerun_script.widget_states.widgets.extend(self._states.values())
        ask.rerun_script.context_info.url = f"{self._stack.url}/{self._page}"
        run, start = Run(what), time.perf_counter()
        await self._socket.send(ask.SerializeToString())
        for _ in range(100_000):
            message = ForwardMsg()
            raw = await self._socket.recv()
            assert isinstance(raw, bytes)
            message.ParseFromString(raw)
            run.loaded = run.loaded or SIGN_OF_DATA.encode() in raw
            if self._note(run, message):
                break
        for key in [one for one, state in self._states.items() if state.trigger_value]:
            del self._states[key]  # a press counts once
        run.seconds = time.perf_counter() - start
        return run

    def _note(self, run: Run, message: ForwardMsg) -> bool:
        """Keeps a message; True when the script has ended."""
        kind = message.WhichOneof("type")
        if kind == "navigation":
            self._pages = {
                one.url_pathname: one.page_script_hash for one in message.navigation.app_pages
            }
        elif kind == "page_not_found":
            run.faults.append("page not found")
        elif kind == "delta" and message.delta.HasField("new_element"):
            element = message.delta.new_element
            run.elements.append(element)
            if element.HasField("exception"):
                run.faults.append(element.exception.message)
            if element.HasField("alert") and element.alert.format == element.alert.ERROR:
                run.faults.append(element.alert.body)
        elif kind in ("auth_redirect",):
            run.messages.append(message)
        elif kind == "script_finished":
            if message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                run.faults.append("compile error")
            return message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
        return False


def _option(group: ButtonGroup, turn: int) -> str:
    return group.options[turn % len(group.options)].content


@asynccontextmanager
async def person(stack: Stack) -> AsyncIterator[Person]:
    """Somebody with a browser of their own."""
    context = ssl.create_default_context(cafile=str(stack.certificate))
    async with httpx.AsyncClient(
        verify=context, follow_redirects=True, timeout=SECONDS, trust_env=False
    ) as http:
        somebody = Person(stack, http)
        try:
            yield somebody
        finally:
            await somebody.close()

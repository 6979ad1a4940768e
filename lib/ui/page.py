"""What every page begins with: configuration, guard, menu, heading, and an end for its errors."""

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

import streamlit as st
from loguru import logger
from streamlit.delta_generator import DeltaGenerator
from streamlit.navigation.page import StreamlitPage

from lib.access.sign_in import SignIn
from lib.access.visitors import Refusal, Visitor
from lib.errors import DashboardError, InputError, SettingsError
from lib.logs import configure_logs
from lib.redaction import redact
from lib.reports.personal import hide_words
from lib.settings import Settings, load_settings
from lib.ui.look import style_page
from lib.ui.runtime import Runtime, runtime
from lib.ui.sign_in import admit, current_sign_in
from lib.ui.text import literal
from lib.upstreams import kept_ledger

_BY_APP = "_menu_by_app"
PRODUCT = "AI usage"
_TAB_ICON = "📊"
"""In the browser's tab, drawn by the browser itself."""


@dataclass(frozen=True)
class Entry:
    """One page of the menu.

    Args:
        prefix: starts the names of its parameters in the URL.
        kept: it shows what the ledger keeps, and nothing where nothing is.
    """

    name: str
    title: str
    icon: str
    prefix: str
    about: str
    kept: bool = False


ENTRIES = (
    Entry(
        "overview",
        "Overview",
        ":material/space_dashboard:",
        "ovr",
        "What all platforms cost in a month, who owes it, and how it stands to budgets. Days are UTC.",
        kept=True,
    ),
    Entry(
        "cost_centres",
        "Cost centres",
        ":material/account_balance:",
        "ccs",
        "What a cost centre owes in a month, for what, and by which rule. Days are UTC.",
        kept=True,
    ),
    Entry(
        "openai_usage",
        "OpenAI usage",
        ":material/monitoring:",
        "oai",
        "Usage and billed cost of the organisation. All days are UTC.",
    ),
    Entry(
        "tenant_usage",
        "Tenant usage",
        ":material/groups:",
        "red",
        "Usage of every tenant, from counters in Redis. Months are UTC, and counted whole.",
    ),
    Entry(
        "comet_chargeback",
        "Comet chargeback",
        ":material/groups_3:",
        "cmc",
        "Who uses the Comet installation, and what workspaces and projects store. Times are UTC.",
    ),
    Entry(
        "comet_usage",
        "Comet usage",
        ":material/neurology:",
        "cmu",
        "Experiments, users, run time and GPU use over time. All times are UTC.",
    ),
    Entry(
        "history",
        "History",
        ":material/history:",
        "his",
        "What every platform said, kept for good: all months, gaps, and growth. Months are UTC.",
        kept=True,
    ),
)


@dataclass(frozen=True)
class Page:
    """What a page needs to know of its surroundings, and who looks at it.

    Args:
        actions: the place beside the heading for what can be done with a report.
        hidden: names that whoever may not know people shall not read, with what stands for each.
    """

    entry: Entry
    settings: Settings
    runtime: Runtime
    sign_in: SignIn
    visitor: Visitor
    actions: DeltaGenerator
    hidden: dict[str, str] = field(default_factory=dict)

    @property
    def takes_keys(self) -> bool:
        """Whether the visitor may type a key here."""
        return self.settings.dashboard_demo != "on" and self.visitor.may("type")

    @property
    def or_typed(self) -> str:
        """Ends a sentence about a key that is not set, where the visitor may type one."""
        return ", or type a key in the sidebar" if self.takes_keys else ""

    def readable(self, text: str) -> str:
        """A sentence as the visitor may read it: names and addresses perhaps under pseudonyms."""
        return text if self.visitor.may("personal") else hide_words(text, self.hidden)


_opened: ContextVar[Page] = ContextVar("opened page")


def opened() -> Page:
    """The page whose script runs in this thread.

    Raises:
        LookupError: none was opened, so nobody has checked who is there.
    """
    return _opened.get()


def menu() -> StreamlitPage:
    """The menu of the pages that the visitor may see; the page to run."""
    st.session_state[_BY_APP] = True
    st.set_page_config(PRODUCT, _TAB_ICON)  # before the menu, whose icons a browser asks Google for
    return _navigation()


def _navigation() -> StreamlitPage:
    """All pages answer at their address, where they guard themselves; the menu shows some."""
    seen = _seen()
    # No page is the default one: the default answers at "/" only, and links name their page for good.
    start = st.Page(_start, title=PRODUCT, default=True, visibility="hidden")
    pages = _pages(seen).values()
    return st.navigation([start, *pages], position="sidebar" if seen else "hidden")


def _seen() -> tuple[str, ...]:
    """Names of the pages that whoever is here may see."""
    try:
        settings = load_settings()
        visitor = current_sign_in(settings).visitor(settings)
    except SettingsError:
        return ()  # the page says what is wrong
    names = (entry.name for entry in ENTRIES)
    return (
        () if isinstance(visitor, Refusal) else tuple(name for name in names if visitor.sees(name))
    )


def _pages(seen: tuple[str, ...]) -> dict[str, StreamlitPage]:
    return {
        entry.name: st.Page(
            f"pages/{entry.name}.py",
            title=entry.title,
            icon=entry.icon,
            url_path=entry.name,
            visibility="visible" if entry.name in seen else "hidden",
        )
        for entry in ENTRIES
    }


def _start() -> None:
    """Leads from "/" to the first page that has something to show."""
    st.session_state.pop(_BY_APP, None)
    link = {key: st.query_params.get_all(key) for key in st.query_params}
    seen = _seen()
    asking = [entry.name for entry in ENTRIES if not entry.kept]
    names = [*seen] if "overview" in seen and _is_anything_kept() else asking
    first = next((name for name in names if name in seen), asking[0])
    st.switch_page(_pages(seen)[first], query_params=link)


def _is_anything_kept() -> bool:
    """Whether there is a ledger, which costs no import to know."""
    settings = load_settings()
    return settings.demo or kept_ledger(settings) is not None


@contextmanager
def open_page(name: str) -> Iterator[Page]:
    """Sets a page up, and shows whatever goes wrong inside it.

    A deep link that is the first request after a start runs the page's file without app.py, so
    every guard belongs here, and the menu is drawn here too when app.py has not.
    """
    entry = next(entry for entry in ENTRIES if entry.name == name)
    st.set_page_config(f"{entry.title} · {PRODUCT}", _TAB_ICON, layout="wide")
    if not st.session_state.pop(_BY_APP, False):
        _navigation()
    style_page()
    try:
        settings = load_settings()
        sign_in = current_sign_in(settings)
        configure_logs(settings.loguru_level, as_json=bool(sign_in.providers))
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.title(entry.title, anchor=False, width="stretch")
            actions = st.container(horizontal=True, width="content", gap="small")
        visitor = admit(sign_in, settings, name)
    except SettingsError as error:
        show_error(error)
        st.stop()
    st.caption(entry.about)
    page = Page(entry, settings, runtime(), sign_in, visitor, actions)
    _opened.set(page)
    try:
        yield page
    except DashboardError as error:
        logger.warning("{}: {}", type(error).__name__, error)
        show_error(error, page.readable)
        _show_traceback(page)
    except Exception:  # noqa: BLE001 - the page's outermost edge: logged, and said without details
        logger.exception("The page {} failed", entry.name)
        st.error(
            "Something in this dashboard went wrong; the log has the details. "
            "Reload the page; if it stays, report it to whoever runs the dashboard.",
            icon=":material/error:",
        )
        _show_traceback(page)


def show_error(error: DashboardError, readable: Callable[[str], str] = str) -> None:
    """What happened and what to do, in one box.

    Args:
        readable: makes of a sentence what the visitor may read.
    """
    known = isinstance(error, InputError | SettingsError)
    box = st.warning if known else st.error
    said = _worded(error) if isinstance(error, InputError) else error.message
    message, remedy = (literal(readable(redact(text))) for text in (said, error.remedy))
    to_do = f"\n\n**What to do:** {remedy}" if remedy else ""
    box(f"{message}{to_do}", icon=":material/error:")


def _worded(error: InputError) -> str:
    """``Active window: …`` for the parameter that commands call ``active-window``."""
    words = error.parameter.replace("-", " ")
    return f"{words[:1].upper()}{words[1:]}: {error.problem}"


def _show_traceback(page: Page) -> None:
    if page.settings.debug and page.visitor.may("operate"):
        with st.expander("Traceback (LOGURU_LEVEL=DEBUG)"):
            st.code(redact(traceback.format_exc()), language=None, wrap_lines=True)

"""The Comet usage page's inputs: which workspaces and projects, which time, and how it is drawn."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime
from functools import partial
from typing import Any

import streamlit as st

from lib.comparisons import NONE
from lib.errors import InputError
from lib.loader.comet_source import CometSource
from lib.loader.experiments import load_comet_usage, load_projects, load_workspaces
from lib.loader.progress import Progress
from lib.reports.personal import pseudonym
from lib.sources.comet.experiments.answer import CometUsageAnswer
from lib.sources.comet.experiments.query import (
    GROUPS,
    MAX_SERIES,
    UNITS,
    UTILISATIONS,
    CometUsageQuery,
    check_usage_query,
)
from lib.ui.ask import Asked, Draw, ask, cache_controls
from lib.ui.comet_server import comet_server
from lib.ui.controls import Control, both_ends, choice, ids, past, toggle, whole
from lib.ui.links import leave_out_of_link
from lib.ui.load import shown_before
from lib.ui.page import Page
from lib.ui.period_controls import comparison, period
from lib.ui.text import literal

_WORKSPACES, _PROJECTS = "cmu_workspaces", "cmu_projects"
_MOST_SERIES = 1_000


def usage_controls(page: Page) -> Asked[CometSource, CometUsageQuery]:
    """Sidebar and form of the page; without a workspace it says how to choose one, and ends.

    Raises:
        SettingsError: no key anywhere, and no demo.
        InputError: choices that cannot be asked for.
    """
    today = datetime.now(UTC).date()
    controls = _controls(page, today)
    with st.sidebar:
        st.subheader("Comet")
        source = comet_server(page, "Of a member of the workspaces.")()
        targets = _targets(page, source, *controls[:2])
        cache_controls(page, "the Comet server")
    return ask(
        page,
        source,
        button="Fetch experiments",
        demo="No server is configured, so a made-up one is shown. Set COMET_API_KEY (see "
        "devenv.sh.example), or type a key in the sidebar.",
        controls=controls,
        at_once=_at_once,
        form=lambda draw, chosen: _form(draw, chosen, targets, today),
    )


def usage_answer(
    page: Page, asked: Asked[CometSource, CometUsageQuery]
) -> Callable[[Progress], Awaitable[CometUsageAnswer]]:
    """What brings the answer; only the same question, asked again, asks for what is known."""
    again = asked.again and shown_before(page, asked)
    client, caches = page.runtime.client(asked.source), page.runtime.caches
    return lambda progress: load_comet_usage(
        asked.source, client, asked.query, caches=caches, progress=progress, again=again
    )


def _targets(
    page: Page,
    source: CometSource,
    of_workspaces: Control[CometUsageQuery, list[str]],
    of_projects: Control[CometUsageQuery, list[str]],
) -> list[str]:
    """Projects chosen, and whole workspaces of which none is; the lists are loaded when needed."""
    client, caches = page.runtime.client(source), page.runtime.caches
    load = partial(page.runtime.run, draw=lambda: None)
    with st.spinner("Listing workspaces …"):
        names = load(lambda: load_workspaces(source, client, caches=caches))
    pseudonyms = {name: pseudonym(name, "workspace") for name in names}
    if source.demo and names and _WORKSPACES not in {*st.query_params, *st.session_state}:
        first = names[0] if page.visitor.may("personal") else pseudonyms[names[0]]
        st.query_params[_WORKSPACES] = [first]
    workspaces = _pick(page, of_workspaces, pseudonyms)
    paths: dict[str, str] = {}
    for workspace in workspaces:
        try:
            with st.spinner(f"Listing projects of {page.readable(workspace)} …"):
                projects = load(partial(load_projects, source, client, workspace, caches=caches))
        except InputError:
            continue  # the question itself will say that there is no such workspace
        hidden = {project.name: pseudonym(project.name, "project") for project in projects}
        page.hidden.update(hidden)
        paths |= {
            f"{workspace}/{name}": f"{pseudonym(workspace, 'workspace')}/{project}"
            for name, project in hidden.items()
        }
    chosen = _pick(page, of_projects, paths)
    in_part = {path.partition("/")[0] for path in chosen}
    return [*(name for name in workspaces if name not in in_part), *chosen]


def _pick(
    page: Page, control: Control[CometUsageQuery, list[str]], pseudonyms: Mapping[str, str]
) -> list[str]:
    """Names of what is chosen; whoever may not know people chooses from pseudonyms.

    A link with pseudonyms opens for everybody; one with names for those only who may read them,
    else it would tell whose numbers stand under which pseudonym.

    Args:
        pseudonyms: of each name that is offered.
    """
    key = control.key
    names = {hidden: name for name, hidden in pseudonyms.items()}
    linked = [value for value in st.query_params.get_all(key) if value]
    if page.visitor.may("personal"):
        offered = {name: name for name in pseudonyms}
        followed = [names.get(value, value) for value in linked]
    else:
        page.hidden.update(pseudonyms)
        offered = names
        followed = [value for value in linked if value in names]
    if followed != linked:
        if len(followed) < len(linked):
            leave_out_of_link(
                page.entry.prefix,
                f"{literal(key)} holds a name that is unknown, or that your role sees under a "
                "pseudonym only.",
            )
        st.query_params[key] = followed
    chosen = control.draw({shown: shown for shown in offered})
    return [offered.get(shown, shown) for shown in chosen]


def _at_once(draw: Draw) -> tuple[tuple[date, ...], str]:
    """The days, and what they are compared with: nothing came before all time."""
    days = draw["cmu_period"]()
    draw["cmu_span"]()
    if days:
        return days, draw["cmu_compare"]()
    st.query_params.pop("cmu_compare", None)
    return days, NONE


def _form(
    draw: Draw, chosen: tuple[tuple[date, ...], str], targets: list[str], today: date
) -> Callable[[], CometUsageQuery]:
    """Draws the inputs; what it returns checks them, once the form is complete."""
    days, compare = chosen
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        unit, archived = draw["cmu_units"](), draw["cmu_archived"]()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        group, utilisation = draw["cmu_group"](), draw["cmu_utilisation"]()
        series = draw["cmu_series"]()

    def question() -> CometUsageQuery:
        if not targets:
            st.info("Choose one or more workspaces in the sidebar.", icon=":material/arrow_back:")
            st.stop()
        since, until = both_ends(days) if days else (None, None)
        return check_usage_query(
            targets=targets,
            since=since,
            until=until,
            today=today,
            unit=unit,
            archived=archived,
            utilisation=utilisation,
            group=group,
            max_series=series,
            compare=compare,
        )

    return question


def _controls(page: Page, today: date) -> tuple[Control[CometUsageQuery, Any], ...]:
    def shown(query: CometUsageQuery) -> list[str]:
        """What was asked for, as the visitor may read it."""
        hidden = {} if page.visitor.may("personal") else page.hidden
        return [hidden.get(target, target) for target in query.targets]

    return (
        ids(
            _WORKSPACES,
            "Workspaces",
            lambda query: list(dict.fromkeys(path.partition("/")[0] for path in shown(query))),
            "Choose",
        ),
        ids(
            _PROJECTS,
            "Projects",
            lambda query: [path for path in shown(query) if "/" in path],
            "All of these workspaces",
        ),
        *period("cmu", today, None, lambda query: query.period),
        comparison("cmu", lambda query: query.compare),
        past("cmu_span", "All time", "Date range"),
        choice("cmu_units", "Units", UNITS, lambda query: query.unit),
        toggle("cmu_archived", "Archived, too", lambda query: query.archived),
        choice("cmu_group", "Series by", GROUPS, lambda query: query.group),
        choice(
            "cmu_utilisation",
            "GPU utilisation",
            UTILISATIONS,
            lambda query: query.utilisation,
            help="Of each GPU the mean or the largest sample; then the mean over GPUs and "
            "experiments.",
        ),
        whole(
            "cmu_series",
            "Series per chart",
            lambda query: query.max_series,
            low=1,
            high=_MOST_SERIES,
            default=MAX_SERIES,
            help="On paper. The screen shows the largest, and the rest as one.",
        ),
    )

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
from lib.presets import resolve
from lib.reports.experiments.words import FILTER_WORDS
from lib.reports.personal import pseudonym
from lib.sources.comet.experiments.answer import CometUsageAnswer
from lib.sources.comet.experiments.query import (
    MAX_SERIES,
    CometUsageQuery,
    check_usage_query,
)
from lib.ui.ask import Asked, Inputs, ask, cache_controls, filters, more
from lib.ui.comet_server import comet_server
from lib.ui.controls import (
    Control,
    Narrows,
    both_ends,
    choice,
    ids,
    is_linked,
    past,
    toggle,
    whole,
)
from lib.ui.links import leave_out_of_link
from lib.ui.load import shown_before
from lib.ui.page import Page
from lib.ui.period_controls import comparison, period
from lib.ui.text import literal

_WORKSPACES, _PROJECTS = "cmu_workspaces", "cmu_projects"
_DEFAULT = "last-30-days"
_MOST_SERIES = 1_000


def usage_controls(page: Page) -> Asked[CometSource, CometUsageQuery]:
    """Sidebar and inputs of the page; without a workspace it says how to choose one, and ends.

    Raises:
        SettingsError: no key anywhere, and no demo.
        InputError: choices that cannot be asked for.
    """
    today = datetime.now(UTC).date()
    controls = _controls(page, today)
    with st.sidebar:
        if page.takes_keys:
            st.subheader("Comet")
        source = comet_server(page, "Of a member of the workspaces.")()
    return ask(
        page,
        source,
        demo="No server is configured, so a made-up one is shown. Set COMET_API_KEY (see "
        f"devenv.sh.example){page.or_typed}.",
        controls=controls,
        row=lambda inputs: _row(page, source, inputs, today),
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


def _workspaces(
    page: Page, source: CometSource, control: Control[CometUsageQuery, list[str]]
) -> list[str]:
    """Workspaces chosen among those of the server."""
    client, caches = page.runtime.client(source), page.runtime.caches
    with st.spinner("Listing workspaces …"):
        names = page.runtime.run(
            lambda: load_workspaces(source, client, caches=caches), lambda: None
        )
    pseudonyms = {name: pseudonym(name, "workspace") for name in names}
    if source.demo and names and _WORKSPACES not in {*st.query_params, *st.session_state}:
        first = names[0] if page.visitor.may("personal") else pseudonyms[names[0]]
        st.query_params[_WORKSPACES] = [first]
    return _pick(page, control, pseudonyms)


def _targets(
    page: Page,
    source: CometSource,
    workspaces: list[str],
    control: Control[CometUsageQuery, list[str]],
) -> list[str]:
    """Projects chosen, and whole workspaces of which none is; their lists are loaded when needed."""
    client, caches = page.runtime.client(source), page.runtime.caches
    load = partial(page.runtime.run, draw=lambda: None)
    paths: dict[str, str] = {}
    for workspace in workspaces:
        try:
            with st.spinner(f"Listing projects of {literal(page.readable(workspace))} …"):
                projects = load(partial(load_projects, source, client, workspace, caches=caches))
        except InputError:
            continue  # the question itself will say that there is no such workspace
        hidden = {project.name: pseudonym(project.name, "project") for project in projects}
        page.hidden.update(hidden)
        paths |= {
            f"{workspace}/{name}": f"{pseudonym(workspace, 'workspace')}/{project}"
            for name, project in hidden.items()
        }
    chosen = _pick(page, control, paths)
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
                f"{literal(control.label)}: it holds a name that is unknown, or that your role sees under a "
                "pseudonym only.",
            )
        st.query_params[key] = followed
    chosen = control.draw({shown: shown for shown in offered})
    return [offered.get(shown, shown) for shown in chosen]


def _row(
    page: Page, source: CometSource, inputs: Inputs, today: date
) -> Callable[[], CometUsageQuery | None]:
    """Draws the inputs; what it returns checks them, once the row is complete."""
    with st.container(width=300):
        workspaces = _workspaces(page, source, inputs[_WORKSPACES])
    days = inputs["cmu_period"].draw()
    inputs["cmu_span"].draw()
    if days:
        compare = inputs["cmu_compare"].draw()
    else:  # nothing came before all time
        compare = NONE
        st.query_params.pop("cmu_compare", None)
    with filters(page, inputs[_PROJECTS], inputs["cmu_archived"]):
        targets = _targets(page, source, workspaces, inputs[_PROJECTS])
        archived = inputs["cmu_archived"].draw()
    with more(page):
        unit, group = inputs["cmu_units"].draw(), inputs["cmu_group"].draw()
        utilisation, series = inputs["cmu_utilisation"].draw(), inputs["cmu_series"].draw()
        cache_controls(page, "the Comet server")

    def question() -> CometUsageQuery | None:
        if not targets:
            st.info("Choose one or more workspaces.", icon=":material/arrow_upward:")
            return None
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

    # Links that say nothing of days are older than these, and mean all time by month
    opened = None if is_linked("cmu") else resolve(_DEFAULT, today)
    return (
        ids(
            _WORKSPACES,
            "Workspaces",
            lambda query: list(dict.fromkeys(path.partition("/")[0] for path in shown(query))),
            Narrows(("workspace",), "Workspace", pseudonyms=True, always=True),
            "Choose",
        ),
        ids(
            _PROJECTS,
            "Projects",
            lambda query: [path for path in shown(query) if "/" in path],
            Narrows(("workspace", "project"), "Project", pseudonyms=True),
            "All of these workspaces",
        ),
        *period("cmu", today, opened, lambda query: query.period, all_time=True),
        comparison("cmu", lambda query: query.compare, linked=NONE, default="preceding"),
        past("cmu_span", "Period", "All time", "Date range"),
        choice(
            "cmu_units",
            *FILTER_WORDS["units"],
            lambda query: query.unit,
            opens="day" if opened else "",
        ),
        toggle("cmu_archived", FILTER_WORDS["archived"][0], lambda query: query.archived),
        choice("cmu_group", *FILTER_WORDS["group"], lambda query: query.group),
        choice(
            "cmu_utilisation",
            *FILTER_WORDS["utilisation"],
            lambda query: query.utilisation,
            help="Of each GPU the mean or the largest sample; then the mean over GPUs and "
            "experiments.",
        ),
        whole(
            "cmu_series",
            FILTER_WORDS["max_series_per_chart"][0],
            lambda query: query.max_series,
            low=1,
            high=_MOST_SERIES,
            default=MAX_SERIES,
            help="On paper. The screen shows the largest, and the rest as one.",
        ),
    )

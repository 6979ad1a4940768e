"""The Comet usage page's inputs: which workspaces and projects, which time, and how it is drawn."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime
from functools import partial

import streamlit as st

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
from lib.ui.ask import Asked, ask, cache_controls
from lib.ui.comet_server import comet_server
from lib.ui.controls import (
    Parameter,
    both_ends,
    check_days,
    check_whole,
    date_range,
    leave_out_of_link,
    pick_ids,
)
from lib.ui.load import shown_before
from lib.ui.page import Page
from lib.ui.text import literal

_SPANS = ("All time", "Date range")
_MOST_SERIES = 1_000
_DAYS = 365


def usage_controls(page: Page) -> Asked[CometSource, CometUsageQuery]:
    """Sidebar and form of the page; without a workspace it says how to choose one, and ends.

    Raises:
        SettingsError: no key anywhere, and no demo.
        InputError: choices that cannot be asked for.
    """
    today = datetime.now(UTC).date()
    with st.sidebar:
        st.subheader("Comet")
        source = comet_server(page, "Of a member of the workspaces.")()
        targets = _targets(page, source)
        cache_controls(page, "the Comet server")
    return ask(
        page,
        source,
        button="Fetch experiments",
        demo="No server is configured, so a made-up one is shown. Set COMET_API_KEY (see "
        "devenv.sh.example), or type a key in the sidebar.",
        parameters=_parameters(today),
        form=lambda: _form(targets, today),
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


def usage_link(page: Page, query: CometUsageQuery) -> dict[str, object]:
    """Every control of the page as parameters of a link; a key is in none, nor a hidden name."""
    period = query.period
    hidden = {} if page.visitor.may("personal") else page.hidden
    targets = [hidden.get(target, target) for target in query.targets]
    days = [period.start.isoformat(), period.end.isoformat()] if period else []
    return {
        "cmu_workspaces": list(dict.fromkeys(target.partition("/")[0] for target in targets)),
        "cmu_projects": [target for target in targets if "/" in target],
        "cmu_span": _SPANS[1] if period else _SPANS[0],
        **({"cmu_period": days} if days else {}),
        "cmu_units": query.unit,
        "cmu_group": query.group,
        "cmu_utilisation": query.utilisation,
        "cmu_archived": str(query.archived).lower(),
        "cmu_series": query.max_series,
    }


def _targets(page: Page, source: CometSource) -> list[str]:
    """Projects chosen, and whole workspaces of which none is; the lists are loaded when needed."""
    client, caches = page.runtime.client(source), page.runtime.caches
    load = partial(page.runtime.run, draw=lambda: None)
    with st.spinner("Listing workspaces …"):
        names = load(lambda: load_workspaces(source, client, caches=caches))
    pseudonyms = {name: pseudonym(name, "workspace") for name in names}
    if source.demo and names and "cmu_workspaces" not in {*st.query_params, *st.session_state}:
        first = names[0] if page.visitor.may("personal") else pseudonyms[names[0]]
        st.query_params["cmu_workspaces"] = [first]
    workspaces = _pick(page, "cmu_workspaces", "Workspaces", pseudonyms, "Choose")
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
    chosen = _pick(page, "cmu_projects", "Projects", paths, "All of these workspaces")
    in_part = {path.partition("/")[0] for path in chosen}
    return [*(name for name in workspaces if name not in in_part), *chosen]


def _pick(
    page: Page, key: str, label: str, pseudonyms: Mapping[str, str], placeholder: str
) -> list[str]:
    """Names of what is chosen; whoever may not know people chooses from pseudonyms.

    A link with pseudonyms opens for everybody; one with names for those only who may read them,
    else it would tell whose numbers stand under which pseudonym.

    Args:
        pseudonyms: of each name that is offered.
    """
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
    chosen = pick_ids(key, label, {shown: shown for shown in offered}, placeholder)
    return [offered.get(shown, shown) for shown in chosen]


def _form(targets: list[str], today: date) -> Callable[[], CometUsageQuery]:
    """Draws the inputs; what it returns checks them, once the form is complete."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        span = _choice("Experiments started", _SPANS, "cmu_span")
        with st.container(width=300):
            days = date_range("cmu_period", "Date range", today, _DAYS)
        unit = _choice("Units", UNITS, "cmu_units")
        archived = st.toggle("Archived, too", key="cmu_archived", bind="query-params")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        group = _choice("Series by", GROUPS, "cmu_group")
        utilisation = _choice(
            "GPU utilisation",
            UTILISATIONS,
            "cmu_utilisation",
            "Of each GPU the mean or the largest sample; then the mean over GPUs and experiments.",
        )
        series = st.number_input(
            "Series per chart",
            1,
            _MOST_SERIES,
            MAX_SERIES,
            key="cmu_series",
            bind="query-params",
            width=140,
            help="On paper. The screen shows the largest, and the rest as one.",
        )

    def question() -> CometUsageQuery:
        if not targets:
            st.info("Choose one or more workspaces in the sidebar.", icon=":material/arrow_back:")
            st.stop()
        since, until = both_ends(days) if span == _SPANS[1] else (None, None)
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
        )

    return question


def _choice(label: str, options: tuple[str, ...], key: str, hint: str | None = None) -> str:
    chosen: str = st.segmented_control(
        label,
        options,
        default=options[0],
        required=True,
        key=key,
        bind="query-params",
        help=hint,
    )
    return chosen


def _parameters(today: date) -> tuple[Parameter, ...]:
    return (
        Parameter("cmu_workspaces"),
        Parameter("cmu_projects"),
        Parameter("cmu_span", _SPANS),
        Parameter("cmu_period", check=check_days(today)),
        Parameter("cmu_units", UNITS),
        Parameter("cmu_group", GROUPS),
        Parameter("cmu_utilisation", UTILISATIONS),
        Parameter("cmu_archived", ("true", "false")),
        Parameter("cmu_series", check=check_whole(1, _MOST_SERIES)),
    )

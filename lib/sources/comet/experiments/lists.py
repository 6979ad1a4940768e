"""Asks a Comet server for workspaces, projects, experiments and columns, and reads its answers."""

from dataclasses import dataclass
from math import isfinite
from typing import Any

from lib.sources.comet.experiments.entities import CometProject, ExperimentPage
from lib.sources.comet.experiments.gpu import gpu_columns
from lib.sources.comet.experiments.tables import (
    COLUMNS_PATH,
    EXPERIMENTS_PATH,
    PAGE_SIZE,
    PROJECTS_PATH,
    WORKSPACES_PATH,
)
from lib.sources.comet.server.entries import read_entries
from lib.sources.comet.server.moments import SECONDS
from lib.sources.comet.server.rest import CometRest

_EARLIEST, _LATEST = -62_135_596_800_000, 253_402_300_799_999
"""Milliseconds of the years 1 to 9999: no calendar here knows others."""


async def fetch_workspaces(rest: CometRest) -> tuple[str, ...]:
    """Names of the workspaces that the key's user is a member of, in the server's order.

    Raises:
        SourceError: see ``CometRest.get``.
    """
    return await rest.get(WORKSPACES_PATH, (), parse_workspaces, "workspaces")


def parse_workspaces(raw: bytes) -> tuple[str, ...]:
    """``workspaceNames`` of a reply, each once."""
    names: dict[str, None] = {}

    def take(_key: str, entry: Any) -> None:
        if name := text_of(entry):
            names[name] = None

    read_entries(raw, "workspaceNames", take)
    return tuple(names)


async def fetch_projects(rest: CometRest, workspace: str) -> tuple[CometProject, ...]:
    """All projects of a workspace, in the server's order.

    Raises:
        SourceError: see ``CometRest.get``; SourceRefused with 400 or 404 for an unknown one.
    """
    params = [("workspaceName", workspace)]

    def parse(raw: bytes) -> tuple[CometProject, ...]:
        return parse_projects(raw, workspace)

    return await rest.get(PROJECTS_PATH, params, parse, "projects")


def parse_projects(raw: bytes, workspace: str) -> tuple[CometProject, ...]:
    """``projects`` of a reply, each name once; entries without a name are passed over."""
    projects: dict[str, CometProject] = {}

    def take(_key: str, entry: Any) -> None:
        name = text_of(entry.get("projectName")) if isinstance(entry, dict) else ""
        if name:
            counted = whole(entry.get("numberOfExperiments"))
            listed = counted if counted is not None and counted >= 0 else None
            updated = moment(entry.get("lastUpdated")) or None
            projects.setdefault(name, CometProject(workspace, name, listed, updated))

    read_entries(raw, "projects", take)
    return tuple(projects.values())


async def fetch_gpu_columns(rest: CometRest, project: CometProject) -> tuple[str, ...]:
    """Names of a project's columns with GPU utilisation.

    Raises:
        SourceError: see ``CometRest.get``.
    """
    return await rest.get(COLUMNS_PATH, _of(project), parse_gpu_columns, project.target)


def parse_gpu_columns(raw: bytes) -> tuple[str, ...]:
    """GPU names among the ``columns`` of a reply."""
    names: list[str] = []

    def take(_key: str, entry: Any) -> None:
        name = entry.get("name") if isinstance(entry, dict) else None
        if isinstance(name, str):
            names.append(name)

    read_entries(raw, "columns", take)
    return gpu_columns(names)


async def fetch_experiments(
    rest: CometRest, project: CometProject, *, archived: bool, page: int, seen: set[str]
) -> ExperimentPage:
    """One page of a project's experiments.

    Args:
        archived: the archived ones instead of the others.
        page: from 1; 0 asks for all at once, without pages.
        seen: keys of earlier pages; gets those of this one.

    Raises:
        SourceError: see ``CometRest.get``.
    """
    params = [*_of(project), ("archived", str(archived))]
    if page:
        params += [("page", str(page)), ("size", str(PAGE_SIZE))]

    def parse(raw: bytes) -> ExperimentPage:
        return parse_experiments(raw, archived=archived, page=page, seen=seen)

    return await rest.get(EXPERIMENTS_PATH, params, parse, project.target)


def parse_experiments(raw: bytes, *, archived: bool, page: int, seen: set[str]) -> ExperimentPage:
    """``experiments`` of a reply, without those of earlier pages and of the other list.

    An experiment's own word on whether it is archived counts more than the list it came in: a
    server may not know the parameter.
    """
    parsed = ExperimentPage()

    def take(_key: str, entry: Any) -> None:
        parsed.listed += 1
        key = text_of(entry.get("experimentKey")) if isinstance(entry, dict) else ""
        if not key:
            parsed.unread += 1
            return
        if key in seen:
            return
        seen.add(key)
        parsed.fresh += 1
        said = entry.get("archived")
        if isinstance(said, bool) and said is not archived:
            return
        parsed.keys.append(key)
        parsed.users.append(text_of(entry.get("userName")))
        parsed.starts.append(milliseconds(entry.get("startTimeMillis"), parsed))
        parsed.ends.append(milliseconds(entry.get("endTimeMillis"), parsed))
        parsed.durations.append(max(0, moment(entry.get("durationMillis"))))
        runs = entry.get("running")
        parsed.running.append(runs if isinstance(runs, bool) else None)

    others = read_entries(raw, "experiments", take)
    parsed.more = says_more(others, page)
    return parsed


def says_more(others: dict[str, Any], page: int) -> bool | None:
    """Whether another page follows, by what stands beside the experiments; None if nothing does."""
    if isinstance(others.get("hasMore"), bool):
        return bool(others["hasMore"])
    for name in ("totalPages", "pageCount"):
        number = whole(others.get(name))
        if number is not None:
            return page < number
    if "nextPage" in others:
        return bool(others["nextPage"])
    return None


@dataclass
class PageLengths:
    """What pages of experiments have told about one server.

    Args:
        longest: most entries of a page so far; no cap is below it.
        cap: entries of a page that another one followed; 0 while there was none.
    """

    longest: int = 0
    cap: int = 0

    def is_last(self, page: ExperimentPage, project: CometProject, before: int, seen: int) -> bool:
        """Whether no further page needs to be asked for.

        A short page proves nothing by itself: servers may cap pages, and their count may be missing,
        too small, or too large because it has archived experiments in it. The count ends a list that
        reaches it with a page that is not full, and a first page that is shorter than a page of this
        server that would have held them all. Everything else needs one more page.

        Args:
            page: the one that came last.
            project: how many experiments the server counts.
            before: entries of the page before it; 0 for the first one.
            seen: number of keys of all pages so far.
        """
        self.longest = max(self.longest, min(page.listed, PAGE_SIZE))
        if before and page.fresh:
            self.cap = max(self.cap, before)
        if not page.fresh or page.listed > PAGE_SIZE:  # nothing new; or paging is ignored
            return True
        if page.more or project.listed is None:
            return False
        if page.listed in (self.cap, PAGE_SIZE):
            return page.more is False and seen >= project.listed
        whole = not before and project.listed <= self.longest and page.listed < self.longest
        return whole or seen == project.listed


def text_of(value: Any) -> str:
    """Text as it came; empty for anything else."""
    return value if isinstance(value, str) else ""


def whole(value: Any) -> int | None:
    """A whole number of at most 64 bits, also one written as text or with a fraction of 0."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        value = int(value) if isfinite(value) and value.is_integer() else None
    elif isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None
    return value if isinstance(value, int) and abs(value) < 2**63 else None


def moment(value: Any) -> int:
    """Epoch milliseconds; 0 for what is missing or is no moment."""
    number = whole(value) or 0
    return number if _EARLIEST <= number <= _LATEST else 0


def milliseconds(value: Any, page: ExperimentPage) -> int:
    """A moment, from seconds where the number can only be these: the page counts them."""
    number = moment(value)
    if number not in SECONDS:
        return number
    page.in_seconds += 1
    return 1_000 * number


def _of(project: CometProject) -> list[tuple[str, str]]:
    return [("workspaceName", project.workspace), ("projectName", project.name)]

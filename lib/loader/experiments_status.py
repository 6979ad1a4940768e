"""How each project of a Comet server answered, in words."""

from collections.abc import Sequence
from datetime import datetime

from lib.errors import SourceDenied, SourceError, SourceRefused
from lib.loader.experiments_project import ProjectPart
from lib.quantities import counted
from lib.sources.comet.experiments.entities import CometProject
from lib.sources.comet.experiments.gpu import SkippedSamples
from lib.sources.comet.experiments.tables import EXPERIMENTS, GPU, PROJECTS
from lib.sources.comet.server import NAME
from lib.status import SourceStatus

Parts = Sequence[tuple[CometProject, Sequence[ProjectPart]]]

_MEMBER = "Ask an owner of the workspace to make the key's user a member, or leave it out."
_GONE = "It may have been renamed or deleted: fetch again, or leave it out."


def usage_statuses(
    parts: Parts, listed_at: datetime, failed: dict[str, SourceError]
) -> tuple[SourceStatus, ...]:
    """How the lists answered, how all projects that are whole did, and each of the others.

    Args:
        parts: each project's experiments, and its archived ones if they were asked for.
        listed_at: when the oldest list of projects was made.
        failed: workspaces that gave no list.
    """
    said = [(lists, part_status(project, lists)) for project, lists in parts]
    whole = [part for lists, status in said if status is None for part in lists]
    current = [
        _as_of(project, part, listed_at)
        for (project, lists), (_, status) in zip(parts, said, strict=True)
        if status is None
        for part in lists
    ]
    statuses = [_lists_status(len(parts), listed_at, failed)]
    if whole:
        rows = sum(part.count for part in whole)
        statuses.append(SourceStatus(NAME, EXPERIMENTS, "ok", min(current), rows))
    return (*statuses, *(status for _, status in said if status is not None))


def _as_of(project: CometProject, part: ProjectPart, listed_at: datetime) -> datetime:
    """When the experiments were known to be as they are: a later list has called them unchanged.

    What still runs changes without the list knowing.
    """
    runs = part.rows is not None and 1 in part.rows.running
    return part.fetched_at if runs or not project.steady else max(part.fetched_at, listed_at)


def _lists_status(
    projects: int, listed_at: datetime, failed: dict[str, SourceError]
) -> SourceStatus:
    if not failed:
        return SourceStatus(NAME, PROJECTS, "ok", listed_at, projects)
    detail = " ".join(
        f"Workspace {name} is missing: {error.detail}" for name, error in failed.items()
    )
    remedy = " ".join(dict.fromkeys(_remedy(error) for error in failed.values()))
    return SourceStatus(NAME, PROJECTS, "partial", listed_at, projects, detail, remedy)


def part_status(project: CometProject, parts: Sequence[ProjectPart]) -> SourceStatus | None:
    """What is missing of a project; None when nothing is."""
    said, remedies = [], []
    for part in parts:
        which = "archived experiments" if part is not parts[0] else "experiments"
        if part.error:
            first = f"only the first {part.count:,} {which} came" if part.count else f"no {which}"
            said.append(f"{first}: {part.error.detail}")
            remedies.append(_remedy(part.error))
        if part.gpu_error:
            of = f"{part.gpu_missing:,} of {part.count:,} {which}"
            said.append(f"GPU figures of {of} are missing: {part.gpu_error.detail}")
            remedies.append(_remedy(part.gpu_error))
    if not said:
        return None
    answered = any(part.rows is not None for part in parts)
    return SourceStatus(
        NAME,
        project.target,
        "partial" if answered else "failed",
        min(part.fetched_at for part in parts) if answered else None,
        sum(part.count for part in parts) if answered else None,
        " ".join(dict.fromkeys(f"{text[0].upper()}{text[1:]}" for text in said)),
        " ".join(dict.fromkeys(remedies)) or None,
        lacks="" if any(part.error for part in parts) else GPU,
    )


def _remedy(error: SourceError) -> str:
    if isinstance(error, SourceDenied) and error.status == 403:
        return _MEMBER
    if isinstance(error, SourceRefused) and error.status in (400, 404):
        return _GONE
    return error.remedy


def usage_notes(parts: Parts, twice: int) -> tuple[str, ...]:
    """What was left out, and why.

    Args:
        twice: experiments that another project, or the other list, had as well.
    """
    every = [part for _, lists in parts for part in lists]
    skipped = SkippedSamples()
    for part in every:
        skipped.add(part.skipped)
    where = [
        project.target for project, lists in parts if any(part.skipped.values for part in lists)
    ]
    unread = sum(part.unread for part in every)
    in_seconds = sum(part.in_seconds for part in every)
    notes = []
    if skipped.values:
        what = ", ".join(f"{number:,} {kind}" for kind, number in skipped.values.items())
        more = f" and {len(where) - 3:,} more projects" if len(where) > 3 else ""
        names = f"{', '.join(where[:3])}{more}"
        notes.append(f"Values of GPU metrics were skipped one by one ({what}), in {names}.")
    if skipped.moments:
        notes.append(
            f"{skipped.moments:,} time stamps and durations of GPU samples are missing, or lie outside "
            "their experiment's life, and are left out."
        )
    if skipped.fractions:
        notes.append(
            f"All GPU samples of {counted(skipped.fractions, 'experiments')} lie between 0 and 1: they are "
            "probably fractions, but are counted as percent."
        )
    if in_seconds:
        notes.append(
            f"{in_seconds:,} starts and ends of experiments are seconds since 1970, not milliseconds, "
            "and are read as such."
        )
    if unread:
        notes.append(f"Without an experiment key, and not counted: {counted(unread, 'entries')}.")
    if twice:
        notes.append(f"Listed more than once, and counted once: {counted(twice, 'experiments')}.")
    return tuple(notes)

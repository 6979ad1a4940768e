"""Which projects a person asks for by ``WORKSPACE`` or ``WORKSPACE/PROJECT``."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from lib.errors import InputError
from lib.sources.comet.experiments.entities import CometProject

_MOST_COMPARED = 5_000
"""Names; comparing takes its time."""


@dataclass(frozen=True)
class Wanted:
    """One target; ``project`` is empty for the whole workspace."""

    workspace: str
    project: str = ""


def wanted(target: str, workspaces: Iterable[str] = ()) -> Wanted:
    """A target as two names, parted at the first slash.

    Args:
        workspaces: that exist, when known: the longest that the target begins with wins, since a
            workspace may have a slash in its name, or spaces around it.
    """
    known = [name for name in workspaces if f"{target}/".startswith(f"{_plain(name)}/")]
    if known:
        longest = max(known, key=len)
        return Wanted(longest, target[len(_plain(longest)) :].strip("/"))
    workspace, _, project = target.partition("/")
    return Wanted(workspace, project)


def chosen(
    wishes: Iterable[Wanted], listed: dict[str, tuple[CometProject, ...]]
) -> tuple[CometProject, ...]:
    """The projects asked for, each once, in order of the wishes.

    Args:
        listed: workspace to its projects; a workspace that is not in it is passed over.

    Raises:
        InputError: a workspace has no such project; names the nearest.
    """
    projects_chosen: dict[CometProject, None] = {}
    for wish in wishes:
        projects = listed.get(wish.workspace)
        if projects is None:
            continue
        named = [project for project in projects if project.name == wish.project]
        alike = [project for project in projects if _plain(project.name) == _plain(wish.project)]
        taken = named or alike if wish.project else projects
        if wish.project and not taken:
            raise unknown(
                "project", wish.project, [project.name for project in projects], wish.workspace
            )
        projects_chosen |= dict.fromkeys(taken)
    return tuple(projects_chosen)


def unknown(kind: str, name: str, names: Iterable[str], workspace: str = "") -> InputError:
    """An error that names what a misspelt workspace or project may have meant.

    Args:
        kind: ``workspace`` or ``project``.
        names: that exist.
        workspace: that the project was sought in.
    """
    folded: dict[str, str] = {}
    for known in list(names)[:_MOST_COMPARED]:
        folded.setdefault(known.casefold(), known)
    near = get_close_matches(name.casefold(), list(folded), n=3, cutoff=0.5)
    where = f" in workspace {_shown(workspace)}" if workspace else ""
    if near:
        remedy = f"Did you mean {' or '.join(_shown(folded[known]) for known in near)}?"
    elif folded:
        first = ", ".join(_shown(known) for known in list(folded.values())[:5])
        remedy = f"{'The first are' if len(folded) > 5 else 'There is only'}: {first}."
    else:
        remedy = f"No {kind} is there to choose; check the key's rights."
    return InputError("target", f"no {kind} is named {_shown(name)}{where}.", remedy)


def _plain(name: str) -> str:
    return name.strip().strip("/")


def _shown(name: str) -> str:
    return repr(name if len(name) <= 80 else f"{name[:79]}…")

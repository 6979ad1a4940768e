"""Comet's chargeback report: who and what there was at the end of a month, and how much of it."""

import re
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime

from lib.demo.comet_errors import CometRefusal
from lib.demo.comet_experiments import ARCHIVED, Laboratory
from lib.demo.comet_faults import CometShape
from lib.demo.comet_organisation import (
    DAY,
    CometOrganisation,
    CometUser,
    CometWorkspace,
    MadeUpProject,
    history,
)

MINUTE = 60_000

Item = dict[str, object]


@dataclass
class Tally:
    """How many experiments, and of what size in hundredths of a megabyte."""

    number: int = 0
    size: int = 0

    def add(self, number: int, size: int) -> None:
        self.number += number
        self.size += size

    def item(self) -> Item:
        return {"numberOfExperiments": self.number, "totalSizeInMb": self.size / 100}


@dataclass
class Tallies:
    """What was logged up to a moment; users and members are by place."""

    projects: dict[int, Tally] = field(default_factory=dict)
    workspaces: dict[int, Tally] = field(default_factory=dict)
    members: dict[tuple[int, int], Tally] = field(default_factory=dict)
    users: dict[int, Tally] = field(default_factory=dict)
    latest: dict[int, int] = field(default_factory=dict)


def moment_of(month: str | None, now: datetime, shape: CometShape, months: int) -> int:
    """The moment a report speaks of, in milliseconds: now, or the end of an earlier month.

    Raises:
        CometRefusal: 400 for a month that cannot be read, or for none where one is needed; for a
            month before the server's history or after the present what is not found.
    """
    present = int(now.timestamp()) * 1_000 // MINUTE * MINUTE
    if month is None and not shape.months_required:
        return present
    if month is None:
        raise CometRefusal(400, "Required String parameter 'reportMonth' is not present")
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", month):
        raise CometRefusal(400, f"Invalid reportMonth: {month[:20]}")
    if shape.ignores_month:
        return present
    start = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    begin, _end = history(now, months)
    first, after = history(start, 1)
    if not begin <= first <= present:
        raise CometRefusal(shape.not_found, f"No chargeback report for {month}")
    return min(present, after - 1)


def chargeback_report(laboratory: Laboratory, at: int, shape: CometShape) -> Item:
    """The report of a moment in the shape of a server."""
    org = laboratory.org
    tallies = count(laboratory, at, archived=shape.counts_archived)
    month = datetime.fromtimestamp(at / 1000, UTC)
    report: Item = {"reportDate": f"{month:%Y-%m}"}
    if shape.organization_id in ("report", "both"):
        report["organizationId"] = org.id
    projects = projects_by_workspace(org, at)
    report["workspaces"] = [
        workspace_item(workspace, projects.get(workspace.place, []), tallies, at, shape)
        for workspace in org.workspaces
        if workspace.created <= at < workspace.deleted
    ]
    report["users"] = user_container(org, tallies, at, shape)
    return report


def count(laboratory: Laboratory, moment: int, *, archived: bool) -> Tallies:
    """What had been logged at a moment, in workspaces that are gone too."""
    tallies = Tallies()
    for project, runs in laboratory.everywhere():
        begun = bisect_right(runs.began, moment)
        numbers: Counter[int] = Counter()
        sizes: Counter[int] = Counter()
        for place in range(begun):
            user = runs.users[place]
            if archived or not runs.flags[place] & ARCHIVED:
                numbers[user] += 1
                sizes[user] += runs.sizes[place]
            tallies.latest[user] = max(tallies.latest.get(user, 0), runs.began[place])
        home = project.workspace.place
        whole = tallies.projects.setdefault(project.place, Tally())
        whole.add(numbers.total(), sizes.total())
        tallies.workspaces.setdefault(home, Tally()).add(whole.number, whole.size)
        for user, number in numbers.items():
            tallies.members.setdefault((home, user), Tally()).add(number, sizes[user])
            tallies.users.setdefault(user, Tally()).add(number, sizes[user])
    return tallies


def projects_by_workspace(org: CometOrganisation, at: int) -> dict[int, list[MadeUpProject]]:
    """The projects that existed at a moment, by the place of their workspace."""
    by_place: dict[int, list[MadeUpProject]] = {}
    for project in org.projects:
        if project.created <= at:
            by_place.setdefault(project.workspace.place, []).append(project)
    return by_place


def workspace_item(
    workspace: CometWorkspace,
    projects: list[MadeUpProject],
    tallies: Tallies,
    at: int,
    shape: CometShape,
) -> Item:
    """A workspace; what deleted users logged counts for it, though they are members no more."""
    members = [user for user in workspace.members if user.created <= at < user.deleted]
    shown: int | list[Item] = len(projects)
    if shape.projects == "list":
        shown = [
            {"name": project.name, **tallies.projects[project.place].item()} for project in projects
        ]
    nothing = Tally()
    return {
        "name": workspace.name,
        "numberOfMembers": len(members),
        **tallies.workspaces.get(workspace.place, nothing).item(),
        "members": [
            member_item(user, tallies.members.get((workspace.place, user.place), nothing))
            for user in members
        ],
        "projects": shown,
    }


def member_item(user: CometUser, tally: Tally) -> Item:
    """A member of a workspace; who has no e-mail address lacks the field."""
    email: Item = {} if user.email is None else {"email": user.email}
    return {"userName": user.name, **email, **tally.item()}


def user_container(
    org: CometOrganisation, tallies: Tallies, at: int, shape: CometShape
) -> Item | list[Item]:
    """All users in the container of a server."""
    users = [user_item(user, tallies, at, shape) for user in org.users if user.created <= at]
    if shape.users == "list":
        return users
    about: Item = {"numberOfUsers": len(users), "createdAt": at}
    if shape.organization_id in ("users", "both"):
        about["organizationId"] = org.id
    if shape.users == "licensedUsers":
        return {**about, "licensedUsers": users}
    if shape.users == "report":
        return {**about, "report": users}
    return {**about, "report": {"licensedUsers": users}}


def user_item(user: CometUser, tallies: Tallies, at: int, shape: CometShape) -> Item:
    """A user; counts grow with time and stop when the user does."""
    tally = tallies.users.get(user.place, Tally())
    logged = tallies.latest.get(user.place, 0)
    visits, visited = visits_until(user, at)
    item: Item = {"username": user.name, "email": user.email}
    for name in ("createdAt", "created_at"):
        if shape.created in (name, "both"):
            item[name] = user.created
    if user.deleted <= at:
        item["deletedAt"] = user.deleted
    item["suspended"] = user.suspended <= at
    item["uiUsageCount"] = visits * (3 + user.place % 11)
    item["uiUsageUpdateTs"] = visited
    item["sdkUsageCount"] = tally.number * 12
    item["sdkUsageUpdateTs"] = logged
    if shape.recent_fields:
        traced = visited if user.opik is not None and shape.opik else 0
        managed = max(logged, visited)
        item["lastUsedAt"] = max(managed, traced) or None
        item["emLastUsedAt"] = managed or None
        item["experimentCount"] = tally.number
        item["dataLoggedMb"] = tally.size / 100
        if shape.opik:
            item["opikLastUsedAt"] = traced or None
            if user.opik is not None:
                item["opikSpanCount"] = user.opik * visits * user.period // DAY
    return item


def visits_until(user: CometUser, at: int) -> tuple[int, int]:
    """How often a user came up to a moment and when the last time; ``(0, 0)`` means never."""
    until = min(at, user.last_active - 1)
    if until <= user.created:
        return 0, 0
    visits = (until - user.created) // user.period + 1
    return visits, user.created + (visits - 1) * user.period

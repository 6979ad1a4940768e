"""The wire's table: which endpoints a Comet server has, and what each answers."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from lib.demo.comet_chargeback import chargeback_report, moment_of
from lib.demo.comet_errors import CometRefusal
from lib.demo.comet_experiments import ARCHIVED, Laboratory
from lib.demo.comet_faults import CometFaults, CometShape
from lib.demo.comet_metrics import chart, columns
from lib.demo.comet_organisation import CometUser, CometWorkspace, MadeUpProject, millis
from lib.demo.recent import Recent

VERSION_PATH = "/clientlib/isAlive/ver"
PAGE_SIZE = 100
"""Experiments of a page that does not say how many."""
SORTED_BY = {"startTime": "startTimeMillis", "endTime": "endTimeMillis"}

Item = dict[str, object]
Query = dict[str, str]


@dataclass(frozen=True)
class Server:
    """What an answer is made from: the experiments, the present, the server's kind and state."""

    laboratory: Laboratory
    now: datetime
    shape: CometShape
    faults: CometFaults
    visible: int | None
    reports: Recent[object, bytes]

    @property
    def millis(self) -> int:
        return millis(self.now)

    def workspaces(self) -> list[CometWorkspace]:
        """Those that exist and that the key's user is a member of."""
        present = [
            workspace
            for workspace in self.laboratory.org.workspaces
            if workspace.created <= self.millis < workspace.deleted
        ]
        return present[: self.visible]

    def workspace(self, query: Query) -> CometWorkspace:
        """The workspace of ``workspaceName``.

        Raises:
            CometRefusal: 400 without the parameter; what is not found for an unknown one.
        """
        name = query.get("workspaceName")
        if not name:
            raise CometRefusal(400, "workspaceName is missing")
        for workspace in self.workspaces():
            if workspace.name == name:
                return workspace
        raise CometRefusal(self.shape.not_found, f"No such workspace {name}")

    def projects(self, workspace: CometWorkspace) -> list[MadeUpProject]:
        """A workspace's projects."""
        return [
            project
            for project in self.laboratory.org.projects
            if project.workspace is workspace and project.created <= self.millis
        ]

    def project(self, query: Query, endpoint: str) -> MadeUpProject:
        """The project of ``workspaceName`` and ``projectName``, or of ``projectId``.

        Raises:
            CometRefusal: as ``workspace``, or as ``fail_project`` has it.
        """
        matches: list[MadeUpProject]
        if "projectId" in query:
            homes = self.workspaces()
            matches = [
                candidate
                for candidate in self.laboratory.org.projects
                if candidate.id == query["projectId"] and candidate.workspace in homes
            ]
        else:
            name = query.get("projectName")
            matches = [
                candidate
                for candidate in self.projects(self.workspace(query))
                if candidate.name == name
            ]
        if not matches:
            raise CometRefusal(self.shape.not_found, "No such project")
        failure = self.faults.fail_project.get((endpoint, matches[0].name))
        if failure is not None:
            raise CometRefusal(failure)
        return matches[0]


Body = Callable[[Server, Query, Item], bytes]


@dataclass(frozen=True)
class Answer:
    """One endpoint.

    Args:
        path: below the server's root.
        body: how its answer is written.
        method: the HTTP method.
    """

    path: str
    body: Body
    method: Literal["GET", "POST"] = "GET"


def version(server: Server, _query: Query, _body: Item) -> bytes:
    """The one request with which Comet's clients start; any key will do."""
    about = {"msg": None, "code": 0, "data": None, "sdk_error_code": 0}
    return written({**about, "version": server.shape.version})


def chargeback(server: Server, query: Query, _body: Item) -> bytes:
    """The report, kept for as long as it stays the same: that of a large organisation takes long."""
    months = server.laboratory.org.size.months
    moment = moment_of(query.get("reportMonth"), server.now, server.shape, months)
    key = (moment, tuple(vars(server.shape).values()))
    content = server.reports.get(key)
    if content is None:
        content = written(chargeback_report(server.laboratory, moment, server.shape))
        server.reports.put(key, content, len(content))
    return content


def service_accounts(server: Server, _query: Query, _body: Item) -> bytes:
    """Service accounts that exist, with or without the prefix that Comet gives them."""
    now, shape = server.millis, server.shape
    accounts = [
        service_account(user, shape)
        for user in server.laboratory.org.users
        if user.service and user.created <= now < user.deleted
    ]
    return written({shape.service_container: accounts} if shape.service_container else accounts)


def service_account(user: CometUser, shape: CometShape) -> object:
    """An entry as one of the server's versions has it."""
    if shape.service_accounts == "text":
        return user.name
    return {shape.service_accounts: user.email if shape.service_accounts == "email" else user.name}


def account(server: Server, _query: Query, _body: Item) -> bytes:
    """Who the key belongs to."""
    home = server.workspaces()[0]
    return written({"userName": home.members[0].name, "defaultWorkspaceName": home.name})


def workspaces(server: Server, _query: Query, _body: Item) -> bytes:
    """Names of workspaces."""
    return written({"workspaceNames": [workspace.name for workspace in server.workspaces()]})


def projects(server: Server, query: Query, _body: Item) -> bytes:
    """All projects of a workspace."""
    present = server.projects(server.workspace(query))
    return written({"projects": [project_item(server, project) for project in present]})


def project(server: Server, query: Query, _body: Item) -> bytes:
    """One project."""
    return written(project_item(server, server.project(query, "project")))


def project_item(server: Server, project: MadeUpProject) -> Item:
    """A project with what tells whether it changed."""
    laboratory, now = server.laboratory, server.millis
    runs, begun = laboratory.of(project), laboratory.count(project, now)
    archived = sum(bool(flag & ARCHIVED) for flag in runs.flags[:begun])
    latest = [min(now, runs.began[place] + runs.lasted[place]) for place in range(begun)]
    return {
        "projectId": project.id,
        "projectName": project.name,
        "ownerUserName": project.contributors[0].name,
        "projectDescription": "",
        "workspaceName": project.workspace.name,
        "workspaceId": project.workspace.id,
        "isPublic": False,
        "numberOfExperiments": begun if server.shape.counts_archived else begun - archived,
        "lastUpdated": max(latest, default=project.created),
    }


def experiments(server: Server, query: Query, _body: Item) -> bytes:
    """A project's experiments, archived or not, all of them or a page."""
    project = server.project(query, "experiments")
    archived = query.get("archived", "false").lower() == "true"
    items = server.laboratory.items(project, server.millis, archived=archived)
    if server.faults.no_start_times:
        items = [{**item, "startTimeMillis": None} for item in items]
    items = in_order(items, query)
    if "page" not in query or server.faults.ignores_paging:
        return written({"experiments": items})
    page, size = whole(query, "page", 1), whole(query, "size", PAGE_SIZE)
    pages = -(-len(items) // size)
    hints: Item = {
        "nextPage": page + 1 if page < pages else None,
        "hasMore": page < pages,
        "totalPages": pages,
        "pageCount": pages,
    }
    shown: Item = {"experiments": items[(page - 1) * size : page * size]}
    hint = server.shape.paging_hint
    return written({**shown, hint: hints[hint]} if hint else shown)


def in_order(items: list[Item], query: Query) -> list[Item]:
    """Experiments as asked for; those without the time come first going up.

    Raises:
        CometRefusal: 400 for another order, or for a page in an order without a direction.
    """
    if "sortBy" not in query:
        return items
    name, order = SORTED_BY.get(query["sortBy"]), query.get("sortOrder")
    if name is None or order not in ("asc", "desc", None):
        raise CometRefusal(400, "sortBy or sortOrder is not supported")
    if order is None and {"page", "size"} <= query.keys():
        raise CometRefusal(400, "sortOrder is missing")

    def moment(item: Item) -> int:
        value = item[name]
        return value if isinstance(value, int) else 0

    return sorted(items, key=moment, reverse=order == "desc")


def whole(query: Query, name: str, default: int) -> int:
    """A whole number from 1.

    Raises:
        CometRefusal: 400 for anything else.
    """
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdigit()) or int(text[:9]) < 1:
        raise CometRefusal(400, f"{name} must be a positive number")
    return int(text[:9])


def column_names(server: Server, query: Query, _body: Item) -> bytes:
    """What a project's experiments have logged."""
    project = server.project(query, "columns")
    return written({"columns": columns(server.laboratory, project, server.millis)})


def metrics(server: Server, _query: Query, body: Item) -> bytes:
    """Series of many experiments.

    Raises:
        CometRefusal: 400 for lists that are none; as the faults have it for too many keys.
    """
    faults = server.faults
    keys, names = strings(body, "targetedExperiments"), strings(body, "metrics")
    if faults.most_keys is not None and len(keys) > faults.most_keys:
        raise CometRefusal(faults.too_many_keys)
    wanted = {name for endpoint, name in faults.fail_project if endpoint == "metrics"}
    for key in keys if wanted else []:
        place = server.laboratory.find(key)
        if place is not None and place[0].name in wanted:
            raise CometRefusal(faults.fail_project["metrics", place[0].name])
    full = body.get("fetchFull") is True
    return written(
        chart(
            server.laboratory,
            keys,
            names,
            server.millis,
            full=full,
            shape=server.shape,
            faults=faults,
        )
    )


def strings(body: Item, name: str) -> list[str]:
    """A list of text.

    Raises:
        CometRefusal: 400 for anything else.
    """
    value = body.get(name)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise CometRefusal(400, f"{name} must be a list of strings")
    return value


def written(answer: object) -> bytes:
    """JSON."""
    return json.dumps(answer, separators=(",", ":")).encode()


REST = "/api/rest/v2"

ANSWERS = {
    "version": Answer(VERSION_PATH, version),
    "chargeback": Answer("/api/admin/chargeback/report", chargeback),
    "service_accounts": Answer("/api/admin/service-accounts", service_accounts),
    "account": Answer(f"{REST}/account-details", account),
    "workspaces": Answer(f"{REST}/workspaces", workspaces),
    "projects": Answer(f"{REST}/projects", projects),
    "project": Answer(f"{REST}/project", project),
    "experiments": Answer(f"{REST}/experiments", experiments),
    "columns": Answer(f"{REST}/project/column-names", column_names),
    "metrics": Answer(f"{REST}/experiments/multi-metric-chart", metrics, "POST"),
}

ADMIN = {"chargeback", "service_accounts"}
"""Endpoints for administrators, which keep the prefix of a deployment."""

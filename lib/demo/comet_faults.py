"""How a Comet server may differ from another, and what may go wrong with it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal


@dataclass
class CometShape:
    """What differs between versions and installations of the server; may be changed at any time.

    Args:
        users: the container of the chargeback report's users: ``{"licensedUsers": […]}``,
            ``{"report": […]}``, ``{"report": {"licensedUsers": […]}}`` or a bare list.
        created: what a user's creation is called.
        organization_id: where ``organizationId`` stands; ``users`` needs a container that is one.
        projects: a workspace's projects as a list, or only how many there are.
        months_required: an old server, which reports on a month only.
        recent_fields: whether users carry ``lastUsedAt``, ``experimentCount`` and their like.
        opik: whether the server has Opik: ``opikLastUsedAt`` and ``opikSpanCount``.
        ignores_month: every month is answered with the present.
        counts_archived: numbers of experiments include archived ones.
        service_accounts: entries as objects by one of their names, or as bare text; in a
            container of that name, or without one.
        service_container: that name; empty for a bare list.
        durations: what a series says: milliseconds since its start, or since the point before.
        paging_hint: what a page of experiments says about further ones; empty for nothing.
        not_found: the status of what does not exist; older servers say 400.
        version: what ``/clientlib/isAlive/ver`` says.
    """

    users: Literal["licensedUsers", "report", "report.licensedUsers", "list"] = "licensedUsers"
    created: Literal["createdAt", "created_at", "both"] = "createdAt"
    organization_id: Literal["users", "report", "both", "none"] = "users"
    projects: Literal["list", "number"] = "list"
    months_required: bool = False
    recent_fields: bool = True
    opik: bool = True
    ignores_month: bool = False
    counts_archived: bool = True
    service_accounts: Literal["name", "username", "email", "text"] = "name"
    service_container: Literal["serviceAccounts", "accounts", ""] = "serviceAccounts"
    durations: Literal["cumulative", "intervals"] = "intervals"
    paging_hint: Literal["", "nextPage", "hasMore", "totalPages", "pageCount"] = ""
    not_found: int = 404
    version: str = "4.12.9"


def new_server() -> CometShape:
    """A server of late 2026."""
    return CometShape()


def old_server() -> CometShape:
    """A server as Comet's published example shows it: by month, few fields, ``created_at``."""
    return CometShape(
        created="created_at",
        organization_id="none",
        months_required=True,
        recent_fields=False,
        opik=False,
        not_found=400,
        version="3.7.46",
    )


@dataclass
class CometFaults:
    """What goes wrong; may be changed while the stand-in runs.

    Endpoints are ``version``, ``chargeback``, ``service_accounts``, ``account``, ``workspaces``,
    ``projects``, ``project``, ``experiments``, ``columns`` and ``metrics``.

    Args:
        latency_seconds: every answer waits this long.
        hang: endpoints that never answer.
        fail: HTTP status by endpoint.
        fail_times: how many requests of each endpoint in ``fail`` fail before it recovers; None
            means all. ``failures.clear()`` starts the count again.
        retry_after: seconds in the Retry-After header of a 429 or 503; None leaves it out.
        fail_project: HTTP status by endpoint and project's name, as ``("columns", "churn")``.
        most_keys: experiments that one request for metrics may name; None for any number.
        too_many_keys: the status of a request that names more.
        ignores_paging: every page holds all experiments.
        no_admin: the key is not an administrator's: 403 for chargeback and service accounts.
        html_page: endpoints that answer 200 with a sign-in page.
        content_type: by endpoint, a Content-Type other than ``application/json``.
        truncated_json: endpoints whose body ends half way.
        empty_object: endpoints that answer ``{}``.
        redirect: endpoints that redirect, to the same path at ``redirect_to``.
        redirect_to: scheme, host and port of another server.
        null_values: of every so many values of a metric one is null; 0 for none.
        text_values: values of metrics are text.
        no_durations: series carry no ``durations``.
        no_start_times: no experiment says when it started.
    """

    latency_seconds: float = 0.0
    hang: set[str] = field(default_factory=set)
    fail: dict[str, int] = field(default_factory=dict)
    fail_times: int | None = None
    retry_after: float | None = None
    fail_project: dict[tuple[str, str], int] = field(default_factory=dict)
    most_keys: int | None = None
    too_many_keys: int = 400
    ignores_paging: bool = False
    no_admin: bool = False
    html_page: set[str] = field(default_factory=set)
    content_type: dict[str, str] = field(default_factory=dict)
    truncated_json: set[str] = field(default_factory=set)
    empty_object: set[str] = field(default_factory=set)
    redirect: set[str] = field(default_factory=set)
    redirect_to: str = ""
    null_values: int = 0
    text_values: bool = False
    no_durations: bool = False
    no_start_times: bool = False

    failures: Counter[str] = field(default_factory=Counter, init=False)

    def next_failure(self, name: str) -> int | None:
        """The status with which the next request of an endpoint fails; None lets it pass."""
        status = self.fail.get(name)
        if status is None or (
            self.fail_times is not None and self.failures[name] >= self.fail_times
        ):
            return None
        self.failures[name] += 1
        return status

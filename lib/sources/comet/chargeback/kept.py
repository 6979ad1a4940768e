"""Which metric each field of a chargeback report becomes, as tables. A new field is a row here."""

import json
from collections.abc import Iterator, Mapping

from lib.sources.comet.chargeback.tables import FIELDS, Table
from lib.usage.metrics import Metric

_MS = "ms since 1970"

Key = tuple[str | None, str | None, str | None, int]
"""Workspace, project and user of a row, and how many with the same ones stand before it."""

NAMES = ("sub_account", "resource", "principal")
"""The columns of the measures that hold the first three of a key."""

OCCURRENCE = "occurrence"
"""Where ``dimensions`` hold the last one of a key, unless it is 0."""

EMAIL = "email"
WITH_EMAIL: tuple[Table, ...] = ("users", "members")

SCALARS = (
    *("label", "month", "asked", "organization_id", "created_at", "number_of_users"),
    "unread",
)
"""What a report says of itself, each one text, number or nothing."""

PLACES: Mapping[Table, Mapping[str, str]] = {
    "users": {"principal": "username"},
    "workspaces": {"sub_account": "name"},
    "members": {"sub_account": "workspace", "principal": "userName"},
    "projects": {"sub_account": "workspace", "resource": "name"},
}
"""Of each table: the column of the measures to the field that it holds."""

ROWS: Mapping[Table, Metric] = {
    "users": Metric("users", "Users", "users", "level"),
    "workspaces": Metric("workspaces", "Workspaces", "workspaces", "level"),
    "members": Metric("listed_members", "Members listed", "members", "level", "members"),
    "projects": Metric("listed_projects", "Projects listed", "projects", "level", "projects"),
}
"""What says that a row is there: 1 each."""

STANDING: Mapping[str, Metric] = {
    "licensed": Metric("licensed_users", "Licensed users", "users", "level", "users"),
    "suspended": Metric("suspended_users", "Suspended users", "users", "level", "users"),
    "deleted": Metric("deleted_users", "Deleted users", "users", "level", "users"),
}
"""What ``accounts.standing`` says of users: 1 or 0 each, never null."""

RESTS_ON: Mapping[str, tuple[str, ...]] = {
    "licensed": ("suspended", "deletedAt"),
    "suspended": ("suspended",),
    "deleted": ("deletedAt",),
}
"""The fields of users that tell it."""

AMOUNTS: Mapping[Table, Mapping[str, Metric]] = {
    "users": {
        "created_at": Metric("user_created_at", "Created", _MS, "moment"),
        "deletedAt": Metric("user_deleted_at", "Deleted", _MS, "moment"),
        "suspended": Metric("suspended", "Suspended", "", "level"),
        "uiUsageCount": Metric("ui_usage", "UI usage", "interactions", "counter"),
        "uiUsageUpdateTs": Metric("ui_usage_updated_at", "UI usage updated", _MS, "moment"),
        "sdkUsageCount": Metric("sdk_usage", "SDK usage", "interactions", "counter"),
        "sdkUsageUpdateTs": Metric("sdk_usage_updated_at", "SDK usage updated", _MS, "moment"),
        "lastUsedAt": Metric("last_used_at", "Last used", _MS, "moment"),
        "emLastUsedAt": Metric("em_last_used_at", "EM last used", _MS, "moment"),
        "opikLastUsedAt": Metric("opik_last_used_at", "Opik last used", _MS, "moment"),
        "experimentCount": Metric(
            "user_experiments", "Experiments of users", "experiments", "level", "experiments"
        ),
        "dataLoggedMb": Metric(
            "user_storage_mb", "Data logged by users", "MB", "level", "storage_mb"
        ),
        "opikSpanCount": Metric("opik_spans", "Opik spans", "spans", "counter"),
    },
    "workspaces": {
        "numberOfMembers": Metric("members", "Members", "members", "level"),
        "numberOfExperiments": Metric("experiments", "Experiments", "experiments", "level"),
        "totalSizeInMb": Metric("storage_mb", "Size", "MB", "level"),
        "numberOfProjects": Metric("projects", "Projects", "projects", "level"),
    },
    "members": {
        "numberOfExperiments": Metric(
            "member_experiments", "Experiments of members", "experiments", "level", "experiments"
        ),
        "totalSizeInMb": Metric(
            "member_storage_mb", "Size of members", "MB", "level", "storage_mb"
        ),
    },
    "projects": {
        "numberOfExperiments": Metric(
            "project_experiments", "Experiments of projects", "experiments", "level", "experiments"
        ),
        "totalSizeInMb": Metric(
            "project_storage_mb", "Size of projects", "MB", "level", "storage_mb"
        ),
    },
}
"""Of each table: the documented field to its metric. The same experiments and megabytes are told of
workspaces, members, projects and users: those of workspaces are the whole."""


def metrics_of(table: Table) -> Iterator[Metric]:
    """Every metric of a table, but for those of fields that are not documented."""
    yield ROWS[table]
    if table == "users":
        yield from STANDING.values()
    yield from AMOUNTS[table].values()


def sortable(key: Key) -> tuple[object, ...]:
    """A key in a form that has an order; what has no name comes first."""
    *names, occurrence = key
    return (*((name is not None, name or "") for name in names), occurrence)


def written(key: Key) -> str:
    """A key as one text."""
    return json.dumps(key, ensure_ascii=False)


def undocumented(table: Table, field: str) -> str:
    """The key of a field that Comet does not document: ``users.newField``."""
    return f"{table}.{field}"


LEDGER_METRICS: Mapping[str, Metric] = {
    metric.key: metric for table in FIELDS for metric in metrics_of(table)
}
"""Every metric of the measures, but for those of fields that are not documented."""

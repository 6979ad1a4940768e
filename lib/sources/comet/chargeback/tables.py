"""What a chargeback report holds, as tables. A new field is a row here."""

from collections.abc import Mapping
from typing import Literal

from lib.sources.comet.server import NAME

CHARGEBACK = f"{NAME}:chargeback"
SERVICE_ACCOUNTS = "service-accounts"
CHARGEBACK_PATH = "/api/admin/chargeback/report"
SERVICE_ACCOUNTS_PATH = "/api/admin/service-accounts"

Kind = Literal["text", "count", "time", "size", "flag"]
"""Text; whole numbers; epoch milliseconds; megabytes as Decimal; true or false."""

Table = Literal["users", "workspaces", "members", "projects"]

FIELDS: Mapping[Table, Mapping[str, Kind]] = {
    "users": {
        "username": "text",
        "email": "text",
        "created_at": "time",
        "deletedAt": "time",
        "suspended": "flag",
        "uiUsageCount": "count",
        "uiUsageUpdateTs": "time",
        "sdkUsageCount": "count",
        "sdkUsageUpdateTs": "time",
        "lastUsedAt": "time",
        "emLastUsedAt": "time",
        "opikLastUsedAt": "time",
        "experimentCount": "count",
        "dataLoggedMb": "size",
        "opikSpanCount": "count",
    },
    "workspaces": {
        "name": "text",
        "numberOfMembers": "count",
        "numberOfExperiments": "count",
        "totalSizeInMb": "size",
        "numberOfProjects": "count",
    },
    "members": {
        "workspace": "text",
        "userName": "text",
        "email": "text",
        "numberOfExperiments": "count",
        "totalSizeInMb": "size",
    },
    "projects": {
        "workspace": "text",
        "name": "text",
        "numberOfExperiments": "count",
        "totalSizeInMb": "size",
    },
}
"""The documented fields of each table, in the order of its columns."""

ADDED: Mapping[Table, str] = {
    "workspaces": "numberOfProjects",
    "members": "workspace",
    "projects": "workspace",
}
"""Columns that no record carries: worked out, or from the record above it."""

SPELLINGS: Mapping[str, str] = {"createdAt": "created_at"}
"""Of users: Comet's example writes one, newer servers the other."""

FIELD_WORDS: Mapping[str, str] = {
    "username": "name",
    "userName": "name",
    "email": "e-mail address",
    "created_at": "time of creation",
    "deletedAt": "time of deletion",
    "suspended": "mark of suspension",
    "uiUsageCount": "number of UI interactions",
    "uiUsageUpdateTs": "time of the last UI interaction",
    "sdkUsageCount": "number of SDK interactions",
    "sdkUsageUpdateTs": "time of the last SDK interaction",
    "lastUsedAt": "time of last use",
    "emLastUsedAt": "time of last use of experiment management",
    "opikLastUsedAt": "time of last use of Opik",
    "experimentCount": "number of experiments",
    "dataLoggedMb": "size of logged data",
    "opikSpanCount": "number of Opik spans",
    "name": "name",
    "workspace": "workspace",
    "numberOfMembers": "number of members",
    "numberOfExperiments": "number of experiments",
    "totalSizeInMb": "size",
    "numberOfProjects": "number of projects",
    "members": "list of members",
    "projects": "list or number of projects",
}
"""What people call a field of a record."""

REPORT_WORDS: Mapping[str, str] = {
    "reportDate": "month of the report",
    "users.createdAt": "time at which the report was made",
    "users.numberOfUsers": "number of users",
}
"""The same of what the report says of itself."""

"""Chargeback reports for the tests: a small one by hand, and hypothesis strategies with hostile names."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from lib.allocation.rule_set import Rate
from lib.reports.chargeback.build import build_comet_chargeback
from lib.reports.report import Report
from lib.sources.comet.chargeback.answer import Chargeback, ChargebackAnswer
from lib.sources.comet.chargeback.parse import read_chargeback
from lib.sources.comet.chargeback.query import check_chargeback_query
from lib.status import SourceStatus
from tests.support.report_strategies import HOSTILE

NOW = datetime(2024, 10, 2, tzinfo=UTC)
NOW_MS = 1_727_827_200_000
DAY = 86_400_000

Record = dict[str, Any]


def user(name: object = "ada", **fields: Any) -> Record:
    return {
        "username": name,
        "email": f"{name}@corp.test",
        "created_at": NOW_MS - 400 * DAY,
    } | fields


def member(name: str, **fields: Any) -> Record:
    return {"userName": name, "email": f"{name}@corp.test"} | fields


def workspace(name: object = "vision", **fields: Any) -> Record:
    facts = {"numberOfMembers": 0, "numberOfExperiments": 0, "totalSizeInMb": 0.0}
    return {"name": name, **facts, "members": [], "projects": []} | fields


def document(users: Any = (), workspaces: Any = (), **fields: Any) -> Record:
    inner = {"licensedUsers": list(users), "createdAt": NOW_MS}
    return {"workspaces": list(workspaces), "users": inner | fields.pop("inner", {})} | fields


def parsed(given: Record, label: str = "report") -> Chargeback:
    return read_chargeback(json.dumps(given).encode(), label)


def build(
    given: Record,
    earlier: Record | None = None,
    *,
    now: datetime = NOW,
    service: frozenset[str] | None = frozenset(),
    host: str = "",
    status: str = "ok",
    rates: Sequence[Rate] = (),
    **asked: Any,
) -> Report:
    before = None if earlier is None else parsed(earlier, "2024-08")
    sources = (SourceStatus("comet", "chargeback", status, now, 1),)  # type: ignore[arg-type]
    answer = ChargebackAnswer(parsed(given), before, service, sources, host=host)
    return build_comet_chargeback(answer, check_chargeback_query(**asked), now=now, rates=rates)


names = st.sampled_from((*HOSTILE, "ada", "bob", "sa-nightly")) | st.text(max_size=4)
counts = st.none() | st.integers(0, 10**6) | st.just(2**62)
sizes = st.none() | st.decimals(0, 10**9, places=3).map(float)
times = st.none() | st.just(0) | st.integers(NOW_MS - 500 * DAY, NOW_MS + DAY)


def records(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Record]]:
    return st.lists(st.fixed_dictionaries({}, optional=fields), max_size=5)


user_lists = st.lists(
    st.fixed_dictionaries(
        {"username": names},
        optional={
            "email": names,
            "created_at": times,
            "deletedAt": times,
            "suspended": st.booleans(),
            "uiUsageCount": counts,
            "uiUsageUpdateTs": times,
            "sdkUsageCount": counts,
            "lastUsedAt": times,
            "opikLastUsedAt": times,
            "experimentCount": counts,
            "dataLoggedMb": sizes,
            "opikSpanCount": counts,
        },
    ),
    max_size=6,
)
part_facts = {"numberOfExperiments": counts, "totalSizeInMb": sizes}
workspace_lists = st.lists(
    st.fixed_dictionaries(
        {"name": names},
        optional={
            **part_facts,
            "numberOfMembers": counts,
            "members": records(userName=names, email=names, **part_facts),
            "projects": records(name=names, **part_facts),
        },
    ),
    max_size=4,
)
documents = st.builds(document, user_lists, workspace_lists)
"""Whole documents as a server might send them."""

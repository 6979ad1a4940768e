"""Reports of every shape, and replies that are none: what holds for all of them."""

import json
from decimal import Decimal
from typing import Any

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from lib.errors import SourceReplyError
from lib.sources.comet.chargeback.ask import parse_chargeback
from lib.sources.comet.chargeback.tables import FIELDS
from lib.sources.comet.server.moments import SECONDS

counts = st.none() | st.integers(-(2**63) + 1, 2**63 - 1)
# Seconds are read as such, and noted
times = counts.filter(lambda time: time is None or time not in SECONDS)
sizes = st.none() | st.decimals(
    allow_nan=False, allow_infinity=False, min_value=0, max_value=10**12, places=4
)
names = st.none() | st.text(max_size=12)
user_rows = st.fixed_dictionaries(
    {"username": names},
    optional={
        "email": names,
        "created_at": times,
        "deletedAt": times,
        "suspended": st.none() | st.booleans(),
        "uiUsageCount": counts,
        "dataLoggedMb": sizes,
        "opikSpanCount": counts,
    },
)
inner = {"name": names, "numberOfExperiments": counts, "totalSizeInMb": sizes}
workspace_rows = st.fixed_dictionaries(
    {"name": names},
    optional={
        "numberOfMembers": counts,
        "totalSizeInMb": sizes,
        "members": st.none() | st.lists(st.fixed_dictionaries({}, optional={"userName": names})),
        "projects": st.none() | st.lists(st.fixed_dictionaries({}, optional=inner), max_size=3),
    },
)
SHAPES: list[Any] = [
    lambda rows: {"licensedUsers": rows},
    lambda rows: {"report": rows},
    lambda rows: {"report": {"licensedUsers": rows}},
    lambda rows: rows,
]


def written(value: Any) -> str:
    """JSON with decimals exactly as they are."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{written(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return f"{value:f}" if isinstance(value, Decimal) else json.dumps(value)


@given(
    st.lists(user_rows, max_size=6), st.lists(workspace_rows, max_size=4), st.sampled_from(SHAPES)
)
def test_every_value_of_a_report_stands_in_its_cell(
    users: list[Any], workspaces: list[Any], shape: Any
) -> None:
    raw = written({"workspaces": workspaces, "users": shape(users)}).encode()
    report = parse_chargeback(raw, "x")
    assert report.unread == 0

    def same(frame: pd.DataFrame, rows: list[Any]) -> None:
        assert len(frame) == len(rows)
        for index, row in enumerate(rows):
            for name in set(frame.columns) & set(row):
                found = frame[name].iloc[index]
                assert pd.isna(found) if row[name] is None else found == row[name]
                if isinstance(row[name], Decimal):
                    assert str(found) == f"{row[name]:f}"

    same(report.users, users)
    same(report.workspaces, workspaces)
    for table in ("members", "projects"):
        below = [(ws["name"], row) for ws in workspaces for row in ws.get(table) or []]
        same(getattr(report, table), [{"workspace": name, **row} for name, row in below])


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
odd_user = st.dictionaries(st.sampled_from([*FIELDS["users"], "createdAt", "x"]), anything)
odd_workspace = st.dictionaries(
    st.sampled_from([*FIELDS["workspaces"], "members", "projects", "workspace"]), anything
)


@given(
    st.lists(odd_user | anything, max_size=4) | anything,
    st.lists(odd_workspace | anything, max_size=4) | anything,
    st.sampled_from(SHAPES),
)
def test_no_reply_whatever_breaks_the_reader(users: Any, workspaces: Any, shape: Any) -> None:
    raw = json.dumps({"users": shape(users), "workspaces": workspaces}).encode()
    try:
        report = parse_chargeback(raw, "x")
    except SourceReplyError:
        return
    assert len(report.members) == len(report.members["workspace"])
    assert report.raw == raw

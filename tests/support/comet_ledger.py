"""Odd chargeback reports as they are kept and given back, and a form in which two reports can be compared."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any

import pandas as pd
import pyarrow as pa
from hypothesis import strategies as st

from lib.sources.comet.chargeback.answer import ChargebackAnswer
from lib.sources.comet.chargeback.measures import answer_of, facts_of, measures_of, names_of
from lib.status import SourceStatus
from lib.usage.exact import exact_sum, values_of
from tests.support.comet_reports import (
    NOW,
    Record,
    counts,
    documents,
    names,
    parsed,
    sizes,
    times,
)

MONTH = "2024-10"
HOST = "comet.example"

nameless = st.none() | names
undocumented = st.dictionaries(
    st.sampled_from(("occurrence", "start", "part", "newField", "reply_username", "")) | names,
    st.none() | st.integers() | st.text(max_size=3) | st.booleans() | st.lists(st.integers()),
    max_size=3,
)
misread = st.sampled_from(("3", " 4 ", 2.0, 2.5, "soon", True, [1]))


def odd(**known: st.SearchStrategy[Any]) -> st.SearchStrategy[Record]:
    """Records that may lack anything, and hold what nobody documents or expects."""
    told = {name: kind | misread if name[-1] != "e" else kind for name, kind in known.items()}
    return st.builds(
        lambda free, record: free | record, undocumented, st.fixed_dictionaries({}, optional=told)
    )


_parts = {"numberOfExperiments": counts, "totalSizeInMb": sizes}
_users = odd(
    username=nameless,
    email=nameless,
    created_at=times,
    deletedAt=times,
    suspended=st.none() | st.booleans(),
    uiUsageCount=counts,
    emLastUsedAt=times,
    experimentCount=counts,
    dataLoggedMb=sizes,
)
_members = odd(userName=nameless, email=nameless, **_parts)
_projects = odd(name=nameless, **_parts)
_workspaces = odd(
    name=nameless,
    numberOfMembers=counts,
    members=st.none() | st.lists(_members, max_size=4),
    projects=st.none() | st.integers(0, 9) | st.lists(_projects, max_size=4),
    **_parts,
)


@st.composite
def odd_documents(draw: st.DrawFn) -> Record:
    """Documents of every shape that is still a report: lists may be missing, and hold no records."""
    users = draw(st.none() | st.lists(_users | st.just("no record"), max_size=6))
    workspaces = draw(st.none() | st.lists(_workspaces, max_size=4))
    if users is None and workspaces is None:
        users = []
    document: Record = {"reportDate": draw(st.sampled_from(("2024-09", "2024-10", None)))}
    if users is not None:
        records = users if all(map(has_name, users)) else [{"username": "ada"}, *users]
        document["users"] = {"licensedUsers": records, "numberOfUsers": draw(counts)}
    if workspaces is not None:
        document["workspaces"] = [{"name": "vision"}, *workspaces] if workspaces else []
    return document


def has_name(record: object) -> bool:
    return isinstance(record, dict) and "username" in record


reports = documents | odd_documents()


def answered(
    document: Record, service: frozenset[str] | None = frozenset(), **facts: Any
) -> ChargebackAnswer:
    status = SourceStatus("comet", "chargeback", "ok", NOW, 1)
    return ChargebackAnswer(parsed(document), None, service, (status,), host=HOST, **facts)


def given_back(answer: ChargebackAnswer) -> ChargebackAnswer:
    """Through all that is kept of it, the facts as JSON."""
    facts = json.loads(json.dumps(facts_of(answer)))
    return answer_of(measures_of(answer, MONTH), names_of(answer), facts)


def plain(value: Any) -> Any:
    """Anything of a report as lists and tuples: equal where and only where a reader sees the same."""
    if isinstance(value, pd.DataFrame):
        return [(str(name), plain(value[name])) for name in value.columns]
    if isinstance(value, pd.Series):
        return str(value.dtype), plain(values_of(value))
    if is_dataclass(value):
        told = ((one.name, plain(getattr(value, one.name))) for one in fields(value))
        return type(value).__name__, [*told]
    if isinstance(value, dict):
        return [(key, plain(one)) for key, one in value.items()]
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float) and value != value:  # no number equals nothing, not even itself
        return None
    return value


def cells(table: pa.Table, metric: str, *keys: str) -> Counter[Any]:
    """Each quantity of a metric under the columns named, however often it is there."""
    rows = (row for row in table.to_pylist() if row["metric"] == metric)
    return Counter((*(row[key] for key in keys), row["quantity"]) for row in rows)


def added(quantities: Iterable[Any]) -> Any:
    """The sum of those that are known; None where none is."""
    known = [quantity for quantity in quantities if quantity is not None]
    return exact_sum(known) if known else None


def sum_of(table: pa.Table, metric: str, **chosen: Any) -> Any:
    rows = (row for row in table.to_pylist() if row["metric"] == metric)
    return added(
        row["quantity"] for row in rows if all(row[key] == one for key, one in chosen.items())
    )

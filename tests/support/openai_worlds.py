"""Answers of OpenAI that hold what no page of its reference shows: for laws about what is kept."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from lib.sources.openai.answer import OpenAIAnswer
from lib.sources.openai.frames import costs_frame
from lib.sources.openai.tables import COSTS_BY_USER, DIMENSIONS, ENDPOINTS, METRICS, Kind
from lib.status import SourceStatus
from tests.support.replies import DAY, MONDAY, NOW, Rows, answer_of, kept

DAYS = [MONDAY + day * DAY for day in range(3)]
LABELS = ("a", "b", "gpt-5, input_tokens", "nan", "None", "#again", " ", "😀", "\u202e{}", '"')
MARKS = ("", " (archived)", " (service account)", " (deleted)", " (archived) (deleted)")
KINDS: Mapping[str, Kind] = {"project_id": "project", "user_id": "user", "api_key_id": "api_key"}

UNDOCUMENTED = (
    *("new_tokens", "new_text", "", " ", "#", "#again", "##again", "again", "billed_cost", "cost"),
    *("start", "end", "part", "sku", "resource", "dimensions", "quantity_unit", "currency"),
    *("billed_cost_by_user", "#billed_cost", "line_item", "reply_date", "date", "endpoint_type"),
    *("beside new_tokens", "principal", "unit", "metric", "start_time"),
)
"""Names of fields that nobody documents, among them those of our own columns."""

labels = st.none() | st.sampled_from(LABELS)
counts = st.none() | st.integers(0, 9) | st.sampled_from((-5, 2**61, 2**63 - 1))
odd_fields = st.dictionaries(
    st.sampled_from(UNDOCUMENTED),
    st.none() | st.integers(-3, 2**63 - 1) | st.sampled_from(("", "x", "1", True, [], {"a": 1})),
    max_size=2,
)
odd_numbers = st.dictionaries(
    st.sampled_from(("amount", "quantity", *METRICS)), st.integers(0, 9), max_size=1
)
fitting = st.one_of(
    st.decimals(Decimal("-1e19"), Decimal("1e19"), places=18, allow_nan=False),
    st.sampled_from((Decimal("1E+3"), Decimal("7.50"), Decimal(0), Decimal("1.2345678901e-05"))),
)


def usage_rows(name: str) -> st.SearchStrategy[Rows]:
    """Rows of an endpoint, of which few may be told apart."""
    endpoint = ENDPOINTS[name]
    texts = {
        key: st.none() | st.booleans() if DIMENSIONS[key].boolean else labels
        for key in endpoint.group_by
    }
    metrics = dict.fromkeys(endpoint.metrics, counts)
    rows = st.fixed_dictionaries({}, optional=texts | metrics)
    merged = st.builds(
        lambda *parts: {**parts[0], **parts[1], **parts[2]}, odd_numbers, odd_fields, rows
    )
    return st.lists(rows | merged, max_size=4)


def _cost(amount: Any, currency: Any, rest: dict[str, Any], odd: dict[str, Any]) -> dict[str, Any]:
    known = amount is not None or currency is not None
    return {**odd, **rest, "amount": {"value": amount, "currency": currency} if known else None}


def cost_rows(amounts: st.SearchStrategy[Any] = fitting) -> st.SearchStrategy[Rows]:
    """Rows of costs, some of them without amount, currency or anything that tells them apart."""
    texts = dict.fromkeys(("project_id", "line_item", "api_key_id", "user_id", "model"), labels)
    more = {"quantity": st.none() | amounts, "quantity_unit": labels, "input_tokens": counts}
    currencies = st.sampled_from(("usd", "usd", "usd", "eur", None, ""))
    rest = st.fixed_dictionaries({}, optional=texts | more)
    return st.lists(st.builds(_cost, st.none() | amounts, currencies, rest, odd_fields), max_size=4)


def _days(rows: st.SearchStrategy[Rows]) -> st.SearchStrategy[dict[int, Rows]]:
    return st.fixed_dictionaries(dict.fromkeys(DAYS, rows))


@st.composite
def answers(draw: st.DrawFn) -> OpenAIAnswer:
    """Any answer of some days of one month; a source that failed brings nothing."""
    parts = {
        part: draw(st.sampled_from(("ok", "ok", "partial", "failed", "skipped")))
        for part in (*ENDPOINTS, "costs")
    }
    if draw(st.booleans()):
        parts[COSTS_BY_USER] = draw(st.sampled_from(("ok", "partial", "failed")))
    brings = {part for part, state in parts.items() if state in ("ok", "partial")}
    named = {name: draw(_days(usage_rows(name))) for name in ENDPOINTS if name in brings}
    by_user = draw(_days(cost_rows())) if COSTS_BY_USER in brings else None
    answer = answer_of(
        named,
        draw(_days(cost_rows())) if "costs" in brings else None,
        costs_by_user=None
        if by_user is None
        else costs_frame(kept(day, rows, "costs") for day, rows in by_user.items()),
        statuses=tuple(
            SourceStatus("openai", part, state, NOW if part in brings else None, 1, "why", "do")
            for part, state in parts.items()
        ),
        notes=draw(st.sampled_from(((), ("Read this.",)))),
        host="api.example",
    )
    return named_by(draw, answer)


def named_by(draw: st.DrawFn, answer: OpenAIAnswer) -> OpenAIAnswer:
    """The same with names for some of its ids, as the look-ups give them."""
    names = st.sampled_from(("Alice", "a@example.com", "", " (deleted)", "x (archived)"))
    for frame in (answer.usage, answer.costs, answer.costs_by_user):
        for column, kind in KINDS.items():
            for identity in () if frame is None or column not in frame else frame[column].dropna():
                name = draw(names)
                behind = draw(st.sampled_from(MARKS))
                answer.names[kind, identity] = (  # type: ignore[index]
                    name + behind if name else f"{identity} (deleted or unknown)"
                )
    return answer

"""What OpenAI's organization API offers, as tables. A new endpoint, grouping or metric is a row here.

Source: API reference, "Usage" and "Costs" (platform.openai.com/docs/api-reference/usage).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lib.usage.metrics import Metric

Kind = Literal["project", "user", "api_key"]
"""What a usage row's id stands for. Service accounts are users there; admin keys are keys."""

ARCHIVED, SERVICE_ACCOUNT, DELETED = " (archived)", " (service account)", " (deleted)"
NAME_MARKS = (ARCHIVED, SERVICE_ACCOUNT, DELETED)
"""What stands behind the names of things that are not what they seem."""

UNKNOWN = " (deleted or unknown)"
"""What stands behind an id that had no name when it was looked up."""

_COMMON = ("project_id", "user_id", "api_key_id", "model")
_COMPLETIONS = (*_COMMON, "batch", "service_tier", "api_source")
_INPUT, _OUTPUT = "input_tokens", "output_tokens"
_UNCACHED, _CACHED = "input_uncached_tokens", "input_cached_tokens"
_WRITTEN = "input_cache_write_tokens"

_REQUESTS = Metric("num_model_requests", "Requests", "requests")
_INPUT_TOKENS = Metric(_INPUT, "Input tokens", "tokens")
_TOOL_CALLS = Metric("num_requests", "Tool calls", "calls")
_TOKENS = (
    _REQUESTS,
    _INPUT_TOKENS,
    Metric(_OUTPUT, "Output tokens", "tokens"),
    Metric(_CACHED, "Cached input tokens", "tokens", inside=_INPUT),
    Metric("input_audio_tokens", "Input audio tokens", "tokens", inside=_UNCACHED),
    Metric("output_audio_tokens", "Output audio tokens", "tokens", inside=_OUTPUT),
    Metric(_WRITTEN, "Cache-write input tokens", "tokens", inside=_INPUT),
    Metric("input_cache_write_30m_tokens", "Cache-write tokens, 30 min", "tokens", inside=_WRITTEN),
    Metric("input_cache_write_12h_tokens", "Cache-write tokens, 12 h", "tokens", inside=_WRITTEN),
    Metric(_UNCACHED, "Uncached input tokens", "tokens", inside=_INPUT),
    Metric("input_text_tokens", "Input text tokens", "tokens", inside=_UNCACHED),
    Metric("input_image_tokens", "Input image tokens", "tokens", inside=_UNCACHED),
    Metric("input_cached_text_tokens", "Cached text tokens", "tokens", inside=_CACHED),
    Metric("input_cached_audio_tokens", "Cached audio tokens", "tokens", inside=_CACHED),
    Metric("input_cached_image_tokens", "Cached image tokens", "tokens", inside=_CACHED),
    Metric("output_text_tokens", "Output text tokens", "tokens", inside=_OUTPUT),
    Metric("output_image_tokens", "Output image tokens", "tokens", inside=_OUTPUT),
)


@dataclass(frozen=True)
class Endpoint:
    """One endpoint of the Usage API.

    Args:
        name: path tail below ``/organization/usage``, and ``endpoint_type`` in the table.
        group_by: groupings it accepts.
        counts: documented integer fields of a result.
        may_be_missing: a 404 means that the organisation is not offered it.
    """

    name: str
    group_by: tuple[str, ...]
    counts: tuple[Metric, ...]
    may_be_missing: bool = False

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the fields that it counts in."""
        return tuple(metric.key for metric in self.counts)

    @property
    def path(self) -> str:
        return f"/organization/usage/{self.name}"


ENDPOINTS: Mapping[str, Endpoint] = {
    endpoint.name: endpoint
    for endpoint in (
        Endpoint("completions", _COMPLETIONS, _TOKENS),
        Endpoint("embeddings", _COMMON, (_INPUT_TOKENS, _REQUESTS)),
        Endpoint("moderations", _COMMON, (_INPUT_TOKENS, _REQUESTS)),
        Endpoint(
            "images",
            (*_COMMON, "size", "source"),
            (Metric("images", "Images", "images"), _REQUESTS),
        ),
        Endpoint(
            "audio_speeches",
            _COMMON,
            (Metric("characters", "Characters spoken", "characters"), _REQUESTS),
        ),
        Endpoint(
            "audio_transcriptions",
            _COMMON,
            (Metric("seconds", "Seconds transcribed", "seconds"), _REQUESTS),
        ),
        Endpoint(
            "vector_stores",
            ("project_id",),
            (Metric("usage_bytes", "Vector storage", "bytes", nature="level"),),
        ),
        Endpoint(
            "code_interpreter_sessions",
            ("project_id",),
            (Metric("num_sessions", "Code sessions", "sessions"),),
        ),
        Endpoint(
            "file_search_calls",
            ("project_id", "user_id", "api_key_id", "vector_store_id"),
            (_TOOL_CALLS,),
        ),
        Endpoint(
            "web_search_calls",
            (*_COMMON, "context_level", "api_source"),
            (_TOOL_CALLS, _REQUESTS),
        ),
        Endpoint("decisions", _COMPLETIONS, _TOKENS, may_be_missing=True),
    )
}

COSTS = "costs"
COSTS_BY_USER = "costs_by_user"
"""Costs once more, by user only: where an organisation gets them by user or by project, not by both."""

AMOUNTS = "amounts"
"""What the status of costs lacks whose rows all came, some without an amount or a currency."""

COSTS_PATH = "/organization/costs"
COSTS_GROUP_BY = ("project_id", "line_item", "api_key_id", "user_id")
COSTS_WIDTH = "1d"

PAGE_LIMITS: Mapping[str, int] = {"1d": 31, "1h": 168, "1m": 1_440}
"""Buckets per page at the most, by width. More is refused, not clamped."""

COSTS_PAGE_LIMIT = 180

COSTS_API_KEY_FLOOR = 1_764_979_200
"""2025-12-06: before it, costs cannot be grouped by api_key_id (400 with param start_time)."""


@dataclass(frozen=True)
class Dimension:
    """One way to group.

    Args:
        key: name on the wire and in tables.
        label: column heading.
        boolean: the value is true or false, not text.
    """

    key: str
    label: str
    boolean: bool = False


DIMENSIONS: Mapping[str, Dimension] = {
    dimension.key: dimension
    for dimension in (
        Dimension("project_id", "Project id"),
        Dimension("user_id", "User id"),
        Dimension("api_key_id", "API key id"),
        Dimension("model", "Model"),
        Dimension("batch", "Batch", boolean=True),
        Dimension("service_tier", "Service tier"),
        Dimension("api_source", "API source"),
        Dimension("size", "Image size"),
        Dimension("source", "Image source"),
        Dimension("context_level", "Search context"),
        Dimension("vector_store_id", "Vector store id"),
    )
}

DEFAULT_GROUP_BY = _COMMON


METRICS: Mapping[str, Metric] = {
    metric.key: metric for endpoint in ENDPOINTS.values() for metric in endpoint.counts
}
"""All that any endpoint counts, flows and levels, wholes and their parts."""

FLOWS = tuple(key for key, metric in METRICS.items() if metric.nature == "flow")
LEVELS = tuple(key for key, metric in METRICS.items() if metric.nature == "level")

BREAKDOWN_METRICS = tuple(
    key for key in (*FLOWS, *LEVELS) if not METRICS[key].inside or key == _CACHED
)
"""Metrics of the breakdown tables: what is no part of another; and cached tokens, whose price is lower."""

NOT_METRICS = frozenset({"object", "start_time", "end_time", "start_time_iso", "end_time_iso"})
"""Fields of a result that repeat its bucket."""

BILLED_COST = Metric("billed_cost", "Billed cost", "")
BILLED_QUANTITY = Metric("billed_quantity", "Billed quantity", "")
USER_COST = Metric("billed_cost_by_user", "Billed cost by user", "", inside=BILLED_COST.key)
USER_QUANTITY = Metric(
    "billed_quantity_by_user", "Billed quantity by user", "", inside=BILLED_QUANTITY.key
)

LEDGER_METRICS: Mapping[str, Metric] = {
    **METRICS,
    **{metric.key: metric for metric in (BILLED_COST, BILLED_QUANTITY, USER_COST, USER_QUANTITY)},
}
"""All that has a name of its own in the ledger; the unit of costs and of their quantities stands in
each row. Costs by user are the same money once more."""

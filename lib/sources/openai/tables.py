"""What OpenAI's organization API offers, as tables. A new endpoint, grouping or metric is a row here.

Source: API reference, "Usage" and "Costs" (platform.openai.com/docs/api-reference/usage).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["project", "user", "api_key"]
"""What a usage row's id stands for. Service accounts are users there; admin keys are keys."""

ARCHIVED, SERVICE_ACCOUNT, DELETED = " (archived)", " (service account)", " (deleted)"
NAME_MARKS = (ARCHIVED, SERVICE_ACCOUNT, DELETED)
"""What stands behind the names of things that are not what they seem."""

_COMMON = ("project_id", "user_id", "api_key_id", "model")
_COMPLETIONS = (*_COMMON, "batch", "service_tier", "api_source")
_TOKENS = (
    "input_tokens",
    "output_tokens",
    "num_model_requests",
    "input_cached_tokens",
    "input_cache_write_tokens",
    "input_cache_write_30m_tokens",
    "input_cache_write_12h_tokens",
    "input_uncached_tokens",
    "input_text_tokens",
    "input_audio_tokens",
    "input_image_tokens",
    "input_cached_text_tokens",
    "input_cached_audio_tokens",
    "input_cached_image_tokens",
    "output_text_tokens",
    "output_audio_tokens",
    "output_image_tokens",
)


@dataclass(frozen=True)
class Endpoint:
    """One endpoint of the Usage API.

    Args:
        name: path tail below ``/organization/usage``, and ``endpoint_type`` in the table.
        group_by: groupings it accepts.
        metrics: documented integer fields of a result.
        may_be_missing: a 404 means that the organisation is not offered it.
    """

    name: str
    group_by: tuple[str, ...]
    metrics: tuple[str, ...]
    may_be_missing: bool = False

    @property
    def path(self) -> str:
        return f"/organization/usage/{self.name}"


ENDPOINTS: Mapping[str, Endpoint] = {
    endpoint.name: endpoint
    for endpoint in (
        Endpoint("completions", _COMPLETIONS, _TOKENS),
        Endpoint("embeddings", _COMMON, ("input_tokens", "num_model_requests")),
        Endpoint("moderations", _COMMON, ("input_tokens", "num_model_requests")),
        Endpoint("images", (*_COMMON, "size", "source"), ("images", "num_model_requests")),
        Endpoint("audio_speeches", _COMMON, ("characters", "num_model_requests")),
        Endpoint("audio_transcriptions", _COMMON, ("seconds", "num_model_requests")),
        Endpoint("vector_stores", ("project_id",), ("usage_bytes",)),
        Endpoint("code_interpreter_sessions", ("project_id",), ("num_sessions",)),
        Endpoint(
            "file_search_calls",
            ("project_id", "user_id", "api_key_id", "vector_store_id"),
            ("num_requests",),
        ),
        Endpoint(
            "web_search_calls",
            (*_COMMON, "context_level", "api_source"),
            ("num_requests", "num_model_requests"),
        ),
        Endpoint("decisions", _COMPLETIONS, _TOKENS, may_be_missing=True),
    )
}

COSTS = "costs"
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


@dataclass(frozen=True)
class Metric:
    """One counted thing.

    Args:
        key: field name on the wire.
        label: heading.
        unit: what is counted.
        over_time: a ``flow`` adds up over days; of a ``level`` the last value counts.
    """

    key: str
    label: str
    unit: str
    over_time: Literal["flow", "level"] = "flow"


METRICS: Mapping[str, Metric] = {
    metric.key: metric
    for metric in (
        Metric("num_model_requests", "Requests", "requests"),
        Metric("input_tokens", "Input tokens", "tokens"),
        Metric("output_tokens", "Output tokens", "tokens"),
        Metric("input_cached_tokens", "Cached input tokens", "tokens"),
        Metric("input_audio_tokens", "Input audio tokens", "tokens"),
        Metric("output_audio_tokens", "Output audio tokens", "tokens"),
        Metric("images", "Images", "images"),
        Metric("characters", "Characters spoken", "characters"),
        Metric("seconds", "Seconds transcribed", "seconds"),
        Metric("num_sessions", "Code sessions", "sessions"),
        Metric("num_requests", "Tool calls", "calls"),
        Metric("usage_bytes", "Vector storage", "bytes", over_time="level"),
        Metric("input_cache_write_tokens", "Cache-write input tokens", "tokens"),
        Metric("input_cache_write_30m_tokens", "Cache-write tokens, 30 min", "tokens"),
        Metric("input_cache_write_12h_tokens", "Cache-write tokens, 12 h", "tokens"),
        Metric("input_uncached_tokens", "Uncached input tokens", "tokens"),
        Metric("input_text_tokens", "Input text tokens", "tokens"),
        Metric("input_image_tokens", "Input image tokens", "tokens"),
        Metric("input_cached_text_tokens", "Cached text tokens", "tokens"),
        Metric("input_cached_audio_tokens", "Cached audio tokens", "tokens"),
        Metric("input_cached_image_tokens", "Cached image tokens", "tokens"),
        Metric("output_text_tokens", "Output text tokens", "tokens"),
        Metric("output_image_tokens", "Output image tokens", "tokens"),
    )
}

BREAKDOWN_METRICS = (
    "num_model_requests",
    "input_tokens",
    "output_tokens",
    "input_cached_tokens",
    "images",
    "characters",
    "seconds",
    "num_sessions",
    "num_requests",
    "usage_bytes",
)
"""Metrics of the breakdown tables. Parts of a whole (cached, audio, text) are never added to it."""

NOT_METRICS = frozenset({"object", "start_time", "end_time", "start_time_iso", "end_time_iso"})
"""Fields of a result that repeat its bucket."""

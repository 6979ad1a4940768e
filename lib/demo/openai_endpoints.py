"""The wire's table: which usage endpoints exist, what they group by, filter by and count."""

from dataclasses import dataclass, field

from lib.demo.facts import DIMENSIONS, METRICS

STEPS = {"1m": 60, "1h": 3_600, "1d": 86_400}
"""Bucket widths and their seconds."""

USAGE_LIMITS = {"1d": (7, 31), "1h": (24, 168), "1m": (60, 1_440)}
"""Default and highest number of buckets of a page, by width."""

COST_LIMITS = {"1d": (7, 180)}

FILTERS = {
    "project_ids": "project_id",
    "user_ids": "user_id",
    "api_key_ids": "api_key_id",
    "models": "model",
    "batch": "batch",
    "sizes": "size",
    "sources": "source",
    "vector_store_ids": "vector_store_id",
    "context_levels": "context_level",
    "line_items": "line_item",
}
"""Filter parameters and the dimension each one looks at."""

CHOICES = {
    "batch": ("true", "false"),
    "sizes": ("256x256", "512x512", "1024x1024", "1792x1792", "1024x1792"),
    "sources": ("image.generation", "image.edit", "image.variation"),
    "context_levels": ("low", "medium", "high"),
}
"""Filter parameters that take one of few words."""


@dataclass(frozen=True)
class ServedEndpoint:
    """One usage endpoint.

    Args:
        name: tail of its path and the key of its facts.
        path: below /v1.
        object: what each row says it is.
        filters: parameters of ``FILTERS`` that it takes.
        limits: widths it offers, each with its default and highest limit.
    """

    name: str
    path: str
    object: str
    filters: tuple[str, ...]
    limits: dict[str, tuple[int, int]] = field(default_factory=lambda: USAGE_LIMITS)

    @property
    def dimensions(self) -> tuple[str, ...]:
        return DIMENSIONS[self.name]

    @property
    def metrics(self) -> tuple[str, ...]:
        return METRICS[self.name]


def usage(name: str, *extra_filters: str, noun: str = "") -> ServedEndpoint:
    """An endpoint under /organization/usage; ``noun`` where its rows are called differently."""
    return ServedEndpoint(
        name=name,
        path=f"/organization/usage/{name}",
        object=f"organization.usage.{noun or name}.result",
        filters=("project_ids", *extra_filters),
    )


WHO = ("user_ids", "api_key_ids")

ENDPOINTS = (
    usage("completions", *WHO, "models", "batch"),
    usage("decisions", *WHO, "models", "batch"),
    usage("embeddings", *WHO, "models"),
    usage("moderations", *WHO, "models"),
    usage("images", *WHO, "models", "sizes", "sources"),
    usage("audio_speeches", *WHO, "models"),
    usage("audio_transcriptions", *WHO, "models"),
    usage("vector_stores"),
    usage("code_interpreter_sessions"),
    usage("file_search_calls", *WHO, "vector_store_ids", noun="file_searches"),
    usage("web_search_calls", *WHO, "models", "context_levels", noun="web_searches"),
    ServedEndpoint(
        name="costs",
        path="/organization/costs",
        object="organization.costs.result",
        filters=("project_ids", "api_key_ids", "line_items"),
        limits=COST_LIMITS,
    ),
)

"""What the counters count, and how their keys are written, as tables. A new metric is a row here."""

from collections.abc import Mapping

from lib.usage.metrics import Metric

PREFIX = "usage:"
"""Keys are ``usage:{tenant_id}:{metric}:{period}``, split from the right: a tenant id may hold colons."""


TOTAL_TOKENS = "total_tokens"
"""The whole that token metrics lie inside; no counter of its own."""

METRICS: Mapping[str, Metric] = {
    metric.key: metric
    for metric in (
        Metric("requests", "Requests", "requests"),
        Metric("input_tokens", "Input tokens", "tokens", inside=TOTAL_TOKENS),
        Metric("output_tokens", "Output tokens", "tokens", inside=TOTAL_TOKENS),
        Metric("embedding_tokens", "Embedding tokens", "tokens", inside=TOTAL_TOKENS),
    )
}
"""A metric that is not here is kept as a column of its own, and is in no total."""

TOKENS = tuple(metric.key for metric in METRICS.values() if metric.inside == TOTAL_TOKENS)

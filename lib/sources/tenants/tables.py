"""What the counters count, and how their keys are written, as tables. A new metric is a row here."""

from collections.abc import Mapping
from dataclasses import dataclass

PREFIX = "usage:"
"""Keys are ``usage:{tenant_id}:{metric}:{period}``, split from the right: a tenant id may hold colons."""


@dataclass(frozen=True)
class Metric:
    """One counted thing.

    Args:
        token: it is part of a tenant's total tokens.
    """

    key: str
    label: str
    unit: str
    token: bool = True


METRICS: Mapping[str, Metric] = {
    metric.key: metric
    for metric in (
        Metric("requests", "Requests", "requests", token=False),
        Metric("input_tokens", "Input Tokens", "tokens"),
        Metric("output_tokens", "Output Tokens", "tokens"),
        Metric("embedding_tokens", "Embedding Tokens", "tokens"),
    )
}
"""A metric that is not here is kept as a column of its own, and is in no total."""

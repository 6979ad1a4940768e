"""What each platform's measures are called, for people."""

from collections.abc import Mapping

from lib.sources.comet.chargeback import measures as chargeback
from lib.sources.comet.experiments import measures as experiments
from lib.sources.openai import NAME as OPENAI
from lib.sources.openai.tables import BILLED_COST
from lib.sources.openai.tables import LEDGER_METRICS as OPENAI_METRICS
from lib.sources.tenants import measures as tenants
from lib.usage.metrics import Metric

METRICS: Mapping[str, Mapping[str, Metric]] = {
    OPENAI: OPENAI_METRICS,
    **{part.PLATFORM: part.LEDGER_METRICS for part in (tenants, chargeback, experiments)},
}
"""Platform to its metrics by their key."""

LABELS: Mapping[str, str] = {
    OPENAI: "OpenAI",
    tenants.PLATFORM: "Tenants",
    chargeback.PLATFORM: "Comet chargeback",
    experiments.PLATFORM: "Comet usage",
}


GROUPS: Mapping[str, str] = {
    chargeback.PLATFORM: "Chargeback of Comet",
    experiments.PLATFORM: "Experiments of Comet",
}
"""Headings of their charts, where that is not the label: each begins with another word."""


def in_order(platform: str, metric: str) -> tuple[int, int, str]:
    """Where a platform's metric stands among all: money first, then as its table has them."""
    metrics = [BILLED_COST.key, *METRICS.get(platform, ())]
    places = [*LABELS]
    return (
        places.index(platform) if platform in places else len(places),
        metrics.index(metric) if metric in metrics else len(metrics),
        metric,
    )


def platform_label(platform: str) -> str:
    """What people call a platform."""
    return LABELS.get(platform, platform)


def metric_label(platform: str, metric: str) -> str:
    """What people call a metric; one that is not documented goes by its name."""
    known = METRICS.get(platform, {}).get(metric)
    return known.label if known else metric


def is_whole(platform: str, metric: str) -> bool:
    """Whether a metric is no part of another one, and so a headline; sums of percent are for means only."""
    metrics = METRICS.get(platform, {})
    known = metrics.get(metric)
    if known is None or known.nature == "moment" or known.unit == "%":
        return False
    return known.inside not in metrics

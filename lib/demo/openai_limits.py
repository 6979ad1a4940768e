"""What the made-up organisation alerts at and limits, and how OpenAI tells it."""

from typing import Any

from lib.demo.openai_errors import OpenAIRefusal
from lib.demo.organisation import Project

_ALERTS: dict[str | None, tuple[int, ...]] = {
    None: (500_000, 800_000),
    "Research Agents": (100_000,),
    "Data Science Sandbox": (40_000,),
}
"""Cents by the project's planned name; None for the whole organisation."""

_LIMITS: dict[str | None, tuple[int, str]] = {
    None: (1_200_000, "inactive"),
    "Data Science Sandbox": (75_000, "enforcing"),
}
"""Cents, and how far the limit is enforced."""

_RECIPIENTS = ("finance@demo.example", "platform-owners@demo.example")


def alert_items(project: Project | None) -> list[dict[str, Any]]:
    """Spend alerts as their list shows them."""
    return [
        {
            "object": f"{_scope(project)}.spend_alert",
            "id": f"alert_{'org' if project is None else project.id}_{place}",
            "currency": "USD",
            "interval": "month",
            "threshold_amount": cents,
            "notification_channel": {
                "type": "email",
                "recipients": [*_RECIPIENTS],
                "subject_prefix": None,
            },
        }
        for place, cents in enumerate(_ALERTS.get(_plan(project), ()))
    ]


def limit_item(project: Project | None) -> dict[str, Any]:
    """The hard limit.

    Raises:
        OpenAIRefusal: 404, there is none.
    """
    limit = _LIMITS.get(_plan(project))
    if limit is None:
        raise OpenAIRefusal(404, "No spend limit is set.")
    cents, status = limit
    return {
        "object": f"{_scope(project)}.spend_limit",
        "currency": "USD",
        "interval": "month",
        "threshold_amount": cents,
        "enforcement": {"status": status},
    }


def _scope(project: Project | None) -> str:
    return "organization" if project is None else "project"


def _plan(project: Project | None) -> str | None:
    return None if project is None else project.plan.name

"""Switches that make the stand-in misbehave, each in a way that was seen or must be survived."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Faults:
    """What goes wrong; may be changed while the stand-in runs.

    Endpoints go by the tail of their path (``completions``, ``costs``); look-ups are ``users``,
    ``projects``, ``api_keys``, ``service_accounts``, ``project_users`` and ``admin_api_keys``; what is limited
    is ``spend_alerts``, ``spend_limit``, ``project_spend_alerts`` and ``project_spend_limit``.

    Args:
        latency_seconds: every answer waits this long.
        fail: HTTP status by endpoint or look-up.
        fail_times: how many requests of each name in ``fail`` fail before it recovers; None means
            all. ``failures.clear()`` starts the count again.
        rate_429: share of requests refused with 429, spread evenly by counting.
        rate_500: share of requests answered with 500.
        rate_502: share of requests answered with a gateway's 502, which is HTML.
        retry_after: seconds in the Retry-After header of a 429; None leaves it out.
        amount_as_string: ``amount.value`` of costs is text with 18 decimals.
        refuse_api_key_before_floor: costs by api_key_id from before 2025-12-06 are refused.
        refuse_user_with_project: costs of users within projects are refused.
        phantom_last_page: the last page of costs says has_more and gives a dead cursor.
        undeclared_fields: completions rows carry ``input_dream_tokens`` and ``dream_state``.
        no_management_scope: look-ups answer 403, the key lacks api.management.read.
        missing_decisions: the decisions route does not exist.
        html_page: names that answer 200 with a sign-in page.
        truncated_json: names whose body ends half way.
        bucket_without_results: names whose buckets lack ``results``.
        short_pages: by name, the most buckets of a page, whatever the limit asks for.
        lag_hours: how far the newest facts trail behind now.
    """

    latency_seconds: float = 0.0
    fail: dict[str, int] = field(default_factory=dict)
    fail_times: int | None = None
    rate_429: float = 0.0
    rate_500: float = 0.0
    rate_502: float = 0.0
    retry_after: float | None = 1
    amount_as_string: bool = False
    refuse_api_key_before_floor: bool = False
    refuse_user_with_project: bool = False
    phantom_last_page: bool = False
    undeclared_fields: bool = False
    no_management_scope: bool = False
    missing_decisions: bool = False
    html_page: set[str] = field(default_factory=set)
    truncated_json: set[str] = field(default_factory=set)
    bucket_without_results: set[str] = field(default_factory=set)
    short_pages: dict[str, int] = field(default_factory=dict)
    lag_hours: float = 0.0

    failures: Counter[str] = field(default_factory=Counter, init=False)
    owed: dict[int, float] = field(default_factory=dict, init=False)

    def next_failure(self, name: str) -> int | None:
        """The status with which the next request of a name fails; None lets it pass."""
        status = self.fail.get(name)
        if status is not None and (
            self.fail_times is None or self.failures[name] < self.fail_times
        ):
            self.failures[name] += 1
            return status
        return self.next_at_rate()

    def next_at_rate(self) -> int | None:
        """The status whose turn it is: a rate of 0.25 fails every fourth request."""
        rates = {429: self.rate_429, 500: self.rate_500, 502: self.rate_502}
        for status, rate in rates.items():
            self.owed[status] = round(self.owed.get(status, 0.0) + rate, 9)
        due = [status for status, rate in rates.items() if rate and self.owed[status] >= 1]
        if not due:
            return None
        status = max(due, key=lambda status: self.owed[status])
        self.owed[status] -= 1
        return status

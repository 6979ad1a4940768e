"""Asks OpenAI for usage and costs: whole windows of aligned buckets, never a cursor.

Cursors are bound to their query, expire, and on costs point to nowhere on the last page; dense
aligned buckets make them needless (docs/decisions/0001).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lib.api_client import ApiClient
from lib.errors import SourceDenied, SourceError, SourceRefused, SourceReplyError
from lib.periods import SECONDS, from_epoch
from lib.sources.openai import NAME
from lib.sources.openai.parse import ParsedBucket, parse_page
from lib.sources.openai.tables import (
    COSTS,
    COSTS_API_KEY_FLOOR,
    COSTS_PAGE_LIMIT,
    COSTS_PATH,
    ENDPOINTS,
    PAGE_LIMITS,
)

USAGE_SCOPE = "api.usage.read"


@dataclass(frozen=True)
class Series:
    """One endpoint under one grouping and bucket width: what a cached bucket belongs to.

    Args:
        endpoint: a name of ``ENDPOINTS``, or ``costs``.
    """

    endpoint: str
    group_by: tuple[str, ...]
    width: str

    @property
    def source(self) -> str:
        """How errors and statuses name it."""
        return f"{NAME}:{self.endpoint}"

    @property
    def limit(self) -> int:
        """Buckets per page at the most."""
        return COSTS_PAGE_LIMIT if self.endpoint == COSTS else PAGE_LIMITS[self.width]

    @property
    def step(self) -> int:
        """Seconds per bucket."""
        return SECONDS[self.width]

    @property
    def path(self) -> str:
        return COSTS_PATH if self.endpoint == COSTS else ENDPOINTS[self.endpoint].path

    def without(self, dimension: str) -> "Series":
        """The same series, not grouped by one dimension."""
        kept = tuple(name for name in self.group_by if name != dimension)
        return Series(self.endpoint, kept, self.width)


@dataclass(frozen=True)
class Window:
    """The answer for one window: its buckets, and groupings that the upstream refused."""

    buckets: tuple[ParsedBucket, ...]
    dropped: tuple[str, ...] = ()


async def fetch_window(client: ApiClient, series: Series, start: int, end: int) -> list[Window]:
    """Usage or costs of [start, end), one request unless the upstream cuts its pages short.

    Costs are refused by API key for days before 2025-12-06: those days come without that
    grouping, in a window of their own that says so.

    Args:
        start: first bucket's start, in Unix seconds, aligned to the width.
        end: end of the last bucket; at most ``series.limit`` buckets later.

    Raises:
        SourceError: nothing of the window could be had.
    """
    try:
        return [Window(tuple(await _fetch_buckets(client, series, start, end)))]
    except SourceRefused as error:
        if refused_dimension(error, series) != "api_key_id":
            raise
    rest = series.without("api_key_id")
    if not start < COSTS_API_KEY_FLOOR < end:
        return [Window(tuple(await _fetch_buckets(client, rest, start, end)), ("api_key_id",))]
    before = await _fetch_buckets(client, rest, start, COSTS_API_KEY_FLOOR)
    after = await fetch_window(client, series, COSTS_API_KEY_FLOOR, end)
    return [Window(tuple(before), ("api_key_id",)), *after]


def refused_dimension(error: SourceRefused, series: Series) -> str | None:
    """The grouping of costs that a 400 objects to, if it can be done without.

    Costs by user and project at once depend on organisation and time range, says the reference.
    """
    if series.endpoint != COSTS or error.status != 400:
        return None
    about = f"{error.parameter} {error.detail}"
    keys = "api_key_id" in series.group_by
    users = {"user_id", "project_id"} <= {*series.group_by}
    # What the message names counts first; either may come with param start_time.
    for named, dimension in (
        ("api_key_id", "api_key_id"),
        ("user_id", "user_id"),
        ("start_time", "api_key_id"),
        ("group_by", "user_id"),
    ):
        if named in about and (keys if dimension == "api_key_id" else users):
            return dimension
    return None


async def _fetch_buckets(
    client: ApiClient, series: Series, start: int, end: int
) -> list[ParsedBucket]:
    """All buckets of [start, end); goes on after the last bucket while a page says it is cut short."""
    kept: dict[int, ParsedBucket] = {}
    next_start = start
    while next_start < end:
        payload = await _get(client, series, next_start, end)
        buckets, has_more = parse_page(payload, series.endpoint, series.source)
        for bucket in _aligned(buckets, series, start, end):
            kept[bucket.start] = bucket
        reached = max((bucket.end for bucket in buckets), default=next_start)
        # On costs the last page may promise more that does not exist: only an advance counts.
        if not has_more or reached <= next_start:
            break
        next_start = reached
    return sorted(kept.values(), key=lambda bucket: bucket.start)


def _aligned(
    buckets: list[ParsedBucket], series: Series, start: int, end: int
) -> Iterator[ParsedBucket]:
    """The buckets that were asked for; one that lies across the grid would be counted twice."""
    for bucket in buckets:
        if bucket.start % series.step or bucket.end != bucket.start + series.step:
            raise SourceReplyError(
                series.source,
                f"a bucket of {from_epoch(bucket.start):%Y-%m-%d %H:%M:%S} UTC is not {series.width} wide.",
            )
        if start <= bucket.start < end:
            yield bucket


async def _get(client: ApiClient, series: Series, start: int, end: int) -> Any:
    params = [
        ("start_time", str(start)),
        ("end_time", str(end)),
        ("bucket_width", series.width),
        ("limit", str((end - start) // series.step)),
        *(("group_by[]", name) for name in series.group_by),
    ]
    try:
        return await client.get_json(series.path, params, part=series.endpoint)
    except SourceDenied as error:
        raise explain_denial(error, USAGE_SCOPE) from error


def explain_denial(error: SourceDenied, scope: str) -> SourceError:
    """The same denial with the remedy that fits.

    Args:
        scope: the permission that this request needs.
    """
    if error.status == 403:
        remedy = f"Use an admin key (sk-admin-…) that has the permission {scope}."
    else:
        remedy = "Check OPENAI_ADMIN_KEY: an owner makes admin keys under Organization settings, Admin keys."
    return SourceDenied(error.source, error.detail, remedy, status=error.status)

"""How OpenAI's endpoints and look-ups answered, in words for the reader."""

from collections.abc import Iterable
from datetime import datetime

from lib.errors import SourceDenied, SourceError, SourceRefused
from lib.loader.buckets import SeriesAnswer
from lib.periods import from_epoch
from lib.quantities import counted
from lib.sources.openai import NAME
from lib.sources.openai.names import LOOKUPS, Directory
from lib.sources.openai.tables import AMOUNTS, COSTS, ENDPOINTS
from lib.sources.openai.usage import Series
from lib.status import SourceStatus


def series_status(answer: SeriesAnswer[Series], now: datetime, part: str = "") -> SourceStatus:
    """How one series answered; buckets that still run may be absent, closed ones may not.

    Args:
        part: another name than the endpoint's, where one endpoint is asked twice.
    """
    series = answer.series
    part = part or series.endpoint
    as_of, rows, moves = answer.as_of, answer.rows, answer.moves
    trouble = _trouble(answer, now)
    if trouble is None:
        return SourceStatus(NAME, part, "ok", as_of, rows, moves=moves)
    detail, remedy, lacks = trouble
    endpoint = ENDPOINTS.get(series.endpoint)
    if answer.errors and endpoint and endpoint.may_be_missing and _not_offered(answer.errors[0]):
        return SourceStatus(NAME, part, "skipped", detail="Not offered to this organisation.")
    if not answer.buckets:
        return SourceStatus(NAME, part, "failed", None, None, detail, remedy)
    return SourceStatus(
        NAME, part, "partial", as_of, rows, detail, remedy, moves=moves, lacks=lacks
    )


def _trouble(answer: SeriesAnswer[Series], now: datetime) -> tuple[str, str, str] | None:
    """What is missing and why, what to do about it, and what alone is missing, if it is no days."""
    series = answer.series
    if answer.errors:
        error = answer.errors[0]
        detail = f"Nothing for {_spans(answer.missing, series)}: " if answer.buckets else ""
        return f"{detail}{error.detail}", error.remedy, ""
    if closed := answer.left_out(now):
        return f"The reply leaves out {_spans(closed, series)}.", "Try again in a minute.", ""
    if series.endpoint == COSTS:
        return _without_amount(answer)
    return None


def _without_amount(answer: SeriesAnswer[Series]) -> tuple[str, str, str] | None:
    """Costs of which OpenAI does not say how much they are, or in which currency."""
    lacking: dict[str, int] = {}
    starts: list[int] = []
    projects: dict[str, None] = {}
    for bucket in answer.buckets:
        none = [None] * bucket.rows
        amounts, currencies, ids = (
            bucket.columns.get(name, none) for name in ("amount", "currency", "project_id")
        )
        for amount, currency, project in zip(amounts, currencies, ids, strict=True):
            if amount is not None and currency is not None:
                continue
            what = "an amount" if amount is None else "a currency"
            lacking[what] = lacking.get(what, 0) + 1
            if bucket.start not in starts[-1:]:
                starts.append(bucket.start)
            if project is not None:
                projects[project] = None
    if not lacking:
        return None
    counts = " and ".join(f"{rows:,} without {what}" for what, rows in lacking.items())
    of = f", of {_first_few(projects)}" if projects else ""
    return (
        f"The costs hold {counts}, on {_spans(starts, answer.series)}{of}: they are in no total.",
        "See the table Costs; ask OpenAI if it stays.",
        AMOUNTS,
    )


def _first_few(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - 3:,} more" if len(every) > 3 else ""
    return ", ".join(every[:3]) + more


def _not_offered(error: SourceError) -> bool:
    return isinstance(error, SourceRefused) and error.status == 404


def _spans(starts: list[int], series: Series) -> str:
    """The first and last missing moment, and how many buckets that is."""
    form = "%Y-%m-%d" if series.width == "1d" else "%Y-%m-%d %H:%M"
    first, last = (from_epoch(start).strftime(form) for start in (starts[0], starts[-1]))
    return (
        f"{first} (UTC)" if first == last else f"{len(starts)} buckets from {first} to {last} (UTC)"
    )


def directory_statuses(directory: Directory, now: datetime) -> Iterable[SourceStatus]:
    """One status per look-up, as old as the oldest names in it.

    Admin keys cause no usage: an organisation that does not give their names is not asked to.
    """
    for part in LOOKUPS:
        rows = directory.rows[part]
        as_of = directory.as_of.get(part, now)
        error = directory.failures.get(part)
        if error is None:
            yield SourceStatus(NAME, part, "ok", as_of, rows, moves=False)
        elif part == "admin_api_keys" and isinstance(error, SourceDenied | SourceRefused):
            detail = (
                "Not offered to this organisation."
                if _not_offered(error)
                else f"{error.detail} Admin keys have no usage of their own: no name is missing."
            )
            yield SourceStatus(NAME, part, "skipped", detail=detail)
        else:
            detail = f"{error.detail} Names are missing; usage and costs are not affected."
            if rows:
                yield SourceStatus(
                    NAME, part, "partial", as_of, rows, detail, error.remedy, moves=False
                )
            else:
                yield SourceStatus(NAME, part, "failed", None, None, detail, error.remedy)


def cost_notes(
    cost: SeriesAnswer[Series] | None, by_user: SeriesAnswer[Series] | None
) -> Iterable[str]:
    """What OpenAI refused to split, so that an empty key or user is not read as a finding."""
    if cost is not None:
        dropped = [bucket.start for bucket in cost.buckets if "api_key_id" in bucket.dropped]
        if dropped:
            yield (
                f"OpenAI does not split costs by API key before 2025-12-06: the cost of "
                f"{counted(len(dropped), 'days')} stands under no key."
            )
    if by_user is not None:
        yield (
            "OpenAI refuses costs by user and project at once for this organisation: costs by user "
            "come from a request of their own."
        )

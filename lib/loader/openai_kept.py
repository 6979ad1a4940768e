"""Days of OpenAI that the ledger keeps, as the buckets that OpenAI would answer with."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pandas as pd
from loguru import logger

from lib.cache import FINAL_AFTER, Bucket, Caches, Document
from lib.errors import SourceError
from lib.ledger.owner import PROJECT, is_another
from lib.ledger.store import Capture, Ledger
from lib.periods import SECONDS, from_epoch
from lib.sources.openai.answer import OpenAIAnswer
from lib.sources.openai.measures import PLATFORM, answer_of
from lib.sources.openai.tables import (
    COSTS,
    COSTS_API_KEY_FLOOR,
    COSTS_BY_USER,
    DIMENSIONS,
    METRICS,
)
from lib.sources.openai.usage import Series
from lib.usage.exact import exact_sum, values_of
from lib.usage.measure import Name
from lib.usage.measured import shortest

_DAY = SECONDS["1d"]
_KEPT_SECONDS, _LOOK_SECONDS = 3_600, 60
_OURS = ("endpoint_type", "date", "start_time")


@dataclass(frozen=True)
class KeptDays:
    """What a ledger has of one organisation.

    Args:
        scope: fingerprint of address and credential; nobody else is given what was read.
        account: as the measures name it.
    """

    ledger: Ledger
    scope: str
    account: str
    caches: Caches

    async def buckets(
        self,
        series: Series,
        starts: Sequence[int],
        projects: Callable[[], Awaitable[Collection[str]]],
    ) -> dict[int, Bucket]:
        """The days that changed no more when they were captured; none where the ledger cannot be read.

        Args:
            starts: of the days wanted, in Unix seconds.
            projects: lists those of the organisation that is asked: another one's days are not its own.
        """
        if series.width != "1d" or not starts:
            return {}
        try:
            captures = await self._captures()
            named = {one for kind, one in await self.names() if kind == PROJECT}
            buckets: dict[int, Bucket] = {}
            for capture in captures:
                days = [
                    start for start in starts if _is_final(capture, self.account, start, series)
                ]
                if not days:
                    continue
                month = await self._month(capture)
                if is_another(await projects(), month.projects | named):
                    return {}
                buckets |= _buckets(month.answer, series, days, capture)
            return buckets
        except SourceError:
            return {}  # OpenAI has them, too

    async def names(self) -> Mapping[tuple[str, str], str]:
        """Kind and id to the last known name, for a while one look; none where the ledger cannot be read."""

        async def look() -> Document:
            try:
                names = await asyncio.to_thread(self.ledger.names, PLATFORM, self.account)
            except SourceError:
                names = {}
            return Document(names, 1_000 + 300 * len(names), _LOOK_SECONDS)

        key = (self.scope, "kept names", self.account)
        names: Mapping[tuple[str, str], str] = await self.caches.document(key, look)
        return names

    async def _captures(self) -> list[Capture]:
        """What stands, for all series of a load one look; nothing for a while where it cannot be had."""

        async def look() -> Document:
            try:
                captures = await asyncio.to_thread(self.ledger.captures)
            except SourceError as error:
                logger.warning("{}: OpenAI is asked for all days", error)
                captures = []
            return Document(captures, 1_000 + 2_000 * len(captures), _LOOK_SECONDS)

        captures: list[Capture] = await self.caches.document((self.scope, "captures"), look)
        return captures

    async def _month(self, capture: Capture) -> "_Month":
        async def look() -> Document:
            return await asyncio.to_thread(read, await self.names())

        def read(known: Mapping[tuple[str, str], str]) -> Document:
            names = [Name(*entry, name) for entry, name in known.items()]
            rows = self.ledger.warehouse.rows(capture.files)
            projects = {*rows["sub_account"].unique().drop_null().to_pylist()}
            month = _Month(answer_of(rows, names, capture.facts), frozenset(projects))
            return Document(month, 200 * capture.rows + 1_000, _KEPT_SECONDS)

        key = (self.scope, "kept", capture.id)
        month: _Month = await self.caches.document(key, look)
        return month


@dataclass(frozen=True)
class _Month:
    """What was captured of a month, and the projects with amounts in it."""

    answer: OpenAIAnswer
    projects: frozenset[str]


def _is_final(capture: Capture, account: str, start: int, series: Series) -> bool:
    """Whether a capture tells all that a series asks of a day, and the day changed no more by then."""
    if (capture.platform, capture.account) != (PLATFORM, account):
        return False  # facts of other platforms are others
    parts = {series.endpoint}
    if series.endpoint == COSTS and capture.facts["columns"].get("costs_by_user") is not None:
        # Costs by user stand apart then, and no others know of users
        parts = {COSTS_BY_USER} if series.group_by == ("user_id",) else {COSTS}
        if "user_id" in series.group_by and COSTS in parts:
            return False
    by_key = series.endpoint == COSTS and "api_key_id" in series.group_by
    return (
        capture.month == f"{from_epoch(start):%Y-%m}"
        and from_epoch(start + _DAY) + FINAL_AFTER <= capture.confirmed_at
        and not parts & capture.failed
        and not (by_key and start < COSTS_API_KEY_FLOOR)
    )


def _buckets(
    answer: OpenAIAnswer, series: Series, days: Iterable[int], capture: Capture
) -> dict[int, Bucket]:
    rows = {start: (size, columns) for start, size, columns in _rows(answer, series)}
    return {
        day: Bucket(day, *rows.get(day, (0, {})), capture.confirmed_at, final=True) for day in days
    }


def _rows(answer: OpenAIAnswer, series: Series) -> Iterator[tuple[int, int, dict[str, list[Any]]]]:
    """Each day's number of rows and columns, added up over the groupings that were not asked for."""
    if series.endpoint == COSTS:
        frame = answer.costs
        if answer.costs_by_user is not None and series.group_by == ("user_id",):
            frame = answer.costs_by_user
        summed = None if frame is None else _costs(frame, series.group_by)
    else:
        usage = answer.usage
        summed = _usage(usage[usage["endpoint_type"] == series.endpoint], series)
    if summed is None or summed.empty:
        return
    for start, day in summed.groupby("start_time"):
        assert isinstance(start, pd.Timestamp)  # the column is of times
        columns = {
            str(key): values_of(cells)
            for key, cells in day.drop(columns="start_time").items()
            if cells.notna().any()
        }
        yield int(start.timestamp()), len(day), columns


def _usage(frame: pd.DataFrame, series: Series) -> pd.DataFrame:
    undocumented = [key for key in frame if key not in (*_OURS, *METRICS, *DIMENSIONS)]
    numbers = [key for key in undocumented if pd.api.types.is_integer_dtype(frame[key].dtype)]
    texts = [key for key in undocumented if key not in numbers]
    keys = ["start_time", *(key for key in series.group_by if key in frame), *texts]
    counts = [*(key for key in METRICS if key in frame), *numbers]
    summed = frame.groupby(keys, dropna=False, sort=False)[counts].sum(min_count=1)
    return summed.reset_index()


def _costs(frame: pd.DataFrame, group_by: Sequence[str]) -> pd.DataFrame:
    """Rows of one day, grouping and currency as one; an amount that is missing stays a row.

    Quantities come with line items only.
    """
    told = 2 if "line_item" in group_by else 1
    money, units = ("amount", "quantity")[:told], ("currency", "quantity_unit")[:told]
    keys = ["start_time", *group_by, *units]
    unknown = frame["amount"].isna().rename("unknown")
    groups = frame.groupby([*(frame[key] for key in keys), unknown], dropna=False, sort=False)
    rows = [
        {**dict(zip(keys, values, strict=False)), **{key: _sum(group[key]) for key in money}}
        for values, group in groups
    ]
    return pd.DataFrame(rows, columns=[*keys, *money])


def _sum(cells: "pd.Series[Any]") -> Any:
    known = [value for value in cells if value is not None]
    return shortest(Decimal(exact_sum(known))) if known else None

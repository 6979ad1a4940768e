"""Counters as they arrive, kept as numbers and codes, and the frames made of them."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from lib.sources.tenants.answer import ANOMALY_COLUMNS, COUNTER_COLUMNS
from lib.sources.tenants.keys import Unreadable, month_of, read_count, shown
from lib.sources.tenants.tables import PREFIX

_TEXT_COLUMNS = COUNTER_COLUMNS[:-1]
AMBIGUOUS_COLUMNS = ("tenant_id", "metric", "month", "keys")


@dataclass(frozen=True)
class Counters:
    """What Redis holds for the months asked for.

    Args:
        counters: see ``TenantAnswer.counters``; in no particular order.
        anomalies: see ``TenantAnswer.anomalies``.
        scanned: keys looked at: those SCAN gave, repeats included, or the candidates of named tenants.
    """

    counters: pd.DataFrame
    anomalies: pd.DataFrame
    scanned: int


@dataclass
class Names:
    """Texts by code, in order of first sight."""

    codes: dict[str, int] = field(default_factory=dict)

    def code(self, name: str) -> int:
        """The code of a text, new if need be."""
        return self.codes.setdefault(name, len(self.codes))


@dataclass
class Chunk:
    """Keys to be asked for together, and the codes of their parts, index by index."""

    keys: list[bytes] = field(default_factory=list)
    tenants: list[int] = field(default_factory=list)
    metrics: list[int] = field(default_factory=list)
    periods: list[int] = field(default_factory=list)


@dataclass
class Collected:
    """Everything read so far: 20 bytes a counter, since 480,000 of them must fit beside a page."""

    tenants: Names = field(default_factory=Names)
    metrics: Names = field(default_factory=Names)
    periods: Names = field(default_factory=Names)
    scanned: int = 0
    _codes: tuple["array[int]", "array[int]", "array[int]"] = field(
        default_factory=lambda: (array("i"), array("i"), array("i"))
    )
    _values: "array[int]" = field(default_factory=lambda: array("q"))
    _anomalies: dict[bytes, tuple[str | None, ...]] = field(default_factory=dict)

    @property
    def counted(self) -> int:
        return len(self._values)

    def add_values(self, chunk: Chunk, values: Sequence[bytes | None]) -> list[int]:
        """Takes the values of a chunk; gives the indexes whose value is missing."""
        numbers = _plain_numbers(values)
        if numbers is not None:
            self._extend(chunk, numbers)
            return []
        missing, good, kept = [], [], Chunk()
        for index, value in enumerate(values):
            if value is None:
                missing.append(index)
                continue
            try:
                good.append(read_count(value))
            except Unreadable as problem:
                self.add_bad_value(chunk, index, str(problem), shown(value))
                continue
            kept.tenants.append(chunk.tenants[index])
            kept.metrics.append(chunk.metrics[index])
            kept.periods.append(chunk.periods[index])
        self._extend(kept, good)
        return missing

    def add_bad_value(self, chunk: Chunk, index: int, problem: str, value: str | None) -> None:
        """Lists a counter whose key is good and whose value is not."""
        parts = (
            list(self.tenants.codes)[chunk.tenants[index]],
            list(self.metrics.codes)[chunk.metrics[index]],
            list(self.periods.codes)[chunk.periods[index]],
        )
        self._anomalies[chunk.keys[index]] = (shown(chunk.keys[index]), *parts, problem, value)

    def add_bad_key(self, key: bytes, problem: str, period: str = "") -> None:
        """Lists a key that names no counter."""
        self._anomalies[key] = (shown(key), "", "", period, problem, None)

    def frames(self) -> Counters:
        """The frames. A key that came twice counts once: the later value stands."""
        names = (self.tenants, self.metrics, self.periods)
        codes = [np.frombuffer(column, dtype=np.int32) for column in self._codes]
        values = np.frombuffer(self._values, dtype=np.int64)
        last = _last_of_each(codes, [len(one.codes) for one in names])
        frame = pd.DataFrame(
            {
                column: pd.Categorical.from_codes(code[last], categories=_text(one.codes))
                for column, code, one in zip(_TEXT_COLUMNS, codes, names, strict=True)
            }
        )
        frame["value"] = values[last]
        for column in _TEXT_COLUMNS:
            # A tenant whose every counter is bad is not a tenant with counters.
            frame[column] = frame[column].cat.remove_unused_categories()
        rows = sorted(self._anomalies.items())
        anomalies = pd.DataFrame(
            [row for _, row in rows], columns=list(ANOMALY_COLUMNS), dtype="str"
        )
        return Counters(frame, anomalies, self.scanned)

    def _extend(self, chunk: Chunk, values: list[int]) -> None:
        for column, codes in zip(
            self._codes, (chunk.tenants, chunk.metrics, chunk.periods), strict=True
        ):
            column.extend(codes)
        self._values.extend(values)


def ambiguous_counters(counters: pd.DataFrame) -> pd.DataFrame:
    """Counters that may count the same use twice: they are counted, and a reader must be told.

    A tenant's metric has both period forms in one month, or more than two day-form keys in a month
    (restoring from the database leaves one key a day).

    Args:
        counters: see ``TenantAnswer.counters``.

    Returns:
        ``tenant_id``, ``metric``, ``month`` (``2025-09``), ``keys`` (in order, separated by ", "),
        all text, one row per doubtful month, ordered.
    """
    periods = [str(period) for period in counters["period"].cat.categories]
    months = Names()
    month_codes = np.array([months.code(month_of(period)) for period in periods], dtype=np.int64)
    is_day = np.array([len(period) == 10 for period in periods], dtype=bool)
    code = counters["period"].cat.codes.to_numpy().astype(np.int64)
    tenant, metric = (
        counters[column].cat.codes.to_numpy().astype(np.int64) for column in _TEXT_COLUMNS[:2]
    )
    width = len(counters["metric"].cat.categories)
    group = (tenant * width + metric) * len(months.codes) + (month_codes[code] if len(code) else 0)
    _, member = np.unique(group, return_inverse=True)
    days = np.bincount(member, weights=is_day[code] if len(code) else None)
    every = np.bincount(member)
    doubtful = (days > 2) | ((days > 0) & (days < every))
    found = counters.loc[doubtful[member]] if len(code) else counters
    rows = pd.DataFrame({column: found[column].astype("str") for column in _TEXT_COLUMNS})
    rows = rows.sort_values(list(_TEXT_COLUMNS))
    rows["month"] = rows["period"].str[:7]
    rows["keys"] = PREFIX + rows["tenant_id"] + ":" + rows["metric"] + ":" + rows["period"]
    joined = rows.groupby(["tenant_id", "metric", "month"])["keys"].agg(", ".join)
    return joined.reset_index().astype("str")[list(AMBIGUOUS_COLUMNS)]


def _plain_numbers(values: Sequence[bytes | None]) -> list[int] | None:
    """All values at once where all are short runs of digits, as nearly every chunk is."""
    try:
        lengths = [len(value) for value in values]  # type: ignore[arg-type]
    except TypeError:
        return None
    if not lengths or min(lengths) < 1 or max(lengths) > 18:
        return None
    if not b"".join(values).isdigit():  # type: ignore[arg-type]
        return None
    return list(map(int, values))  # type: ignore[arg-type]


def _last_of_each(codes: Sequence["np.ndarray"], sizes: Sequence[int]) -> "np.ndarray":
    """Indexes of the last row of every distinct (tenant, metric, period)."""
    tenant, metric, period = codes
    whole = (tenant.astype(np.int64) * sizes[1] + metric) * sizes[2] + period
    _, first_from_end = np.unique(whole[::-1], return_index=True)
    return np.sort(len(whole) - 1 - first_from_end)


def _text(names: Iterable[str]) -> "pd.Index[str]":
    return pd.Index(list(names), dtype="str")

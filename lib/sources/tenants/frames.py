"""Counters as they arrive, kept as numbers and codes, and the frames made of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lib.sources.tenants.answer import ANOMALY_COLUMNS, COUNTER_COLUMNS
from lib.sources.tenants.chunks import Chunk, KeyReader
from lib.sources.tenants.keys import Unreadable, read_count, read_name, shown, split_key
from lib.sources.tenants.tables import PREFIX

_TEXT_COLUMNS = COUNTER_COLUMNS[:-1]
_PREFIX = PREFIX.encode()

Numbers = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Counters:
    """What Redis holds for the months asked for.

    Args:
        counters: see ``TenantAnswer.counters``; in no particular order.
        anomalies: see ``TenantAnswer.anomalies``.
        scanned: keys looked at: those SCAN gave, repeats included, or the candidates of named tenants.
        months: every month that has a counter of any tenant, asked for or not.
    """

    counters: pd.DataFrame
    anomalies: pd.DataFrame
    scanned: int
    months: frozenset[str] = frozenset()


@dataclass
class Collected:
    """Everything read so far, in columns: 480,000 counters must fit beside a page.

    Args:
        months: ``2025-09``.
        tenants: ids wanted; empty means all.
    """

    months: frozenset[str]
    tenants: frozenset[str]
    scanned: int = 0
    keys: KeyReader = field(init=False)
    _chunks: list[Chunk] = field(default_factory=list)
    _values: list[Numbers] = field(default_factory=list)
    _anomalies: dict[bytes, tuple[str | None, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.keys = KeyReader(self.months, self.tenants, self.add_bad_key)

    def add_values(self, chunk: Chunk, values: Sequence[bytes | None]) -> list[int]:
        """Takes the values of a chunk; gives the indexes whose value is missing."""
        numbers = _plain_numbers(values)
        if numbers is not None:
            self._extend(chunk, numbers)
            return []
        missing, good = [], {}
        for index, value in enumerate(values):
            if value is None:
                missing.append(index)
                continue
            try:
                good[index] = read_count(value)
            except Unreadable as problem:
                self.add_bad_value(chunk.keys[index], str(problem), shown(value))
        mask = np.isin(np.arange(len(values)), [*good])
        self._extend(chunk.where(mask), np.array([*good.values()], dtype=np.int64))
        return missing

    def add_bad_value(self, key: bytes, problem: str, value: str | None) -> None:
        """Lists a counter whose key is good and whose value is not."""
        self._anomalies[key] = (shown(key), *map(read_name, split_key(key)), problem, value)

    def add_bad_key(self, key: bytes, problem: str, period: str = "") -> None:
        """Lists a key that names no counter."""
        self._anomalies[key] = (shown(key), "", "", period, problem, None)

    def frames(self) -> Counters:
        """The frames. A key that came twice counts once: the later value stands."""
        codes, texts = zip(*self._columns(), strict=True)
        values = np.concatenate([np.array([], dtype=np.int64), *self._values])
        last = _last_of_each(codes, [len(text) for text in texts])
        frame = pd.DataFrame(
            {
                column: _categories(code[last], text)
                for column, code, text in zip(_TEXT_COLUMNS, codes, texts, strict=True)
            }
        )
        frame["value"] = values[last]
        rows = sorted(self._anomalies.items())
        anomalies = pd.DataFrame(
            [row for _, row in rows], columns=list(ANOMALY_COLUMNS), dtype="str"
        )
        return Counters(frame, anomalies, self.scanned, self.keys.seen_months)

    def _columns(self) -> Iterable[tuple[Any, "pd.Index[str]"]]:
        """Codes and texts of tenants, metrics and periods."""
        chunks = [Chunk.of(), *self._chunks]
        heads = pa.concat_arrays([chunk.heads for chunk in chunks]).dictionary_encode()
        names = [head[len(_PREFIX) :].decode() for head in heads.dictionary.to_pylist()]
        yield np.asarray(heads.indices), _text(names)
        yield np.concatenate([chunk.metrics for chunk in chunks]), _text(self.keys.metrics.codes)
        yield np.concatenate([chunk.periods for chunk in chunks]), _text(self.keys.periods.codes)

    def _extend(self, chunk: Chunk, values: Numbers) -> None:
        chunk.keys = []  # as long as all else together, and not needed any more
        self._chunks.append(chunk)
        self._values.append(values)


def _plain_numbers(values: Sequence[bytes | None]) -> Numbers | None:
    """All values at once where all are runs of digits, as nearly every chunk is."""
    try:
        if b"".join(values).isdigit():  # type: ignore[arg-type]
            return np.fromiter(map(int, values), np.int64, len(values))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):  # one is missing, empty, or too large
        pass
    return None


def _last_of_each(codes: Sequence[Any], sizes: Sequence[int]) -> Any:
    """Whether a row is the last of its (tenant, metric, period)."""
    tenant, metric, period = codes
    whole = (tenant.astype(np.int64) * sizes[1] + metric) * sizes[2] + period
    return ~pd.Series(whole).duplicated(keep="last").to_numpy()


def _categories(codes: Any, texts: "pd.Index[str]") -> "pd.Categorical[Any]":
    """Without those that no row has: a metric whose every counter is bad is not one that is counted."""
    column = pd.Categorical.from_codes(codes, categories=texts)
    used = np.bincount(codes, minlength=len(texts))
    return column if used.all() else column.remove_unused_categories()


def _text(names: Iterable[str]) -> "pd.Index[str]":
    return pd.Index(list(names), dtype="str")

"""Keys to their parts, a page of SCAN at a time: in columns, since one by one takes four times as long."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lib.sources.tenants.keys import Unreadable, month_of, read_name, read_period, split_key
from lib.sources.tenants.tables import PREFIX

Codes = np.ndarray[Any, np.dtype[np.int32]]

_PREFIX = PREFIX.encode()
_OUTSIDE = -1
_PARTS = 3


@dataclass
class Chunk:
    """Keys to be asked for together and their parts, index by index.

    Args:
        heads: Arrow array of bytes: prefix and tenant id.
        metrics, periods: codes of ``SeenTexts``.
    """

    keys: list[bytes]
    heads: Any
    metrics: Codes
    periods: Codes

    @classmethod
    def of(cls, rows: Iterable[tuple[bytes, bytes, int, int]] = ()) -> Self:
        """A chunk of rows of key, head, metric and period."""
        keys, heads, metrics, periods = zip(*rows, strict=True) if rows else ((), (), (), ())
        codes = (np.array(column, dtype=np.int32) for column in (metrics, periods))
        return cls(list(keys), pa.array(heads, pa.binary()), *codes)

    def __add__(self, other: "Chunk") -> "Chunk":
        return Chunk(
            self.keys + other.keys,
            pa.concat_arrays([self.heads, other.heads]),
            np.concatenate([self.metrics, other.metrics]),
            np.concatenate([self.periods, other.periods]),
        )

    def __getitem__(self, some: slice) -> "Chunk":
        return Chunk(self.keys[some], self.heads[some], self.metrics[some], self.periods[some])

    def where(self, mask: "np.ndarray[Any, np.dtype[np.bool_]]") -> "Chunk":
        """Only the rows for which the mask holds."""
        return Chunk(
            list(compress(self.keys, mask)),
            self.heads.filter(pa.array(mask)),
            self.metrics[mask],
            self.periods[mask],
        )


@dataclass
class SeenTexts:
    """Texts by code, in order of first sight."""

    codes: dict[str, int] = field(default_factory=dict)

    def code(self, name: str) -> int:
        """The code of a text, new if need be."""
        return self.codes.setdefault(name, len(self.codes))


@dataclass
class KeyReader:
    """Picks the keys of some months and tenants.

    Args:
        months: ``2025-09``.
        tenants: ids wanted; empty means all.
        bad: told a key that cannot be read, the problem, and the period where that can be read.
    """

    months: frozenset[str]
    tenants: frozenset[str]
    bad: Callable[[bytes, str, str], None]
    metrics: SeenTexts = field(default_factory=SeenTexts)
    periods: SeenTexts = field(default_factory=SeenTexts)
    _seen_metrics: dict[bytes, int] = field(default_factory=dict)
    _seen_periods: dict[bytes, int] = field(default_factory=dict)

    @property
    def seen_months(self) -> frozenset[str]:
        """Every month that any key is of, asked for or not, of whatever tenant."""
        return frozenset(month_of(period.decode()) for period in self._seen_periods)

    def take(self, keys: list[bytes]) -> Chunk:
        """The keys that are asked for; what cannot be read is told as bad."""
        try:
            chunk = self._at_once(keys)
        except (Unreadable, pa.ArrowInvalid):
            chunk = self._one_by_one(keys)
        mask = chunk.periods != _OUTSIDE
        if self.tenants:
            wanted = [_PREFIX + name.encode("utf-8", "surrogatepass") for name in self.tenants]
            mask &= np.asarray(pc.is_in(chunk.heads, value_set=pa.array(wanted, pa.binary())))
        return chunk if mask.all() else chunk.where(mask)

    def _at_once(self, keys: list[bytes]) -> Chunk:
        split = pc.split_pattern(
            pa.array(keys, pa.binary()), b":", max_splits=_PARTS - 1, reverse=True
        )
        # A key of fewer parts is out of bounds, which is an ArrowInvalid too.
        heads, metrics, periods = (pc.list_element(split, part) for part in range(_PARTS))
        named = pc.and_(pc.starts_with(heads, _PREFIX), pc.not_equal(heads, _PREFIX))
        if not pc.all(named, min_count=0).as_py():
            raise Unreadable("some key has too few parts, or no tenant")
        heads.cast(pa.string())  # refuses what is not UTF-8
        return Chunk(
            keys, heads, _coded(metrics, self._metric_code), _coded(periods, self._period_code)
        )

    def _one_by_one(self, keys: list[bytes]) -> Chunk:
        rows = []
        for key in keys:
            period = b""
            try:
                tenant, metric, period = split_key(key)
                when = self._period_code(period)
                if when != _OUTSIDE:
                    if not tenant:
                        raise Unreadable("the key has no tenant")
                    read_name(tenant)
                    rows.append((key, _PREFIX + tenant, self._metric_code(metric), when))
            except Unreadable as problem:
                known = period.decode() if period in self._seen_periods else ""
                self.bad(key, str(problem), known)
        return Chunk.of(rows)

    def _period_code(self, part: bytes) -> int:
        if part not in self._seen_periods:
            text = read_period(part)
            inside = month_of(text) in self.months
            self._seen_periods[part] = self.periods.code(text) if inside else _OUTSIDE
        return self._seen_periods[part]

    def _metric_code(self, part: bytes) -> int:
        if part not in self._seen_metrics:
            if not part:
                raise Unreadable("the key has no metric")
            self._seen_metrics[part] = self.metrics.code(read_name(part))
        return self._seen_metrics[part]


def _coded(parts: Any, code: Callable[[bytes], int]) -> Codes:
    """A code for each part; ``code`` is asked once for equal ones."""
    encoded = parts.dictionary_encode()
    codes = np.array([code(part) for part in encoded.dictionary.to_pylist()], dtype=np.int32)
    coded: Codes = codes[np.asarray(encoded.indices)]
    return coded

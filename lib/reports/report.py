"""The Report: one object behind screen, CSV, JSON, PDF and terminal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

import pandas as pd

from lib.charts import Chart, told_spikes
from lib.periods import Period
from lib.quantities import Number
from lib.reports.words import FilterWords
from lib.status import SourceStatus

__all__ = [
    "ChartSpec",
    "Column",
    "ColumnKind",
    "Delta",
    "Figure",
    "Number",
    "Report",
    "SourceStatus",
    "Table",
]

ColumnKind = Literal[
    "text",
    "list",
    "bool",
    "int",
    "decimal",
    "float",
    "percent",
    "date",
    "datetime",
    "epoch_ms",
    "bytes",
    "duration",
]
"""What a column holds. Frames carry: text and bool with None for missing; list as text,
the items joined by ", ", None for no item: JSON has them one by one; int and bytes as Int64;
decimal as objects of Decimal or None; float as Float64, for what is measured and is no money;
percent as float64 (12.5 means 12.5 %); date as datetime.date objects; datetime as datetime64 with UTC; epoch_ms as Int64, milliseconds since 1970,
where 0 means never: people and the Excel profile see a time in UTC, JSON and the machine profile keep the number; duration as seconds in Float64
or Int64."""

_NUMBERS = ("int", "decimal", "float", "percent", "bytes", "duration")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Args:
        unit: empty for text, an ISO code for money.
        json_path: where a row of the JSON form holds it: ``("summary", "total_requests")``; empty
            means under its key.
        personal: names people; only whoever may know them sees the values.
        missing: what people read in an empty cell; programs get null. Empty means the dash.
        told_by: key of a column that tells people the same: the names of these ids, the money of
            this currency. A screen has no room for both.
        of: what its values are ids of, where a row is about one of these: ``workspace``. A page may
            be narrowed to it.
        blank_of: the id that an empty cell stands for, where it means one thing: ``unallocated``.
        names: what its heading names, if that is upstream's and not ours: ``project``. The key ends
            with the id behind a colon, and so does the path.
        heads: what its heading stands for: pairs of what it is an id of, as in ``of``, and the id. An
            empty id stands for several things, or for nobody.
        counts: decimals that count something and are no money: whole ones are written as such.
    """

    key: str
    label: str
    kind: ColumnKind = "text"
    unit: str = ""
    help: str = ""
    json_path: tuple[str, ...] = ()
    personal: bool = False
    missing: str = ""
    told_by: str = ""
    of: str = ""
    blank_of: str = ""
    names: str = ""
    heads: tuple[tuple[str, str], ...] = ()
    counts: bool = False

    @property
    def written(self) -> ColumnKind:
        """The kind as which people read it."""
        return "float" if self.counts else self.kind

    @property
    def is_number(self) -> bool:
        """Numbers stand flush right, and are sorted with the largest first."""
        return self.kind in _NUMBERS

    def holds(self, cells: "pd.Series[Any]") -> bool:
        """Whether people read anything in these cells."""
        if self.kind == "epoch_ms":
            cells = cells[cells != 0]
        return bool(cells.notna().any() or (self.missing and len(cells)))


@dataclass(frozen=True)
class Table:
    """A table whose frame has exactly the columns listed.

    Args:
        key: name in JSON and in file names.
        title: heading.
        frame: one row per record, in the order shown; see ``ColumnKind`` for the dtypes.
        columns: all columns, in order.
        totals: column key to its total; None where a total is unknown; absent where none makes sense.
        brief: keys of the columns for paper and terminal when all do not fit; empty means all.
        note: one sentence shown beneath the title.
        rest: places of rows that stand for all others; sorted by anything, they stay last.
        stands_for: where rows are about different things: a row for each of the frame's, and in columns
            named as ``Column.of`` the ids that stand behind it.
        records: its rows are the source's own, in order of time; no summary has them.
        crossed: a row for each of one dimension and a column for each of another; no summary has them.
    """

    key: str
    title: str
    frame: pd.DataFrame
    columns: tuple[Column, ...]
    totals: Mapping[str, Number | None] | None = None
    brief: tuple[str, ...] = ()
    note: str = ""
    records: bool = False
    crossed: bool = False
    rest: frozenset[int] = frozenset()
    stands_for: pd.DataFrame | None = None

    @cached_property
    def filled(self) -> tuple[str, ...]:
        """Keys of the columns with at least one value; all columns when there is no value at all."""
        keys = tuple(column.key for column in self.columns)
        filled = tuple(
            column.key for column in self.columns if column.holds(self.frame[column.key])
        )
        return filled or keys

    @cached_property
    def told_twice(self) -> tuple[str, ...]:
        """Keys of columns that tell nothing beside another: ids whose names differ, the one currency."""
        by_key = {column.key: column for column in self.columns}
        return tuple(
            column.key
            for column in self.columns
            if (teller := by_key.get(column.told_by))
            and (teller.unit if teller.is_number else self._names_differ(column))
        )

    def _names_differ(self, ids: Column) -> bool:
        """Whether there are names for ids, and never one for two of them."""
        names = self.frame[[ids.key, ids.told_by]].dropna().drop_duplicates()[ids.told_by]
        return len(names) > 0 and bool(names.is_unique)


@dataclass(frozen=True)
class Delta:
    """Change against what was before. ``percent`` is None when there was no base.

    Args:
        against: what was before, in words that follow "vs".
    """

    previous: Number
    change: Number
    percent: float | None
    against: str


@dataclass(frozen=True)
class Figure:
    """One headline number. ``value`` None means unknown and is never shown as 0.

    Args:
        unit: ``requests``, ``tokens``, an ISO currency code such as ``USD``, ...
        incomplete: a source behind this number failed or answered in part.
        is_sum: what is missing of it could only add to it; not so of an average or a share.
    """

    key: str
    label: str
    value: Number | None
    unit: str = ""
    help: str = ""
    delta: Delta | None = None
    incomplete: bool = False
    is_sum: bool = True

    @property
    def is_least(self) -> bool:
        """Whether the true value is this one or more."""
        return self.incomplete and self.is_sum and self.value is not None


@dataclass(frozen=True)
class ChartSpec:
    """One chart. ``alt`` is a sentence that states the trend; ``group`` and ``by`` name the choice
    it belongs to on screen (``Cost per day`` by ``project``).

    Args:
        stands_for: ``label`` of a series or bar, and in columns named as ``Column.of`` the ids that
            stand behind it; labels of sums stand for nothing.
        place: a chart with more series than a screen can tell apart has one form for each; what takes
            time to read is on the screen and in details on paper.
    """

    key: str
    title: str
    chart: Chart
    alt: str
    group: str = ""
    by: str = ""
    place: Literal["both", "screen", "paper", "detail"] = "both"
    stands_for: pd.DataFrame | None = None

    @property
    def sentence(self) -> str:
        """``alt``, and what stands out."""
        return " ".join(filter(None, (self.alt, told_spikes(self.chart))))


@dataclass(frozen=True)
class Report:
    """Everything a person sees or downloads is a rendering of one of these.

    Args:
        kind: ``openai-usage``.
        totals: the control totals of the JSON form; None where a total cannot be known.
        period: the days that are counted; None for a report of no period.
        state_at: the moment whose levels it shows; None for a report that counts what happened.
        is_unused: every source answered, and nothing was used.
        nearest: for a period without data, the nearest one that has some; None where it has some
            itself, or where that is not known.
        cautions: those notes without which the figures would be read wrong; a screen shows them there.
        money_table: key of the table whose rows are what is billed, if there is one.
        host: where the data came from, host name only; never holds a credential.
        generated_at: UTC.
        demo: the data is made up.
        filter_words: what people call the filters; programs go by their names.
    """

    kind: str
    title: str
    period: Period | None
    filters: Mapping[str, object]
    generated_at: datetime
    sources: tuple[SourceStatus, ...]
    totals: Mapping[str, Number | str | None]
    figures: tuple[Figure, ...]
    charts: tuple[ChartSpec, ...]
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    host: str = ""
    demo: bool = False
    main_table: str = field(default="")
    money_table: str = ""
    state_at: datetime | None = None
    nearest: Period | None = None
    is_unused: bool = False
    filter_words: FilterWords = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Every source answered in full, or was left out by choice."""
        return all(source.status in ("ok", "skipped") for source in self.sources)

    @property
    def as_of(self) -> datetime | None:
        """When the oldest of the numbers that may still change was fetched; of all, where none may."""
        known = [source for source in self.sources if source.as_of is not None]
        moving = [source for source in known if source.moves] or known
        return min((source.as_of for source in moving if source.as_of), default=None)

    def table(self, key: str) -> Table:
        """The table of that key.

        Raises:
            KeyError: there is none.
        """
        for table in self.tables:
            if table.key == key:
                return table
        raise KeyError(key)

    def file_name(self, extension: str, table: str = "") -> str:
        """``openai-usage_2026-10-01_2026-10-31[-incomplete][-demo].csv``, with ``_<table>`` when one is named.

        A report of one moment has that day in its name.
        """
        period = f"_{self.period.start}_{self.period.end}" if self.period else ""
        if self.state_at is not None:
            period = f"_{self.state_at:%Y-%m-%d}"
        part = f"_{table}" if table and table != self.main_table else ""
        marks = ("" if self.complete else "-incomplete") + ("-demo" if self.demo else "")
        return f"{self.kind}{period}{part}{marks}.{extension}"

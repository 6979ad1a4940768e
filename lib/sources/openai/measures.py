"""OpenAI's answer as measures, names and facts, and the answer that they are of."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lib.quantities import counted
from lib.sources.openai import NAME
from lib.sources.openai.answer import OpenAIAnswer
from lib.sources.openai.frames import COSTS_COLUMNS, DTYPES
from lib.sources.openai.tables import (
    AMOUNTS,
    BILLED_COST,
    BILLED_QUANTITY,
    COSTS,
    COSTS_BY_USER,
    DELETED,
    DIMENSIONS,
    ENDPOINTS,
    LEDGER_METRICS,
    METRICS,
    NAME_MARKS,
    UNKNOWN,
    USER_COST,
    USER_QUANTITY,
    Kind,
)
from lib.status import plain_status, status_of
from lib.usage.exact import values_of
from lib.usage.measure import (
    DECIMALS,
    SCHEMA,
    Counted,
    Name,
    is_inexact,
    measures,
    packed,
    places,
    quantity,
)
from lib.usage.measured import (
    by_metric,
    decimals,
    dimensions,
    in_form,
    rows_of,
    units,
    whole_numbers,
)
from lib.usage.metrics import Metric
from lib.usage.named import called, keyed, names_in

PLATFORM = NAME


@dataclass(frozen=True)
class _Form:
    """How a frame of the answer is written.

    Args:
        field: of the answer.
        parts: what stands in the measures' ``part``; where no column tells it, the one there is.
        keys: column of the frame by that of the measures.
        metrics: what is documented, by column of the frame.
        units: the column with a number's unit, by that of the number.
        always: columns that the frame has even where nothing stands in them.
        words: what a number that the ledger cannot hold is called, by column.
    """

    field: str
    parts: tuple[str, ...]
    keys: Mapping[str, str]
    metrics: Mapping[str, Metric]
    units: Mapping[str, str]
    always: tuple[str, ...]
    words: Mapping[str, str]


_IDS = {"sub_account": "project_id", "resource": "api_key_id", "principal": "user_id"}
_TIMES = ("date", "start_time")
_USAGE = _Form(
    field="usage",
    parts=(*ENDPOINTS,),
    keys={"part": "endpoint_type", **_IDS, "sku": "model"},
    metrics=METRICS,
    units={},
    always=("endpoint_type", *_TIMES),
    words={},
)
_COSTS = _Form(
    field="costs",
    parts=(COSTS,),
    keys={**_IDS, "sku": "line_item"},
    metrics={"amount": BILLED_COST, "quantity": BILLED_QUANTITY},
    units={"amount": "currency", "quantity": "quantity_unit"},
    always=(*_TIMES, *COSTS_COLUMNS),
    words={"amount": "costs", "quantity": "billed quantities"},
)
_BY_USER = replace(
    _COSTS,
    field="costs_by_user",
    parts=(COSTS_BY_USER,),
    metrics={"amount": USER_COST, "quantity": USER_QUANTITY},
    words={"amount": "user costs", "quantity": "user quantities"},
)
_FORMS = (_USAGE, _COSTS, _BY_USER)

_COUNTED_BY: Mapping[str, tuple[str, ...]] = {
    **{name: endpoint.metrics for name, endpoint in ENDPOINTS.items()},
    COSTS: (BILLED_COST.key, BILLED_QUANTITY.key),
    COSTS_BY_USER: (USER_COST.key, USER_QUANTITY.key),
}

_KINDS: Mapping[str, Kind] = {"project_id": "project", "user_id": "user", "api_key_id": "api_key"}
_DAY = pd.Timedelta(days=1)

_SIGN = "#"
"""Stands before an undocumented name that would pass for one of ours, and before our own dimension."""

_AGAIN = f"{_SIGN}again"
"""The dimension of rows that nothing else tells apart: 1 for the second, and so on."""

_BESIDE = "beside "
"""Stands before columns of numbers and units while they lie beside the keys of the measures."""


def measures_of(answer: OpenAIAnswer) -> pa.Table:
    """One measure per row of the answer and number in it; a row without any has one that is null."""
    written = [table for form in _FORMS for table in _written(answer, form)]
    return pa.concat_tables([SCHEMA.empty_table(), *written])


def names_of(answer: OpenAIAnswer) -> list[Name]:
    """The last known names, without the marks behind them, and what undocumented fields call somebody.

    An id that had none has none here.
    """
    known = [(*entry, _split(entry[1], name)[0]) for entry, name in answer.names.items()]
    return [Name(*one) for one in sorted(known) if one[-1]] + sorted(_names_beside(answer))


def facts_of(answer: OpenAIAnswer, month: str) -> dict[str, Any]:
    """What else makes a month's answer, as a JSON object: how each source answered, notes, the marks
    behind names, and the order of columns."""
    frames = {form.field: _of_month(getattr(answer, form.field), month) for form in _FORMS}
    marks = {entry: _split(entry[1], answer.names.get(entry, ""))[1] for entry in _ids(frames)}
    return {
        "host": answer.host,
        "organisation": answer.organisation,
        "statuses": [plain_status(status) for status in answer.statuses],
        "notes": [*answer.notes, *_misfits(frames)],
        "marks": [[*entry, mark] for entry, mark in marks.items() if mark],
        "columns": {key: None if frame is None else [*frame] for key, frame in frames.items()},
    }


def answer_of(measures: pa.Table, names: Iterable[Name], facts: Mapping[str, Any]) -> OpenAIAnswer:
    """The answer of a month, from its measures, names and facts."""
    columns, own = facts["columns"], in_form(measures)
    names = [*names]
    known = {(kind, identity): name for kind, identity, name in names}
    frames = {
        form.field: _frame(own, form, columns[form.field], known)
        for form in _FORMS
        if columns[form.field] is not None
    }
    return OpenAIAnswer(
        frames["usage"],
        frames.get("costs"),
        frames.get("costs_by_user"),
        _named(_ids(frames), names, facts["marks"]),
        tuple(map(status_of, facts["statuses"])),
        tuple(facts["notes"]),
        facts["host"],
        organisation=facts.get("organisation", ""),  # earlier programs did not know it
    )


def unknown_metrics(answer: OpenAIAnswer) -> frozenset[str]:
    """The metrics that are not known because a source that counts into them failed, or gave only some days.

    Not so where amounts alone are missing: their rows are there, and not known each.
    """
    lacking = [
        status.part
        for status in answer.statuses
        if status.status in ("failed", "partial") and status.lacks != AMOUNTS
    ]
    return frozenset(key for part in lacking for key in _COUNTED_BY.get(part, ()))


def _written(answer: OpenAIAnswer, form: _Form) -> Iterator[pa.Table]:
    """The measures of one frame."""
    frame: pd.DataFrame | None = getattr(answer, form.field)
    if frame is None:
        return
    numbers = [str(column) for column, cells in frame.items() if _is_counted(cells)]
    beside = frame[[*numbers, *form.units.values()]].add_prefix(_BESIDE)
    rows = pd.concat([_keys(frame, form, numbers), beside], axis=1)
    yield measures(PLATFORM, answer.account, rows, [_counted(form, column) for column in numbers])
    if form is _USAGE:
        bare = rows[frame[numbers].isna().all(axis=1)].assign(**{_BESIDE: None})
        for endpoint, some in bare.groupby("part"):
            first = ENDPOINTS[str(endpoint)].counts[0]
            nothing = Counted(_BESIDE, first.key, first.unit, first.nature, nulls=True)
            yield measures(PLATFORM, answer.account, some, [nothing])


def _is_counted(cells: "pd.Series[Any]") -> bool:
    """Whether a column is of numbers, documented or not."""
    return isinstance(cells.dtype, pd.Int64Dtype) or _is_decimal(str(cells.name))


def _is_decimal(column: str) -> bool:
    return DTYPES.get(column) == "object"


def _counted(form: _Form, column: str) -> Counted:
    metric = form.metrics.get(column)
    if metric is None:
        return Counted(_BESIDE + column, _escaped(column, {*LEDGER_METRICS, ""}))
    return Counted(
        _BESIDE + column,
        metric.key,
        metric.unit,
        metric.nature,
        unit_column=_BESIDE + form.units[column] if column in form.units else "",
        nulls=column == "amount",
    )


def _keys(frame: pd.DataFrame, form: _Form, numbers: list[str]) -> pd.DataFrame:
    """Times and keys of each row, no two rows alike."""
    start = frame["start_time"]
    rows = pd.DataFrame({"start": start, "end": start + _DAY, "part": form.parts[0]})
    rows = rows.assign(**{key: frame[of] for key, of in form.keys.items() if of in frame})
    elsewhere = {*_TIMES, *form.keys.values(), *form.units.values(), *numbers}
    others = [str(column) for column in frame if column not in elsewhere]
    rest = pd.DataFrame(
        {_escaped(key): _without_names(key, frame[key]) for key in others}, rows.index
    )
    rows["dimensions"] = packed(rest)
    place = pd.Series(places(rows), rows.index)
    again = place.groupby(place).cumcount()
    if again.any():
        nth = again.astype("Int64").where(again > 0)
        rows["dimensions"] = packed(rest.assign(**{_AGAIN: nth}))
    return rows


def _without_names(column: str, cells: "pd.Series[Any]") -> "pd.Series[Any]":
    return cells if column in DIMENSIONS else keyed(column, cells)


def _names_beside(answer: OpenAIAnswer) -> set[Name]:
    """Names in undocumented fields: the rows have keys in their place."""
    names: set[Name] = set()
    for form in _FORMS:
        frame: pd.DataFrame | None = getattr(answer, form.field)
        if frame is None:
            continue
        documented = {*DIMENSIONS, *_TIMES, *form.keys.values(), *form.units.values()}
        for column, cells in frame.items():
            if column not in documented and not _is_counted(cells):
                kind = _SIGN + str(column)
                names |= names_in(kind, str(column), cells, frame.get("user_id"))
    return names


def _escaped(name: str, ours: Iterable[str] = ()) -> str:
    """An undocumented name as it stands in the ledger."""
    return _SIGN + name if name in ours or name.startswith(_SIGN) else name


def _frame(
    measures: pa.Table, form: _Form, order: Iterable[str], names: Mapping[tuple[str, str], str]
) -> pd.DataFrame:
    """The frame that a part's measures are of, with its columns in an order."""
    own = measures.filter(pc.is_in(measures["part"], pa.array(form.parts)))
    rows, place = rows_of(own)
    columns: dict[str, Any] = {
        "date": pd.Series([*rows["start"].dt.date], dtype=object),
        "start_time": rows["start"],
        **{of: rows[key] for key, of in form.keys.items()},
        **dict(_texts(rows, names)),
    }
    for metric, cells in by_metric(own, place):
        column = _columns_of(form).get(metric, metric.removeprefix(_SIGN))
        read = decimals if _is_decimal(column) else whole_numbers
        columns[column] = read(cells, len(rows))
        if column in form.units:
            columns[form.units[column]] = units(cells, len(rows))
    for column in form.always:
        columns.setdefault(column, pd.Series([None] * len(rows), dtype=DTYPES.get(column, "str")))
    frame = pd.DataFrame(columns, index=rows.index)
    there = [key for key in columns if key in form.always or frame[key].notna().any()]
    first = [key for key in order if key in there]
    return frame[[*dict.fromkeys([*first, *there])]]


def _columns_of(form: _Form) -> Mapping[str, str]:
    return {metric.key: column for column, metric in form.metrics.items()}


def _texts(rows: pd.DataFrame, names: Mapping[tuple[str, str], str]) -> Iterator[tuple[str, Any]]:
    """The columns that stand in the dimensions, with their names."""
    for name, values in dimensions(rows).items():
        if name != _AGAIN:
            column = name.removeprefix(_SIGN)
            named = called(_SIGN + column, names, values, rows["principal"])
            texts = values if column in DIMENSIONS else [*named]
            yield column, pd.Series(texts, dtype=DTYPES.get(column, "str"))


def _of_month(frame: pd.DataFrame | None, month: str) -> pd.DataFrame | None:
    if frame is None:
        return None
    months = frame["start_time"].to_numpy("datetime64[M]")
    some: pd.DataFrame = frame.loc[months == np.datetime64(month)]
    return some


def _ids(frames: Mapping[str, pd.DataFrame | None]) -> list[tuple[Kind, str]]:
    """Kind and id of all that may have names, in order."""
    return sorted(
        {
            (kind, identity)
            for frame in frames.values()
            if frame is not None
            for column, kind in _KINDS.items()
            if column in frame
            for identity in frame[column].dropna().unique()
        }
    )


def _split(identity: str, name: str) -> tuple[str, str]:
    """A name without the marks behind it, empty where it was made of the id, and these marks."""
    if name == identity + UNKNOWN:
        return "", UNKNOWN
    bare = name
    while mark := next(filter(bare.endswith, NAME_MARKS), ""):
        bare = bare.removesuffix(mark)
    return (bare, name.removeprefix(bare)) if bare else (name, "")


def _named(
    ids: Iterable[tuple[Kind, str]], names: Iterable[Name], marks: Iterable[Iterable[str]]
) -> dict[tuple[Kind, str], str]:
    """Each id's name with the marks of that month behind it."""
    known = {(kind, identity): name for kind, identity, name in names}
    behind = {(kind, identity): mark for kind, identity, mark in marks}
    named = {}
    for entry in ids:
        mark = behind.get(entry, "")
        if entry in known:  # a name that was not known when it was marked is known by now
            named[entry] = known[entry] + (DELETED if mark == UNKNOWN else mark)
        elif mark == UNKNOWN:
            named[entry] = entry[1] + UNKNOWN
    return named


def _misfits(frames: Mapping[str, pd.DataFrame | None]) -> Iterator[str]:
    """Which numbers the ledger does not hold as they are."""
    rounded, lost = Counter[str](), Counter[str]()
    for form in _FORMS:
        frame = frames[form.field]
        cells = {} if frame is None else {str(key): cells for key, cells in frame.items()}
        for column in filter(_is_decimal, cells):
            odd = [value for value in values_of(cells[column]) if is_inexact(value)]
            gone = sum(quantity(value) is None for value in odd)
            word = form.words.get(column, "undocumented numbers")
            rounded[word] += len(odd) - gone
            lost[word] += gone
    for numbers, words in (
        (rounded, f"Rounded to {DECIMALS} decimals in the ledger"),
        (lost, f"Not known in the ledger, which holds {38 - DECIMALS} digits before the point"),
    ):
        if numbers.total():
            which = (counted(number, word) for word, number in numbers.items() if number)
            yield f"{words}: {', '.join(which)}."

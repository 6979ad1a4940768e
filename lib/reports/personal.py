"""A Report without people's names: e-mail addresses and personal columns under pseudonyms.

Persons, workspaces and projects have pseudonyms of their own kind each: a workspace is often named
after its owner, and equal pseudonyms would tell whose it is.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import partial
from hashlib import blake2b
from secrets import token_bytes
from typing import Any, Literal, TypeVar

import pandas as pd

from lib.charts import OTHER, Chart, Grid, Levels, Stacks, distinct_labels
from lib.reports.report import Column, Report, Table

T = TypeVar("T")

# Whatever surrounds an @: a label may have been cut off within the domain.
_ADDRESS = re.compile(r"[^\s,;:<>()\[\]{}\"'|]+@[^\s,;:<>()\[\]{}\"'|]*")
_PSEUDONYM = re.compile(r"(?:person|workspace|project|name)-[0-9a-f]{12}")
_SUFFIX = re.compile(r"(?: \([^()]*\))+$")
_SHORTEST_NAME = 2
_NOBODY = ("Unallocated", "(not split)", OTHER, "")
_PROGRAM_FIELDS = frozenset(
    {"kind", "main_table", "key", "place", "unit", "status", "filter_words"}
)
"""Fields of a report and its parts that programs go by: never a name, even if somebody is called so."""

Space = Literal["person", "workspace", "project", "name"]
"""What a pseudonym stands for; ``name``: where a text does not say which of them it means."""

_PLACES: tuple[Space, ...] = ("workspace", "project")
_OF_PLACES: Mapping[str, Space] = dict(zip(_PLACES, _PLACES, strict=True))
"""What ids are pseudonyms of, by what they are ids of."""

_SPACE_OF_GROUP: Mapping[object, Space] = {"user": "person", "workspace": "workspace"}
"""What the series of a chart are, by the filter ``group`` of its report."""

_SPACE_OF: Mapping[str, Space] = {**_OF_PLACES, "user": "person"}
"""What a row or a column of two dimensions is."""

_SALT = token_bytes(16)
"""Of this process: nobody can compare a pseudonym with that of an address they know."""

_place_keys = [_SALT]


def key_places(secret: str) -> None:
    """Makes pseudonyms of workspaces and projects the same for all processes of one secret.

    Links carry them, to another replica and beyond a restart. Those of people stay of the process.
    """
    _place_keys[0] = blake2b(secret.encode(), person=b"places").digest()


def pseudonym(name: str, space: Space = "person") -> str:
    """What stands for a name: the same for the same name and kind, and another for another kind."""
    key = _place_keys[0] if space in _PLACES else _SALT
    digest = blake2b(name.encode(), key=key, digest_size=6, person=space.encode())
    return f"{space}-{digest.hexdigest()}"


def hide_words(text: str, words: Mapping[str, str]) -> str:
    """A sentence without e-mail addresses and some names.

    Args:
        words: each name with what stands for it.
    """
    # The longest first: one name may be part of another
    for name in sorted(words, key=len, reverse=True):
        if len(name) >= _SHORTEST_NAME and name in text:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", words[name], text)
    return _ADDRESS.sub(lambda address: pseudonym(address.group()), text)


def holds_pseudonym(text: str) -> bool:
    """Whether what ``pseudonym`` gives stands in a text."""
    return _PSEUDONYM.search(text) is not None


def holds_address(text: str) -> bool:
    """Whether an e-mail address, or what is left of one, stands in a text."""
    return _ADDRESS.search(text) is not None


def hide_people(report: Report) -> Report:
    """The report with a pseudonym for every value of a personal column and every e-mail address.

    They are replaced wherever they stand: in tables, charts, sentences and filters. Numbers, ids
    and the order of rows stay.
    """
    masks = _Masks(report)
    tables = tuple(_hidden_table(table, masks) for table in report.tables)
    of_charts = _SPACE_OF_GROUP.get(report.filters.get("group"))
    rest = {
        field.name: _hidden(
            getattr(report, field.name),
            partial(masks.cell, space=of_charts),
            masks.sentence,
        )
        for field in fields(report)
        if field.init and field.name not in ("tables", *_PROGRAM_FIELDS)
    }
    return replace(report, tables=tables, **rest)


class _Masks:
    """The pseudonyms of everything that one report names."""

    def __init__(self, report: Report) -> None:
        self._of: dict[Space, dict[str, str]] = {}
        for table in report.tables:
            for space, name in _names_in(table):
                self._of.setdefault(space, {})[name] = pseudonym(name, space)
        if "workspace" in self._of:  # what was asked for may have brought no row
            for target in _texts(report.filters.get("targets")):
                workspace, _, project = target.partition("/")
                self._of["workspace"][workspace] = pseudonym(workspace, "workspace")
                if project:
                    self._of.setdefault("project", {})[project] = pseudonym(project, "project")
        self._paths = {
            f"{workspace}/{project}": f"{self._of['workspace'][workspace]}/"
            f"{self._of['project'][project]}"
            for workspace, project in _paths_in(report)
        }
        # A chart shortens long names: those are the same people.
        for known in (*self._of.values(), self._paths):
            known |= {distinct_labels({"": name})[""]: mask for name, mask in [*known.items()]}
        # The longest first: one name may be part of another.
        names = {*self._paths, *(name for known in self._of.values() for name in known)}
        self._words = sorted(
            (name for name in names if len(name) >= _SHORTEST_NAME), key=len, reverse=True
        )

    def cell(self, text: str, space: Space | None = None) -> str:
        """What is shown for the text of a cell or label.

        Args:
            space: what the cell names; None when that is unknown.
        """
        whole = self._mask(text, space)
        if whole is not None:
            return whole
        suffix = _SUFFIX.search(text)
        if suffix:
            named = self._mask(text[: suffix.start()], space)
            if named is not None:
                return named + suffix.group()
        if "/" in text:  # Comet names somebody's own workspace like the person: ada/churn
            workspace, _, project = text.partition("/")
            text = "/".join((self._mask(workspace, "workspace") or workspace, self._part(project)))
        return _ADDRESS.sub(lambda address: pseudonym(address.group()), text)

    def sentence(self, text: str) -> str:
        """The text with every name in it replaced."""
        for name in self._words:
            if name in text:
                mask = self._mask(name, None) or name
                text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", mask, text)
        return self.cell(text)

    def _part(self, text: str) -> str:
        whole = self._mask(text, "project")
        return whole or "/".join(self._mask(part, "project") or part for part in text.split("/"))

    def _mask(self, text: str, space: Space | None) -> str | None:
        """The pseudonym of a name; of no kind, where several kinds have that name."""
        if text in self._paths:
            return self._paths[text]
        spaces = [kind for kind, known in self._of.items() if text in known]
        if not spaces:
            return None
        if space in spaces:
            return self._of[space][text]
        return self._of[spaces[0]][text] if len(spaces) == 1 else pseudonym(text, "name")


def _space_of(column: Column) -> Space:
    return next((space for space in _PLACES if space == column.key), "person")


def _names_in(table: Table) -> list[tuple[Space, str]]:
    named = []
    for column in table.columns:
        if column.personal and column.key in table.frame:
            for value in table.frame[column.key].dropna().unique():
                names = str(value).split(", ") if column.kind == "list" else [str(value)]
                named += [(_space_of(column), name) for name in names if name not in _NOBODY]
    return named


def _paths_in(report: Report) -> set[tuple[str, str]]:
    """Workspaces with their projects, where both are hidden."""
    paths: set[tuple[str, str]] = set()
    for table in report.tables:
        if {column.key for column in table.columns if column.personal} >= {*_PLACES}:
            rows = table.frame[[*_PLACES]].dropna()
            pairs = zip(rows["workspace"], rows["project"], strict=True)
            paths |= {pair for pair in pairs if not {*pair} & {*_NOBODY}}
    return paths


def _texts(value: object) -> list[str]:
    return (
        [text for text in value if isinstance(text, str)] if isinstance(value, list | tuple) else []
    )


def _hidden_table(table: Table, masks: _Masks) -> Table:
    """What stands under the headings is hidden, and a heading where it is a name."""
    lists = {column.key for column in table.columns if column.kind == "list"}
    spaces = {column.key: _space_of(column) for column in table.columns if column.personal}
    frame = _hidden_frame(table.frame, masks.cell, lists, spaces)
    columns = tuple(_hidden_heading(column, masks) for column in table.columns)
    keys = {old.key: new.key for old, new in zip(table.columns, columns, strict=True)}
    return replace(
        table,
        frame=frame.rename(columns=keys),
        columns=columns,
        stands_for=None
        if table.stands_for is None
        else _hidden_frame(table.stands_for, masks.cell, spaces=_OF_PLACES),
        totals=table.totals and {keys.get(key, key): value for key, value in table.totals.items()},
        note=masks.sentence(table.note),
    )


def _hidden_heading(column: Column, masks: _Masks) -> Column:
    """A column whose heading is a name of upstream names nobody."""
    if not column.names:
        return column
    mask = partial(masks.cell, space=_SPACE_OF.get(column.names))
    start, _, identity = column.key.partition(":")
    path = (*column.json_path[:-1], mask(column.json_path[-1]))
    heads = tuple((of, masks.cell(one, space=_OF_PLACES.get(of))) for of, one in column.heads)
    return replace(
        column,
        key=f"{start}:{mask(identity)}",
        label=mask(column.label),
        json_path=path,
        heads=heads,
    )


def _hidden_frame(
    frame: pd.DataFrame,
    cell: Callable[..., str],
    lists: Collection[str] = (),
    spaces: Mapping[str, Space] | None = None,
) -> pd.DataFrame:
    """The frame with hidden texts: each distinct one is looked at once."""
    changed: dict[str, pd.Series[Any]] = {}
    for key in frame.columns:
        column = frame[key]
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_datetime64_any_dtype(column):
            continue
        separator = ", " if key in lists else None
        space = spaces.get(key) if spaces else None
        shown = partial(cell, space=space) if space else cell
        masks = {}
        for value in column.dropna().unique():
            if isinstance(value, str):
                parts = value.split(separator) if separator else [value]
                mask = (separator or "").join(shown(part) for part in parts)
                if mask != value:
                    masks[value] = mask
        if masks:
            plain = column.astype(object).map(lambda text, masks=masks: masks.get(text, text))
            dtype = column.dtype
            if isinstance(dtype, pd.CategoricalDtype):
                order = dict.fromkeys(masks.get(text, text) for text in dtype.categories)
                dtype = pd.CategoricalDtype([*order], dtype.ordered)
            changed[key] = plain.astype(dtype)
    return frame.assign(**changed) if changed else frame


def _hidden(value: Any, cell: Callable[[str], str], sentence: Callable[[str], str]) -> Any:
    """Anything of a report but its tables, with its texts hidden."""
    if isinstance(value, str):
        return sentence(value)
    if isinstance(value, pd.DataFrame):
        return _hidden_frame(value, cell, spaces=_OF_PLACES)
    if isinstance(value, Chart):
        return _hidden_chart(value, cell)
    return _hidden_parts(value, cell, sentence)


def _hidden_parts(value: Any, cell: Callable[[str], str], sentence: Callable[[str], str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _hidden(part, cell, sentence) for key, part in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_hidden(part, cell, sentence) for part in value)
    if is_dataclass(value) and not isinstance(value, type):
        names = [
            field.name
            for field in fields(value)
            if field.init and field.name not in _PROGRAM_FIELDS
        ]
        parts = {name: _hidden(getattr(value, name), cell, sentence) for name in names}
        return replace(value, **parts)
    return value


def _hidden_chart(chart: Chart, cell: Callable[[str], str]) -> Chart:
    """A chart whose bars, lines and legend name nobody; its axis and units name none anyway."""
    if isinstance(chart, Grid):
        return _hidden_grid(chart, cell)
    named = chart.frame.columns.intersection(["label", "series"])
    hidden = _hidden_frame(chart.frame[named], cell)
    frame = chart.frame.assign(**{key: hidden[key] for key in named})
    if isinstance(chart, Stacks | Levels):
        return replace(chart, frame=frame, series=(*map(cell, chart.series),))
    return replace(chart, frame=frame)


def _hidden_grid(chart: Grid, cell: Callable[..., str]) -> Grid:
    """Rows and columns each under pseudonyms of what they are."""
    row, column = (partial(cell, space=_SPACE_OF.get(of)) for of in chart.of)
    return replace(
        chart,
        frame=chart.frame.assign(
            label=chart.frame["label"].map(row), series=chart.frame["series"].map(column)
        ),
        rows=(*map(row, chart.rows),),
        columns=(*map(column, chart.columns),),
    )

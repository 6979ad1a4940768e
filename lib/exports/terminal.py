"""Report to text for a terminal, a pipe or a log."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from textwrap import wrap

from rich.cells import cell_len, set_cell_size
from rich.color import ColorSystem
from rich.style import Style

from lib.exports.columns import Shown, fitting, heading_width, left_out, shared_out, shown_columns
from lib.exports.formats import delta, failures, figure, provenance, visible
from lib.reports.report import Figure, Report, Table

MAX_ROWS = 200
NARROWEST_TEXT = 12
WIDEST_TEXT = 40
ELSEWHERE = "use --format zip"

STYLES = {"title": "bold", "heading": "bold cyan", "total": "bold", "warning": "bold yellow"}

Paint = Callable[[str, str], str]
"""Text and the name of a style to the text in that style."""


def to_terminal(report: Report, *, width: int | None, colour: bool) -> str:
    """Title, provenance, tables with their totals, statistics, notes and failed sources.

    Names cannot act: nothing in them is markup, and escape sequences become ``?``.

    Args:
        width: columns of the terminal: tables show their brief columns, as many as fit, and at most
            ``MAX_ROWS`` rows. None when the output is no terminal: all filled columns, all rows, no
            line is broken.
        colour: whether to write ANSI colours.
    """
    paint: Paint = partial(_painted, colour=colour)
    lines = [paint(visible(report.title), "title"), *_provenance(report, width, paint)]
    for table in report.tables:
        lines += ["", *_table(table, width, paint)]
    if report.figures:
        lines += ["", paint("Statistics:", "title")]
        lines += _bullets(map(_statistic, report.figures), width)
    if report.notes:
        lines += ["", paint("Notes:", "title"), *_bullets(map(visible, report.notes), width)]
    if failures(report):
        lines += ["", paint("Sources that did not answer in full:", "warning")]
        lines += _bullets(failures(report), width)
    return "\n".join(lines) + "\n"


def _painted(text: str, style: str, *, colour: bool) -> str:
    if not colour or not text:
        return text
    return Style.parse(STYLES[style]).render(text, color_system=ColorSystem.STANDARD)


def _provenance(report: Report, width: int | None, paint: Paint) -> Iterator[str]:
    for label, text in provenance(report):
        warns = label == "Demo" or (label == "Completeness" and not report.complete)
        first, *rest = _broken(text, None if width is None else width - 14) or [""]
        yield f"{label:<13} {paint(first, 'warning') if warns else first}"
        yield from (f"{'':<13} {paint(line, 'warning') if warns else line}" for line in rest)


def _bullets(texts: Iterable[str], width: int | None) -> Iterator[str]:
    for text in texts:
        first, *rest = _broken(text, None if width is None else width - 2) or [""]
        yield f"• {first}"
        yield from (f"  {line}" for line in rest)


def _broken(text: str, width: int | None) -> list[str]:
    return [text] if width is None else wrap(text, max(width, 20))


def _statistic(shown: Figure) -> str:
    change = (
        f"; {delta(shown.delta, shown.unit)} vs {visible(shown.delta.against)}"
        if shown.delta
        else ""
    )
    mark = " [incomplete]" if shown.incomplete else ""
    return f"{visible(shown.label)}: {figure(shown)}{change}{mark}"


def _table(table: Table, width: int | None, paint: Paint) -> list[str]:
    limit = None if width is None else MAX_ROWS
    columns = _placed(shown_columns(table, rows=limit, brief=width is not None), width)
    rows = len(table.frame) if limit is None else min(len(table.frame), limit)
    lines = [paint(visible(table.title), "title")]
    lines += _broken(visible(table.note), width) if table.note else []
    lines += _grid(columns, rows, paint) if rows else ["No rows."]
    keys = [shown.column.key for shown, _ in columns]
    for remark in left_out(table, shown=keys, rows=rows, place=ELSEWHERE, named=True):
        lines += _broken(remark, width)
    return lines


def _placed(columns: Sequence[Shown], room: int | None) -> list[tuple[Shown, int]]:
    """The columns that fit and their widths in characters."""
    if room is None:
        return [(shown, max(_cells(shown), _label(shown))) for shown in columns]
    least = [_least(shown) for shown in columns]
    kept = fitting(columns, [width + 3 for width in least], room - 1)
    inside = room - 1 - 3 * len(kept)
    # Cells come before headings, which may well take two lines
    widths = shared_out(
        [least[place] for place in kept], [_wished(columns[place]) for place in kept], inside
    )
    widths = shared_out(widths, [_label(columns[place]) for place in kept], inside)
    return [(columns[place], int(width)) for place, width in zip(kept, widths, strict=True)]


def _least(shown: Shown) -> int:
    """The width at which no number or date is cut and the heading takes at most two lines."""
    cells = min(_cells(shown), NARROWEST_TEXT) if shown.may_be_cut else _cells(shown)
    return max(cells, int(heading_width(visible(shown.column.label), _length)))


def _wished(shown: Shown) -> int:
    """The width at which no cell is cut, within reason."""
    return min(_cells(shown), WIDEST_TEXT) if shown.may_be_cut else _cells(shown)


def _cells(shown: Shown) -> int:
    return max(map(_length, [shown.total, *shown.cells]))


def _label(shown: Shown) -> int:
    return _length(visible(shown.column.label))


def _grid(columns: Sequence[tuple[Shown, int]], rows: int, paint: Paint) -> Iterator[str]:
    # rich.table takes a millisecond a row; a report that is piped may have a hundred thousand
    rule = ["─" * (width + 2) for _, width in columns]
    yield f"┌{'┬'.join(rule)}┐"
    headings = [wrap(visible(shown.column.label), max(width, 1)) for shown, width in columns]
    for line in range(max(map(len, headings))):
        words = [heading[line] if line < len(heading) else "" for heading in headings]
        yield _line(words, columns, paint, "heading")
    yield f"├{'┼'.join(rule)}┤"
    fitted = [
        [_fitted(text, width, right=shown.is_number) for text in shown.cells]
        for shown, width in columns
    ]
    for row in range(rows):
        yield f"│ {' │ '.join([cells[row] for cells in fitted])} │"
    if any(shown.total for shown, _ in columns):
        yield f"├{'┼'.join(rule)}┤"
        yield _line([shown.total for shown, _ in columns], columns, paint, "total")
    yield f"└{'┴'.join(rule)}┘"


def _line(
    texts: Sequence[str], columns: Sequence[tuple[Shown, int]], paint: Paint, style: str
) -> str:
    cells = [
        paint(_fitted(text, width, right=shown.is_number), style)
        for text, (shown, width) in zip(texts, columns, strict=True)
    ]
    return f"│ {' │ '.join(cells)} │"


def _fitted(text: str, width: int, *, right: bool) -> str:
    length = _length(text)
    if length > width:
        return set_cell_size(text, max(width - 1, 0)) + "…"
    room = " " * (width - length)
    return room + text if right else text + room


def _length(text: str) -> int:
    """Terminal cells: wide characters and most emoji take two."""
    return len(text) if text.isascii() else cell_len(text)

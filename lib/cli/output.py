"""What every command shares: its options, settings, progress, errors as exit codes, the writing."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from datetime import date
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer
from loguru import logger

from lib.errors import DashboardError, InputError, SettingsError
from lib.exports import Profile
from lib.exports.printer import printer
from lib.loader.progress import Progress
from lib.logs import configure_logs
from lib.periods import parse_day
from lib.redaction import redact
from lib.reports.deferred import DeferredReport, Standing, standing
from lib.settings import Settings, load_settings

if TYPE_CHECKING:
    from lib.reports.report import Report

T = TypeVar("T")

Format = Literal["table", "csv", "zip", "json", "pdf"]
_BY_SUFFIX: dict[str, Format] = {
    ".csv": "csv",
    ".zip": "zip",
    ".json": "json",
    ".pdf": "pdf",
    ".txt": "table",
}

Since = Annotated[str, typer.Option(help="First day, YYYY-MM-DD (UTC).")]
Until = Annotated[
    str, typer.Option(help="Last day, inclusive. Default after --since: today (UTC).")
]
AnyFormat = Annotated[Format | None, typer.Option(help="Default: by --output, else table.")]
Output = Annotated[Path | None, typer.Option(help="File to write; default: standard output.")]
AnyProfile = Annotated[Profile, typer.Option(help="Kind of CSV.")]
Detail = Annotated[
    bool, typer.Option("--detail", help="A PDF with all charts and tables, not a summary.")
]
"""Parameters that mean the same in every command; one that says more has its own."""

OK, FAILED, MISUSED = 0, 1, 2
"""Exit codes: complete; incomplete or failed; a parameter or setting is unusable."""


def known(words: Iterable[str]) -> Callable[[], list[str]]:
    """What the shell completes a value with; that it is one of these is checked with the others."""
    return lambda: [*words]


def or_exit(work: Callable[[Settings], T]) -> T:
    """Settings, then the work; a known error becomes one line on stderr and an exit code."""
    try:
        settings = load_settings()
        configure_logs(settings.loguru_level if settings.debug else "ERROR")
        return work(settings)
    except DashboardError as error:
        logger.opt(exception=True).debug("failed")
        from lib.exports.formats import visible  # noqa: PLC0415  # brings pandas, for errors only

        lines = map(visible, f"Error: {error}".split("\n"))  # names of anybody's stand in it
        typer.echo(redact("\n".join(lines)), err=True)
        misused = isinstance(error, InputError | SettingsError)
        raise typer.Exit(MISUSED if misused else FAILED) from None


def write_report(
    load: Callable[[Settings, Progress], Awaitable["Report | DeferredReport"]],
    format: Format | None,
    output: Path | None,
    profile: Profile = "excel",
    table: str = "",
    detail: bool = False,
    as_json: "Callable[[Report], bytes] | None" = None,
) -> None:
    """Loads a report, writes it, and ends with the exit code that tells how complete it is.

    Args:
        load: checks what was asked for, then asks for it; counts its requests.
        as_json: another form of JSON than every report has.
    """
    form = _format_of(format, output)  # before anything is asked for
    if detail and form != "pdf":
        typer.echo("Error: --detail goes with a PDF; every other format has all tables.", err=True)
        raise typer.Exit(MISUSED)
    if form == "pdf":
        printer.start()  # it gets ready while the sources are asked

    def made(settings: Settings) -> tuple[bytes, Standing]:
        loaded = run_with_progress(lambda progress: load(settings, progress))
        if form == "json" and as_json is not None:
            assert not isinstance(loaded, DeferredReport)  # those have the usual form
            return as_json(loaded), standing(loaded)
        return _rendered(loaded, form, output, profile, table, detail)

    data, stands = or_exit(made)
    _write(data, stands, form, output)
    if not stands.complete:
        raise typer.Exit(FAILED)


def given_day(option: str, text: str) -> date | None:
    """The day of an option, None when it is not given.

    Raises:
        InputError: names the option.
    """
    return parse_day(option, text) if text else None


def _format_of(format: Format | None, output: Path | None) -> Format:
    """The format asked for, or the one that the file's ending names; checks the file's folder."""
    if output is not None:
        check_folder(output)
    if format is not None:
        return format
    if output is None:
        return "table"
    if output.suffix.lower() not in _BY_SUFFIX:
        typer.echo(f"Error: --output {output.name}: unknown ending. Add --format.", err=True)
        raise typer.Exit(MISUSED)
    return _BY_SUFFIX[output.suffix.lower()]


def check_folder(output: Path) -> None:
    """Ends with one line and an exit code when the folder of a file does not exist."""
    if not output.parent.is_dir():
        typer.echo(f"Error: --output {output}: the folder does not exist.", err=True)
        raise typer.Exit(MISUSED)


def run_with_progress(work: Callable[[Progress], Awaitable[T]]) -> T:
    """Runs the work; draws its progress on stderr when that is a terminal."""
    made: list[T] = []  # what ``run`` returned would be written out as text when the loop ends

    async def run() -> None:
        progress = Progress()
        task = asyncio.ensure_future(work(progress))
        if sys.stderr.isatty():
            await _drawn(task, progress)
        made.append(await task)

    asyncio.run(run())
    return made[0]


async def _drawn(task: "asyncio.Future[T]", progress: Progress) -> None:
    """Draws progress until the task is done."""
    from rich.console import Console  # noqa: PLC0415  # for people only
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn  # noqa: PLC0415
    from rich.progress import Progress as Bar  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        shown = bar.add_task("Asking", total=None)
        while not task.done():
            await asyncio.wait([task], timeout=0.1)
            bar.update(
                shown,
                completed=progress.done,
                total=progress.total or None,
                description="Answered" if progress.total else "Asking",
            )


def _write(data: bytes, stands: Standing, form: Format, output: Path | None) -> None:
    """Writes a report to a file or standard output, and says on stderr what it is not."""
    if not stands.complete or stands.demo:
        said = "made-up demo data" if stands.demo else ""
        said += " and " if stands.demo and not stands.complete else ""
        said += "INCOMPLETE, see its sources" if not stands.complete else ""
        typer.echo(f"Note: this report is {said}.", err=True)
    if form != "table" and stands.empty:
        typer.echo(f"Note: nothing in this selection. {' '.join(stands.notes)}", err=True)
    if output is None:
        _write_out(data)
    else:
        write_file(output, data)


def _write_out(data: bytes) -> None:
    """Writes to standard output; ends with one line and an exit code when that fails."""
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read it has seen enough
        raise
    except (OSError, AttributeError) as error:  # the latter where there is no standard output
        reason = getattr(error, "strerror", None) or "it is closed"
        typer.echo(f"Error: standard output cannot be written: {reason}.", err=True)
        with suppress(OSError, AttributeError):  # else Python would try once more at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(FAILED) from None


def _rendered(
    loaded: "Report | DeferredReport",
    form: Format,
    output: Path | None,
    profile: Profile,
    table: str,
    detail: bool,
) -> tuple[bytes, Standing]:
    if form == "pdf":
        return _printed(loaded, detail)
    report = loaded.build() if isinstance(loaded, DeferredReport) else loaded
    return _data(report, form, output, profile, table), standing(report)


def _printed(loaded: "Report | DeferredReport", detail: bool) -> tuple[bytes, Standing]:
    if not isinstance(loaded, DeferredReport):
        return printer.print(loaded, detail=detail), standing(loaded)
    try:
        return printer.build(loaded, detail=detail)
    except RuntimeError:
        loaded.build()  # a question that cannot be answered fails here, too, with its own words
        raise


def _data(
    report: "Report", form: Format, output: Path | None, profile: Profile, table: str
) -> bytes:
    """The report in its form, which is no PDF. What makes the forms is imported when needed."""
    if form == "table":
        from lib.exports.terminal import to_terminal  # noqa: PLC0415

        terminal = output is None and sys.stdout.isatty()
        width = get_terminal_size().columns if terminal else None
        return (to_terminal(report, width=width, colour=terminal) + "\n").encode()
    if form == "json":
        from lib.exports.json import to_json  # noqa: PLC0415

        return to_json(report)
    from lib.exports.csv import to_csv, to_zip  # noqa: PLC0415

    if form == "zip":
        return to_zip(report, profile)
    return to_csv(report, _table(report, table), profile)


def write_file(path: Path, data: bytes) -> None:
    """Writes a file; ends with one line and an exit code when that fails."""
    try:
        path.write_bytes(data)
    except OSError as error:
        typer.echo(f"Error: --output {path}: {error.strerror}.", err=True)
        raise typer.Exit(FAILED) from None


def _table(report: "Report", key: str) -> str:
    known = [table.key for table in report.tables]
    if key and key not in known:
        typer.echo(f"Error: --table {key[:40]}: unknown. Use {', '.join(known)}.", err=True)
        raise typer.Exit(MISUSED)
    return key or report.main_table

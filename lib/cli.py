"""The same reports without a browser: ``python -m lib.cli``."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer
from loguru import logger
from pydantic import SecretStr
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from lib.api_client import ApiClient
from lib.cache import Caches
from lib.checks import Check, check_openai
from lib.demo import in_process
from lib.errors import DashboardError, InputError, SettingsError
from lib.exports.csv import to_csv
from lib.exports.json import to_json
from lib.exports.pdf import to_pdf
from lib.exports.terminal import to_terminal
from lib.loader.openai import connect_openai, load_openai
from lib.loader.progress import Progress
from lib.logs import configure_logs
from lib.periods import parse_day
from lib.redaction import redact
from lib.reports.openai_usage import build_openai_usage
from lib.reports.report import Report
from lib.settings import Settings, load_settings
from lib.sources.openai.query import OpenAIQuery, check_query

T = TypeVar("T")

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Format = Literal["table", "csv", "json", "pdf"]
_BY_SUFFIX: dict[str, Format] = {".csv": "csv", ".json": "json", ".pdf": "pdf", ".txt": "table"}
_DAYS = 7

OK, FAILED, MISUSED = 0, 1, 2
"""Exit codes: complete; incomplete or failed; a parameter or setting is unusable."""


@app.callback()
def _about() -> None:
    """Who used what, on which AI platform, at what cost. All days are UTC."""


@app.command("openai")
def openai_command(
    since: Annotated[str, typer.Option(help="First day, YYYY-MM-DD (UTC).")] = "",
    until: Annotated[str, typer.Option(help="Last day, inclusive. Default: today (UTC).")] = "",
    endpoint: Annotated[
        list[str] | None, typer.Option(help="Repeat for several; 'costs' too.")
    ] = None,
    bucket_width: Annotated[str, typer.Option(help="1d, 1h or 1m.")] = "1d",
    group_by: Annotated[list[str] | None, typer.Option(help="Repeat for several.")] = None,
    project: Annotated[list[str] | None, typer.Option(help="Only this id or name. Repeat.")] = None,
    user: Annotated[list[str] | None, typer.Option(help="Only this id or e-mail. Repeat.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="Only this model. Repeat.")] = None,
    compare: Annotated[bool, typer.Option("--compare", help="With the preceding period.")] = False,
    format: Annotated[Format | None, typer.Option(help="Default: by --output, else table.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="File to write; default: standard output.")
    ] = None,
    profile: Annotated[Literal["excel", "machine"], typer.Option(help="Kind of CSV.")] = "excel",
) -> None:
    """OpenAI usage and billed cost, by default of the last 7 days including today."""
    form = _format(format, output)

    def make(settings: Settings) -> Report:
        today = datetime.now(UTC).date()
        last = parse_day("--until", until) if until else today
        first = parse_day("--since", since) if since else last - timedelta(days=_DAYS - 1)
        query = check_query(
            since=first,
            until=last,
            today=today,
            endpoints=endpoint or (),
            width=bucket_width,
            group_by=group_by,
            projects=project or (),
            users=user or (),
            models=model or (),
            compare=compare,
        )
        return _with_progress(lambda progress: _openai_report(settings, query, progress))

    report = _or_exit(make)
    _write(report, form, output, profile)
    if not report.complete:
        raise typer.Exit(FAILED)


@app.command("check")
def check_command() -> None:
    """Says for each source whether it is configured, reachable and permitted."""

    async def check(settings: Settings) -> list[Check]:
        async with _openai_client(settings) as client:
            return await check_openai(client, settings)

    checks = _or_exit(lambda settings: asyncio.run(check(settings)))
    for one in checks:
        mark = {True: "yes", False: "NO", None: "-"}
        facts = (
            ("configured", one.configured),
            ("reachable", one.reachable),
            ("permitted", one.permitted),
        )
        line = ", ".join(f"{label}: {mark[value]}" for label, value in facts)
        typer.echo(redact(f"{one.source:<20} {line}" + (f"  {one.detail}" if one.detail else "")))
    if not all(one.fine for one in checks):
        raise typer.Exit(FAILED)


def _or_exit(work: Callable[[Settings], T]) -> T:
    """Settings, then the work; a known error becomes one line on stderr and an exit code."""
    try:
        settings = load_settings()
        configure_logs(settings.loguru_level if settings.debug else "ERROR")
        return work(settings)
    except DashboardError as error:
        logger.opt(exception=True).debug("failed")
        typer.echo(redact(f"Error: {error}"), err=True)
        misused = isinstance(error, InputError | SettingsError)
        raise typer.Exit(MISUSED if misused else FAILED) from None


def _format(format: Format | None, output: Path | None) -> Format:
    """The format asked for, or the one that the file's ending names; checks the file's folder."""
    if output is not None and not output.parent.is_dir():
        typer.echo(f"Error: --output {output}: the folder does not exist.", err=True)
        raise typer.Exit(MISUSED)
    if format is not None:
        return format
    if output is None:
        return "table"
    if output.suffix.lower() not in _BY_SUFFIX:
        typer.echo(f"Error: --output {output.name}: unknown ending. Add --format.", err=True)
        raise typer.Exit(MISUSED)
    return _BY_SUFFIX[output.suffix.lower()]


@asynccontextmanager
async def _openai_client(settings: Settings) -> AsyncIterator[ApiClient]:
    if settings.demo:
        key = SecretStr(in_process.OPENAI_KEY)
        transport = in_process.openai_transport()
        client = connect_openai(in_process.OPENAI_URL, key, transport=transport)
    elif settings.openai_admin_key is not None:
        client = connect_openai(settings.openai_base_url, settings.openai_admin_key)
    else:
        raise SettingsError(
            "OPENAI_ADMIN_KEY",
            "is not set.",
            "Set it in devenv.sh or the environment; DASHBOARD_DEMO=on shows demo data instead.",
        )
    try:
        yield client
    finally:
        await client.aclose()


async def _openai_report(settings: Settings, query: OpenAIQuery, progress: Progress) -> Report:
    async with _openai_client(settings) as client:
        answer = await load_openai(
            client, Caches(), query, now=datetime.now(UTC), progress=progress
        )
    return build_openai_usage(answer, query, now=datetime.now(UTC), demo=settings.demo)


def _with_progress(work: Callable[[Progress], Awaitable[T]]) -> T:
    """Runs the work; draws its progress on stderr when that is a terminal."""

    async def run() -> T:
        progress = Progress()
        task = asyncio.ensure_future(work(progress))
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        console = Console(stderr=True)
        with Bar(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
            shown = bar.add_task("Asking", total=None)
            while not task.done():
                await asyncio.wait([task], timeout=0.1)
                bar.update(
                    shown,
                    completed=progress.done,
                    total=progress.total or None,
                    description=progress.current.replace("_", " ") or "Asking",
                )
        return await task

    return asyncio.run(run())


def _write(
    report: Report, form: Format, output: Path | None, profile: Literal["excel", "machine"]
) -> None:
    if form == "table":
        terminal = output is None and sys.stdout.isatty()
        width = Console().width if terminal else None
        data = (to_terminal(report, width=width, colour=terminal) + "\n").encode()
    elif form == "csv":
        data = to_csv(report, report.main_table, profile)
    else:
        data = to_json(report) if form == "json" else to_pdf(report)
    if not report.complete or report.demo:
        said = "made-up demo data" if report.demo else ""
        said += " and " if report.demo and not report.complete else ""
        said += "INCOMPLETE, see its sources" if not report.complete else ""
        typer.echo(f"Note: this report is {said}.", err=True)
    if output is None:
        sys.stdout.buffer.write(data)
        return
    try:
        output.write_bytes(data)
    except OSError as error:
        typer.echo(f"Error: --output {output}: {error.strerror}.", err=True)
        raise typer.Exit(FAILED) from None


if __name__ == "__main__":
    app()

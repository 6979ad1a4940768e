"""The command ``chargeback``: who uses a Comet server, and what is stored there."""

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from lib.cache import Caches
from lib.checks import Check, check_comet
from lib.cli.output import (
    MISUSED,
    AnyFormat,
    AnyProfile,
    Detail,
    Output,
    check_folder,
    known,
    or_exit,
    write_file,
    write_report,
)
from lib.comparisons import NONE
from lib.errors import InputError
from lib.loader.chargeback import load_chargeback, load_chargeback_files
from lib.loader.progress import Progress
from lib.loader.published_rates import published_rates
from lib.reports.chargeback.build import build_comet_chargeback
from lib.reports.report import Report
from lib.settings import Settings
from lib.sources.comet.chargeback.answer import ChargebackAnswer
from lib.sources.comet.chargeback.ask import fetch_chargeback
from lib.sources.comet.chargeback.files import LARGEST_FILE
from lib.sources.comet.chargeback.query import (
    ACCOUNTS,
    ACTIVE_WINDOW,
    COMPARED_WITH,
    MONTH_PRESETS,
    WINDOW,
    ChargebackQuery,
    check_chargeback_query,
    compared_month,
    named_month,
)
from lib.upstreams import comet_upstream, rules_ledger

_SPAN = "a number and d, w, m (30 days) or y (365 days)"


def chargeback_command(
    month: Annotated[str, typer.Option(help="YYYY-MM, for servers that keep months.")] = "",
    period: Annotated[
        str,
        typer.Option(
            help=f"The month by name: {', '.join(MONTH_PRESETS)}.",
            autocompletion=known(MONTH_PRESETS),
        ),
    ] = "",
    compare: Annotated[str, typer.Option(help="An earlier month to compare with.")] = "",
    compare_with: Annotated[
        str,
        typer.Option(
            help=f"The same by name: {', '.join(COMPARED_WITH)}.",
            autocompletion=known(COMPARED_WITH),
        ),
    ] = NONE,
    host: Annotated[str, typer.Option(help="The server, instead of the configured one.")] = "",
    input: Annotated[
        list[Path] | None,
        typer.Option(help="A saved report instead of a server. Two are compared."),
    ] = None,
    window: Annotated[str, typer.Option(help=f"New within: {_SPAN}.")] = WINDOW,
    active_window: Annotated[str, typer.Option(help=f"Active within: {_SPAN}.")] = ACTIVE_WINDOW,
    workspace: Annotated[
        list[str] | None, typer.Option(help="Only this workspace. Repeat for several.")
    ] = None,
    exclude: Annotated[
        str, typer.Option(help="Leave out workspaces like this: a pattern with * and ?.")
    ] = "",
    accounts: Annotated[
        str, typer.Option(help=f"{', '.join(ACCOUNTS)}.", autocompletion=known(ACCOUNTS))
    ] = ACCOUNTS[0],
    format: AnyFormat = None,
    output: Output = None,
    detail: Detail = False,
    table: Annotated[str, typer.Option(help="Table of a CSV. Default: users.")] = "",
    profile: AnyProfile = "excel",
    raw: Annotated[
        bool,
        typer.Option(
            "--raw",
            help="Save the server's JSON unchanged, to --output or "
            "comet-chargeback-report[-YYYY-MM].json.",
        ),
    ] = False,
) -> None:
    """Users, workspaces, projects and sizes of a Comet server, or of saved reports."""

    def query() -> ChargebackQuery:
        today = datetime.now(UTC).date()
        chosen = _either("--month", month, "--period", named_month(period, today))
        before = compared_month(compare_with, chosen, today)
        return check_chargeback_query(
            month=chosen or None,
            compare=_either("--compare", compare, "--compare-with", before) or None,
            window=window,
            active_window=active_window,
            workspaces=workspace or (),
            exclude=exclude,
            accounts=accounts,
        )

    if raw:
        unfit = input or format or compare or compare_with != NONE or workspace or exclude or table
        if unfit or detail:
            typer.echo(
                "Error: --raw goes with --month, --period, --host and --output only.", err=True
            )
            raise typer.Exit(MISUSED)
        asked = or_exit(lambda _: query())
        month_part = f"-{asked.month}" if asked.month else ""
        file = output or Path(f"comet-chargeback-report{month_part}.json")
        check_folder(file)
        data, demo = or_exit(lambda settings: asyncio.run(_raw(settings, asked, host)))
        write_file(file, data)
        said = ", as the server gave it." if not demo else ": made-up demo data."
        typer.echo(f"Saved {file} ({len(data):,} bytes){said}", err=True)
        return

    async def load(settings: Settings, progress: Progress) -> Report:
        if input:
            return _of_files(settings, input, query(), host)
        return await _of_server(settings, query(), host, progress)

    write_report(load, format, output, profile, table, detail)


def _either(option: str, given: str, by_name: str, named: str) -> str:
    """What one of two options gives; the second names it.

    Raises:
        InputError: both are given.
    """
    if given and named:
        raise InputError(by_name, f"{option} says it already.", "Leave out one of the two.")
    return given or named


async def _raw(settings: Settings, query: ChargebackQuery, host: str) -> tuple[bytes, bool]:
    """The server's report, and whether it is made up."""
    source = comet_upstream(settings, host or None, by_operator=True)
    async with aclosing(source.connect()) as client:
        return (await fetch_chargeback(client, query.month)).raw, source.demo


async def _of_server(
    settings: Settings, query: ChargebackQuery, host: str, progress: Progress
) -> Report:
    source = comet_upstream(settings, host or None, by_operator=True)
    async with aclosing(source.connect()) as client:
        answer = await load_chargeback(source, client, query, caches=Caches(), progress=progress)
    return _built(settings, answer, query, demo=source.demo)


def _of_files(settings: Settings, paths: list[Path], query: ChargebackQuery, host: str) -> Report:
    if host:
        raise InputError("host", "files are read without a server.", "Leave out one of the two.")
    answer = load_chargeback_files([(path.name, _read(path)) for path in paths], query)
    return _built(settings, answer, query)


def _built(
    settings: Settings, answer: ChargebackAnswer, query: ChargebackQuery, *, demo: bool = False
) -> Report:
    rates = published_rates(rules_ledger(settings))
    return build_comet_chargeback(answer, query, now=datetime.now(UTC), demo=demo, rates=rates)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise InputError("--input", f"{path}: {error.strerror}.", "Name a readable file.") from None


async def comet_checks(settings: Settings) -> list[Check]:
    """What stands in the way of the Comet reports."""
    source = comet_upstream(settings)
    async with aclosing(source.connect()) as client:
        return await check_comet(client, source.address.rest_roots, configured=not source.demo)

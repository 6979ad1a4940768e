"""The commands ``ledger …``: keeps what every platform said, and tells it again."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from lib.capture.months import chosen_months, last_day
from lib.capture.rounds import NAMES, MonthResult, capture_round, chosen_platforms
from lib.cli.examples import examples
from lib.cli.output import FAILED, known, or_exit, run_with_progress, write_report
from lib.errors import InputError
from lib.ledger.history import capture_statuses, month_records
from lib.ledger.query import COLUMNS, ask, check_ledger_query, gaps
from lib.ledger.retention import tidy
from lib.ledger.store import Capture, forget_person
from lib.ledger.transfer import OfLedger, export, opened_export, take_in
from lib.ledger.verify import verify
from lib.loader.progress import Progress
from lib.periods import parse_day
from lib.redaction import redact
from lib.reports.ledger.amounts import build_amounts
from lib.reports.ledger.months import build_months
from lib.reports.report import Report
from lib.settings import Settings
from lib.upstreams import ledger_upstream, other_ledger

ledger = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

Platform = Annotated[
    list[str] | None,
    typer.Option(help=f"{', '.join(NAMES)}. Repeat for several.", autocompletion=known(NAMES)),
]
LedgerFormat = Annotated[
    Literal["table", "json", "csv"] | None,
    typer.Option(help="Default: by --output, else table."),
]
OutputFile = Annotated[Path | None, typer.Option(help="File to write; default: standard output.")]


@ledger.callback()
def _about() -> None:
    """What every platform said, kept for good."""


@ledger.command("capture", epilog=examples("ledger capture"))
def capture_command(
    month: Annotated[list[str] | None, typer.Option(help="YYYY-MM. Repeat for several.")] = None,
    since: Annotated[str, typer.Option(help="This month, YYYY-MM, and all after it.")] = "",
    platform: Platform = None,
) -> None:
    """Asks every configured platform for months, and keeps what they say.

    By default this month, and each of the last twelve that is missing, incomplete or may still
    change. Ends with 1 when anything of them is incomplete.
    """

    def work(settings: Settings) -> bool:
        now = datetime.now(UTC)
        months = chosen_months(month or (), since, now.date())
        platforms = chosen_platforms(settings, platform or ())
        store = ledger_upstream(settings)

        async def captured(progress: Progress) -> bool:
            complete = True
            rounds = capture_round(settings, store, platforms, months, now=now, progress=progress)
            async for result in rounds:
                typer.echo(redact(_line(result)))
                complete = complete and result.complete
            return complete

        complete = run_with_progress(captured)
        tidy(store, now)
        return complete

    if not or_exit(work):
        raise typer.Exit(FAILED)


def _line(result: MonthResult) -> str:
    """``openai            2026-10  captured   1,234 rows, complete``."""
    head = f"{result.platform:<17} {result.month or '-':<7}"
    if result.outcome is None:
        return f"{head}  {'not given' if result.beyond_reach else 'FAILED   '}  {result.error}"
    capture = result.outcome.capture
    state = "complete" if capture.complete else f"INCOMPLETE: {', '.join(sorted(capture.failed))}"
    detail = f"; {result.outcome.detail}" if result.outcome.detail else ""
    return f"{head}  {result.outcome.what:<9}  {capture.rows:,} rows, {state}{detail}"


@ledger.command("status", epilog=examples("ledger status"))
def status_command(format: LedgerFormat = None, output: OutputFile = None) -> None:
    """What is kept of each platform and month, since when, and what is missing."""

    async def load(settings: Settings, _progress: Progress) -> Report:
        captures = ledger_upstream(settings).captures()
        return build_months(
            month_records(captures),
            sources=capture_statuses(captures, gaps(captures)),
            now=datetime.now(UTC),
            demo=settings.demo,
        )

    write_report(load, format, output)


@ledger.command("query", epilog=examples("ledger query"))
def query_command(
    since: Annotated[str, typer.Option(help="First month or day: YYYY-MM or YYYY-MM-DD.")],
    until: Annotated[
        str, typer.Option(help="Last month or day, inclusive. Default: today (UTC).")
    ] = "",
    by: Annotated[
        str,
        typer.Option(help=f"{', '.join(COLUMNS)}; several with commas.", metavar="COLUMN,…"),
    ] = "platform,metric",
    metric: Annotated[
        list[str] | None, typer.Option(help="Only this one. Repeat for several.")
    ] = None,
    platform: Platform = None,
    as_of: Annotated[
        str, typer.Option(help="As the ledger stood at the end of this day, YYYY-MM-DD.")
    ] = "",
    format: LedgerFormat = None,
    output: OutputFile = None,
) -> None:
    """Exact sums of what is kept, told apart as you like."""

    async def load(settings: Settings, _progress: Progress) -> Report:
        now = datetime.now(UTC)
        query = check_ledger_query(
            since=_day("--since", since, last=False),
            until=_day("--until", until, last=True) if until else now.date(),
            by=[column.strip() for column in by.split(",") if column.strip()],
            metrics=metric or (),
            platforms=platform or (),
            as_of=_end_of_day("--as-of", as_of) if as_of else None,
        )
        answer = ask(ledger_upstream(settings), query)
        return build_amounts(
            [
                (*amount.group, amount.quantity, amount.unit, amount.complete)
                for amount in answer.amounts
            ],
            query.by,
            period=query.period,
            filters={"by": [*query.by], "metric": [*query.metrics], "as_of": as_of or None},
            sources=capture_statuses(answer.captures, answer.gaps),
            now=now,
            demo=settings.demo,
        )

    write_report(load, format, output, as_json=query_json)


def query_json(report: Report) -> bytes:
    """``ledger-query/1``: one key per column asked for, the quantity as text, its unit."""
    table = report.table("amounts")
    keys = [column.key for column in table.columns]
    rows = [
        _plain(dict(zip(keys, row, strict=True)))
        for row in table.frame.itertuples(index=False, name=None)
    ]
    complete = report.complete and all(row["complete"] for row in rows)
    said = {"schema": "ledger-query/1", "complete": complete, "demo": report.demo, "rows": rows}
    return (json.dumps(said, ensure_ascii=False, indent=1) + "\n").encode()


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    quantity = row["quantity"]
    return row | {"quantity": None if quantity is None else f"{quantity.normalize():f}"}


@ledger.command("verify", epilog=examples("ledger verify"))
def verify_command() -> None:
    """Compares every file with what was written, and looks for files nobody names and missing months.

    Ends with 1 when a file is missing or changed.
    """
    findings = or_exit(lambda settings: verify(ledger_upstream(settings)))
    for finding in findings:
        typer.echo(redact(f"{finding.kind:<8} {finding.place}  {finding.detail}"))
    kinds = Counter(finding.kind for finding in findings)
    typer.echo(
        ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        or "Every file is as it was written, and no month is missing."
    )
    if kinds["missing"] or kinds["changed"]:
        raise typer.Exit(FAILED)


@ledger.command("forget-person", epilog=examples("ledger forget-person"))
def forget_command(
    id: Annotated[str, typer.Argument(help="The person's id, as the platform has it.")],
) -> None:
    """Erases every name and address of an id, for good. Its amounts stay, under the id."""
    erased = or_exit(
        lambda settings: forget_person(ledger_upstream(settings), id, datetime.now(UTC))
    )
    typer.echo(f"{erased} names of {id} are erased; none is kept of it from now on.")


@ledger.command("export", epilog=examples("ledger export"))
def export_command(
    target: Annotated[Path, typer.Argument(help="A new folder, or a file that ends in .tar.")],
) -> None:
    """Writes everything the ledger knows into a folder or a tar file, for another one to take in."""
    captures = or_exit(lambda settings: export(ledger_upstream(settings), target))
    typer.echo(f"{captures:,} captures are in {target}.")


@ledger.command("import", epilog=examples("ledger import"))
def import_command(
    source: Annotated[
        Path | None, typer.Argument(help="A folder or tar file that ledger export wrote.")
    ] = None,
    from_url: Annotated[
        str,
        typer.Option(
            help="Instead: the database of another ledger, as LEDGER_URL says it.",
            envvar="LEDGER_FROM_URL",
        ),
    ] = "",
    from_warehouse: Annotated[
        str,
        typer.Option(
            help="And its files, as LEDGER_WAREHOUSE says it.", envvar="LEDGER_FROM_WAREHOUSE"
        ),
    ] = "",
) -> None:
    """Takes in everything another ledger knows, with its times.

    A month of which this ledger has something else stays as it is; ends with 1 where there is one.
    """

    def work(settings: Settings) -> tuple[int, list[Capture]]:
        target = ledger_upstream(settings)
        if (source is None) == (not from_url or not from_warehouse):
            raise InputError(
                "source",
                "say where from, in one way.",
                "Name a file, or give --from-url and --from-warehouse.",
            )
        if source is not None:
            with opened_export(source) as kept:
                return take_in(target, kept)
        return take_in(target, OfLedger(other_ledger(settings, from_url, from_warehouse)))

    entered, outside = or_exit(work)
    typer.echo(f"{entered:,} captures came in.")
    for capture in outside:
        typer.echo(
            f"{capture.platform} {capture.month} of {capture.account} stays as it is: this ledger "
            "has something else."
        )
    if outside:
        raise typer.Exit(FAILED)


def _day(option: str, text: str, *, last: bool) -> date:
    """A day, or the first or last day of a month."""
    if len(text) == len("2026-10"):
        first = parse_day(option, f"{text}-01")
        return last_day(text) if last else first
    return parse_day(option, text)


def _end_of_day(option: str, text: str) -> datetime:
    day = parse_day(option, text) + timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)

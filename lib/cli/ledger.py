"""The commands ``ledger …``: keeps what every platform said, and tells it again."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer

from lib.capture.months import chosen_months, last_day
from lib.capture.rounds import NAMES, MonthResult, capture_round, chosen_platforms
from lib.cli.examples import examples
from lib.cli.output import (
    FAILED,
    AnyFormat,
    Output,
    known,
    or_exit,
    run_with_progress,
    write_report,
)
from lib.errors import InputError, SourceUnavailable
from lib.exports.formats import visible
from lib.ledger.exported import OfLedger, export, opened_export
from lib.ledger.gaps import missing_months
from lib.ledger.history import capture_statuses, month_records
from lib.ledger.query import (
    COLUMNS,
    LedgerAnswer,
    LedgerQuery,
    ask,
    check_ledger_query,
)
from lib.ledger.retention import tidy
from lib.ledger.store import Ledger, forget_person
from lib.ledger.transfer import TakenIn, take_in
from lib.ledger.verify import Finding, verify
from lib.loader.progress import Progress
from lib.periods import EARLIEST, Period, parse_day, span
from lib.quantities import counted
from lib.redaction import redact
from lib.reports.ledger.amounts import build_amounts
from lib.reports.ledger.months import build_months
from lib.reports.ledger.platforms import METRICS
from lib.reports.report import Report
from lib.settings import Settings
from lib.upstreams import ledger_upstream, other_ledger
from lib.usage.measured import shortest

ledger = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

Platform = Annotated[
    list[str] | None,
    typer.Option(help=f"{', '.join(NAMES)}. Repeat for several.", autocompletion=known(NAMES)),
]


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
                _tell(_line(result))
                complete = complete and result.complete
            return complete

        complete = run_with_progress(captured)
        tidy(store, now)
        return complete

    if not or_exit(work):
        raise typer.Exit(FAILED)


def _tell(line: str) -> None:
    """Writes one line, in which no name of a platform acts."""
    typer.echo(visible(redact(line)))


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
def status_command(format: AnyFormat = None, output: Output = None) -> None:
    """What is kept of each platform and month, since when, and what is missing."""

    async def load(settings: Settings, _progress: Progress) -> Report:
        store, now = ledger_upstream(settings), datetime.now(UTC)
        _check_there(store)
        captures = store.captures()
        missing = missing_months(captures, Period(EARLIEST, _ended(now.date())))
        return build_months(
            month_records(captures, now),
            sources=capture_statuses(captures, missing, now),
            now=now,
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
        str, typer.Option(help="As the ledger stood at the end of this day or month.")
    ] = "",
    format: AnyFormat = None,
    output: Output = None,
) -> None:
    """Exact sums of what is kept, told apart as you like."""

    async def load(settings: Settings, _progress: Progress) -> Report:
        now = datetime.now(UTC)
        today = now.date()
        query = check_ledger_query(
            since=_day("--since", since, today),
            until=_day("--until", until, today, last=True) if until else today,
            by=[column.strip() for column in by.split(",") if column.strip()],
            metrics=metric or (),
            platforms=platform or (),
            as_of=_end_of_day("--as-of", as_of, today) if as_of else None,
        )
        store = ledger_upstream(settings)
        _check_there(store)
        _check_captured(store, query)
        answer = ask(store, query)
        _check_metrics(query, answer)
        return build_amounts(
            [
                (
                    *amount.group,
                    None if amount.quantity is None else shortest(amount.quantity),
                    amount.unit,
                    amount.complete,
                )
                for amount in answer.amounts
            ],
            query.by,
            period=query.period,
            filters={"by": [*query.by], "metric": [*query.metrics], "as_of": as_of or None},
            sources=capture_statuses(answer.captures, answer.gaps, answer.at, query.until),
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
    return row | {"quantity": None if quantity is None else f"{quantity:f}"}


def _check_there(store: Ledger) -> None:
    """Refuses to read where there is nothing: it would look as if all were well."""
    if not store.exists:
        raise SourceUnavailable(
            "ledger",
            "there is none at LEDGER_URL.",
            "Run ai-usage ledger capture, or name the database of yours.",
        )


def _ended(today: date) -> date:
    """The last day of the month before."""
    return today.replace(day=1) - timedelta(days=1)


def _check_captured(store: Ledger, query: LedgerQuery) -> None:
    """Refuses a question about what was never captured: it would read as zero."""
    captures = store.captures(as_of=query.as_of)
    there = sorted({capture.platform for capture in captures})
    for name in query.platforms:
        if captures and name not in there:
            problem = f"nothing was captured of {name[:40]!r}."
            raise InputError("platform", problem, f"Use {', '.join(there)}.")
    first, last = query.months
    months = [
        capture.month for capture in captures if capture.platform in (query.platforms or there)
    ]
    if not any(first <= month <= last for month in months):
        begins = f"; it begins with {min(months)} and ends with {max(months)}" if months else ""
        raise SourceUnavailable(
            "ledger",
            f"nothing was captured of {span(first, last)}{begins}.",
            "Run ai-usage ledger capture.",
        )


def _check_metrics(query: LedgerQuery, answer: LedgerAnswer) -> None:
    """Refuses a metric that nobody knows: it would read as zero."""
    there = {capture.platform for capture in answer.captures}
    known_ones = {amount.metric for amount in answer.amounts}
    known_ones |= {key for platform in there for key in METRICS.get(platform, {})}
    for name in query.metrics:
        if name not in known_ones:
            others = [platform for platform, metrics in METRICS.items() if name in metrics]
            if others:
                problem = f"{name!r} is counted by {', '.join(others)}, of which nothing is asked."
                raise InputError("metric", problem, f"Add --platform {others[0]}, or capture it.")
            near = get_close_matches(name, sorted(known_ones), 3)
            raise InputError(
                "metric",
                f"{name[:40]!r} is unknown.",
                f"Did you mean {' or '.join(near)}?"
                if near
                else "Leave --metric out, and see which there are.",
            )


@ledger.command("verify", epilog=examples("ledger verify"))
def verify_command() -> None:
    """Compares every file with what was written, and looks for files nobody names and missing months.

    Ends with 1 when a file is missing or changed, or there is no ledger.
    """

    def work(settings: Settings) -> tuple[bool, list[Finding]]:
        store = ledger_upstream(settings)
        return store.exists, verify(store, _ended(datetime.now(UTC).date()))

    exists, findings = or_exit(work)
    for finding in findings:
        _tell(f"{finding.kind:<8} {finding.place}  {finding.detail}")
    kinds = Counter(finding.kind for finding in findings)
    well = (
        "Every file is as it was written, and no month is missing."
        if exists
        else "There is no ledger at LEDGER_URL."
    )
    typer.echo(", ".join(f"{count} {kind}" for kind, count in kinds.items()) or well)
    if not exists or any(kinds[kind] for kind in ("missing", "changed", "table")):
        raise typer.Exit(FAILED)


@ledger.command("forget-person", epilog=examples("ledger forget-person"))
def forget_command(
    id: Annotated[str, typer.Argument(help="The person's id, as the platform has it.")],
) -> None:
    """Erases every name and address of an id, for good. Its amounts stay, under the id."""

    def work(settings: Settings) -> int:
        if not id.strip():
            raise InputError("id", "it is empty.", "Name the person's id.")
        return forget_person(ledger_upstream(settings), id, datetime.now(UTC))

    erased = or_exit(work)
    typer.echo(f"Erased: {counted(erased, 'names')} of {id}. None will be kept again.")


@ledger.command("export", epilog=examples("ledger export"))
def export_command(
    target: Annotated[Path, typer.Argument(help="A new folder, or a file that ends in .tar.")],
) -> None:
    """Writes everything the ledger knows into a folder or a tar file, for another one to take in."""
    captures = or_exit(lambda settings: export(ledger_upstream(settings), target))
    typer.echo(f"{target} holds {counted(captures, 'captures')}.")


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

    A month of which this ledger has something else stays as it is; ends with 1 where there is one. What a
    newer capture has replaced does not come to count again, and made-up data stays apart.
    """

    def work(settings: Settings) -> TakenIn:
        target = ledger_upstream(settings)
        given = source is not None, bool(from_url), bool(from_warehouse)
        if given not in ((True, False, False), (False, True, True)):
            raise InputError(
                "source",
                "say where from, in one way.",
                "Name a file, or give --from-url and --from-warehouse.",
            )
        if source is not None:
            with opened_export(source) as kept:
                return take_in(target, kept)
        other = other_ledger(settings, from_url, from_warehouse)
        if not other.exists:
            raise InputError("from-url", "there is no ledger.", "Name the one to take in.")
        return take_in(target, OfLedger(other))

    taken = or_exit(work)
    _tell(f"{counted(taken.entered, 'captures')} came in.")
    if taken.confirmed:
        _tell(f"Confirmed again since, and noted: {counted(taken.confirmed, 'captures')}.")
    if taken.older:
        _tell(f"Passed over, since newer ones count: {counted(taken.older, 'captures')}.")
    for platform, account, month in dict.fromkeys(capture.key for capture in taken.outside):
        _tell(f"{platform} {month} of {account} stays as it is: this ledger has something else.")
    if taken.outside:
        raise typer.Exit(FAILED)


def _day(option: str, text: str, today: date, *, last: bool = False) -> date:
    """A day, or the first or last day of a month.

    Raises:
        InputError: neither, or in the future; this month may be asked for to its end.
    """
    is_month = len(text) == len("2026-10")
    try:
        first = parse_day(option, f"{text}-01" if is_month else text)
    except InputError:
        problem = f"{text[:40]!r} is neither a month nor a day."
        raise InputError(option, problem, "Write 2026-10 or 2026-10-31.") from None
    if first > today:
        raise InputError(option, f"{text} lies in the future.", f"Today is {today} (UTC).")
    return last_day(text) if is_month and last else first


def _end_of_day(option: str, text: str, today: date) -> datetime:
    """The first moment after a day."""
    day = _day(option, text, today, last=True) + timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)

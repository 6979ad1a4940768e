"""The commands ``cost-centres …``: the rules of who pays, drafted in files, previewed and published."""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path
from typing import Annotated

import typer

from lib.allocation.read import Problem, read_tables, write_tables
from lib.allocation.rule_set import COLUMNS, RuleSet
from lib.cli.examples import examples
from lib.cli.output import AnyFormat, Output, or_exit, write_report
from lib.errors import InputError
from lib.exports.formats import visible
from lib.ledger.allocated import checked, previewed
from lib.ledger.lines import days_of
from lib.ledger.rule_sets import Published, known_names, publish, published, versions
from lib.ledger.store import Ledger
from lib.loader.progress import Progress
from lib.periods import check_month
from lib.quantities import counted
from lib.redaction import redact
from lib.reports.allocation.preview import build_preview
from lib.reports.report import Report
from lib.settings import Settings
from lib.upstreams import ledger_upstream

cost_centres = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

_MADE_FROM = "version.json"
_MOST_TOLD = 200

Folder = Annotated[
    Path, typer.Argument(help=f"A folder with {', '.join(f'{table}.csv' for table in COLUMNS)}.")
]


@cost_centres.callback()
def _about() -> None:
    """Who pays: the rules, in files that Excel opens."""


@cost_centres.command("export", epilog=examples("cost-centres export"))
def export_command(
    folder: Annotated[Path, typer.Argument(help="A new folder, or an empty one.")],
    version: Annotated[int | None, typer.Option(help="Default: the newest.")] = None,
) -> None:
    """Writes the published rules as CSV files; before the first version, their empty tables."""

    def work(settings: Settings) -> Published:
        rules = published(ledger_upstream(settings), version)
        _write(folder, rules)
        return rules

    rules = or_exit(work)
    what = f"version {rules.version}" if rules.version else "empty tables: nothing is published yet"
    typer.echo(f"{folder} holds {what}.")


@cost_centres.command("check", epilog=examples("cost-centres check"))
def check_command(folder: Folder) -> None:
    """Names everything that is wrong with a draft, with table, row and column; ends with 2 if there is any."""
    rule_set = or_exit(lambda settings: _draft(folder, ledger_upstream(settings)))
    parts = [counted(len(getattr(rule_set, table)), table.replace("_", " ")) for table in COLUMNS]
    typer.echo(f"Nothing is wrong with {', '.join(parts)}.")


@cost_centres.command("preview", epilog=examples("cost-centres preview"))
def preview_command(
    folder: Folder,
    month: Annotated[str, typer.Option(help="YYYY-MM, one that was captured.")],
    format: AnyFormat = None,
    output: Output = None,
) -> None:
    """What a draft would make of a month: what stays unallocated, which rules decide nothing, what moves."""

    async def load(settings: Settings, _progress: Progress) -> Report:
        ledger, now = ledger_upstream(settings), datetime.now(UTC)
        draft = _draft(folder, ledger)
        answer = previewed(ledger, check_month("month", month, now.date()), draft)
        return build_preview(
            answer.month.allocation,
            answer.preview,
            published(ledger).rule_set.names | draft.names,
            month=month,
            period=days_of(month),
            over=answer.over,
            sources=answer.month.lines.sources,
            complete=answer.month.lines.complete,
            now=now,
            demo=settings.demo,
        )

    write_report(load, format, output)


@cost_centres.command("publish", epilog=examples("cost-centres publish"))
def publish_command(
    folder: Folder,
    reason: Annotated[str, typer.Option(help="Why the rules change; everybody reads it.")],
    over: Annotated[
        int | None,
        typer.Option(help=f"The version it was made from. Default: what {_MADE_FROM} says."),
    ] = None,
) -> None:
    """Makes a draft count. Refused where anything is wrong with it, or somebody has published meanwhile."""

    def work(settings: Settings) -> Published:
        ledger = ledger_upstream(settings)
        draft = _draft(folder, ledger)
        base = _made_from(folder, ledger) if over is None else over
        made = publish(ledger, draft, over=base, by=getuser(), reason=reason, now=datetime.now(UTC))
        with suppress(OSError):  # a draft that goes on from here is asked for --over
            _write_version(folder, made)
        return made

    made = or_exit(work)
    typer.echo(f"Version {made.version} counts from now on.")


@cost_centres.command("history", epilog=examples("cost-centres history"))
def history_command() -> None:
    """Every version: when, by whom, and why."""
    for made in or_exit(lambda settings: versions(ledger_upstream(settings))):
        assert made.published_at is not None  # all but the empty one before the first
        typer.echo(
            redact(
                f"{made.version:>4}  {made.published_at:%Y-%m-%d %H:%M} UTC  {visible(made.published_by)}  "
                f"{visible(made.reason)}  {made.sha256[:12]}"
            )
        )


def _draft(folder: Path, ledger: Ledger) -> RuleSet:
    """What the files of a folder say, with ids for its names.

    Raises:
        InputError: it is no folder, or something is wrong: all of it.
    """
    rule_set, unread = read_tables(_files(folder))
    resolved, problems = checked(rule_set, unread, known_names(ledger))
    if problems:
        _tell(problems)
        what = f"{counted(len(problems), 'problems')}, named above."
        raise InputError(str(folder), what, "Nothing was published. Mend them, and check again.")
    return resolved


def _tell(problems: list[Problem]) -> None:
    for problem in problems[:_MOST_TOLD]:
        typer.echo(redact(visible(str(problem))), err=True)
    if len(problems) > _MOST_TOLD:
        typer.echo(f"… and {len(problems) - _MOST_TOLD:,} more.", err=True)


def _files(folder: Path) -> Mapping[str, bytes]:
    if not folder.is_dir():
        raise InputError("folder", f"{folder} is none.", "Make one with cost-centres export.")
    try:
        return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.csv"))}
    except OSError as error:
        raise InputError("folder", f"{folder} cannot be read: {error.strerror}.") from None


def _write(folder: Path, rules: Published) -> None:
    try:
        folder.mkdir(exist_ok=True)
        if any(folder.iterdir()):
            raise InputError("folder", f"{folder} is not empty.", "Name a new one.")
        for table, content in write_tables(rules.rule_set).items():
            (folder / f"{table}.csv").write_bytes(content)
        _write_version(folder, rules)
    except OSError as error:
        raise InputError("folder", f"{folder} cannot be written: {error.strerror}.") from None


def _write_version(folder: Path, rules: Published) -> None:
    said = {"version": rules.version, "sha256": rules.sha256}
    (folder / _MADE_FROM).write_text(json.dumps(said) + "\n", encoding="utf-8")


def _made_from(folder: Path, ledger: Ledger) -> int:
    """The version that a draft was made from."""
    try:
        return int(json.loads((folder / _MADE_FROM).read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError, TypeError):
        newest = published(ledger).version
        if newest:
            raise InputError(
                "over",
                f"{folder / _MADE_FROM} does not say from which version the draft was made.",
                f"Give --over; the newest is {newest}.",
            ) from None
        return 0

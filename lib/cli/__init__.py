"""The same reports without a browser: ``python -m lib.cli``."""

import asyncio

import typer

from lib.checks import Check
from lib.cli.chargeback import chargeback_command, comet_checks
from lib.cli.comet_usage import comet_usage_command
from lib.cli.openai import openai_checks, openai_command
from lib.cli.output import FAILED, or_exit
from lib.cli.tenants import tenant_checks, tenants
from lib.errors import SettingsError
from lib.redaction import redact
from lib.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("openai")(openai_command)
app.add_typer(tenants, name="tenants")
app.command("chargeback")(chargeback_command)
app.command("comet-usage")(comet_usage_command)


@app.callback()
def _about() -> None:
    """Who used what, on which AI platform, at what cost. All days are UTC."""


@app.command("check")
def check_command() -> None:
    """Says for each source whether it is configured, reachable and permitted.

    Ends with 1 when something configured stands in the way of a complete report, or nothing is configured.
    """
    checks = or_exit(lambda settings: asyncio.run(_checks(settings)))
    mark = {True: "yes", False: "NO", None: "-"}
    for one in checks:
        facts = (
            ("configured", one.configured),
            ("reachable", one.reachable),
            ("permitted", one.permitted),
        )
        line = ", ".join(f"{label}: {mark[value]}" for label, value in facts)
        typer.echo(redact(f"{one.source:<20} {line}" + (f"  {one.detail}" if one.detail else "")))
    configured = [one for one in checks if one.configured]
    if not configured or not all(one.fine for one in configured):
        raise typer.Exit(FAILED)


async def _checks(settings: Settings) -> list[Check]:
    """All sources, one after the other; a setting that cannot be used stops only its own."""
    found: list[Check] = []
    for source in (openai_checks, tenant_checks, comet_checks):
        try:
            found += await source(settings)
        except SettingsError as error:
            there = getattr(settings, error.variable.lower(), None) is not None
            found.append(Check(error.variable, there, None, None, str(error)))
    return found

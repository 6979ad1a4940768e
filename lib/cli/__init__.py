"""The same reports without a browser: ``python -m lib.cli``."""

import asyncio

import typer

from lib.cli.openai import openai_checks, openai_command
from lib.cli.output import FAILED, or_exit
from lib.cli.tenants import tenants
from lib.redaction import redact

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("openai")(openai_command)
app.add_typer(tenants, name="tenants")


@app.callback()
def _about() -> None:
    """Who used what, on which AI platform, at what cost. All days are UTC."""


@app.command("check")
def check_command() -> None:
    """Says for each source whether it is configured, reachable and permitted."""
    checks = or_exit(lambda settings: asyncio.run(openai_checks(settings)))
    mark = {True: "yes", False: "NO", None: "-"}
    for one in checks:
        facts = (
            ("configured", one.configured),
            ("reachable", one.reachable),
            ("permitted", one.permitted),
        )
        line = ", ".join(f"{label}: {mark[value]}" for label, value in facts)
        typer.echo(redact(f"{one.source:<20} {line}" + (f"  {one.detail}" if one.detail else "")))
    if not all(one.fine for one in checks):
        raise typer.Exit(FAILED)

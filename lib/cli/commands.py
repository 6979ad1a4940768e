"""All commands, of which only the one that runs is imported."""

import asyncio
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from lib.cli.examples import examples
from lib.cli.output import FAILED, or_exit
from lib.errors import SettingsError
from lib.redaction import redact
from lib.settings import Settings, load_sign_in

if TYPE_CHECKING:
    from lib.checks import Check

_COMMANDS = {
    "openai": ("openai", "openai_command"),
    "tenants": ("tenants", "tenants"),
    "chargeback": ("chargeback", "chargeback_command"),
    "comet-usage": ("comet_usage", "comet_usage_command"),
    "overview": ("overview", "overview_command"),
    "cost-centre": ("overview", "cost_centre_command"),
    "alerts": ("overview", "alerts_command"),
    "ledger": ("ledger", "ledger"),
    "cost-centres": ("cost_centres", "cost_centres"),
    "sign-outs": ("sign_outs", "sign_outs"),
}
_LISTED = {
    "alerts": "Tells budgets that reach 50, 80 or 100 %, projections above them, and days that stand out: each once.",
    "overview": "What all platforms cost in a month, and who owes it: against last month, budgets and a projection.",
    "cost-centre": "What one cost centre owes of a month, for what, and by which rule.",
    "ledger": "What every platform said, kept for good.",
    "cost-centres": "Who pays: the rules, in files that Excel opens.",
}
"""What the list of commands says of those that bring what no other needs: a database, an engine for SQL."""

_CHECKS = {"openai": "openai_checks", "tenants": "tenant_checks", "chargeback": "comet_checks"}
"""Modules of this folder and what they have; imported when asked for, since each brings a platform."""

_PLAIN: Mapping[str, Any] = {"pretty_exceptions_enable": False, "rich_markup_mode": None}


class _Commands(TyperGroup):
    """All commands, of which only the one that runs is imported."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*_COMMANDS, *super().list_commands(ctx)]

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Names alone: what a command does stands in its module, and all take a second to import."""
        named = [TyperCommand(name) for name in self.list_commands(ctx)]
        light = TyperGroup(commands=named, params=self.params)
        return light.shell_complete(typer.Context(light, info_name=ctx.info_name), incomplete)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """What ``--help`` lists."""
        listed = {
            name: TyperCommand(name, help=_LISTED[name])
            if name in _LISTED
            else self.get_command(ctx, name)
            for name in self.list_commands(ctx)
        }
        TyperGroup(commands=listed).format_commands(ctx, formatter)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        imported = _imported(*_COMMANDS[cmd_name])
        if not isinstance(imported, typer.Typer):
            alone = typer.Typer(add_completion=False, **_PLAIN)
            alone.command(cmd_name, epilog=examples(cmd_name))(imported)
            imported = alone
        command = typer.main.get_command(imported)
        command.name = cmd_name
        return command


def import_command(name: str) -> None:
    """Imports what a command needs, if there is one of that name."""
    if name in _COMMANDS:
        _imported(*_COMMANDS[name])


def _imported(module: str, name: str) -> Any:
    return getattr(import_module(f"lib.cli.{module}"), name)


app = typer.Typer(cls=_Commands, no_args_is_help=True, **_PLAIN)


@app.callback()
def _about() -> None:
    """Who used what, on which AI platform, at what cost. All days are UTC."""


@app.command("check", epilog=examples("check"))
def check_command(
    *,
    ready: Annotated[
        bool, typer.Option("--ready", help="Only what must be there before people sign in.")
    ] = False,
) -> None:
    """Says for each source whether it is configured, reachable and permitted.

    Ends with 1 when something configured stands in the way of a complete report, or nothing is configured.
    """
    checks = or_exit(lambda settings: asyncio.run((_ready if ready else _checks)(settings)))
    mark = {True: "yes", False: "NO", None: "-"}
    for check in checks:
        facts = (
            ("configured", check.configured),
            ("reachable", check.reachable),
            ("permitted", check.permitted),
        )
        line = ", ".join(f"{label}: {mark[value]}" for label, value in facts)
        typer.echo(
            redact(f"{check.source:<20} {line}" + (f"  {check.detail}" if check.detail else ""))
        )
    configured = [check for check in checks if check.configured]
    wanted = checks if ready else configured
    if not wanted or not all(check.fine for check in wanted):
        raise typer.Exit(FAILED)


async def _ready(settings: Settings) -> "list[Check]":
    """What must be there before people sign in."""
    from lib.access.readiness import check_ready  # noqa: PLC0415  # brings every platform

    return await check_ready(settings, load_sign_in())


async def _checks(settings: Settings) -> "list[Check]":
    """All sources, one after the other; a setting that cannot be used stops only its own."""
    from lib.checks import Check  # noqa: PLC0415  # brings every platform

    checks: list[Check] = []
    for module, name in _CHECKS.items():
        try:
            checks += await _imported(module, name)(settings)
        except SettingsError as error:
            there = getattr(settings, error.variable.lower(), None) is not None
            checks.append(Check(error.variable, there, None, None, str(error)))
    return checks

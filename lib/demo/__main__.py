"""Serves the stand-ins over HTTP: ``python -m lib.demo openai --port 8101``."""

from datetime import UTC, datetime
from typing import Annotated

import typer
import uvicorn

from lib.demo.openai_faults import Faults
from lib.demo.openai_server import create_openai_app
from lib.demo.organisation import make_organisation

ADMIN_KEY = "sk-admin-demo"

cli = typer.Typer(add_completion=False, no_args_is_help=True)


@cli.callback()
def choose() -> None:
    """Stand-in upstreams that speak the real protocols."""


@cli.command()
def openai(
    *,
    port: Annotated[int, typer.Option(help="Port to listen on.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    seed: Annotated[int, typer.Option(help="Decides everything that is made up.")] = 7,
    latency: Annotated[float, typer.Option(help="Seconds that every answer waits.")] = 0.0,
    hostile_names: Annotated[
        bool, typer.Option("--hostile-names", help="Names that break careless tables.")
    ] = False,
    now: Annotated[str, typer.Option(help="A fixed present, ISO 8601; the clock if empty.")] = "",
) -> None:
    """OpenAI's organization usage, costs and look-ups."""
    present = parse_now(now) if now else None
    app = create_openai_app(
        now=(lambda: present) if present else None,
        faults=Faults(latency_seconds=latency),
        admin_key=ADMIN_KEY,
        org=make_organisation(seed, hostile_names=hostile_names),
    )
    typer.echo(f"OPENAI_BASE_URL=http://{host}:{port}/v1 OPENAI_ADMIN_KEY={ADMIN_KEY}")
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False, ws="none")


def parse_now(text: str) -> datetime:
    """An aware time; one without an offset is UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text[:40]!r} is not an ISO 8601 time", param_hint="--now"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


if __name__ == "__main__":
    cli(prog_name="python -m lib.demo")

"""Serves the stand-ins over HTTP: ``python -m lib.demo openai --port 8101``."""

from datetime import UTC, datetime
from secrets import token_hex
from typing import Annotated

import typer
import uvicorn

from lib.demo.comet_faults import CometFaults, CometShape, old_server
from lib.demo.comet_organisation import CometSize
from lib.demo.comet_server import create_comet_app
from lib.demo.oidc import CLIENT_ID, CLIENT_SECRET, DEMO_ROLES, create_oidc_app
from lib.demo.openai_faults import Faults
from lib.demo.openai_server import create_openai_app
from lib.demo.organisation import make_organisation

ADMIN_KEY = "sk-admin-demo"
COMET_KEY = "comet-demo-key"

cli = typer.Typer(add_completion=False, no_args_is_help=True)


Port = Annotated[int, typer.Option(help="Port to listen on.")]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Seed = Annotated[int, typer.Option(help="Decides everything that is made up.")]
Latency = Annotated[float, typer.Option(help="Seconds that every answer waits.")]
HostileNames = Annotated[
    bool, typer.Option("--hostile-names", help="Names that break careless tables.")
]
Now = Annotated[str, typer.Option(help="A fixed present, ISO 8601; the clock if empty.")]
"""Options that mean the same for every stand-in."""


@cli.callback()
def choose() -> None:
    """Stand-in upstreams that speak the real protocols."""


@cli.command()
def openai(
    *,
    port: Port,
    host: Host = "127.0.0.1",
    seed: Seed = 7,
    latency: Latency = 0.0,
    hostile_names: HostileNames = False,
    now: Now = "",
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


@cli.command()
def comet(
    *,
    port: Port,
    host: Host = "127.0.0.1",
    seed: Seed = 7,
    latency: Latency = 0.0,
    hostile_names: HostileNames = False,
    now: Now = "",
    prefix: Annotated[str, typer.Option(help="Path of the deployment, such as /comet.")] = "",
    old: Annotated[bool, typer.Option("--old", help="A server of 2024: by month only.")] = False,
    users: Annotated[int, typer.Option(help="Users and service accounts.")] = 60,
    workspaces: Annotated[int, typer.Option(help="Workspaces.")] = 8,
    projects: Annotated[int, typer.Option(help="Projects.")] = 30,
    experiments_per_project: Annotated[int, typer.Option(help="Their mean number.")] = 50,
) -> None:
    """A Comet ML server's chargeback report, projects, experiments and metrics."""
    present = parse_now(now) if now else None
    app = create_comet_app(
        now=(lambda: present) if present else None,
        seed=seed,
        faults=CometFaults(latency_seconds=latency),
        shape=old_server() if old else CometShape(),
        api_key=COMET_KEY,
        size=CometSize(
            workspaces=workspaces,
            users=users,
            projects=projects,
            experiments_per_project=experiments_per_project,
        ),
        hostile_names=hostile_names,
        prefix=prefix,
    )
    root = f"http://{host}:{port}{prefix}/clientlib/"
    typer.echo(f"COMET_URL_OVERRIDE={root} COMET_API_KEY={COMET_KEY}")
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False, ws="none")


@cli.command("sign-in")
def sign_in(
    *,
    port: Port,
    host: Host = "127.0.0.1",
    dashboard: Annotated[
        str, typer.Option(help="Address of the dashboard that people sign in to.")
    ] = "http://localhost:8501",
) -> None:
    """An OpenID Connect provider where a person is picked, without a password."""
    back = f"{dashboard.rstrip('/')}/oauth2callback"
    issuer = f"http://{host}:{port}"
    app = create_oidc_app(issuer=issuer, redirect_uri=back)
    section = {
        "redirect_uri": back,
        "cookie_secret": token_hex(),
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "server_metadata_url": f"{issuer}/.well-known/openid-configuration",
    }
    typer.echo("# .streamlit/secrets.toml\n[auth]")
    for key, value in section.items():
        typer.echo(f'{key} = "{value}"')
    typer.echo("\n# devenv.sh")
    for key, people in DEMO_ROLES.items():
        typer.echo(f'export {key}="{people}"')
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

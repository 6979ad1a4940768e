"""``sign-outs``: ends sign-ins from the server's own command line."""

from typing import Annotated

import typer

from lib.access.sign_in import check_sign_in, trail_of
from lib.access.sign_outs import sign_outs_in
from lib.access.visitors import is_whole_address
from lib.cli.examples import examples
from lib.cli.output import or_exit
from lib.errors import InputError, SettingsError
from lib.settings import Settings, load_sign_in

sign_outs = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@sign_outs.callback()
def _about() -> None:
    """Sign-ins to the hosted dashboard that end before their time."""


@sign_outs.command("end", epilog=examples("sign-outs end"))
def end_command(
    email: Annotated[str, typer.Argument(help="The person's address, as the provider has it.")],
) -> None:
    """Ends every sign-in of one person up to now, at all replicas.

    The person may sign in again, unless the provider or DASHBOARD_… settings no longer let them.
    """
    ended = or_exit(lambda settings: _end(email.strip().lower(), settings))
    typer.echo(ended)


def _end(email: str, settings: Settings) -> str:
    if not is_whole_address(email):
        raise InputError("EMAIL", "it is not one e-mail address; it looks like ann@company.com.")
    section = load_sign_in()
    if not check_sign_in(section, settings):
        raise SettingsError(
            "[auth]", "is not in the secrets, so nobody signs in.", "Run it as the dashboard runs."
        )
    sign_outs_of_place = sign_outs_in(settings.dashboard_state_dir)
    moment = sign_outs_of_place.end_person(email, str(section["cookie_secret"]))
    trail_of(settings, signed_in=True).note("sign-out", user=email, by="command", written=True)
    return f"Every sign-in of {email} up to {moment:%Y-%m-%d %H:%M:%S} UTC is over."

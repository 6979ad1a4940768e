"""Is a hosted dashboard fit to let people in? Asks the sign-in's provider and the ledger, and no platform."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import httpx

from lib.access.audit import OFF, STDOUT, Trail
from lib.access.hosts import hosts_of, note_host
from lib.access.sign_in import check_sign_in
from lib.access.sign_outs import SignOuts
from lib.checks import Check
from lib.errors import SettingsError, SourceUnavailable
from lib.settings import Settings
from lib.settings.ledger import S3

_SECONDS = 5.0
_NEEDED = ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri")


async def check_ready(
    settings: Settings,
    section: Mapping[str, object],
    *,
    transport: httpx.AsyncBaseTransport | None = None,
) -> list[Check]:
    """What must be there before anybody comes: sign-in and sign-out, the provider, roles, audit trail, ledger.

    The platforms themselves may be down: the dashboard then says so on its pages.

    Args:
        section: ``[auth]`` of the secrets.
        transport: instead of the network.
    """
    try:
        providers = check_sign_in(section, settings)
    except SettingsError as error:
        return [Check("sign-in", False, None, None, str(error))]
    if not providers:
        missing = "[auth] is missing in the secrets: whoever reaches the dashboard sees everything."
        return [Check("sign-in", False, None, None, missing)]
    checks = []
    async with httpx.AsyncClient(timeout=_SECONDS, transport=transport) as client:
        for name in providers:
            provider = section[name] if name else section
            assert isinstance(provider, Mapping)  # check_sign_in refuses anything else
            url = str(provider["server_metadata_url"])
            checks.append(await _provider(client, f"sign-in{name and ':'}{name}", url))
    ledger = await asyncio.to_thread(_ledger, settings)
    return [*checks, _roles(settings), _audit(settings), _sign_out(settings), ledger]


async def _provider(client: httpx.AsyncClient, source: str, url: str) -> Check:
    try:
        reply = await client.get(url)
        described = reply.json() if reply.status_code == httpx.codes.OK else {}
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        problem = f"server_metadata_url cannot be reached ({type(error).__name__})."
        return Check(source, True, False, None, problem)
    except ValueError:
        described = {}
    if not isinstance(described, dict) or any(not described.get(key) for key in _NEEDED):
        return Check(source, True, True, False, "server_metadata_url describes no OpenID provider.")
    return Check(source, True, True, True, str(described["issuer"]))


def _roles(settings: Settings) -> Check:
    """Whether anybody at all can enter."""
    let_in = settings.dashboard_allowed_domains or settings.dashboard_allowed_groups
    if not let_in:
        problem = (
            "DASHBOARD_ALLOWED_DOMAINS and DASHBOARD_ALLOWED_GROUPS are not set: nobody enters."
        )
        return Check("roles", False, None, None, problem)
    roles = {
        "viewers": settings.dashboard_viewers,
        "finance": settings.dashboard_finance,
        "admins": settings.dashboard_admins,
    }
    if not any(roles.values()):
        return Check("roles", False, None, None, "DASHBOARD_VIEWERS, …: nobody has a role.")
    counts = ", ".join(f"{len(people)} {name}" for name, people in roles.items())
    return Check("roles", True, None, True, f"entries: {counts}")


def _audit(settings: Settings) -> Check:
    """Whether the audit trail can be written, without writing to it."""
    place = settings.dashboard_audit or STDOUT
    if place == OFF:
        return Check("audit", False, None, None, "DASHBOARD_AUDIT is off: nothing is noted.")
    try:
        Trail(place).close()
    except SettingsError as error:
        return Check("audit", True, False, None, str(error))
    return Check("audit", True, True, True, place if place == STDOUT else Path(place).name)


def _sign_out(settings: Settings) -> Check:
    """Whether a sign-out can be told to all replicas; one process needs no telling."""
    place = settings.dashboard_state_dir
    if not place:
        detail = (
            "DASHBOARD_STATE_DIR is not set: signing out holds at the replica that was asked, "
            "until it restarts."
        )
        return Check("sign-out", True, None, True, detail)
    try:
        SignOuts(place).check()
    except SettingsError as error:
        return Check("sign-out", True, False, None, str(error))
    return Check("sign-out", True, True, True, "holds at every replica and after a restart")


def _ledger(settings: Settings) -> Check:
    """Whether a capture could write to the ledger, and all hosts have the same one."""
    from lib.ledger.reach import check_reach  # noqa: PLC0415  # a second
    from lib.ledger.store import ledger_of  # noqa: PLC0415

    if settings.demo:
        return Check("ledger", True, None, True, "demo data, in a ledger of its own")
    try:
        check_reach(ledger_of(settings))
        apart = _hosts_apart(settings)
    except SourceUnavailable as error:
        return Check("ledger", True, False, None, str(error))
    except SettingsError as error:
        return Check("ledger", True, True, False, str(error))
    if apart:
        return Check("ledger", True, True, False, apart)
    database = "PostgreSQL" if settings.ledger_file is None else "a file"
    files = "S3" if settings.ledger_warehouse.startswith(S3) else "a folder"
    return Check("ledger", True, True, True, f"{database} and {files}")


def _hosts_apart(settings: Settings) -> str:
    """What is wrong when several hosts run the dashboard and each has a ledger of its own.

    Raises:
        SettingsError: nobody can tell how many there are.
    """
    place = settings.dashboard_state_dir
    if settings.ledger_file is not None:
        alone = "is a file of this one"
    elif not settings.ledger_warehouse.startswith(S3):
        alone = "keeps its rows in a folder of this one"
    else:
        return ""
    if not place:
        return ""
    try:
        note_host(place)
        hosts = hosts_of(place)
    except OSError as error:
        problem = f"names a folder in which hosts cannot be noted ({error.strerror})."
        raise SettingsError("DASHBOARD_STATE_DIR", problem) from None
    if len(hosts) == 1:
        return ""
    return (
        f"{len(hosts)} hosts share DASHBOARD_STATE_DIR ({', '.join(hosts)}), but the ledger {alone}: use "
        "postgresql:// and s3://. Of a host that is gone, remove the file in hosts/ there."
    )

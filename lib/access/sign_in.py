"""One browser's sign-in: whether ``[auth]`` is fit to be used, who it is, and how it ends."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlsplit

from loguru import logger

from lib.access.audit import OFF, STDOUT, Trail, trail
from lib.access.sign_outs import sign_outs_in
from lib.access.visitors import LOCAL, Refusal, Right, Visitor, decide, identity_of
from lib.errors import AccessError, SettingsError
from lib.redaction import remember_server_secret
from lib.settings import Settings, load_settings
from lib.settings.sign_in import SignInSettings

_SHORTEST_COOKIE_SECRET = 32
_PROVIDER = ("client_id", "client_secret", "server_metadata_url")


@dataclass(frozen=True)
class SignIn:
    """One browser session's sign-in.

    Args:
        providers: as ``check_sign_in`` names them; none on a laptop.
        claims: of the ID token, taken while the script ran: builders of files run elsewhere.
        secret: of the cookies; it keys the names of people whose sign-ins were ended.
    """

    providers: tuple[str, ...]
    claims: Mapping[str, object]
    secret: str = field(default="", repr=False)

    def visitor(self, settings: Settings) -> Visitor | Refusal:
        """Who it is, by the settings and the clock of this moment.

        Raises:
            SettingsError: nobody can tell whether it was signed out.
        """
        if not self.providers:
            return LOCAL
        sign_outs = sign_outs_in(settings.dashboard_state_dir)
        return decide(
            self.claims,
            settings,
            now=datetime.now(UTC),
            signed_out=sign_outs,
            person_ended=lambda email: sign_outs.person_ended(email, self.secret),
        )

    def require(self, right: Right, page: str) -> Visitor:
        """Judges again, for what happens after the page was drawn.

        Raises:
            AccessError: signed out, expired, or the role has changed.
        """
        settings = load_settings()
        visitor = self.visitor(settings)
        if isinstance(visitor, Refusal) or not visitor.may(right) or not visitor.sees(page):
            raise AccessError("You may not do this any more.", f"Ask {settings.dashboard_contact}.")
        return visitor

    def trail(self, settings: Settings) -> Trail:
        """Where this session's audit lines go."""
        return trail_of(settings, signed_in=bool(self.providers))

    def end(self, settings: Settings) -> bool:
        """Ends it in every tab and for every copy of its cookie; whether all replicas learn of it.

        It ends even when no line can be written to the audit trail.
        """
        if not self.claims:
            return True
        identity, sign_outs = identity_of(self.claims), sign_outs_in(settings.dashboard_state_dir)
        try:
            ended_before = identity in sign_outs
        except SettingsError:
            ended_before = False
        written = sign_outs.add(identity)
        if ended_before:
            return written
        verified = self.claims.get("email_verified") is True
        email = str(self.claims.get("email", "")).lower() if verified else ""
        try:
            self.trail(settings).note("sign-out", user=email, written=written)
        except SettingsError as error:
            logger.error("A sign-out is in no audit trail: {}", error)
        return written


def trail_of(settings: Settings, *, signed_in: bool) -> Trail:
    """Where audit lines go.

    Args:
        signed_in: whether people sign in; where nobody does, nothing is noted unless asked for.
    """
    return trail(settings.dashboard_audit or (STDOUT if signed_in else OFF))


def check_sign_in(section: Mapping[str, object], settings: SignInSettings) -> tuple[str, ...]:
    """Names of the providers that ``[auth]`` offers, "" for the only one; nothing when it is off.

    From now on its secrets are masked wherever they would be written.

    Raises:
        SettingsError: it is incomplete, weak, or missing although people have roles.
    """
    if not section:
        if settings.hosted:
            raise SettingsError(
                "[auth]",
                "is missing in the secrets, although DASHBOARD_… settings say who may sign in.",
                "Add it, or remove those settings on a machine where nobody signs in.",
            )
        return ()
    named = {name: offered for name, offered in section.items() if isinstance(offered, Mapping)}
    providers = {"": section} if "client_id" in section else named
    secrets = [offered.get("client_secret") for offered in providers.values()]
    for secret in (section.get("cookie_secret"), *secrets):
        if isinstance(secret, str):
            remember_server_secret(secret)
    if len(str(section.get("cookie_secret", ""))) < _SHORTEST_COOKIE_SECRET:
        raise SettingsError(
            "[auth] cookie_secret",
            f"has fewer than {_SHORTEST_COOKIE_SECRET} characters.",
            "Make one:  python -c 'import secrets; print(secrets.token_hex())'",
        )
    if urlsplit(str(section.get("redirect_uri", ""))).path.rpartition("/")[2] != "oauth2callback":
        raise SettingsError("[auth] redirect_uri", "does not end in /oauth2callback.")
    if not providers:
        raise SettingsError("[auth] client_id", "is not set.")
    for name, offered in providers.items():
        for key in _PROVIDER:
            if not offered.get(key):
                raise SettingsError(f"[auth{name and '.'}{name}] {key}", "is not set.")
    return tuple(providers)

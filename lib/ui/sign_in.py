"""Who is at the screen: Streamlit's sign-in, judged by ``lib.access.visitors``; the words for who is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event, Lock

import streamlit as st
from cachetools import TTLCache
from loguru import logger
from streamlit.auth_util import get_secrets_auth_section

from lib.access.audit import OFF, STDOUT, Trail, trail
from lib.access.sign_outs import ended_in
from lib.access.visitors import LOCAL, Refusal, Right, Visitor, decide, identity_of, refuse_page
from lib.errors import AccessError, SettingsError
from lib.reports.personal import key_places
from lib.settings import Settings, load_settings, load_sign_in
from lib.sign_in import check_sign_in
from lib.ui.text import literal

_LONGEST_SESSION_SECONDS = 168 * 3_600
_MOST_SESSIONS = 100_000

_lock = Lock()
_noted: TTLCache[str, bool] = TTLCache(_MOST_SESSIONS, _LONGEST_SESSION_SECONDS)

doorman_present = Event()
"""Set by the entry of ``asgi.py``, which guards what no page can guard."""


@dataclass(frozen=True)
class SignIn:
    """One browser session's sign-in.

    Args:
        providers: as ``check_sign_in`` names them; none on a laptop.
        claims: of the ID token, taken while the script ran: builders of files run elsewhere.
    """

    providers: tuple[str, ...]
    claims: Mapping[str, object]

    def visitor(self, settings: Settings) -> Visitor | Refusal:
        """Who it is, by the settings and the clock of this moment.

        Raises:
            SettingsError: nobody can tell whether it was signed out.
        """
        if not self.providers:
            return LOCAL
        ended = ended_in(settings.dashboard_state_dir)
        return decide(self.claims, settings, now=datetime.now(UTC), ended=ended)

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
        return trail(settings.dashboard_audit or (STDOUT if self.providers else OFF))


def current_sign_in(settings: Settings) -> SignIn:
    """The sign-in of the session whose script runs.

    Raises:
        SettingsError: ``[auth]`` cannot be trusted as it is.
    """
    # What Streamlit reads decides about cookies; what we read ourselves must not be less.
    section = get_secrets_auth_section().to_dict() or dict(load_sign_in())
    providers = check_sign_in(section, settings)
    if not providers:
        return SignIn((), {})
    key_places(str(section["cookie_secret"]))
    if not doorman_present.is_set():
        raise SettingsError(
            "[auth]",
            "asks for sign-in, which app.py alone cannot guard.",
            "Start it with `streamlit run asgi.py` or `uvicorn asgi:app`.",
        )
    if st.get_option("server.trustedUserHeaders"):
        raise SettingsError(
            "server.trustedUserHeaders", "would let a header name the visitor; remove it."
        )
    return SignIn(providers, {key: st.user[key] for key in st.user if key != "tokens"})


def admit(sign_in: SignIn, settings: Settings, page: str) -> Visitor:
    """The visitor, if this page is for them; everybody else reads why not, and the script ends."""
    visitor = sign_in.visitor(settings)
    refusal = visitor if isinstance(visitor, Refusal) else refuse_page(visitor, page)
    _note_once(sign_in, settings, refusal or visitor, page)
    if isinstance(visitor, Visitor) and refusal is None:
        if sign_in.providers:
            _show_account(visitor)
        return visitor
    if refusal is not None:
        _show_refusal(refusal, sign_in.providers, settings.dashboard_contact)
    st.stop()
    raise AccessError("Nobody may be here.")  # not reached: stop() ends the script


def end(claims: Mapping[str, object]) -> None:
    """This sign-in is over, in every tab and for every copy of its cookie."""
    if not claims:
        return
    try:
        ended_in(load_settings().dashboard_state_dir).add(identity_of(claims))
    except SettingsError as error:
        logger.error("A sign-out could not be kept: {}", error)


def _note_once(sign_in: SignIn, settings: Settings, who: Visitor | Refusal, page: str) -> None:
    """One line per sign-in, and one per way of being refused."""
    how = f"{who.kind} {page}" if isinstance(who, Refusal) else "in"
    key = f"{identity_of(sign_in.claims)} {how}"
    with _lock:
        known = key in _noted
    if known or not sign_in.providers or how.startswith("anonymous"):
        return
    lines = sign_in.trail(settings)
    if isinstance(who, Refusal):
        lines.note("refused", user=who.email, page=page, why=who.kind)
    else:
        lines.note("sign-in", user=who.email, page=page, role=who.role)
    with _lock:
        _noted[key] = True


def _show_account(visitor: Visitor) -> None:
    with st.sidebar:
        st.caption(f"{literal(visitor.email)} · {visitor.role}")
        st.button("Sign out", icon=":material/logout:", on_click=st.logout, type="tertiary")


def _show_refusal(refusal: Refusal, providers: tuple[str, ...], contact: str) -> None:
    if refusal.sentence:
        st.warning(
            f"{literal(refusal.sentence)}"
            + ("" if refusal.kind == "expired" else f"\n\n**Who can help:** {literal(contact)}"),
            icon=":material/lock:",
        )
    if refusal.kind in ("anonymous", "expired"):
        for name in providers:
            st.button(
                f"Sign in with {name}" if name else "Sign in",
                key=f"sign_in_{name}",
                type="primary",
                icon=":material/login:",
                on_click=st.login,
                args=(name or None,),
            )
        st.caption("You come back to this very link.")
    else:
        st.button("Sign out", icon=":material/logout:", on_click=st.logout)

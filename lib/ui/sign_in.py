"""Who is at the screen: Streamlit's sign-in, judged by ``lib.access.visitors``; the words for who is refused."""

from collections.abc import Mapping
from threading import Event, Lock

import streamlit as st
from cachetools import TTLCache
from streamlit.auth_util import get_secrets_auth_section

from lib.access.sign_in import SignIn, check_sign_in
from lib.access.visitors import Refusal, Visitor, identity_of, refuse_page
from lib.errors import AccessError, SettingsError
from lib.reports.personal import key_places
from lib.settings import Settings, load_sign_in
from lib.ui.text import literal

_LONGEST_SESSION_SECONDS = 168 * 3_600
_MOST_SESSIONS = 100_000
_ABOUT = "This dashboard shows how your organisation uses AI services, and what that costs"

_lock = Lock()
_noted: TTLCache[str, bool] = TTLCache(_MOST_SESSIONS, _LONGEST_SESSION_SECONDS)

doorman_present = Event()
"""Set by the entry of ``asgi.py``, which guards what no page can guard."""


def auth_section() -> Mapping[str, object]:
    """``[auth]`` of the secrets; empty where nobody signs in."""
    # What Streamlit reads decides about cookies; what we read ourselves must not be less.
    return get_secrets_auth_section().to_dict() or load_sign_in()


def current_sign_in(settings: Settings) -> SignIn:
    """The sign-in of the session whose script runs.

    Raises:
        SettingsError: ``[auth]`` cannot be trusted as it is.
    """
    section = auth_section()
    providers = check_sign_in(section, settings)
    if not providers:
        return SignIn((), {})
    secret = str(section["cookie_secret"])
    key_places(secret)
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
    claims = {key: st.user[key] for key in st.user if key != "tokens"}
    return SignIn(providers, claims, secret)


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
        st.markdown(f":small[{literal(visitor.email)} · {visitor.role}]")
        st.button("Sign out", icon=":material/logout:", on_click=st.logout, type="tertiary")


def _show_refusal(refusal: Refusal, providers: tuple[str, ...], contact: str) -> None:
    st.markdown(f"{_ABOUT}; ask {literal(contact)} if you need access or help.")
    if refusal.sentence:
        st.warning(literal(refusal.sentence), icon=":material/lock:")
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

"""The small pages beside signing in and out: what Streamlit has no words for."""

from html import escape

from starlette.responses import HTMLResponse

_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · AI usage</title>
<body style="font-family: sans-serif; line-height: 1.5; margin: 15vh auto; max-width: 32rem; padding: 1rem">
<h1>{title}</h1>
<p>{sentence}</p>
<p><a role="button" href="{onward}" style="background: #1F5FA8; border-radius: 6px; color: #fff; display: inline-block; padding: .5rem 1rem; text-decoration: none">{label}</a></p>
</body>
</html>
"""


def ask_once() -> HTMLResponse:
    """For whoever comes to the sign-out from another site: nothing has happened yet.

    The button is a link to this very address: then the request comes from our own page.
    """
    return _page(
        "Sign out?",
        "Another site led here. You are still signed in; close this page to stay so.",
        "logout",
        "Sign out",
        403,
    )


def not_everywhere(contact: str, onward: str) -> HTMLResponse:
    """For whoever signed out while that could not be written down for all replicas.

    Args:
        contact: who can help.
        onward: where the sign-out goes on.
    """
    return _page(
        "Signed out here only",
        "This browser is signed out. It could not be noted for every part of the dashboard, which is "
        "tried again: until then, somebody with a copy of your cookies could still get in. "
        f"If that worries you, tell {contact}.",
        onward,
        "Continue",
        503,
    )


def provider_is_down(contact: str, onward: str) -> HTMLResponse:
    """For whoever wants to sign in while the provider does not answer.

    Args:
        contact: who can help.
        onward: the page they came from.
    """
    return _page(
        "Signing in does not work right now",
        "The sign-in service of your organisation did not answer. Try again in a minute; if it stays, "
        f"tell {contact}.",
        onward,
        "Back",
        503,
    )


def _page(title: str, sentence: str, onward: str, label: str, status: int) -> HTMLResponse:
    words = {"title": title, "sentence": sentence, "onward": onward, "label": label}
    text = _PAGE.format(**{name: escape(word) for name, word in words.items()})
    return HTMLResponse(text, status, {"cache-control": "no-store"})

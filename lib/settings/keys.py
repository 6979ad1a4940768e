"""Keys and addresses of the platforms: whether they can be used, before anything is sent."""

import base64
import json
from urllib.parse import urlsplit

from pydantic import SecretStr

from lib.errors import InputError
from lib.redaction import remember_secret

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_WRONG_KEYS = {
    "sk-proj-": "a project key",
    "sk-svcacct-": "a service account's key",
    "sk-None-": "a user key",
}


def clean_openai_key(text: str) -> str:
    """A key that can be sent in a header.

    Raises:
        ValueError: says what is wrong without repeating any of it.
    """
    key = text.strip()
    if not key:
        raise ValueError("is empty")
    # httpx repeats an unsendable header in its error message: refuse it before.
    if not key.isascii() or not key.isprintable() or any(mark in key for mark in " \"'"):
        raise ValueError("holds blanks, quotes or characters that no key has; copy it again")
    for prefix, kind in _WRONG_KEYS.items():
        if key.startswith(prefix):
            raise ValueError(
                f"is {kind}; usage and costs need an admin key (sk-admin-…), which an owner "
                "creates under Organization settings, Admin keys"
            )
    return key


def clean_base_url(text: str) -> str:
    """A base URL without trailing slash that a key may be sent to.

    Raises:
        ValueError: not http(s), plain http to another machine, or with a user name or query in it.
    """
    url = _clean_url(text, "https://api.openai.com/v1")
    parts = urlsplit(url)
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("would send the key unencrypted; use https://")
    return url


def account_of(host: str, organisation: str = "") -> str:
    """What the ledger calls whose data it is: ``api.openai.com``, or ``api.openai.com/org-abc`` where that is named."""
    return f"{host}/{organisation}" if organisation else host


def clean_comet_url(text: str) -> str:
    """The address of a Comet server without trailing slash; plain http is allowed.

    Servers inside a company often have no certificate; the report then says that the key travels
    unencrypted.

    Raises:
        ValueError: not http(s), or with a user name or query in it.
    """
    return _clean_url(text, "https://comet.company.com")


def _clean_url(text: str, example: str) -> str:
    url = text.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    blank = not url.isprintable() or any(mark in url for mark in " \\")
    if not host or blank or parts.scheme not in ("http", "https"):
        raise ValueError(f"is not a URL; it looks like {example}")
    if any(mark in url for mark in "@?#"):
        raise ValueError("holds more than an address; leave out user, password, ? and #")
    return url


def clean_comet_key(text: str) -> str:
    """A Comet key that can be sent: plain, or a smart key that can be read.

    Raises:
        ValueError: says what is wrong without repeating any of it.
    """
    key = text.strip()
    plain, star, rest = key.partition("*")
    if not plain:
        raise ValueError("is empty")
    # httpx repeats an unsendable header in its error message: refuse it before.
    if not key.isascii() or not key.isprintable() or any(mark in key for mark in " \"'"):
        raise ValueError("holds blanks, quotes or characters that no key has; copy it again")
    if "*" in rest:
        raise ValueError("holds more than one *; copy it again")
    if star and not rest:
        return plain
    if rest:
        smart_key_url(key)
    return key


def smart_key_url(key: str) -> str | None:
    """The address within a smart key, ``<key>*<base64 of JSON with baseUrl>``; None without one.

    Raises:
        ValueError: the part after the ``*`` cannot be read.
    """
    rest = key.partition("*")[2]
    if not rest:
        return None
    try:
        content = json.loads(
            base64.b64decode(rest.rstrip("=") + "=" * (-len(rest.rstrip("=")) % 4), validate=True)
        )
    except (ValueError, RecursionError):
        raise ValueError("has a part after the * that cannot be read; copy it again") from None
    url = content.get("baseUrl") if isinstance(content, dict) else None
    if url is None and isinstance(content, dict):
        return None
    try:
        return clean_comet_url(url if isinstance(url, str) else "")
    except ValueError:
        raise ValueError(
            "has a part after the * that names no http(s) address; copy it again"
        ) from None


def typed_openai_key(text: str) -> SecretStr:
    """A key that a person typed for one session.

    Raises:
        InputError: it cannot be an admin key.
    """
    try:
        key = clean_openai_key(text)
    except ValueError as error:
        raise InputError("API key", f"the key {error}.") from None
    remember_secret(key)  # a refused one is never used or repeated, and may be a plain word
    return SecretStr(key)


def typed_comet_key(text: str) -> SecretStr:
    """A Comet key that a person typed for one session.

    Raises:
        InputError: it cannot be a key.
    """
    try:
        key = clean_comet_key(text)
    except ValueError as error:
        raise InputError("API key", f"the key {error}.") from None
    for secret in (key, key.partition("*")[0]):
        remember_secret(secret)
    return SecretStr(key)

"""Whether a request was made by our own pages, or by another site's."""

from collections.abc import Mapping
from urllib.parse import urlsplit

_OWN_SITE = ("same-origin", "none")
"""What a browser says of a request from our pages, and of an address typed by hand."""


def made_here(headers: Mapping[str, str]) -> bool:
    """Whether our own page, or a person by hand, made a request; what shows nothing is not ours.

    Args:
        headers: by names in lower case.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in _OWN_SITE
    # Browsers before 2023 say where they come from in one of these only
    origin = headers.get("origin") or headers.get("referer") or ""
    try:
        host = urlsplit(origin).netloc
    except ValueError:
        return False
    return bool(host) and host == headers.get("host")

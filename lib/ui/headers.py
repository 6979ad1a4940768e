"""Headers of every answer: what a browser may load and do for our pages, and for whom it may show them."""

import re
from base64 import b64encode
from collections.abc import Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path

import streamlit as st

_INLINE = re.compile(r"<script>(.*?)</script>", re.DOTALL)

_POWERS = (
    "accelerometer",
    "autoplay",
    "browsing-topics",
    "camera",
    "clipboard-read",
    "display-capture",
    "encrypted-media",
    "fullscreen",
    "gamepad",
    "geolocation",
    "gyroscope",
    "hid",
    "idle-detection",
    "local-fonts",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "publickey-credentials-get",
    "screen-wake-lock",
    "serial",
    "storage-access",
    "usb",
    "xr-spatial-tracking",
)
"""What a page could ask a browser for. Ours copies links (clipboard-write) and enlarges charts."""

_USED_POWERS = ("fullscreen",)


@cache
def headers() -> Mapping[str, str]:
    """Names in lower case to values, the same for every answer."""
    return {
        "x-content-type-options": "nosniff",
        "x-frame-options": "SAMEORIGIN",
        # The filters of a link name people and projects: other sites never see it.
        "referrer-policy": "same-origin",
        "content-security-policy": _policy(),
        "permissions-policy": ", ".join(
            f"{power}=({'self' if power in _USED_POWERS else ''})" for power in _POWERS
        ),
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
    }


def _policy() -> str:
    """What may be loaded, from where; see docs/decisions/0018-browser-rules.md."""
    page = (Path(st.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    hashes = [
        b64encode(sha256(script.encode()).digest()).decode() for script in _INLINE.findall(page)
    ]
    rules = {
        "default-src": "'none'",
        "script-src": " ".join(["'self'", *(f"'sha256-{digest}'" for digest in hashes)]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data:",
        "font-src": "'self' data:",
        "connect-src": "'self'",
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'self'",
    }
    return "; ".join(f"{name} {sources}" for name, sources in rules.items())

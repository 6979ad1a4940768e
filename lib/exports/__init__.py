"""Report in, bytes out: CSV, JSON, PDF and the terminal."""

from typing import Literal

Profile = Literal["excel", "machine"]
"""``excel``: UTF-8 with BOM, CRLF, text that could run as a formula disarmed. ``machine``: raw UTF-8, LF."""

"""Which hosts share ``DASHBOARD_STATE_DIR``: each leaves an empty file there that bears its name."""

import re
import socket
from pathlib import Path

_FOLDER = "hosts"
_ODD = re.compile(r"[^\w.-]")


def note_host(place: str, name: str = "") -> None:
    """Leaves the name of this host, or of another one, in a state folder that is there.

    Args:
        place: the state folder; empty where there is none.

    Raises:
        OSError: it cannot be written.
    """
    if not place:
        return
    folder = Path(place) / _FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)  # never the state folder itself, see ``SignOuts``
    (folder / _ODD.sub("_", name or socket.gethostname())).touch(mode=0o600)


def hosts_of(place: str) -> list[str]:
    """The hosts that have used a state folder.

    Raises:
        OSError: it cannot be read.
    """
    return sorted(path.name for path in (Path(place) / _FOLDER).iterdir())

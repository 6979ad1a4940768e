"""The disk of the audit trail is full: nothing happens without its line, and no line is broken once there is room."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from lib.access.audit import Trail
from lib.errors import SettingsError

ROOM = 64 * 1_024


pytest_plugins = ["tests.support.small_disk"]


def test_a_full_disk_refuses_every_act_and_leaves_whole_lines_of_those_that_happened(
    small_disk: Path,
) -> None:
    path, ballast = small_disk / "audit.jsonl", small_disk / "ballast"
    with closing(Trail(str(path))) as trail:
        ballast.write_bytes(b"x" * (ROOM // 2))
        noted = 0
        with pytest.raises(SettingsError, match="DASHBOARD_AUDIT"):  # noqa: PT012 - which line is the last?
            while True:
                trail.note("sign-in", user=f"user-{noted}", page="openai_usage")
                noted += 1
        with pytest.raises(SettingsError):
            trail.note("report", user="refused")
        ballast.unlink()
        trail.note("download", user="later")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert noted > 100
    assert [line["user"] for line in lines] == [f"user-{n}" for n in range(noted)] + ["later"]

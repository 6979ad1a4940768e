"""The log of a host: one JSON object a line, with tracebacks in it and no secret."""

import json
import os
import subprocess
import sys
from pathlib import Path

from lib.redaction import MASK

ROOT = Path(__file__).parents[2]

LOGGING = r"""
import logging
from loguru import logger
from lib.logs import configure_logs
from lib.redaction import remember_server_secret
configure_logs("INFO", as_json=True)
secret = 'quote " and \\ back-CANARY'
remember_server_secret(secret)
hidden = "LOCAL-" + "VALUE"

def fail(_hidden):
    raise ValueError(f"refused {secret}")

logger.info("plain {}", secret)
logging.getLogger("some.library").warning("two\nlines\u2028of %s", secret)
try:
    fail(hidden)
except ValueError:
    logger.exception("failed")
"""


def test_every_line_is_one_object_and_none_holds_a_secret_or_a_local_value(tmp_path: Path) -> None:
    script = tmp_path / "logging_as_json.py"
    script.write_text(LOGGING, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line.keys() for line in lines] == [{"time", "level", "name", "message"}] * 3
    assert [line["level"] for line in lines] == ["INFO", "WARNING", "ERROR"]
    assert lines[0]["message"] == f"plain {MASK}"
    assert lines[1]["message"] == f"two\nlines\u2028of {MASK}"
    assert "Traceback" in lines[2]["message"]
    assert f"ValueError: refused {MASK}" in lines[2]["message"]
    assert all(line["time"].endswith("+00:00") for line in lines)
    assert "CANARY" not in done.stderr
    assert "LOCAL-VALUE" not in done.stderr

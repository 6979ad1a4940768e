"""Runs Comet's own programs for ``judges.py``, each in a process that has imported them already.

Only the judges' Python runs this file. To import them takes three seconds, which every program
would spend anew; a copy of this process has them at once, and nothing of the one before it.
"""

import atexit
import json
import os
import signal
import sys
import traceback
from typing import Any

from cometx.cli import main
from matplotlib import pyplot

SECONDS = 120
SAVE = pyplot.savefig


def save_small(*words: Any, **how: Any) -> None:
    """Saves a chart with a hundredth of its dots, which take seconds; the tests read its report's text."""
    SAVE(*words, **how | {"dpi": 30})


pyplot.savefig = save_small


def run(asked: dict[str, Any]) -> None:
    """In the copy: the program with its folder, settings, outputs and words; then its end."""
    signal.alarm(SECONDS)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environ"])
    for number, path in ((1, asked["stdout"]), (2, asked["stderr"])):
        os.dup2(os.open(path, os.O_WRONLY), number)
    sys.argv = [asked["program"], *asked["words"]]
    code: Any = 0
    try:
        if asked["program"] == "cometx":
            code = main(asked["words"])
        else:
            exec(asked["words"][1], {"__name__": "__main__"})  # as python -c
    except SystemExit as ended:
        code = ended.code
    except Exception:  # noqa: BLE001 - as Python ends a program
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    for line in sys.stdin:
        copy = os.fork()
        if not copy:
            run(json.loads(line))
        status = os.waitpid(copy, 0)[1]
        print(os.waitstatus_to_exitcode(status), flush=True)

"""``streamlit run`` that notes how long each script run takes: ``python -m bench.serve LOG run app.py``.

One line of JSON per run: ``script`` is the time until Streamlit tells the browser that it has
finished, ``thread`` that until the thread is free again (garbage collection), both in seconds.
``BENCH_PROFILE`` names a file for the profile of the last run.
"""

import cProfile
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
from streamlit.web import cli


def note_runs(log: Path, profile: str) -> None:
    """Wraps the two methods of Streamlit between which a script runs."""
    run_script, finished = ScriptRunner._run_script, ScriptRunner._on_script_finished
    ends: dict[int, float] = {}

    def timed(runner: ScriptRunner, *args: Any) -> None:
        profiler = cProfile.Profile() if profile else None
        start = time.perf_counter()
        if profiler:
            profiler.enable()
        try:
            run_script(runner, *args)
        finally:
            if profiler:
                profiler.disable()
                profiler.dump_stats(profile)
            line = {
                "script": ends.pop(id(runner), time.perf_counter()) - start,
                "thread": time.perf_counter() - start,
            }
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def ended(runner: ScriptRunner, *args: Any, **kwargs: Any) -> None:
        ends[id(runner)] = time.perf_counter()
        finished(runner, *args, **kwargs)

    ScriptRunner._run_script = timed
    ScriptRunner._on_script_finished = ended


if __name__ == "__main__":
    note_runs(Path(sys.argv[1]), os.environ.get("BENCH_PROFILE", ""))
    sys.argv = ["streamlit", *sys.argv[2:]]
    cli.main()

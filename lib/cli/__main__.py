"""``python -m lib.cli``."""

import atexit
import gc
import sys

gc.disable()  # what is imported stays: to look for garbage in it takes a fifth of the time
sys.modules["httpx._main"] = None  # type: ignore[assignment]  # its command: 70 ms for nothing

from lib.exports.printer import printer  # noqa: E402

_BUILDERS = {"comet-usage": "lib.reports.experiments.build"}
"""What the process that prints must import to build a command's report."""

if any(word.lower().endswith("pdf") for word in sys.argv[2:]):
    # It needs longer to get ready than everything else: it starts even before the options are read
    printer.start(*filter(None, [_BUILDERS.get(sys.argv[1])]))

from lib.cli import app  # noqa: E402

gc.freeze()
gc.enable()
atexit.register(gc.freeze)  # nor is there any use in looking for it in what is about to go

app()

"""``ai-usage``, which is ``python -m lib.cli``."""

import os
import signal
import sys
from types import FrameType

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C ended."""


def _end(_number: int, _frame: FrameType | None) -> None:
    """Ends at once: an interrupt within an import may leave a traceback anywhere."""
    os._exit(INTERRUPTED)


signal.signal(signal.SIGINT, _end)

import atexit  # noqa: E402
import gc  # noqa: E402

gc.disable()  # what is imported stays: to look for garbage in it takes a fifth of the time
sys.modules["httpx._main"] = None  # type: ignore[assignment]  # its command: 70 ms for nothing

from lib.exports.printer import printer  # noqa: E402

_BUILDERS = {"comet-usage": "lib.reports.experiments.build"}
"""What the process that prints must import to build a command's report."""

if any(word.lower().endswith("pdf") for word in sys.argv[2:]):
    # It needs longer to get ready than everything else: it starts even before the options are read
    printer.start(*filter(None, [_BUILDERS.get(sys.argv[1])]))

from lib.cli.commands import app, import_command  # noqa: E402
from lib.cli.examples import NAME  # noqa: E402

for _word in sys.argv[1:2]:
    import_command(_word)

gc.freeze()
gc.set_threshold(50_000)  # replies are millions of objects, and no garbage
gc.enable()
atexit.register(gc.freeze)  # nor is there any use in looking for it in what is about to go

try:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # from here on work is tidied up
    app(prog_name=NAME)
except KeyboardInterrupt:
    sys.exit(INTERRUPTED)

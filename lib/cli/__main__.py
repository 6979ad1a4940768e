"""``python -m lib.cli``."""

import atexit
import gc

gc.disable()  # what is imported stays: to look for garbage in it takes a fifth of the time

from lib.cli import app  # noqa: E402

gc.freeze()
gc.enable()
atexit.register(gc.freeze)  # nor is there any use in looking for it in what is about to go

app()

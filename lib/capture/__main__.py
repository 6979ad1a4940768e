"""Makes the history of the demo, where the demo is what is shown; ``make run`` does it before it starts."""

import asyncio
from contextlib import suppress

from lib.errors import DashboardError
from lib.settings import load_settings

if __name__ == "__main__":
    with suppress(DashboardError):  # the page makes it then, and says what is wrong
        settings = load_settings()
        if settings.demo:
            from lib.capture.made_up import fill_what_is_missing  # a second, for the demo only

            asyncio.run(fill_what_is_missing(settings))

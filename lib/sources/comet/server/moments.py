"""When anything of a Comet server can have happened, whether it counts milliseconds or seconds."""

SECONDS = range(946_684_800, 4_102_444_800)
"""Seconds since 1970 of the years 2000 to 2099. As milliseconds they would lie in the first weeks of 1970."""

MILLISECONDS = range(1_000 * SECONDS.start, 1_000 * SECONDS.stop)
"""The same years in milliseconds, as Comet writes times."""

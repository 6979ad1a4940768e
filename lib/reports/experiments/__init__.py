"""The report of Comet experiments over time."""

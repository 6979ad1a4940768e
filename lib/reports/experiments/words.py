"""What people call the filters of Comet's usage."""

from lib.reports.words import COMPARED, FilterWords, words
from lib.sources.comet.experiments.query import GROUPS, UNITS, UTILISATIONS

FILTER_WORDS: FilterWords = {
    "range": ("Period", words(("all time",))),
    "targets": ("Workspaces and projects", {}),
    "units": ("Time step", words(UNITS)),
    "archived": ("Archived, too", {}),
    "utilisation": ("GPU utilisation", words(UTILISATIONS)),
    "group": ("Group by", words(GROUPS)),
    "max_series_per_chart": ("Series per chart", {}),
    "compare": COMPARED,
}

"""What people call the filters of the ledger's reports."""

from lib.reports.ledger.platforms import LABELS
from lib.reports.words import FilterWords

FILTER_WORDS: FilterWords = {"platform": ("Platform", dict(LABELS))}

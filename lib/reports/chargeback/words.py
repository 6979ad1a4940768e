"""What people call the filters of the chargeback report."""

from lib.reports.words import COMPARED, FilterWords, words
from lib.sources.comet.chargeback.query import ACCOUNTS

FILTER_WORDS: FilterWords = {
    "month": ("Month", {}),
    "compare": COMPARED,
    "window": ("New within", {}),
    "active_window": ("Active within", {}),
    "workspaces": ("Workspaces", {}),
    "exclude": ("Leave out workspaces like", {}),
    "accounts": ("Accounts", words(ACCOUNTS)),
}

"""What people call the filters of the tenants' usage."""

from lib.reports.words import COMPARED, FilterWords
from lib.sources.tenants.query import SORTS

FILTER_WORDS: FilterWords = {
    "months": ("Months", {}),
    "tenants": ("Tenants", {}),
    "sort": ("Sort by", dict(zip(SORTS, ("Total tokens", "Requests", "Tenant"), strict=True))),
    "top": ("Rows", {}),
    "compare": COMPARED,
}

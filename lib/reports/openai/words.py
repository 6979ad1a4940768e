"""What people call the filters of OpenAI's usage."""

from lib.reports.words import COMPARED, FilterWords, words
from lib.sources.openai.query import CHOICES
from lib.sources.openai.tables import DIMENSIONS

FILTER_WORDS: FilterWords = {
    "endpoints": ("Endpoints", words(CHOICES)),
    "bucket_width": ("Time step", {"1d": "Day", "1h": "Hour", "1m": "Minute"}),
    "group_by": (
        "Group by",
        {key: way.label.removesuffix(" id") for key, way in DIMENSIONS.items()},
    ),
    "projects": ("Projects", {}),
    "users": ("Users", {}),
    "api_keys": ("API keys", {}),
    "models": ("Models", {}),
    "compare": COMPARED,
}

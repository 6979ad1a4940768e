"""What the made-up Comet organisation is made of: names, and names that are awkward."""

from lib.demo.catalogue import HOSTILE_NAMES

WORKSPACES = (
    "vision",
    "language",
    "forecasting",
    "recommender",
    "speech-pilot",
    "legacy-models",
    "robotics",
    "Zürich-Lab",
)

PROJECTS = (
    "defect-detector",
    "ticket-classifier",
    "demand-forecast",
    "next-best-offer",
    "call-transcripts",
    "churn",
    "grasp-planner",
    "Prognose Café",
    "lane-segmentation",
    "summariser",
    "energy-load",
    "basket-embeddings",
    "語音辨識",
    "fraud-score",
    "sim2real",
    "ablations",
)

FIRST_NAMES = (
    "anna",
    "juerg",
    "chloe",
    "misaki",
    "soren",
    "priya",
    "mateo",
    "lukasz",
    "grace",
    "ken",
    "ngozi",
    "tom",
    "elif",
    "marco",
    "hannah",
    "dmytro",
    "aisha",
)

LAST_NAMES = (
    "mueller",
    "baenziger",
    "dubois",
    "sato",
    "kjaer",
    "raghunathan",
    "garcia",
    "wojcik",
    "oconnell",
    "tanaka",
    "adeyemi",
    "becker",
    "yilmaz",
)

SERVICE_ACCOUNTS = ("sa-nightly", "sa-ci-train", "pipeline-retrain", "sa-sweeps")
"""One of them does not carry Comet's prefix: only the list of service accounts tells."""

ADJECTIVES = ("linear", "broad", "quiet", "vivid", "modest", "late", "plain", "wooden")
NOUNS = ("penguin", "harbour", "canyon", "lettuce", "marmot", "radius", "glacier")
"""Comet names an experiment of which nobody says the name, such as ``quiet_marmot_1742``."""

HOSTILE = (
    *dict.fromkeys(HOSTILE_NAMES),
    "a/b",
    "..",
    "null",
    "admin\u202egpj.exe",
    "100% & more? #1 + 'one'",
)
"""Names that break tables, addresses and file names; all different, as Comet asks by name."""


def named(names: tuple[str, ...], place: int) -> str:
    """The name of a place; numbered once the list is used up."""
    name = names[place % len(names)]
    return name if place < len(names) else f"{name}-{place // len(names) + 1}"


def person(place: int) -> str:
    """A user name; every place has its own."""
    pairs = len(FIRST_NAMES) * len(LAST_NAMES)
    name = f"{FIRST_NAMES[place % len(FIRST_NAMES)]}.{LAST_NAMES[place % len(LAST_NAMES)]}"
    return name if place < pairs else f"{name}{place // pairs + 1}"

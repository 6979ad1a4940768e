"""What the made-up organisation is made of: projects, people, models, prices and awkward names."""

from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True)
class ProjectPlan:
    """One project and what it uses.

    Args:
        name: as its owners wrote it.
        created: first UTC day, YYYY-MM-DD.
        models: models it completes with.
        members: how many people belong to it.
        accounts: how many service accounts it has.
        keys: how many API keys were ever made in it.
        utc_offset: hours that its office is ahead of UTC.
        others: how many lanes of usage it has at each endpoint besides completions.
        agents: whether part of its activity is attributed to the Agents API.
        storage_gib: size of its vector stores in late 2026; 0 means none.
        archived: last UTC day, YYYY-MM-DD, or None while active.
    """

    name: str
    created: str
    models: tuple[str, ...]
    members: int
    accounts: int
    keys: int
    utc_offset: int
    others: dict[str, int] = field(default_factory=dict)
    agents: bool = False
    storage_gib: float = 0.0
    archived: str | None = None


PROJECTS = (
    ProjectPlan(
        "Default project",
        "2023-06-12",
        ("gpt-4o-mini", "gpt-5-mini"),
        8,
        0,
        4,
        1,
        {"moderations": 2, "embeddings": 2},
    ),
    ProjectPlan(
        "Customer Support Copilot",
        "2024-01-22",
        ("gpt-5-mini", "gpt-5-nano", "gpt-5.1"),
        7,
        2,
        6,
        1,
        {"embeddings": 5, "moderations": 6, "file_search_calls": 8, "web_search_calls": 2},
        storage_gib=38.0,
    ),
    ProjectPlan(
        "Risikoanalyse Zürich",
        "2024-03-04",
        ("gpt-5", "gpt-5.1", "o4-mini"),
        6,
        1,
        5,
        1,
        {"embeddings": 3, "code_interpreter_sessions": 4, "file_search_calls": 3},
        storage_gib=12.5,
    ),
    ProjectPlan(
        "東京 Localisation",
        "2024-05-27",
        ("gpt-5-mini", "gpt-5", "gpt-4o"),
        6,
        1,
        4,
        9,
        {"moderations": 2, "audio_speeches": 2, "embeddings": 2},
    ),
    ProjectPlan(
        "Search & Retrieval",
        "2024-02-12",
        ("gpt-5-nano", "gpt-5-mini"),
        5,
        2,
        6,
        1,
        {"embeddings": 10, "file_search_calls": 6, "web_search_calls": 3},
        storage_gib=96.0,
    ),
    ProjectPlan(
        "Data Science Sandbox",
        "2024-09-09",
        ("gpt-5", "o4-mini", "gpt-5-mini"),
        9,
        0,
        6,
        -5,
        {"code_interpreter_sessions": 8, "embeddings": 3, "decisions": 3},
        storage_gib=4.2,
    ),
    ProjectPlan(
        "Marketing Studio – Café",
        "2024-11-18",
        ("gpt-5-mini", "gpt-4o"),
        5,
        1,
        4,
        1,
        {"images": 12, "audio_speeches": 4, "moderations": 4, "web_search_calls": 3},
    ),
    ProjectPlan(
        "Meeting Notes",
        "2025-01-13",
        ("gpt-5-mini", "gpt-audio"),
        5,
        1,
        4,
        -5,
        {"audio_transcriptions": 9, "audio_speeches": 3, "embeddings": 2},
        storage_gib=7.8,
    ),
    ProjectPlan(
        "Coding Assistants",
        "2025-02-03",
        ("gpt-5-codex", "gpt-5.1", "gpt-5-mini"),
        10,
        2,
        6,
        1,
        {"code_interpreter_sessions": 6, "web_search_calls": 4, "decisions": 4},
        agents=True,
    ),
    ProjectPlan(
        "Research Agents",
        "2025-04-28",
        ("gpt-5.1", "gpt-5", "o4-mini"),
        6,
        2,
        5,
        -8,
        {"web_search_calls": 10, "decisions": 7, "file_search_calls": 4, "embeddings": 2},
        agents=True,
        storage_gib=21.0,
    ),
    ProjectPlan(
        "Voice Pilot 2025",
        "2025-03-10",
        ("gpt-audio", "gpt-4o-mini"),
        4,
        1,
        3,
        1,
        {"audio_speeches": 5, "audio_transcriptions": 5},
        archived="2026-06-30",
    ),
    ProjectPlan(
        "Altes Chatbot-Frontend",
        "2023-10-02",
        ("gpt-4o-mini", "gpt-4o"),
        3,
        1,
        3,
        1,
        {"moderations": 3},
        archived="2026-02-28",
    ),
)

PEOPLE = (
    "Anna Müller",
    "Jürg Bänziger",
    "Chloé Dubois",
    "佐藤 美咲",
    "Søren Kjær",
    "Priya Raghunathan",
    "Mateo García Núñez",
    "Łukasz Wójcik",
    "Grace O'Connell",
    "田中 健",
    "Ngozi Adeyemi",
    "Tom Becker",
    "Elif Yılmaz",
    "Marco De Luca",
    "Hannah Weiß",
    "Dmytro Kovalenko",
    "Aisha Rahman",
    "Peter van den Berg",
    "Inês Carvalho",
    "Samuel Keller",
    "Ruth Abernathy",
    "Wei Zhang",
    "Nora Lindqvist",
    "Pavel Novák",
    "Fatima El Amrani",
    "Oliver Smith",
    "Olivia Smith",
    "Kofi Mensah",
    "Béatrice Aeschlimann",
    "Rajesh Iyer",
    "Laura Rossi",
    "Jonas Frei",
    "Michael Brunner",
    "Yuki Nakamura",
    "Deborah Klein",
    "Henrik Sørensen",
    "Zeynep Kaya",
    "Carlos Ortega",
    "Emma Bühler",
    "Viktor Petrov",
)

KEY_NAMES = (
    "backend-prod",
    "nightly batch",
    "ci-pipeline",
    "notebook",
    "staging",
    "My Test Key",
    "Auswertung Q3",
    "local dev",
    "terraform",
    "n8n workflow",
)

ACCOUNT_NAMES = ("prod-runner", "batch-worker", "evals-bot")

OTHER_MODELS: dict[str, tuple[str, ...]] = {
    "embeddings": ("text-embedding-3-small", "text-embedding-3-large"),
    "moderations": ("omni-moderation-latest",),
    "images": ("gpt-image-1", "dall-e-3"),
    "audio_speeches": ("gpt-4o-mini-tts", "tts-1-hd"),
    "audio_transcriptions": ("whisper-1", "gpt-4o-transcribe"),
    "web_search_calls": ("gpt-5.1", "gpt-5-mini"),
    "decisions": ("gpt-5.1", "gpt-5-mini"),
}
"""Models of the endpoints besides completions; an endpoint that is missing has no model."""

TOKEN_PRICES = {
    "gpt-5": ("1.25", "0.125", "10"),
    "gpt-5.1": ("1.25", "0.125", "10"),
    "gpt-5-codex": ("1.25", "0.125", "10"),
    "gpt-5-mini": ("0.25", "0.025", "2"),
    "gpt-5-nano": ("0.05", "0.005", "0.4"),
    "gpt-4o": ("2.5", "1.25", "10"),
    "gpt-4o-mini": ("0.15", "0.075", "0.6"),
    "o4-mini": ("1.1", "0.275", "4.4"),
    "gpt-audio": ("2.5", "2.5", "10"),
}
"""US dollars for a million tokens: uncached input, cached input, output."""

AUDIO_PRICES = ("32", "64")
"""US dollars for a million audio tokens: input, output."""

UNIT_PRICES = {
    "text-embedding-3-small": Decimal("0.00000002"),
    "text-embedding-3-large": Decimal("0.00000013"),
    "gpt-image-1": Decimal("0.042"),
    "dall-e-3": Decimal("0.04"),
    "gpt-4o-mini-tts": Decimal("0.000012"),
    "tts-1-hd": Decimal("0.00003"),
    "whisper-1": Decimal("0.0001"),
    "gpt-4o-transcribe": Decimal("0.0001"),
    "web search tool calls": Decimal("0.01"),
    "file search tool calls": Decimal("0.0025"),
    "code interpreter sessions": Decimal("0.03"),
    "file search storage": Decimal("0.0041666667"),
}
"""US dollars for one token, image, character, second, call, session or gibibyte-hour."""

HOSTILE_NAMES = (
    '=HYPERLINK("http://evil","x")',
    "<script>alert(1)</script>",
    "🚀💸 émoji 👩🏽‍💻",
    "مشروع الذكاء الاصطناعي",
    "פרויקט בינה מלאכותית",
    "x" * 300,
    "  leading and trailing  ",
    "tab\there, line\nbreak",
    "markdown [x](http://evil) **b** :material/bolt: $x$",
    "Twin",
    "Twin",
    "+41 44 668 18 00",
    "@SUM(1+1)*cmd|' /C calc'!A0",
)
"""Names that break tables, spreadsheets and pages which trust them; the twins are two projects."""

"""What people type, for the help of each command."""

NAME = "ai-usage"

EXAMPLES: dict[str, tuple[str, ...]] = {
    "openai": (
        "--period last-month --compare-with month-before",
        "--group-by project_id --table by_project --output october.csv",
        "--since 2026-10-01 --until 2026-10-31 --output october.pdf --detail",
    ),
    "tenants report": (
        "--period this-month --compare-with month-before --top 20",
        "--since 2026-09-01 --output september.zip",
    ),
    "tenants summary": ("--days 90 --output tenants.pdf",),
    "chargeback": (
        "--month 2026-10 --compare 2026-08 --output october.pdf",
        "--month 2026-10 --raw --output october.json",
        "--input october.json --input august.json",
    ),
    "comet-usage": (
        "vision language/summariser --units week --output usage.pdf",
        "vision --since 2026-01-01 --utilisation peak --table by_project --output usage.csv",
    ),
    "ledger capture": ("", "--month 2026-10 --platform openai"),
    "ledger status": ("", "--format json"),
    "ledger query": (
        "--since 2026-01 --by month,platform --metric billed_cost",
        "--since 2026-10 --until 2026-10 --by sub_account,metric --format csv --output october.csv",
    ),
    "ledger verify": ("",),
    "ledger forget-person": ("user-abc123",),
    "ledger export": ("ledger-2026-11-30.tar",),
    "ledger import": (
        "ledger-2026-11-30.tar",
        "--from-url sqlite:///data/ledger/catalog.db --from-warehouse data/ledger/warehouse",
    ),
    "overview": ("--month 2026-10", "--month 2026-10 --output october.pdf"),
    "cost-centre": ("4711 --month 2026-10 --output 4711.pdf", "unallocated --month 2026-10"),
    "alerts": ("", "--month 2026-10 --all"),
    "cost-centres export": ("rules",),
    "cost-centres check": ("rules",),
    "cost-centres preview": ("rules --month 2026-10", "rules --month 2026-10 --format json"),
    "cost-centres publish": ('rules --reason "Search has a cost centre of its own"',),
    "cost-centres history": ("",),
    "check": ("", "--ready"),
    "sign-outs end": ("ann@company.com",),
}
"""Command to its arguments."""


def examples(command: str) -> str:
    """The last paragraph of a command's help, whose lines stay as they are."""
    lines = [f"  {NAME} {command} {words}".rstrip() for words in EXAMPLES[command]]
    return "\n".join(["\b", "Examples:", *lines])

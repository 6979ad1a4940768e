"""The ledger of the demo, in a folder of its own."""

from lib.ledger.store import Ledger
from lib.settings.ledger import DEFAULT_FOLDER, SQLITE

FOLDER = DEFAULT_FOLDER.with_name("demo-ledger")


def demo_ledger() -> Ledger:
    """Made-up data only."""
    return Ledger(f"{SQLITE}{FOLDER / 'catalog.db'}", str(FOLDER / "warehouse"))

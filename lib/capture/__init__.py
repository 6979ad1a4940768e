"""Asks the platforms for months, and enters what they say into the ledger."""

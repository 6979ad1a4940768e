"""Reports of what the ledger keeps."""

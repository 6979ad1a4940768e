"""The tenant usage report."""

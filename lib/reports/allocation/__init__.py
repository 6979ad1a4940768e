"""Reports of who pays."""

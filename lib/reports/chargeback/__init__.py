"""The Comet chargeback report."""

"""What every platform said, kept for good: rows in Iceberg, and what is known of them in SQL tables."""

"""Per-tenant usage counters in Redis."""

"""The dashboard's rooms; docs/architecture.md is their map."""

"""Comet ML: two products of one server."""

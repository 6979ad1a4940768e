"""Report in, bytes out: CSV, JSON, PDF and the terminal."""

"""OpenAI's organization usage, costs and look-ups."""

NAME = "openai"
"""The source's name in statuses and errors."""

"""OpenAI's organization usage, costs and look-ups."""

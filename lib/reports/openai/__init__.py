"""The OpenAI usage report."""

"""The same reports without a browser: ``ai-usage``. Imports nothing: see ``__main__``."""

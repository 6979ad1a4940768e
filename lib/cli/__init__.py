"""The same reports without a browser: ``python -m lib.cli``. Imports nothing: see ``__main__``."""

"""The dashboard's rooms; docs/architecture.md is their map."""

import os

# Loguru starts with a sink of its own that prints the values of variables, keys among them, and
# that refuses to start over an unusable LOGURU_LEVEL before settings.py can name it.
os.environ["LOGURU_AUTOINIT"] = "False"

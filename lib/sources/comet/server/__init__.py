"""A Comet server, whichever product of it is asked: its address, the guard before it, its REST API."""

NAME = "comet"
"""The source's name in statuses and errors."""

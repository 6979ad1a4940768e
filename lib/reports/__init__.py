"""Frames in, one Report out. Nothing here asks a network, a clock or a screen."""

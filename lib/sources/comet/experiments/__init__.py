"""Experiments of a Comet server, their run times and GPU metrics."""

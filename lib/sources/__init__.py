"""One room per upstream: ask it, parse its reply into frames. Sources do not know each other."""

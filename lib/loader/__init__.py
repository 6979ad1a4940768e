"""Parameters to frames: the one door to the outside, with cache, concurrency and partial failure."""

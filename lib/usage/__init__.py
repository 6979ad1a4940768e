"""What all platforms' usage has in common: what is counted, and sums that lose nothing."""

"""Stand-in upstreams that speak the real protocols, for the demo, the tests and the benchmarks."""

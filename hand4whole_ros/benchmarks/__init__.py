"""`hand4whole bench`: how long every stage takes on this machine. See docs/benchmarks/speed.md."""

"""`hand4whole bench`: the duration of every stage on this machine. See docs/benchmarks/speed.md."""

"""The engine beside others: `python -m benchmarks.engine`, or `make bench`."""

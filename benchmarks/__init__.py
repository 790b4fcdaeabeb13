"""Benchmarks: how good and how fast we are, beside others, on data that is not in the repository."""

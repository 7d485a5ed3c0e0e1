"""Benchmarks: two things in one run, interleaved, reported as a ratio. Run by hand, never by the test suite."""

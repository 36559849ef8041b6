"""Speed against peers: `make bench`, or `make bench ONLY=regularization`. Times are CPU seconds on one thread.

Each file of this package that holds a function `benchmarks()` is one topic.
"""

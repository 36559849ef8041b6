"""Speed against peers: `make bench`, or `make bench ONLY=regularization`. Times are CPU seconds where not said otherwise.

Each file of this package that holds a function `benchmarks()` is one topic.
"""

"""Speed against peers: `make bench`, or `make bench ONLY=regularization`.

Each file of this package that holds a function `benchmarks()` is one topic.
"""

"""Speed against peers: `make bench`, or `make bench ONLY=regularization`. Times are CPU seconds unless said otherwise.

Each file of this package that holds a function `benchmarks()` is one topic.
"""

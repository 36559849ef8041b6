"""The reference library of *Training Deep Networks Well*: one module a topic."""

__version__ = "0.1.0"

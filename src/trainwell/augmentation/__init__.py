"""Augmentation: images and texts that could have been in the data.

- ``flips``: mirrors, and the labels that they change.
"""

from .flips import RandomHorizontalFlip, RandomVerticalFlip, horizontal_flip, relabel, vertical_flip

__all__ = [
    "RandomHorizontalFlip",
    "RandomVerticalFlip",
    "horizontal_flip",
    "relabel",
    "vertical_flip",
]

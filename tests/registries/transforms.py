"""The transforms of `trainwell.augmentation`, what makes them, and what made them elsewhere.

Abilities of a transform:

- ``image``: takes one image or a batch of them, (..., channels, height, width), first argument of a call.
- ``keeps_shape``: gives back an image of the same size.
- ``same_draws``: from the same seed it gives what the oracle gives, to rounding.
- ``p``: leaves its inputs alone with probability 1 - p.
- ``random``: draws something. ``gray``: takes one channel too. ``float``: takes floating point images only.
- ``carries``: moves boxes and masks as the oracle does.
"""

from __future__ import annotations

from torchvision.transforms import v2

from tests.registries import Entry, abilities
from trainwell import augmentation as A

TRANSFORMS = [
    Entry(
        "RandomHorizontalFlip",
        A.RandomHorizontalFlip,
        {"p": 0.5},
        v2.RandomHorizontalFlip,
        abilities("image keeps_shape same_draws p random gray carries"),
    ),
    Entry(
        "RandomVerticalFlip",
        A.RandomVerticalFlip,
        {"p": 0.5},
        v2.RandomVerticalFlip,
        abilities("image keeps_shape same_draws p random gray carries"),
    ),
]

"""Augmentation: images and texts that could have been in the data.

- ``flips``: mirrors, and the labels that they change.
- ``matrices``, ``affine``: rotating, scaling, stretching, shearing and shifting, by one 2 x 3 matrix.
- ``mixing``, ``batches``: one example in another, as functions, as transforms of a batch; ``mimo``: side by side.
- ``samplers``: one example several times; ``views``: one prediction from several views.
- ``text``: words replaced, inserted, swapped and deleted; translation there and back.
"""

from .affine import RandomAffine, affine
from .batches import CutMix, InClassMix, MixUp
from .flips import RandomHorizontalFlip, RandomVerticalFlip, horizontal_flip, relabel, vertical_flip
from .matrices import compose, inverse, rotation, scaling, shearing, translation
from .mimo import MIMO, mimo_batch
from .mixing import cutmix, in_class_partners, mixup, random_box
from .samplers import RepeatedAugmentationSampler
from .text import back_translation, eda, random_deletion, random_insertion, random_swap, synonym_replacement
from .views import AveragedViews, average_views

__all__ = [
    "MIMO",
    "AveragedViews",
    "CutMix",
    "InClassMix",
    "MixUp",
    "RandomAffine",
    "RandomHorizontalFlip",
    "RandomVerticalFlip",
    "RepeatedAugmentationSampler",
    "affine",
    "average_views",
    "back_translation",
    "compose",
    "cutmix",
    "eda",
    "horizontal_flip",
    "in_class_partners",
    "inverse",
    "mimo_batch",
    "mixup",
    "random_box",
    "random_deletion",
    "random_insertion",
    "random_swap",
    "relabel",
    "rotation",
    "scaling",
    "shearing",
    "synonym_replacement",
    "translation",
    "vertical_flip",
]

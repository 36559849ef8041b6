"""Augmentation: images and texts that could have been in the data.

- ``flips``: mirrors, and the labels that they change.
- ``matrices``, ``affine``: rotating, scaling, stretching, shearing and shifting by one matrix; ``lens``: bending.
- ``crops``: parts of an image; ``resnet``: the crops that residual networks were trained and tested on.
- ``colour``: brightness, contrast and noise; ``lighting``: colours shifted as they vary in the data.
- ``erasing``: regions that go; ``operations``, ``policies``: which of all these, and how much.
- ``mixing``, ``batches``: one example in another, as functions, as transforms of a batch; ``mimo``: side by side.
- ``samplers``: one example several times; ``views``: one prediction from several views.
- ``text``: words replaced, inserted, swapped and deleted; translation there and back.
"""

from .affine import RandomAffine, affine
from .batches import CutMix, InClassMix, MixUp
from .colour import ColorJitter, GaussianNoise, add_noise, adjust_brightness, adjust_contrast
from .crops import RandomCrop, RandomResizedCrop, crop
from .erasing import Cutout, RandomErasing, erase
from .flips import RandomHorizontalFlip, RandomVerticalFlip, horizontal_flip, relabel, vertical_flip
from .lens import RandomLensDistortion, lens_distortion
from .lighting import IMAGENET_COMPONENTS, PCALighting, pca_lighting, principal_components
from .matrices import compose, inverse, rotation, scaling, shearing, translation
from .mimo import MIMO, mimo_batch
from .mixing import cutmix, in_class_partners, mixup, random_box
from .operations import WIDE_SPACE, apply_operation, standard_space
from .policies import AutoAugment, RandAugment, TrivialAugmentWide
from .resnet import RandomShortestSize, TenCrop, resnet_training, resnet_views, ten_crop
from .samplers import RepeatedAugmentationSampler
from .text import back_translation, eda, random_deletion, random_insertion, random_swap, synonym_replacement
from .views import AveragedViews, average_views

__all__ = [
    "IMAGENET_COMPONENTS",
    "MIMO",
    "WIDE_SPACE",
    "AutoAugment",
    "AveragedViews",
    "ColorJitter",
    "CutMix",
    "Cutout",
    "GaussianNoise",
    "InClassMix",
    "MixUp",
    "PCALighting",
    "RandAugment",
    "RandomAffine",
    "RandomCrop",
    "RandomErasing",
    "RandomHorizontalFlip",
    "RandomLensDistortion",
    "RandomResizedCrop",
    "RandomShortestSize",
    "RandomVerticalFlip",
    "RepeatedAugmentationSampler",
    "TenCrop",
    "TrivialAugmentWide",
    "add_noise",
    "adjust_brightness",
    "adjust_contrast",
    "affine",
    "apply_operation",
    "average_views",
    "back_translation",
    "compose",
    "crop",
    "cutmix",
    "eda",
    "erase",
    "horizontal_flip",
    "in_class_partners",
    "inverse",
    "lens_distortion",
    "mimo_batch",
    "mixup",
    "pca_lighting",
    "principal_components",
    "random_box",
    "random_deletion",
    "random_insertion",
    "random_swap",
    "relabel",
    "resnet_training",
    "resnet_views",
    "rotation",
    "scaling",
    "shearing",
    "standard_space",
    "synonym_replacement",
    "ten_crop",
    "translation",
    "vertical_flip",
]

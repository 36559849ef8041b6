"""The transforms of `trainwell.augmentation`, what makes them, and what made them elsewhere.

Abilities of a transform:

- ``image``: takes one image or a batch of them, (..., channels, height, width), first argument of a call.
- ``keeps_shape``: gives back an image of the same size.
- ``random``: draws something.
- ``p``: leaves its inputs alone with probability 1 - p.
- ``gray``: takes one channel too. ``bytes``: takes uint8 too. ``any_size``: takes an image of any size.
- ``reads``: reads an image between its pixels, by an ``interpolation``.
- ``same_draws``: from the same seed it gives what the oracle gives, to rounding.
- ``ties``: shears by steps like 1/5, where two pixels may be equally near and rounding picks one or the other.
- ``carries``: moves masks and boxes as the oracle does.
- ``images_only``: refuses masks and boxes. ``leaves``: leaves them alone.
"""

from __future__ import annotations

from typing import Any

from torchvision.transforms import v2

from tests.registries import Entry, abilities
from trainwell import augmentation as A


def _affine_without_rim(**arguments: Any) -> v2.Transform:
    """torchvision's border is too dark when it fills; without a fill it is zeros, rightly mixed."""
    return v2.RandomAffine(**arguments, fill=None)


def _auto_augment(policy: str) -> v2.Transform:
    return v2.AutoAugment(v2.AutoAugmentPolicy(policy))


def _shortest_size(min_size: Any) -> v2.Transform:
    return v2.RandomShortestSize(min_size if isinstance(min_size, int) else list(min_size))


FLIP = abilities("image keeps_shape random p gray bytes any_size same_draws carries")
AFFINE = abilities("image keeps_shape reads random gray bytes any_size same_draws carries")
CROP = abilities("image random gray bytes same_draws carries")
COLOUR = abilities("image keeps_shape random gray bytes any_size leaves")
NOISE = COLOUR | {"same_draws"}
POLICY = abilities("image keeps_shape reads random gray bytes any_size same_draws ties images_only")

ALL_AT_ONCE = {"degrees": 25, "translate": (0.2, 0.1), "scale": (0.7, 1.4), "shear": (-9, 5, -3, 12)}
BILINEAR = {**ALL_AT_ONCE, "interpolation": "bilinear"}

TRANSFORMS = [
    Entry("RandomHorizontalFlip", A.RandomHorizontalFlip, {"p": 0.5}, v2.RandomHorizontalFlip, FLIP),
    Entry("RandomVerticalFlip", A.RandomVerticalFlip, {"p": 0.5}, v2.RandomVerticalFlip, FLIP),
    Entry("RandomAffine turn", A.RandomAffine, {"degrees": (10, 40)}, v2.RandomAffine, AFFINE),
    Entry("RandomAffine shift", A.RandomAffine, {"degrees": 0, "translate": (0.3, 0.5)}, v2.RandomAffine, AFFINE),
    Entry("RandomAffine shear", A.RandomAffine, {"degrees": 0, "shear": 20}, v2.RandomAffine, AFFINE),
    Entry("RandomAffine all", A.RandomAffine, ALL_AT_ONCE, v2.RandomAffine, AFFINE),
    Entry("RandomAffine center", A.RandomAffine, {"degrees": 30, "center": (3, 12)}, v2.RandomAffine, AFFINE),
    Entry(
        "RandomAffine bilinear",
        A.RandomAffine,
        {**ALL_AT_ONCE, "interpolation": "bilinear"},
        _affine_without_rim,
        AFFINE,
    ),
    Entry("RandomAffine fill", A.RandomAffine, {"degrees": 30, "fill": 0.5}, v2.RandomAffine, AFFINE - {"carries"}),
    Entry(
        "RandomAffine stretch",
        A.RandomAffine,
        {"degrees": 0, "stretch": (0.5, 2.0)},
        None,
        AFFINE - {"same_draws", "carries"},
    ),
    Entry(
        "RandomLensDistortion",
        A.RandomLensDistortion,
        {"k1": 0.3, "k2": (0.0, 0.1)},
        None,
        AFFINE - {"same_draws", "carries"},
    ),
    Entry("RandomCrop", A.RandomCrop, {"size": (9, 12)}, v2.RandomCrop, CROP),
    Entry("RandomCrop padded", A.RandomCrop, {"size": 13, "padding": 3}, v2.RandomCrop, CROP),
    Entry("RandomCrop sides", A.RandomCrop, {"size": (13, 17), "padding": (4, 2)}, v2.RandomCrop, CROP),
    Entry("RandomCrop four sides", A.RandomCrop, {"size": (13, 17), "padding": (4, 0, 1, 2)}, v2.RandomCrop, CROP),
    Entry("RandomCrop if needed", A.RandomCrop, {"size": (19, 20), "pad_if_needed": True}, v2.RandomCrop, CROP),
    Entry(
        "RandomCrop filled", A.RandomCrop, {"size": 13, "padding": 6, "fill": 1.0}, v2.RandomCrop, CROP - {"carries"}
    ),
    Entry(
        "RandomResizedCrop", A.RandomResizedCrop, {"size": (8, 10)}, v2.RandomResizedCrop, CROP | {"any_size", "reads"}
    ),
    Entry(
        "RandomResizedCrop wide",
        A.RandomResizedCrop,
        {"size": 11, "scale": (0.5, 1.0), "ratio": (3.0, 4.0), "interpolation": "nearest"},
        v2.RandomResizedCrop,
        CROP - {"random"},
    ),
    Entry("RandomResizedCrop rough", A.RandomResizedCrop, {"size": 6, "antialias": False}, v2.RandomResizedCrop, CROP),
    Entry("RandomShortestSize", A.RandomShortestSize, {"min_size": (12, 16, 26)}, _shortest_size, CROP),
    Entry("TenCrop", A.TenCrop, {"size": (7, 5)}, v2.TenCrop, abilities("image gray bytes same_draws images_only")),
    Entry("ColorJitter", A.ColorJitter, {"brightness": 0.4, "contrast": (0.5, 1.2)}, v2.ColorJitter, COLOUR),
    Entry("GaussianNoise", A.GaussianNoise, {"mean": 0.1, "sigma": 0.2}, v2.GaussianNoise, NOISE),
    Entry("GaussianNoise default", A.GaussianNoise, {}, v2.GaussianNoise, NOISE),
    Entry(
        "GaussianNoise open", A.GaussianNoise, {"clip": False}, v2.GaussianNoise, COLOUR - {"bytes"} | {"same_draws"}
    ),
    Entry("PCALighting", A.PCALighting, {}, None, COLOUR - {"gray"}),
    Entry("Cutout", A.Cutout, {"size": 6}, None, COLOUR),
    Entry("RandomErasing", A.RandomErasing, {"p": 0.7}, v2.RandomErasing, COLOUR | {"p", "same_draws"}),
    Entry("RandomErasing default", A.RandomErasing, {}, v2.RandomErasing, COLOUR | {"p", "same_draws"}),
    Entry(
        "RandomErasing noise",
        A.RandomErasing,
        {"scale": (0.2, 0.9), "ratio": (0.5, 4.0), "value": "random"},
        v2.RandomErasing,
        COLOUR - {"bytes"} | {"p", "same_draws"},
    ),
    Entry(
        "RandomErasing colour",
        A.RandomErasing,
        {"value": (0.2, 0.4, 0.6)},
        v2.RandomErasing,
        COLOUR - {"gray"} | {"p", "same_draws"},
    ),
    Entry("AutoAugment imagenet", A.AutoAugment, {"policy": "imagenet"}, _auto_augment, POLICY),
    Entry("AutoAugment cifar10", A.AutoAugment, {"policy": "cifar10"}, _auto_augment, POLICY),
    Entry("AutoAugment svhn", A.AutoAugment, {"policy": "svhn"}, _auto_augment, POLICY),
    Entry("RandAugment", A.RandAugment, {}, v2.RandAugment, POLICY),
    Entry(
        "RandAugment stronger",
        A.RandAugment,
        {"num_ops": 3, "magnitude": 7, "num_magnitude_bins": 11},
        v2.RandAugment,
        POLICY,
    ),
    Entry("TrivialAugmentWide", A.TrivialAugmentWide, {}, v2.TrivialAugmentWide, POLICY),
    Entry("TrivialAugmentWide few", A.TrivialAugmentWide, {"num_magnitude_bins": 6}, v2.TrivialAugmentWide, POLICY),
]

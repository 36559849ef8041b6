"""Image transforms against torchvision's: crops and flips, and the others where both do the same work."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.race import Benchmark
from trainwell import augmentation as A

from torchvision.transforms import v2  # isort: skip  # after trainwell, which lets it import

BAR = 1.0
OTHERS_BAR = 1.5  # where matrices are written to be read: an affine map of a small image
SHAPES = {"a CIFAR image": (3, 32, 32), "an ImageNet image": (3, 256, 256), "a CIFAR batch": (128, 3, 32, 32)}


def benchmarks() -> Iterator[Benchmark]:
    torch.manual_seed(0)
    for what, shape in SHAPES.items():
        image = torch.randint(256, shape, dtype=torch.uint8)
        side = shape[-1]
        yield from races(f"of {what}", image, BAR, cropping(side))
        yield from races(f"of {what}", image.float() / 255, BAR, {"flip, every time,": flipping(1.0)})
        yield from races(f"of {what}", image, OTHERS_BAR, others())


def races(what: str, image: Tensor, bar: float, pairs: dict[str, tuple[Any, Any]]) -> Iterator[Benchmark]:
    for name, (ours, peer) in pairs.items():
        yield Benchmark(f"{name} {what}", partial(ours, image), partial(peer, image), bar)


def flipping(p: float) -> tuple[Any, Any]:
    return A.RandomHorizontalFlip(p), v2.RandomHorizontalFlip(p)


def cropping(side: int) -> dict[str, tuple[Any, Any]]:
    return {
        "flip": flipping(0.5),
        "crop": (A.RandomCrop(side - 4), v2.RandomCrop(side - 4)),
        "padded crop": (A.RandomCrop(side, 4), v2.RandomCrop(side, 4)),
        "resized crop": (A.RandomResizedCrop(side), v2.RandomResizedCrop(side)),
        "ten crops": (A.TenCrop(side - 4), v2.TenCrop(side - 4)),
    }


def others() -> dict[str, tuple[Any, Any]]:
    return {
        "affine map": (A.RandomAffine(15, (0.1, 0.1)), v2.RandomAffine(15, (0.1, 0.1))),
        "jitter": (A.ColorJitter(0.4, 0.4), v2.ColorJitter(0.4, 0.4)),
        "noise": (A.GaussianNoise(), v2.GaussianNoise()),
        "erasing": (A.RandomErasing(1.0), v2.RandomErasing(1.0)),
        "RandAugment": (A.RandAugment(), v2.RandAugment()),
    }

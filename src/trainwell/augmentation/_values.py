"""The range of an image's values: 0 to 255 in bytes, 0 to 1 in floating point."""

from __future__ import annotations

import torch
from torch import Tensor


def largest(image: Tensor) -> float:
    """White."""
    if image.is_floating_point():
        return 1.0
    if image.dtype == torch.uint8:
        return 255.0
    raise ValueError(f"image must be of uint8 or a floating point dtype, got {image.dtype}")


def clipped(values: Tensor, image: Tensor) -> Tensor:
    """The values cut to the image's range and in its dtype, fractions of a byte dropped as torchvision does."""
    return values.clamp_(0, largest(image)).to(image.dtype)

"""What the policies choose from: sixteen operations on an image, each with a magnitude, and the ranges of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import atan, degrees

from torch import Tensor

from .._arguments import check_one_of
from .._shapes import Shaped
from ._base import F
from ._sampling import Fill
from ._values import largest
from .affine import affine
from .colour import adjust_brightness, adjust_contrast
from .matrices import compose, rotation, shearing, translation


def _shear(image: Tensor, x: float, y: float) -> Tensor:
    """The matrix that slides by x and y pixels a pixel, the top left corner staying where it is."""
    height, width = image.shape[-2:]
    slide = shearing(degrees(atan(x)), degrees(atan(y)))
    return compose(translation(-width / 2, -height / 2), slide, translation(width / 2, height / 2))


MOVES: dict[str, Callable[[Tensor, float], Tensor]] = {  # the matrix for an image and a magnitude
    "ShearX": lambda image, m: _shear(image, m, 0.0),
    "ShearY": lambda image, m: _shear(image, 0.0, m),
    "TranslateX": lambda image, m: translation(int(m), 0),
    "TranslateY": lambda image, m: translation(0, int(m)),
    "Rotate": lambda image, m: rotation(-m),
}

CHANGES: dict[str, Callable[[Tensor, float], Tensor]] = {  # the new image
    "Identity": lambda image, m: image,
    "Brightness": lambda image, m: adjust_brightness(image, 1 + m),
    "Color": lambda image, m: F.adjust_saturation(image, 1 + m),
    "Contrast": lambda image, m: adjust_contrast(image, 1 + m),
    "Sharpness": lambda image, m: F.adjust_sharpness(image, 1 + m),
    "Posterize": lambda image, m: F.posterize(image, round(m)),
    "Solarize": lambda image, m: F.solarize(image, largest(image) * m),
    "AutoContrast": lambda image, m: F.autocontrast(image),
    "Equalize": lambda image, m: F.equalize(image),
    "Invert": lambda image, m: F.invert(image),
}

Space = Mapping[str, tuple[float, float] | None]  # the weakest and the strongest magnitude, None where there is none


def standard_space(height: int, width: int) -> Space:
    """What RandAugment chooses from, and AutoAugment with the same ranges: operations and their magnitudes.

    Args:
        height: The image's height.
        width: The image's width.

    Returns:
        For each operation the weakest and the strongest magnitude, None where it has none. Where the weakest is 0, the
        magnitude goes both ways.

    Example:
        >>> standard_space(331, 331)["TranslateX"]
        (0.0, 150.0)

    Reference:
        Cubuk, Zoph, Mane, Vasudevan and Le, *AutoAugment: Learning Augmentation Policies from Data*, 2018, table 6.

    Note:
        The numbers are torchvision's, which scales the paper's shift of 150 pixels with the image.
    """
    return {
        "Identity": None,
        "ShearX": (0.0, 0.3),
        "ShearY": (0.0, 0.3),
        "TranslateX": (0.0, 150 / 331 * width),
        "TranslateY": (0.0, 150 / 331 * height),
        "Rotate": (0.0, 30.0),
        "Brightness": (0.0, 0.9),
        "Color": (0.0, 0.9),
        "Contrast": (0.0, 0.9),
        "Sharpness": (0.0, 0.9),
        "Posterize": (8.0, 4.0),
        "Solarize": (1.0, 0.0),
        "AutoContrast": None,
        "Equalize": None,
    }


WIDE_SPACE: Space = {
    "Identity": None,
    "ShearX": (0.0, 0.99),
    "ShearY": (0.0, 0.99),
    "TranslateX": (0.0, 32.0),
    "TranslateY": (0.0, 32.0),
    "Rotate": (0.0, 135.0),
    "Brightness": (0.0, 0.99),
    "Color": (0.0, 0.99),
    "Contrast": (0.0, 0.99),
    "Sharpness": (0.0, 0.99),
    "Posterize": (8.0, 2.0),
    "Solarize": (1.0, 0.0),
    "AutoContrast": None,
    "Equalize": None,
}
"""What TrivialAugment chooses from: the same operations in wider ranges, shifts in pixels."""


def apply_operation(
    image: Shaped[Tensor, "*batch channels height width"],
    name: str,
    magnitude: float = 0.0,
    interpolation: str = "nearest",
    fill: Fill = 0.0,
) -> Shaped[Tensor, "*batch channels height width"]:
    """One operation of a policy.

    Args:
        image: An image or a batch of them, of one or three channels, in bytes or with values from 0 to 1.
        name: ``"ShearX"``, ``"ShearY"`` (pixels a pixel), ``"TranslateX"``, ``"TranslateY"`` (pixels), ``"Rotate"``
            (degrees, against the clock), ``"Brightness"``, ``"Color"``, ``"Contrast"``, ``"Sharpness"`` (0 for the
            image as it is), ``"Posterize"`` (bits that stay), ``"Solarize"`` (the share of white from which values are
            inverted), ``"Identity"``, ``"AutoContrast"``, ``"Equalize"`` or ``"Invert"``.
        magnitude: How much of it.
        interpolation: ``"nearest"`` or ``"bilinear"``, where the image is moved.
        fill: What is seen beyond the border, where the image is moved.

    Returns:
        A tensor of the same shape and dtype.

    Raises:
        ValueError: If there is no operation of this name.

    Example:
        >>> apply_operation(torch.tensor([[[0.25, 0.75]]]), "Invert")
        tensor([[[0.7500, 0.2500]]])

    Reference:
        Cubuk, Zoph, Mane, Vasudevan and Le, *AutoAugment: Learning Augmentation Policies from Data*, 2018, table 6.
    """
    check_one_of("name", name, (*MOVES, *CHANGES))
    if name in MOVES:
        return affine(image, MOVES[name](image, magnitude), interpolation, fill)
    return CHANGES[name](image, magnitude)

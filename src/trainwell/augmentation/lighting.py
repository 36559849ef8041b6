"""PCA lighting: the colours of all pixels shifted together, the way that colours vary in the data."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from .._arguments import check_not_negative
from .._shapes import Float, Shaped
from ._base import Transform
from ._values import clipped, largest

Components = tuple[Tensor, Tensor]

IMAGENET_COMPONENTS: Components = (
    torch.tensor([0.2175, 0.0188, 0.0045]),
    torch.tensor([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]),
)
"""ImageNet's values and, in columns, vectors for colours from 0 to 1, as fb.resnet.torch has them.

The values are what everybody uses, not what :func:`principal_components` finds in ImageNet: they sum to 0.24, more
than the colours' variances do (0.15, from the deviations by which inputs are normalised).
"""


def principal_components(
    images: Shaped[Tensor, "n channels height width"],
) -> tuple[Float[Tensor, " channels"], Float[Tensor, "channels channels"]]:
    r"""How the colours of a data set vary: the eigenvalues and eigenvectors of their covariance.

    With :math:`c_k` the colours of all pixels of ``images`` (bytes scaled to [0, 1]), :math:`\bar c` their mean and
    :math:`N` their number,

    .. math:: \frac{1}{N-1} \sum_k (c_k - \bar c)(c_k - \bar c)^\top = P \, \mathrm{diag}(\lambda) \, P^\top.

    Args:
        images: The training images.

    Returns:
        The eigenvalues :math:`\lambda`, largest first, and the eigenvectors, the columns of :math:`P`.

    Example:
        >>> values, vectors = principal_components(torch.rand(8, 1, 16, 16).expand(-1, 3, -1, -1))  # grey images
        >>> vectors[:, 0].abs(), bool(values[1] < 1e-6)
        (tensor([0.5774, 0.5774, 0.5774]), True)

    Reference:
        Krizhevsky, Sutskever and Hinton, *ImageNet Classification with Deep Convolutional Neural Networks*, 2012,
        section 4.1.
    """
    colours = images.movedim(1, 0).flatten(1) / largest(images)
    values, vectors = torch.linalg.eigh(torch.atleast_2d(torch.cov(colours)))
    return values.flip(0), vectors.flip(1)


def pca_lighting(
    image: Shaped[Tensor, "*batch channels height width"],
    alpha: Float[Tensor, " channels"],
    components: Components = IMAGENET_COMPONENTS,
) -> Shaped[Tensor, "*batch channels height width"]:
    r"""Adds one colour to all pixels.

    With :math:`\alpha` = ``alpha`` and :math:`\lambda, P` = ``components``, to the colour :math:`c` of every pixel

    .. math:: c + P \, (\alpha \odot \lambda),

    cut to the range of the image.

    Args:
        image: An image or a batch of them, in bytes or with values from 0 to 1.
        alpha: How far to go along each component.
        components: What :func:`principal_components` gives, ImageNet's by default.

    Returns:
        A tensor of the same shape and dtype.

    Raises:
        ValueError: If ``image`` has not as many channels as ``components`` is for: three in ImageNet's.

    Example:
        >>> grey = torch.full((3, 1, 1), 0.5)
        >>> pca_lighting(grey, torch.tensor([-0.5, 0.0, 0.0])).flatten()
        tensor([0.5617, 0.5632, 0.5635])

    Reference:
        Krizhevsky, Sutskever and Hinton, *ImageNet Classification with Deep Convolutional Neural Networks*, 2012,
        section 4.1.

    Note:
        The paper does not cut. albumentations' ``FancyPCA`` is another thing: it takes the components of each image by
        themselves, and adds not one colour but a linear map of what sets a pixel apart from the image's mean.
    """
    values, vectors = components
    if image.shape[-3:-2] != values.shape:
        raise ValueError(f"image must have {len(values)} channels, as components, got the shape {tuple(image.shape)}")
    offset = vectors.to(alpha) @ (alpha * values.to(alpha)) * largest(image)
    return clipped(image + offset.to(image.device)[:, None, None], image)


class PCALighting(Transform):
    r""":func:`pca_lighting` with :math:`\alpha_i \sim \mathcal N(0, \sigma^2)`, drawn once a call.

    Args:
        std: The standard deviation :math:`\sigma`.
        components: What :func:`principal_components` gives, ImageNet's by default.
        generator: Where to draw from; in a DataLoader's worker it is torch's own, which the loader seeds.

    Raises:
        ValueError: If ``std`` is negative; in a call, if an image has not as many channels as ``components`` is for.

    Example:
        >>> images = torch.rand(8, 3, 16, 16)
        >>> PCALighting(components=principal_components(images))(images[0]).shape
        torch.Size([3, 16, 16])
    """

    def __init__(
        self,
        std: float = 0.1,
        components: Components = IMAGENET_COMPONENTS,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(generator=generator)
        check_not_negative("std", std)
        self.std, self.components = std, components

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        channels = len(self.components[0])
        return {"alpha": self.empty(channels).normal_(0, self.std, generator=self.source())}

    def image(self, image: Tensor, /, params: dict[str, Any]) -> Tensor:
        return pca_lighting(image, params["alpha"], self.components)

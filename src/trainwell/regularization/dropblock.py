"""DropBlock: dropout for feature maps, where neighbours tell the same story and must go together."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from .._arguments import check_at_least, check_probability
from .._shapes import Float


def drop_block2d(
    x: Float[Tensor, "n channels height width"],
    p: float,
    block_size: int,
    training: bool = True,
    *,
    generator: Generator | None = None,
) -> Float[Tensor, "n channels height width"]:
    r"""Drops squares of a feature map, about a share p of it in all, in training only.

    With a map of :math:`H \times W`, :math:`b` = ``block_size`` and :math:`p` = ``p``, the corner of a square is
    drawn at each place where one fits, with probability

    .. math:: \gamma = \frac{p}{b^2} \cdot \frac{HW}{(H-b+1)(W-b+1)}.

    A mask :math:`m` is zero on every square drawn, and what is left is scaled by the share that is left:
    :math:`y = m \odot x / \overline{m}`.

    Args:
        x: Feature maps.
        p: The share to drop, without the overlap of the squares.
        block_size: The side of the squares, cut to the side of the map.
        training: Whether to drop at all; without it the input is returned as it is.
        generator: Where the squares are drawn from.

    Returns:
        A tensor of the same shape; all zeros where the squares cover every map.

    Raises:
        ValueError: If ``p`` does not lie in [0, 1], or ``block_size`` is less than 1.

    Example:
        >>> y = drop_block2d(torch.ones(8, 8, 9, 9), 0.1, block_size=3, generator=torch.Generator().manual_seed(0))
        >>> 0.08 < (y == 0).double().mean() < 0.12, round(y.mean().item(), 4)
        (tensor(True), 1.0)

    Reference:
        Ghiasi, Lin and Le, *DropBlock: A Regularization Method for Convolutional Networks*, 2018.

    Note:
        :func:`torchvision.ops.drop_block2d` gives the same for odd sides and refuses even ones. The paper draws
        squares by their centre and raises p over the run; that is for the caller to do.
    """
    check_probability("p", p)
    check_at_least("block_size", block_size, 1)
    if not training or p == 0:
        return x
    n, channels, height, width = x.shape
    b = min(block_size, height, width)
    places = (height - b + 1, width - b + 1)
    gamma = p * height * width / (b**2 * places[0] * places[1])
    corners = x.new_empty(n, channels, *places).bernoulli_(gamma, generator=generator)
    mask = 1 - F.max_pool2d(F.pad(corners, [b - 1] * 4), b, stride=1)
    return x * (mask / mask.mean().clamp(min=torch.finfo(x.dtype).tiny))  # where nothing is left, 0 and not 0/0


class DropBlock2d(nn.Module):
    """:func:`drop_block2d` as a layer: active in training mode, nothing in evaluation mode.

    Args:
        p: The share to drop.
        block_size: The side of the squares.
        generator: Where the squares are drawn from.

    Example:
        >>> DropBlock2d(p=0.1, block_size=7)
        DropBlock2d(p=0.1, block_size=7)
    """

    def __init__(self, p: float, block_size: int, *, generator: Generator | None = None) -> None:
        super().__init__()
        check_probability("p", p)
        check_at_least("block_size", block_size, 1)
        self.p, self.block_size, self.generator = p, block_size, generator

    def forward(self, x: Float[Tensor, "n channels height width"]) -> Float[Tensor, "n channels height width"]:
        return drop_block2d(x, self.p, self.block_size, self.training, generator=self.generator)

    def extra_repr(self) -> str:
        return f"p={self.p}, block_size={self.block_size}"

"""Dropout: switch random units off in training. Here p is always the probability of dropping."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn

from .._arguments import check_probability
from .._shapes import Float


def dropout(
    x: Float[Tensor, "*shape"], p: float = 0.5, training: bool = True, *, generator: Generator | None = None
) -> Float[Tensor, "*shape"]:
    r"""Inverted dropout: drops each entry with probability p and scales up the others, in training only.

    With :math:`x` = ``x``, :math:`p` = ``p`` and a mask :math:`m` of independent draws,

    .. math:: y = \frac{m \odot x}{1-p}, \qquad m_i \sim \mathrm{Bernoulli}(1-p),

    so that :math:`\mathbb{E}[y] = x`, and nothing is left to do at test time.

    Args:
        x: A tensor of any shape.
        p: The probability of dropping an entry.
        training: Whether to drop at all; without it the input is returned as it is.
        generator: Where the mask is drawn from.

    Returns:
        A tensor of the same shape.

    Raises:
        ValueError: If ``p`` does not lie in [0, 1].

    Example:
        >>> y = dropout(torch.ones(1000), p=0.2, generator=torch.Generator().manual_seed(0))
        >>> y.unique()
        tensor([0.0000, 1.2500])

    Reference:
        Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, *Dropout: A Simple Way to Prevent Neural
        Networks from Overfitting*, 2014.

    Note:
        In the paper and in three of the lectures p is the probability of keeping. The paper scales at test
        time: see :func:`vanilla_dropout`.
        On the CPU the draws are those of :func:`torch.nn.functional.dropout` from the same seed.
    """
    check_probability("p", p)
    if not training or p == 0:
        return x
    mask = torch.empty_like(x).bernoulli_(1 - p, generator=generator)
    if p < 1:
        mask.div_(1 - p)
    return x * mask


def vanilla_dropout(
    x: Float[Tensor, "*shape"], p: float = 0.5, training: bool = True, *, generator: Generator | None = None
) -> Float[Tensor, "*shape"]:
    r"""Dropout as first published: drops in training, scales down at test time.

    With :math:`x` = ``x``, :math:`p` = ``p`` and a mask :math:`m` of independent draws,

    .. math::

        y_\text{train} = m \odot x, \quad m_i \sim \mathrm{Bernoulli}(1-p), \qquad y_\text{test} = (1-p)\,x,

    so that what the next layer sees has the same mean in training and at test time.

    Args:
        x: A tensor of any shape.
        p: The probability of dropping an entry.
        training: Whether to drop (training) or to scale (test).
        generator: Where the mask is drawn from.

    Returns:
        A tensor of the same shape.

    Raises:
        ValueError: If ``p`` does not lie in [0, 1].

    Example:
        >>> y = vanilla_dropout(torch.ones(1000), p=0.25, generator=torch.Generator().manual_seed(0))
        >>> y.unique()
        tensor([0., 1.])
        >>> vanilla_dropout(torch.ones(3), p=0.25, training=False)
        tensor([0.7500, 0.7500, 0.7500])

    Reference:
        Hinton, Srivastava, Krizhevsky, Sutskever and Salakhutdinov, *Improving Neural Networks by Preventing
        Co-adaptation of Feature Detectors*, 2012.

    Note:
        The paper scales the outgoing weights at test time, which for a linear layer is the same. A line of one
        lecture has lost its comparison of the draws with its p, the probability of keeping.
        For use, take :func:`dropout`; this one is here to compare.
    """
    check_probability("p", p)
    if not training:
        return x * (1 - p)
    return x * torch.empty_like(x).bernoulli_(1 - p, generator=generator)


class Dropout(nn.Module):
    """:func:`dropout` as a layer: active in training mode, nothing in evaluation mode.

    Args:
        p: The probability of dropping an entry.
        generator: Where the masks are drawn from.

    Example:
        >>> layer = Dropout(p=0.2)
        >>> layer.eval()(torch.ones(3))
        tensor([1., 1., 1.])
    """

    def __init__(self, p: float = 0.5, *, generator: Generator | None = None) -> None:
        super().__init__()
        check_probability("p", p)
        self.p, self.generator = p, generator

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return dropout(x, self.p, self.training, generator=self.generator)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class VanillaDropout(Dropout):
    """:func:`vanilla_dropout` as a layer: drops in training mode, scales in evaluation mode.

    Args:
        p: The probability of dropping an entry.
        generator: Where the masks are drawn from.

    Example:
        >>> layer = VanillaDropout(p=0.25)
        >>> layer.eval()(torch.ones(3))
        tensor([0.7500, 0.7500, 0.7500])
    """

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return vanilla_dropout(x, self.p, self.training, generator=self.generator)

"""Weights of a size that the user chooses, the same in every layer: the signal dies or blows up with depth."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from .._arguments import check_not_negative
from .._shapes import Float


@torch.no_grad()
def normal_(
    tensor: Float[Tensor, "*shape"], mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Float[Tensor, "*shape"]:
    r"""Gaussian initialisation: fills a tensor, in place, with independent normal numbers.

    With :math:`\mu` = ``mean`` and the standard deviation :math:`\sigma` = ``std``,

    .. math:: w \sim \mathcal{N}(\mu, \sigma^2).

    Args:
        tensor: The weights to fill.
        mean: Their mean.
        std: Their standard deviation, not their variance.
        generator: Where the numbers are drawn from.

    Returns:
        The same tensor.

    Raises:
        ValueError: If ``std`` is negative.

    Example:
        >>> w = normal_(torch.empty(1000, 1000), std=0.01, generator=torch.Generator().manual_seed(0))
        >>> round(w.std().item(), 4)
        0.01

    Reference:
        Krizhevsky, Sutskever and Hinton, *ImageNet Classification with Deep Convolutional Neural Networks*, 2012,
        for a mean of 0 and a standard deviation of 0.01.

    Note:
        Written :math:`\mathcal{N}(0, 0.01)`, a lecture or a paper may mean either. The classic 0.01 is the
        standard deviation; over ``d`` inputs it scales a signal by :math:`0.01\sqrt d`, far below 1 for most layers.
    """
    check_not_negative("std", std)
    return tensor.normal_(mean, std, generator=generator)


@torch.no_grad()
def uniform_(
    tensor: Float[Tensor, "*shape"], a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Float[Tensor, "*shape"]:
    r"""Uniform initialisation: fills a tensor, in place, with independent numbers between two bounds.

    With the bounds ``a`` and ``b``,

    .. math:: w \sim U[a, b), \qquad \operatorname{var}(w) = \frac{(b-a)^2}{12}.

    Args:
        tensor: The weights to fill.
        a: The lower bound.
        b: The upper bound; for weights take ``a = -b``.
        generator: Where the numbers are drawn from.

    Returns:
        The same tensor.

    Raises:
        ValueError: If ``b`` is less than ``a``.

    Example:
        >>> w = uniform_(torch.empty(1000, 1000), -0.3, 0.3, generator=torch.Generator().manual_seed(0))
        >>> round(w.var().item(), 4)
        0.03

    Reference:
        LeCun, Bottou, Orr and Müller, *Efficient BackProp*, 1998, section 4.6, on the size that weights start with.
    """
    if not a <= b:
        raise ValueError(f"b must be at least a, got a={a} and b={b}")
    return tensor.uniform_(a, b, generator=generator)

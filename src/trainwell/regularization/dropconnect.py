"""DropConnect: switch random weights off in training, other ones for every example."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from .._arguments import check_probability
from .._shapes import Float


def dropconnect(
    x: Float[Tensor, "*batch inputs"],
    weight: Float[Tensor, "outputs inputs"],
    bias: Float[Tensor, " outputs"] | None = None,
    p: float = 0.5,
    training: bool = True,
    *,
    generator: Generator | None = None,
) -> Float[Tensor, "*batch outputs"]:
    r"""A linear layer that drops each weight with probability p, anew for every example, in training only.

    With an example :math:`x_n` = ``x[n]``, :math:`W` = ``weight``, :math:`b` = ``bias``, :math:`p` = ``p`` and a
    mask :math:`M^{(n)}` of independent draws for each example,

    .. math:: y_n = \frac{M^{(n)} \odot W}{1-p}\, x_n + b, \qquad M^{(n)}_{oi} \sim \mathrm{Bernoulli}(1-p).

    Args:
        x: Examples, in any number of leading dimensions.
        weight: As in :func:`torch.nn.functional.linear`.
        bias: Added whole.
        p: The probability of dropping a weight.
        training: Whether to drop at all; without it this is a linear layer.
        generator: Where the masks are drawn from.

    Returns:
        One row of outputs for each example.

    Raises:
        ValueError: If ``p`` does not lie in [0, 1].

    Example:
        >>> x, weight = torch.ones(1000, 1), torch.ones(1, 1)
        >>> dropconnect(x, weight, p=0.2, generator=torch.Generator().manual_seed(0)).unique()
        tensor([0.0000, 1.2500])

    Reference:
        Wan, Zeiler, Zhang, LeCun and Fergus, *Regularization of Neural Networks using DropConnect*, 2013.

    Note:
        The paper also masks the bias, and at test time averages over a Gaussian fitted to the masked sums;
        here the weights are scaled in training and used whole at test time, as in inverted dropout. The masks
        of a batch take as much memory as that many copies of the weights.
    """
    check_probability("p", p)
    if not training or p == 0:
        return F.linear(x, weight, bias)
    mask = weight.new_empty(x.shape[:-1] + weight.shape).bernoulli_(1 - p, generator=generator)
    if p < 1:
        mask.div_(1 - p)
    y = torch.einsum("...i,...oi->...o", x, mask * weight)
    return y if bias is None else y + bias.to(y.dtype)  # autocast makes y a half


class DropConnect(nn.Linear):
    """:func:`dropconnect` as a layer: a :class:`torch.nn.Linear` that drops its weights in training mode.

    Args:
        in_features: The length of an example.
        out_features: The number of outputs.
        bias: Whether to add one.
        p: The probability of dropping a weight.
        generator: Where the masks are drawn from.

    Example:
        >>> DropConnect(3, 2, p=0.2)
        DropConnect(in_features=3, out_features=2, bias=True, p=0.2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        p: float = 0.5,
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__(in_features, out_features, bias)
        check_probability("p", p)
        self.p, self.generator = p, generator

    def forward(self, x: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        return dropconnect(x, self.weight, self.bias, self.p, self.training, generator=self.generator)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, p={self.p}"

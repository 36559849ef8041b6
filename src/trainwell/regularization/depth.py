"""Stochastic depth: skip random residual blocks in training."""

from __future__ import annotations

from torch import Generator, Tensor, nn

from .._arguments import check_at_least, check_one_of, check_probability
from .._shapes import Float

MODES = ("row", "batch")


def stochastic_depth(
    x: Float[Tensor, "n ..."],
    p: float,
    mode: str = "row",
    training: bool = True,
    *,
    generator: Generator | None = None,
) -> Float[Tensor, "n ..."]:
    r"""Drops the whole branch of a residual block with probability p, in training only.

    Put it on the branch :math:`f` before the addition. With :math:`x` = ``x`` (what the branch computed),
    :math:`p` = ``p`` and one draw :math:`m_n` an example (or one for the batch),

    .. math:: y_n = \frac{m_n}{1-p}\, x_n, \qquad m_n \sim \mathrm{Bernoulli}(1-p).

    Args:
        x: The output of the residual branch, examples first.
        p: The probability of dropping the branch.
        mode: ``"row"`` draws for each example, ``"batch"`` once for all.
        training: Whether to drop at all; without it the input is returned as it is.
        generator: Where the draws come from.

    Returns:
        A tensor of the same shape.

    Raises:
        ValueError: If ``p`` does not lie in [0, 1], or ``mode`` is none of the two.

    Example:
        >>> import torch
        >>> y = stochastic_depth(torch.ones(1000, 3), p=0.2, generator=torch.Generator().manual_seed(0))
        >>> y.unique(dim=0)
        tensor([[0.0000, 0.0000, 0.0000],
                [1.2500, 1.2500, 1.2500]])

    Reference:
        Huang, Sun, Liu, Sedra and Weinberger, *Deep Networks with Stochastic Depth*, 2016.

    Note:
        The paper draws once a batch, so that a dropped block costs nothing, and scales at test time.
        This is :func:`torchvision.ops.stochastic_depth`.
    """
    check_probability("p", p)
    check_one_of("mode", mode, MODES)
    if not training or p == 0:
        return x
    draws = len(x) if mode == "row" else 1
    mask = x.new_empty(draws, *[1] * (x.ndim - 1)).bernoulli_(1 - p, generator=generator)
    if p < 1:
        mask.div_(1 - p)
    return x * mask


def linear_rates(depth: int, last: float) -> list[float]:
    r"""Drop probabilities that grow with depth: early blocks, which all others build on, stay.

    With :math:`L` = ``depth`` and :math:`p_L` = ``last``, block :math:`l` of :math:`1, \dots, L` gets

    .. math:: p_l = \frac{l}{L}\, p_L.

    Args:
        depth: The number of blocks.
        last: The drop probability of the last block.

    Returns:
        One probability a block, first block first.

    Raises:
        ValueError: If ``depth`` is less than 1, or ``last`` does not lie in [0, 1].

    Example:
        >>> linear_rates(4, last=0.5)
        [0.125, 0.25, 0.375, 0.5]

    Reference:
        Huang, Sun, Liu, Sedra and Weinberger, *Deep Networks with Stochastic Depth*, 2016, equation 4.
    """
    check_at_least("depth", depth, 1)
    check_probability("last", last)
    return [block / depth * last for block in range(1, depth + 1)]


class StochasticDepth(nn.Module):
    """:func:`stochastic_depth` as a layer: active in training mode, nothing in evaluation mode.

    Args:
        p: The probability of dropping the branch.
        mode: ``"row"`` draws for each example, ``"batch"`` once for all.
        generator: Where the draws come from.

    Example:
        >>> StochasticDepth(p=0.1)
        StochasticDepth(p=0.1, mode='row')
    """

    def __init__(self, p: float, mode: str = "row", *, generator: Generator | None = None) -> None:
        super().__init__()
        check_probability("p", p)
        check_one_of("mode", mode, MODES)
        self.p, self.mode, self.generator = p, mode, generator

    def forward(self, x: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        return stochastic_depth(x, self.p, self.mode, self.training, generator=self.generator)

    def extra_repr(self) -> str:
        return f"p={self.p}, mode={self.mode!r}"

"""Hinges: nothing to pay once the right answer leads by a margin."""

from __future__ import annotations

import torch
from torch import Tensor

from .._arguments import check_same_shape, check_shape, check_values
from .._losses import full_precision, reduce
from .._shapes import Float, Int


def hinge_loss(
    input: Float[Tensor, "*shape"], target: Float[Tensor, "*shape"] | Int[Tensor, "*shape"], *, reduction: str = "mean"
) -> Float[Tensor, ""] | Float[Tensor, "*shape"]:
    r"""The hinge of two classes, the loss of support vector machines.

    With a score :math:`f` of ``input`` and its class :math:`y \in \{-1, 1\}` of ``target``,

    .. math:: \max(0, 1 - yf),

    which is nowhere below the 0-1 loss :math:`[yf \le 0]`.

    Args:
        input: Scores, positive for class 1.
        target: -1 or 1, of the same shape.
        reduction: ``"mean"`` or ``"sum"`` over all entries, or ``"none"``.

    Returns:
        A scalar, or one loss an entry with ``"none"``.

    Raises:
        ValueError: If the shapes differ, a target is neither -1 nor 1, or ``reduction`` is none of the three.

    Example:
        >>> hinge_loss(torch.tensor([3.0, 0.5, -1.0]), torch.tensor([1, 1, 1]), reduction="none")
        tensor([0.0000, 0.5000, 2.0000])

    Reference:
        Cortes and Vapnik, *Support-Vector Networks*, 1995.

    Note:
        Classes 0 and 1 become -1 and 1 by ``2 * y - 1``; a compiled function does not look at them. A lecture calls
        it the 0-1 loss, which it only bounds. The gradient at the kink is 0. Torch has it as
        :func:`torch.nn.functional.margin_ranking_loss` against scores of zero with a margin of one.
    """
    check_same_shape(input=input, target=target)
    check_values("target", target, (-1, 1))
    return reduce(torch.relu(1 - target * full_precision(input)), reduction)


def multi_margin_loss(
    input: Float[Tensor, "*n classes"], target: Int[Tensor, "*n"], *, margin: float = 1.0, reduction: str = "mean"
) -> Float[Tensor, ""] | Float[Tensor, "*n"]:
    r"""The hinge of several classes: each wrong one has to stay a margin below the right one.

    With scores :math:`f` = ``input``, :math:`K` classes, the right one :math:`y` of ``target`` and :math:`m` =
    ``margin``,

    .. math:: \frac1K \sum_{k \ne y} \max(0, m - f_y + f_k).

    Args:
        input: Scores, the classes in the last dimension.
        target: Class numbers, one a row.
        margin: How far below the right score the wrong ones have to be.
        reduction: ``"mean"`` or ``"sum"`` over the examples, or ``"none"``.

    Returns:
        A scalar, or one loss an example with ``"none"``.

    Raises:
        ValueError: If there is not one target a row, or ``reduction`` is none of the three.

    Example:
        >>> multi_margin_loss(torch.tensor([[2.0, 1.5, -3.0]]), torch.tensor([0]))
        tensor(0.1667)

    Reference:
        Weston and Watkins, *Support Vector Machines for Multi-Class Pattern Recognition*, 1999.

    Note:
        The paper sums over the wrong classes; the division by the number of classes is torch's, whose power ``p``
        and class weights are left out.
    """
    check_shape("target", target, input.shape[:-1])
    input, y = full_precision(input), target.long().unsqueeze(-1)
    gaps = torch.relu(margin - input.gather(-1, y) + input)
    losses = gaps.scatter(-1, y, 0).sum(dim=-1) / input.shape[-1]
    return reduce(losses, reduction)

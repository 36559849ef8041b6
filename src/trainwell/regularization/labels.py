"""Label smoothing: ask for a little less than certainty."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from .._arguments import check_probability
from .._losses import full_precision, reduce
from .._shapes import Float, Int


def smooth_labels(
    targets: Int[Tensor, "*shape"], num_classes: int, smoothing: float
) -> Float[Tensor, "*shape classes"]:
    r"""Class numbers as probabilities that leave something to every class.

    With :math:`K` = ``num_classes``, :math:`\varepsilon` = ``smoothing`` and :math:`y` a class number of ``targets``,

    .. math:: q_k = (1-\varepsilon)\,[k = y] + \frac{\varepsilon}{K}.

    Args:
        targets: Class numbers from 0, of any shape.
        num_classes: The number of classes.
        smoothing: The share that is spread over all classes.

    Returns:
        Probabilities of the default floating dtype, the classes in a last dimension.

    Raises:
        ValueError: If ``smoothing`` does not lie in [0, 1].

    Example:
        >>> smooth_labels(torch.tensor([1]), num_classes=4, smoothing=0.2)
        tensor([[0.0500, 0.8500, 0.0500, 0.0500]])

    Reference:
        Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, *Rethinking the Inception Architecture for Computer
        Vision*, 2016, section 7.

    Note:
        The right class gets its part of the spread share, too, as in the paper and in torch. Some texts
        spread it over the other K - 1 classes only.
    """
    check_probability("smoothing", smoothing)
    one_hot = F.one_hot(targets.long(), num_classes).to(torch.get_default_dtype())
    return (1 - smoothing) * one_hot + smoothing / num_classes


def label_smoothing(
    logits: Float[Tensor, "n classes"],
    targets: Int[Tensor, " n"],
    smoothing: float = 0.1,
    *,
    reduction: str = "mean",
) -> Float[Tensor, ""] | Float[Tensor, " n"]:
    r"""The cross-entropy against smoothed labels.

    With :math:`p` = softmax(``logits``), :math:`q` the smoothed labels of ``targets`` (:func:`smooth_labels`),
    :math:`\varepsilon` = ``smoothing`` and :math:`K` classes, the loss of one example and its gradient with
    respect to the logits :math:`z` are

    .. math::

        -\sum_k q_k \log p_k = -(1-\varepsilon)\log p_y - \frac{\varepsilon}{K}\sum_k \log p_k,
        \qquad \nabla_z = p - q.

    Args:
        logits: Unnormalised scores, one row an example.
        targets: Class numbers.
        smoothing: The share that is spread over all classes.
        reduction: ``"mean"`` or ``"sum"`` over the examples, or ``"none"``.

    Returns:
        A scalar, or one loss an example with ``"none"``.

    Raises:
        ValueError: If ``smoothing`` does not lie in [0, 1], or ``reduction`` is none of the three.

    Example:
        >>> label_smoothing(torch.tensor([[2.0, 0.0]]), torch.tensor([0]), smoothing=0.1)
        tensor(0.2269)

    Reference:
        Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, *Rethinking the Inception Architecture for Computer
        Vision*, 2016, section 7.

    Note:
        This is ``label_smoothing=`` of :func:`torch.nn.functional.cross_entropy`, without class weights and
        ignored targets.
    """
    check_probability("smoothing", smoothing)
    log_p = full_precision(logits).log_softmax(dim=1)
    right = log_p.gather(1, targets.long().unsqueeze(1)).squeeze(1)
    losses = -(1 - smoothing) * right - smoothing * log_p.mean(dim=1)
    return reduce(losses, reduction)

"""The randomisation test: labels that say nothing about the inputs."""

from __future__ import annotations

import torch
from torch import Generator
from torch.utils.data import TensorDataset

from .._arguments import check_at_least, check_probability


def randomize_labels(
    dataset: TensorDataset, share: float = 1.0, *, num_classes: int = 10, generator: Generator | None = None
) -> TensorDataset:
    r"""A copy of the data set in which a share of the labels is drawn anew, whatever the input.

    With :math:`s` = ``share`` and :math:`k` = ``num_classes``, :math:`\operatorname{round}(sn)` of the :math:`n`
    labels, chosen at random, become

    .. math:: y_i \sim \operatorname{Uniform}\{0, \dots, k-1\}.

    Args:
        dataset: Inputs and labels.
        share: The share of labels to draw.
        num_classes: The number of classes.
        generator: Where the choice of examples and the labels are drawn from.

    Returns:
        The same inputs with their labels.

    Raises:
        ValueError: If ``share`` does not lie in [0, 1], or ``num_classes`` is less than 1.

    Example:
        >>> dataset = TensorDataset(torch.zeros(6, 1), torch.zeros(6, dtype=torch.long))
        >>> randomize_labels(dataset, share=0.5, generator=torch.Generator().manual_seed(0)).tensors[1]
        tensor([0, 0, 9, 3, 0, 7])

    Reference:
        Zhang, Bengio, Hardt, Recht and Vinyals, *Understanding Deep Learning Requires Rethinking Generalization*,
        2017.

    Note:
        One in :math:`k` of the labels drawn is right by chance, so a share of :math:`s(1 - 1/k)` is wrong on average.
        :func:`trainwell.data.noisy_labels` makes a share wrong for certain: with all labels wrong, they still say
        which class it is not, whereas random ones say nothing.
    """
    check_probability("share", share)
    check_at_least("num_classes", num_classes, 1)
    x, y = dataset.tensors
    chosen = torch.randperm(len(y), generator=generator)[: round(share * len(y))]
    drawn = torch.randint(num_classes, chosen.shape, generator=generator)
    return TensorDataset(x, y.index_put((chosen.to(y.device),), drawn.to(y)))

"""Test-time augmentation: one prediction from several views of an example."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .._arguments import check_one_of
from .._shapes import Float, Shaped
from ..training import evaluating

View = Callable[[Any], Any]  # of a batch: a tensor, or a tuple of tensors, such as ten crops


def average_views(
    model: nn.Module, x: Shaped[Tensor, "n ..."], views: Iterable[View], *, of: str = "probabilities"
) -> Float[Tensor, "n classes"]:
    r"""Class probabilities averaged over views of the inputs, the model in evaluation mode.

    With :math:`v_1, \dots, v_V` the ``views`` of ``x`` and :math:`z(\cdot)` the logits of ``model``,

    .. math::

        p_\text{probabilities} = \frac1V \sum_{k=1}^V \operatorname{softmax}\bigl(z(v_k(x))\bigr), \qquad
        p_\text{logits} = \operatorname{softmax}\Bigl(\frac1V \sum_{k=1}^V z(v_k(x))\Bigr),

    the arithmetic and the geometric mean of the views' probabilities.

    Args:
        model: A classifier that returns logits, one row an example.
        x: The inputs.
        views: Functions of a batch, such as torchvision's transforms; one that returns a tuple or a list of batches,
            such as ten crops, counts as so many views. For the input as it is, give :class:`torch.nn.Identity`.
        of: What to average, ``"probabilities"`` or ``"logits"``.

    Returns:
        One row of probabilities an example, without a gradient.

    Raises:
        ValueError: If there are no views, or ``of`` is neither of the two.

    Example:
        >>> x = torch.tensor([[0.0, 2.0]])
        >>> average_views(nn.Identity(), x, [nn.Identity(), lambda x: x.flip(1)])
        tensor([[0.5000, 0.5000]])

    Reference:
        Krizhevsky, Sutskever and Hinton, *ImageNet Classification with Deep Convolutional Neural Networks*, 2012,
        section 4.1, which averages the softmax over ten crops.

    Note:
        torchvision's random transforms draw once for the batch that they are given, so a random view is the same
        for all its examples.
    """
    check_one_of("of", of, ("probabilities", "logits"))
    with evaluating(model):
        logits = torch.stack([model(view) for view in _each_view(x, views)])
    return logits.softmax(-1).mean(0) if of == "probabilities" else logits.mean(0).softmax(-1)


class AveragedViews(nn.Module):
    r""":func:`average_views` as a layer: a model that looks at several views of its input.

    It returns the logarithm of the averaged probabilities, which is a set of logits like any other: its softmax gives
    the probabilities back, and :func:`trainwell.training.evaluate` takes it as it takes a model.

    Args:
        model: A classifier that returns logits, one row an example.
        views: Functions of a batch; one that returns a tuple or a list of batches counts as so many views.
        of: What to average, ``"probabilities"`` or ``"logits"``.

    Raises:
        ValueError: If there are no views, or ``of`` is neither of the two.

    Example:
        >>> model = AveragedViews(nn.Identity(), [nn.Identity(), lambda x: x.flip(1)])
        >>> model(torch.tensor([[0.0, 2.0]])).softmax(1)
        tensor([[0.5000, 0.5000]])
    """

    def __init__(self, model: nn.Module, views: Sequence[View], *, of: str = "probabilities") -> None:
        super().__init__()
        check_one_of("of", of, ("probabilities", "logits"))
        self.model, self.views, self.of = model, list(views), of

    def forward(self, x: Shaped[Tensor, "n ..."]) -> Float[Tensor, "n classes"]:
        logits = torch.stack([self.model(view) for view in _each_view(x, self.views)])
        if self.of == "logits":
            return logits.mean(0).log_softmax(-1)
        return logits.log_softmax(-1).logsumexp(0) - math.log(len(logits))  # the log of the mean, safe when tiny


def _each_view(x: Tensor, views: Iterable[View]) -> Iterator[Tensor]:
    """The batches to predict from; a view may give several."""
    count = 0
    for view in views:
        seen = view(x)
        for batch in seen if isinstance(seen, (tuple, list)) else [seen]:
            count += 1
            yield batch
    if count == 0:
        raise ValueError("views must hold at least one view, got none")

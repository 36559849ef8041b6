"""Several models as one: their predictions averaged, or their weights; and several models from one run."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from .._arguments import check_at_least
from .._shapes import Float
from ..training import Callback, evaluating


def ensemble_probabilities(models: Iterable[nn.Module], x: Float[Tensor, "n ..."]) -> Float[Tensor, "n classes"]:
    r"""The mean of the models' class probabilities, each model in evaluation mode.

    With :math:`z_m(x)` the logits of model :math:`m` of :math:`M` ``models``,

    .. math:: p(x) = \frac1M \sum_{m=1}^M \operatorname{softmax}(z_m(x)).

    Args:
        models: Classifiers that return logits, one row an example.
        x: The inputs.

    Returns:
        One row of probabilities an example, without a gradient.

    Raises:
        ValueError: If there are no models.

    Example:
        >>> models = [nn.Identity(), nn.Flatten()]
        >>> ensemble_probabilities(models, torch.zeros(1, 4))
        tensor([[0.2500, 0.2500, 0.2500, 0.2500]])

    Reference:
        Hansen and Salamon, *Neural Network Ensembles*, 1990; Lakshminarayanan, Pritzel and Blundell, *Simple and
        Scalable Predictive Uncertainty Estimation using Deep Ensembles*, 2017.
    """
    return torch.stack([_probabilities(model, x) for model in _at_least_one(models)]).mean(0)


def _probabilities(model: nn.Module, x: Tensor) -> Tensor:
    with evaluating(model):
        return model(x).softmax(dim=1)


class Ensemble(nn.Module):
    """:func:`ensemble_probabilities` as a layer: the models of an ensemble as one classifier.

    It returns the logarithm of :func:`ensemble_probabilities`, which is a set of logits like any other: its
    softmax gives the probabilities back, and :func:`trainwell.training.evaluate` takes it as it takes a model.

    Args:
        models: Classifiers that return logits, one row an example.

    Raises:
        ValueError: If there are no models.

    Example:
        >>> ensemble = Ensemble([nn.Linear(3, 2), nn.Linear(3, 2)])
        >>> x = torch.ones(1, 3)
        >>> torch.allclose(ensemble(x).softmax(1), ensemble_probabilities(ensemble.models, x))
        True
    """

    def __init__(self, models: Iterable[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(_at_least_one(models))

    def forward(self, x: Float[Tensor, "n ..."]) -> Float[Tensor, "n classes"]:
        log_p = torch.stack([model(x).log_softmax(dim=1) for model in self.models])
        return log_p.logsumexp(0) - math.log(len(self.models))  # the log of the mean, safe for tiny probabilities


class Snapshots(Callback):
    """Keeps a copy of the model at the end of every cycle of the learning rate: an ensemble from one run.

    Args:
        cycle_length: Steps in a cycle, as in :func:`cyclic_cosine`.

    Attributes:
        models: The copies so far, oldest first, in evaluation mode.

    Raises:
        ValueError: If ``cycle_length`` is less than 1.

    Example:
        >>> snapshots, model = Snapshots(cycle_length=3), nn.Linear(1, 1)
        >>> for step in range(1, 8):
        ...     snapshots.on_step(model, step)
        >>> len(snapshots.models)
        2

    Reference:
        Huang, Li, Pleiss, Liu, Hopcroft and Weinberger, *Snapshot Ensembles: Train 1, Get M for Free*, 2017.
    """

    def __init__(self, cycle_length: int) -> None:
        check_at_least("cycle_length", cycle_length, 1)
        self.cycle_length = cycle_length
        self.models: list[nn.Module] = []

    def on_step(self, model: nn.Module, step: int) -> None:
        """Copies the model after the last step of a cycle."""
        if step % self.cycle_length == 0:
            self.models.append(copy.deepcopy(model).requires_grad_(False).eval())


def cyclic_cosine(cycle_length: int) -> Callable[[int], float]:
    r"""A learning rate that falls along a cosine, and starts anew every cycle.

    With :math:`t` the number of steps done and :math:`C` = ``cycle_length``, the factor on the learning rate is

    .. math:: \frac12\Bigl(1 + \cos\frac{\pi\,(t \bmod C)}{C}\Bigr).

    Args:
        cycle_length: Steps in a cycle.

    Returns:
        A function from step to factor, for :class:`torch.optim.lr_scheduler.LambdaLR`.

    Raises:
        ValueError: If ``cycle_length`` is less than 1.

    Example:
        >>> factor = cyclic_cosine(4)
        >>> [round(factor(step), 3) for step in range(6)]
        [1.0, 0.854, 0.5, 0.146, 1.0, 0.854]

    Reference:
        Loshchilov and Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*, 2017; Huang et al.,
        *Snapshot Ensembles*, 2017, equation 2.
    """
    check_at_least("cycle_length", cycle_length, 1)
    return lambda step: (1 + math.cos(math.pi * (step % cycle_length) / cycle_length)) / 2


def average_models(models: Iterable[nn.Module]) -> nn.Module:
    r"""A model whose weights are the mean of several models' weights.

    It makes sense for models that lie in one valley: fine-tuned, each in its own way, from one root. With
    :math:`w_1, \dots, w_M` the weights of ``models``,

    .. math:: \bar w = \frac1M \sum_{m=1}^M w_m.

    Args:
        models: Models of one architecture.

    Returns:
        A new model. Floating buffers are averaged, others are the first model's.

    Raises:
        ValueError: If there are no models, or their weights differ in names or shapes.

    Example:
        >>> models = [nn.Linear(1, 1) for _ in range(2)]
        >>> for value, model in zip((1.0, 3.0), models):
        ...     _ = nn.init.constant_(model.weight, value)
        >>> average_models(models).weight.item()
        2.0

    Reference:
        Wortsman et al., *Model Soups: Averaging Weights of Multiple Fine-tuned Models Improves Accuracy without
        Increasing Inference Time*, 2022 (the uniform soup).
    """
    models = _at_least_one(models)
    states = [model.state_dict() for model in models]
    shapes = [{name: w.shape for name, w in state.items()} for state in states]
    if any(other != shapes[0] for other in shapes):
        raise ValueError("models must be of one architecture, got weights that differ in names or shapes")
    average = copy.deepcopy(models[0])
    average.load_state_dict({name: _mean([state[name] for state in states]) for name in states[0]})
    return average


def _at_least_one(models: Iterable[nn.Module]) -> list[nn.Module]:
    models = list(models)
    if not models:
        raise ValueError("models must hold at least one model, got none")
    return models


def _mean(tensors: list[Tensor]) -> Tensor:
    return torch.stack(tensors).mean(0) if tensors[0].is_floating_point() else tensors[0]

"""Averages of the weights of one run: over its steps, or over its last epochs."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from .._arguments import check_at_least, check_probability
from ..training import Callback, History, evaluating


class WeightAverage(nn.Module, Callback):
    r"""What :class:`EMA`, :class:`PolyakAverage` and :class:`SWA` share: a copy that moves towards the model.

    With the averaged weights :math:`\bar w` and the model's weights :math:`w`, an update is

    .. math:: \bar w \leftarrow \bar w + a\,(w - \bar w),

    where the kind of average decides on :math:`a`. Buffers, such as running statistics, are copied as they are.

    Args:
        model: The model to follow. The average starts as a copy of it.

    Attributes:
        model: The averaged copy, in evaluation mode.
        updates: How many updates it has seen, a tensor, saved with the weights.
    """

    updates: Tensor

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        self.register_buffer("updates", torch.tensor(0))

    def share(self) -> float:
        """The share :math:`a` of the newest weights in the average."""
        return 1 / int(self.updates)  # the running mean of all updates

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Takes in the model's weights as they are now."""
        self._follow(model)
        self.updates += 1
        share = self.share()
        for average, new in zip(self.model.parameters(), model.parameters(), strict=True):
            average.lerp_(new, share)
        for ours, theirs in zip(self.model.buffers(), model.buffers(), strict=True):
            ours.copy_(theirs)

    def _follow(self, model: nn.Module) -> None:
        """Moves to the model's device, which may have been chosen after the average was made."""
        here, there = (next(m.parameters()).device for m in (self.model, model))
        if here != there:
            self.to(there)

    def forward(self, *inputs: Any) -> Any:
        return self.model(*inputs)

    def train(self, mode: bool = True) -> WeightAverage:
        """Stays in evaluation mode: an average is there to be used, not to be trained."""
        return super().train(False)


class EMA(WeightAverage):
    r"""Exponential moving average of the weights, updated after every step.

    With :math:`\beta` = ``decay``,

    .. math:: \bar w \leftarrow \beta\,\bar w + (1-\beta)\,w,

    a mean over about the last :math:`1/(1-\beta)` steps. Give it to :func:`trainwell.training.fit` as a callback
    and evaluate ``.model``.

    Args:
        model: The model to follow. The average starts as a copy of it.
        decay: How much of the average stays at each step.

    Raises:
        ValueError: If ``decay`` does not lie in [0, 1].

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> _ = nn.init.zeros_(model.weight)
        >>> ema = EMA(model, decay=0.9)
        >>> _ = nn.init.ones_(model.weight)
        >>> ema.update(model)
        >>> ema.model.weight
        Parameter containing:
        tensor([[0.1000]])

    Reference:
        Polyak and Juditsky, *Acceleration of Stochastic Approximation by Averaging*, 1992, for averaging;
        Tarvainen and Valpola, *Mean Teachers are Better Role Models*, 2017, for this form in deep networks.

    Note:
        It starts at the model's first weights and is not corrected for them, like timm's ``ModelEmaV3`` (which
        also averages floating buffers; here, as in torch's ``AveragedModel``, they are copied).
    """

    def __init__(self, model: nn.Module, decay: float = 0.995) -> None:
        check_probability("decay", decay)
        super().__init__(model)
        self.decay = decay

    def share(self) -> float:
        """The share of the newest weights: one minus the decay."""
        return 1 - self.decay

    def on_step(self, model: nn.Module, step: int) -> None:
        """Updates the average."""
        self.update(model)


class PolyakAverage(WeightAverage):
    r"""The mean of the weights after every step so far.

    With :math:`w_t` the weights after step :math:`t`,

    .. math:: \bar w_t = \frac1t \sum_{s=1}^{t} w_s = \bar w_{t-1} + \frac1t\,(w_t - \bar w_{t-1}).

    Args:
        model: The model to follow. Its first weights do not count.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> average = PolyakAverage(model)
        >>> for value in (1.0, 2.0, 6.0):
        ...     _ = nn.init.constant_(model.weight, value)
        ...     average.update(model)
        >>> average.model.weight
        Parameter containing:
        tensor([[3.]])

    Reference:
        Polyak and Juditsky, *Acceleration of Stochastic Approximation by Averaging*, 1992.

    Note:
        What deep learning calls Polyak averaging is often :class:`EMA`, which forgets the early steps.
    """

    def on_step(self, model: nn.Module, step: int) -> None:
        """Updates the average."""
        self.update(model)


class SWA(WeightAverage):
    r"""Stochastic weight averaging: the mean of the weights at the end of some late epochs.

    With the weights :math:`w_e` at the end of epoch :math:`e`, :math:`e_0` = ``start`` and :math:`c` = ``every``,

    .. math:: \bar w = \frac1k \sum_{i=0}^{k-1} w_{e_0 + ic}.

    Use it with a learning rate that stays high, or that returns to high every ``every`` epochs, and call
    :func:`update_batch_norm` at the end: running statistics belong to other weights.

    Args:
        model: The model to follow.
        start: The first epoch to take in, counted from 1.
        every: How many epochs lie between two that are taken in.

    Raises:
        ValueError: If ``start`` or ``every`` is less than 1.

    Example:
        >>> from trainwell.training import History
        >>> model = nn.Linear(1, 1, bias=False)
        >>> swa = SWA(model, start=2, every=2)
        >>> for epoch in range(1, 6):
        ...     _ = nn.init.constant_(model.weight, epoch)
        ...     swa.on_epoch(model, epoch, History())
        >>> swa.model.weight  # the mean of epochs 2 and 4
        Parameter containing:
        tensor([[3.]])

    Reference:
        Izmailov, Podoprikhin, Garipov, Vetrov and Wilson, *Averaging Weights Leads to Wider Optima and Better
        Generalization*, 2018.
    """

    def __init__(self, model: nn.Module, *, start: int, every: int = 1) -> None:
        check_at_least("start", start, 1)
        check_at_least("every", every, 1)
        super().__init__(model)
        self.start, self.every = start, every

    def on_epoch(self, model: nn.Module, epoch: int, history: History) -> None:
        """Takes in the epochs that are due."""
        if epoch >= self.start and (epoch - self.start) % self.every == 0:
            self.update(model)


def update_batch_norm(model: nn.Module, loader: Iterable[Any]) -> None:
    """Measures the running statistics of the batch normalisation layers anew, for weights that were averaged.

    Args:
        model: Changed in place; every module's mode is put back afterwards.
        loader: Batches of inputs, or of tuples whose first item is the inputs.

    Example:
        >>> model = nn.Sequential(nn.BatchNorm1d(1))
        >>> update_batch_norm(model, [torch.tensor([[1.0], [3.0]])])
        >>> model[0].running_mean
        tensor([2.])

    Reference:
        Izmailov et al., *Averaging Weights Leads to Wider Optima and Better Generalization*, 2018, section 3.2.

    Note:
        :func:`torch.optim.swa_utils.update_bn` puts the whole model in training mode. Here all but the batch
        normalisation layers stay in evaluation mode, so that dropout does not widen the statistics.
    """
    device = next(model.parameters()).device
    with evaluating(model), _measuring(model):
        for batch in loader:
            model((batch[0] if isinstance(batch, (list, tuple)) else batch).to(device))


@contextmanager
def _measuring(model: nn.Module) -> Iterator[None]:
    """Batch normalisation starts its statistics anew and takes their mean over all batches."""
    momenta = {module: module.momentum for module in model.modules() if isinstance(module, _BatchNorm)}
    try:
        for layer in momenta:
            layer.train().reset_running_stats()
            layer.momentum = None  # torch's word for the plain mean
        yield
    finally:
        for layer, momentum in momenta.items():
            layer.momentum = momentum

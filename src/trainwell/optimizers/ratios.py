"""How large the steps are beside the weights that they change."""

from __future__ import annotations

from torch import Tensor, nn

from .._arguments import check_at_least
from .._shapes import Float
from ..training import Callback


def update_ratio(before: Float[Tensor, "*shape"], after: Float[Tensor, "*shape"]) -> Float[Tensor, ""]:
    r"""The norm of a step over the norm of the weights that it changed; about 1e-3 is healthy.

    .. math:: \frac{\lVert\theta' - \theta\rVert}{\lVert\theta\rVert}

    Args:
        before: The weights :math:`\theta`, before the step.
        after: The weights :math:`\theta'`, after it.

    Returns:
        The ratio, a scalar; infinite where all weights were zero and moved.

    Example:
        >>> update_ratio(torch.tensor([3.0, 4.0]), torch.tensor([3.0, 4.01]))
        tensor(0.0020)

    Reference:
        Karpathy, *CS231n: Convolutional Neural Networks for Visual Recognition*, course notes, 2016.
    """
    return (after - before).norm() / before.norm()


class UpdateRatio(Callback):
    """Records the :func:`update_ratio` of every weight, as a callback of :func:`trainwell.training.fit`.

    Much more than 1e-3 says that the learning rate may be too high, much less that it may be too low. Biases start at
    zero, where the ratio means little, so vectors are left out.

    Args:
        every: How many steps lie between two that are measured; a measured step copies the weights.

    Attributes:
        steps: The steps that were measured.
        ratios: For each weight, by its name, a number for each of these steps.

    Raises:
        ValueError: If ``every`` is less than 1.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> _ = nn.init.ones_(model.weight)
        >>> watch = UpdateRatio()
        >>> watch.on_backward(model, step=1)
        >>> _ = nn.init.constant_(model.weight, 0.75)  # what an optimizer would do
        >>> watch.on_step(model, step=1)
        >>> watch.ratios
        {'weight': [0.25]}

        In training:

        >>> from trainwell import data, training
        >>> train, model = data.digits().train, nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
        >>> optimizer, watch = torch.optim.SGD(model.parameters(), lr=0.1), UpdateRatio(every=5)
        >>> history = training.fit(
        ...     model, train, epochs=1, optimizer=optimizer, callbacks=[watch], device="cpu", progress=False
        ... )
        >>> watch.steps[:2], watch.ratios.keys()
        ([5, 10], dict_keys(['1.weight']))
    """

    def __init__(self, every: int = 1) -> None:
        check_at_least("every", every, 1)
        self.every = every
        self.steps: list[int] = []
        self.ratios: dict[str, list[float]] = {}
        self._before: dict[str, Tensor] = {}

    def on_backward(self, model: nn.Module, step: int) -> None:
        """Remembers the weights, before the step."""
        if step % self.every == 0:
            self._before = {name: w.detach().clone() for name, w in model.named_parameters() if w.ndim > 1}

    def on_step(self, model: nn.Module, step: int) -> None:
        """Measures."""
        if step % self.every == 0:
            weights = dict(model.named_parameters())
            self.steps.append(step)
            for name, before in self._before.items():
                ratio = update_ratio(before, weights[name].detach())
                self.ratios.setdefault(name, []).append(ratio.item())

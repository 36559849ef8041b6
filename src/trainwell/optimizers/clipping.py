"""Gradient clipping, by norm and by value: as functions, and as callbacks of the training loop."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from .._arguments import check_not_negative
from .._shapes import Float
from ..training import Callback


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0
) -> Float[Tensor, ""]:
    r"""Scales all gradients down together where their norm is too large; their direction stays.

    With :math:`g` all gradients as one vector and :math:`c` = ``max_norm``,

    .. math:: g \leftarrow \min\left(1, \frac{c}{\lVert g \rVert + 10^{-6}}\right) g.

    Args:
        parameters: A tensor, or several. Those without a gradient do not count.
        max_norm: The largest norm to let through.
        norm_type: Which norm: 2 is the Euclidean one, ``float("inf")`` the largest absolute value.

    Returns:
        The norm before.

    Raises:
        ValueError: If ``max_norm`` is negative.

    Example:
        >>> w = torch.zeros(2, requires_grad=True)
        >>> w.grad = torch.tensor([3.0, 4.0])
        >>> clip_grad_norm_([w], max_norm=1.0)
        tensor(5.)
        >>> w.grad
        tensor([0.6000, 0.8000])

    Reference:
        Pascanu, Mikolov and Bengio, *On the Difficulty of Training Recurrent Neural Networks*, 2013.

    Note:
        A norm that is not finite makes every gradient so, as in torch with its default.
    """
    check_not_negative("max_norm", max_norm)
    gradients = _gradients(parameters)
    if not gradients:
        return torch.tensor(0.0)
    norms = [torch.linalg.vector_norm(g, norm_type) for g in gradients]
    total = torch.linalg.vector_norm(torch.stack([norm.to(norms[0].device) for norm in norms]), norm_type)
    factor = (max_norm / (total + 1e-6)).clamp(max=1.0)
    for g in gradients:
        g.mul_(factor.to(g.device))
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float) -> None:
    r"""Cuts every entry of every gradient to a range; the direction changes.

    .. math:: g_i \leftarrow \max(-c, \min(c, g_i)), \qquad c = \texttt{clip\_value}

    Args:
        parameters: A tensor, or several. Those without a gradient do not count.
        clip_value: The largest absolute value to let through.

    Raises:
        ValueError: If ``clip_value`` is negative.

    Example:
        >>> w = torch.zeros(2, requires_grad=True)
        >>> w.grad = torch.tensor([3.0, -0.4])
        >>> clip_grad_value_([w], clip_value=1.0)
        >>> w.grad
        tensor([ 1.0000, -0.4000])

    Reference:
        Mikolov, *Statistical Language Models Based on Neural Networks*, 2012.
    """
    check_not_negative("clip_value", clip_value)
    for g in _gradients(parameters):
        g.clamp_(-clip_value, clip_value)


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    several = [parameters] if isinstance(parameters, Tensor) else parameters
    return [theta.grad for theta in several if theta.grad is not None]


class ClipNorm(Callback):
    """:func:`clip_grad_norm_` between backward and step, as a callback of :func:`trainwell.training.fit`.

    Args:
        max_norm: The largest norm to let through.

    Attributes:
        norms: The norm before clipping, one number a step: how often it was too large shows whether the bound fits.

    Raises:
        ValueError: If ``max_norm`` is negative.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> clip = ClipNorm(max_norm=1.0)
        >>> (5 * model.weight).sum().backward()
        >>> clip.on_backward(model, step=1)
        >>> model.weight.grad, clip.norms
        (tensor([[1.0000]]), [5.0])

        In training, together with another callback:

        >>> from trainwell import data
        >>> from trainwell.optimizers import UpdateRatio
        >>> from trainwell.training import fit
        >>> train, model = data.digits().train, nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
        >>> sgd, clip, watch = torch.optim.SGD(model.parameters(), lr=0.1), ClipNorm(1.0), UpdateRatio()
        >>> history = fit(model, train, epochs=1, optimizer=sgd, callbacks=[clip, watch], progress=False)
        >>> len(clip.norms) == len(watch.steps) == len(watch.ratios["1.weight"])
        True
    """

    def __init__(self, max_norm: float) -> None:
        check_not_negative("max_norm", max_norm)
        self.max_norm = max_norm
        self.norms: list[float] = []

    def on_backward(self, model: nn.Module, step: int) -> None:
        """Clips."""
        self.norms.append(clip_grad_norm_(model.parameters(), self.max_norm).item())


class ClipValue(Callback):
    """:func:`clip_grad_value_` between backward and step, as a callback of :func:`trainwell.training.fit`.

    Args:
        clip_value: The largest absolute value to let through.

    Raises:
        ValueError: If ``clip_value`` is negative.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> (5 * model.weight).sum().backward()
        >>> ClipValue(clip_value=1.0).on_backward(model, step=1)
        >>> model.weight.grad
        tensor([[1.]])

        In training it is one of the ``callbacks``, as in the example of :class:`ClipNorm`.
    """

    def __init__(self, clip_value: float) -> None:
        check_not_negative("clip_value", clip_value)
        self.clip_value = clip_value

    def on_backward(self, model: nn.Module, step: int) -> None:
        """Clips."""
        clip_grad_value_(model.parameters(), self.clip_value)

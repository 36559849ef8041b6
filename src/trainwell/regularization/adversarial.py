"""Inputs chosen against the model: penalise how much they can do, or train on them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from .._arguments import check_at_least, check_not_negative, check_probability
from .._shapes import Float, Shaped
from ..training import Loss

Attack = Callable[[nn.Module, Tensor, Tensor], Tensor]
Bounds = tuple[float, float]


def gradient_penalty(
    model: nn.Module, x: Float[Tensor, "n ..."], targets: Shaped[Tensor, "n ..."], loss: Loss = F.cross_entropy
) -> Float[Tensor, ""]:
    r"""The mean squared norm of the loss's gradient with respect to the inputs.

    With :math:`x_i, y_i` the examples of ``x`` and ``targets`` and :math:`\ell` the loss of one example,

    .. math:: \Omega = \frac1n \sum_{i=1}^n \bigl\|\nabla_{x_i}\, \ell(f(x_i), y_i)\bigr\|_2^2 .

    Args:
        model: The network :math:`f`. Its examples must not see each other: no batch normalisation in training mode.
        x: The inputs.
        targets: Whatever ``loss`` compares with.
        loss: ``loss(outputs, targets)``, the mean over the examples.

    Returns:
        A scalar to scale and add to the loss; its own gradient reaches the weights.

    Example:
        >>> model = nn.Linear(2, 1, bias=False)
        >>> _ = nn.init.ones_(model.weight)
        >>> gradient_penalty(model, torch.ones(4, 2), torch.zeros(4, 1), loss=F.mse_loss).item()
        32.0

    Reference:
        Drucker and LeCun, *Improving Generalization Performance using Double Backpropagation*, 1992; Ross and
        Doshi-Velez, *Improving the Adversarial Robustness and Interpretability of Deep Neural Networks by
        Regularizing their Input Gradients*, 2018.

    Note:
        Of a mean over n examples each input's gradient is the n-th part; it is scaled back here, so that
        the penalty does not depend on the batch size.
    """
    gradient = len(x) * _input_gradient(model, x, targets, loss, create_graph=True)
    return gradient.flatten(1).square().sum(1).mean()


def fgsm(
    model: nn.Module,
    x: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "n ..."],
    epsilon: float,
    *,
    loss: Loss = F.cross_entropy,
    bounds: Bounds | None = None,
) -> Float[Tensor, "n ..."]:
    r"""Adversarial examples by one step: the fast gradient sign method.

    With :math:`x` = ``x``, :math:`y` = ``targets`` and :math:`\epsilon` = ``epsilon``,

    .. math:: x' = x + \epsilon \operatorname{sign}\bigl(\nabla_x L(f(x), y)\bigr),

    which is the step that raises a linear loss most among those that change no entry by more than
    :math:`\epsilon`.

    Args:
        model: The network :math:`f`, used in the mode it is in.
        x: The inputs.
        targets: Whatever ``loss`` compares with.
        epsilon: The size of the change, in the units of the inputs.
        loss: ``loss(outputs, targets)``, a scalar.
        bounds: The lowest and highest value an input may have, ``(0, 1)`` for images; None for no bounds.

    Returns:
        Changed inputs, without a gradient.

    Raises:
        ValueError: If ``epsilon`` is negative.

    Example:
        >>> model = nn.Linear(2, 1, bias=False)
        >>> _ = nn.init.ones_(model.weight)
        >>> fgsm(model, torch.ones(1, 2), torch.zeros(1, 1), epsilon=0.25, loss=F.mse_loss)
        tensor([[1.2500, 1.2500]])

    Reference:
        Goodfellow, Shlens and Szegedy, *Explaining and Harnessing Adversarial Examples*, 2015.
    """
    check_not_negative("epsilon", epsilon)
    return _clip(x + epsilon * _input_gradient(model, x, targets, loss).sign(), bounds)


def pgd(
    model: nn.Module,
    x: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "n ..."],
    epsilon: float,
    *,
    step_size: float,
    steps: int,
    loss: Loss = F.cross_entropy,
    bounds: Bounds | None = None,
    generator: Generator | None = None,
) -> Float[Tensor, "n ..."]:
    r"""Adversarial examples by several steps: projected gradient descent from a random start.

    With :math:`x` = ``x``, :math:`y` = ``targets``, :math:`\epsilon` = ``epsilon``, :math:`\alpha` = ``step_size`` and
    :math:`x^0` drawn uniformly from the box :math:`\|x^0 - x\|_\infty \le \epsilon`, repeat ``steps`` times

    .. math::

        x^{t+1} = \operatorname{clip}_{[x-\epsilon,\, x+\epsilon]}
        \Bigl(x^t + \alpha \operatorname{sign}\bigl(\nabla_x L(f(x^t), y)\bigr)\Bigr).

    Args:
        model: The network :math:`f`, used in the mode it is in.
        x: The inputs.
        targets: Whatever ``loss`` compares with.
        epsilon: The largest change of an entry, in the units of the inputs.
        step_size: The change of one step.
        steps: The number of steps.
        loss: ``loss(outputs, targets)``, a scalar.
        bounds: The lowest and highest value an input may have, ``(0, 1)`` for images; None for no bounds.
        generator: Where the start is drawn from.

    Returns:
        Changed inputs, without a gradient.

    Raises:
        ValueError: If ``epsilon`` or ``step_size`` is negative, or ``steps`` is less than 1.

    Example:
        >>> model = nn.Linear(2, 1, bias=False)
        >>> _ = nn.init.ones_(model.weight)
        >>> pgd(model, torch.ones(1, 2), torch.zeros(1, 1), 0.25, step_size=0.25, steps=3, loss=F.mse_loss)
        tensor([[1.2500, 1.2500]])

    Reference:
        Madry, Makelov, Schmidt, Tsipras and Vladu, *Towards Deep Learning Models Resistant to Adversarial
        Attacks*, 2018.
    """
    check_not_negative("epsilon", epsilon)
    check_not_negative("step_size", step_size)
    check_at_least("steps", steps, 1)
    changed = _clip(x + torch.empty_like(x).uniform_(-epsilon, epsilon, generator=generator), bounds)
    for _ in range(steps):
        changed = changed + step_size * _input_gradient(model, changed, targets, loss).sign()
        changed = _clip(changed.clamp(x - epsilon, x + epsilon), bounds)
    return changed.detach()


def adversarial_loss(
    model: nn.Module,
    x: Float[Tensor, "n ..."],
    targets: Shaped[Tensor, "n ..."],
    attack: Attack,
    weight: float = 0.5,
    *,
    loss: Loss = F.cross_entropy,
) -> Float[Tensor, ""]:
    r"""The loss of adversarial training: part on clean inputs, part on attacked ones.

    With :math:`x'` = ``attack(model, x, targets)`` and :math:`a` = ``weight``,

    .. math:: (1-a)\,L(f(x), y) + a\,L(f(x'), y).

    Args:
        model: The network :math:`f`.
        x: The inputs.
        targets: Whatever ``loss`` compares with.
        attack: Makes adversarial examples: :func:`fgsm` or :func:`pgd` with its settings filled in.
        weight: The part of the attacked inputs.
        loss: ``loss(outputs, targets)``, a scalar.

    Returns:
        A scalar to minimise.

    Raises:
        ValueError: If ``weight`` does not lie in [0, 1].

    Example:
        >>> from functools import partial
        >>> model = nn.Linear(2, 1, bias=False)
        >>> _ = nn.init.ones_(model.weight)
        >>> attack = partial(fgsm, epsilon=0.5, loss=F.mse_loss)
        >>> adversarial_loss(model, torch.ones(1, 2), torch.zeros(1, 1), attack, loss=F.mse_loss).item()
        6.5

    Reference:
        Goodfellow, Shlens and Szegedy, *Explaining and Harnessing Adversarial Examples*, 2015, section 6.

    Note:
        The paper's weight is that of the clean part, also a half. Madry et al. (2018) train on attacked
        inputs alone: ``weight=1``.
    """
    check_probability("weight", weight)
    attacked = attack(model, x, targets)
    return (1 - weight) * loss(model(x), targets) + weight * loss(model(attacked), targets)


def _input_gradient(model: nn.Module, x: Tensor, targets: Tensor, loss: Loss, *, create_graph: bool = False) -> Tensor:
    """The loss's gradient with respect to the inputs; the parameters' own gradients stay as they are."""
    with torch.enable_grad():
        x = x.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(loss(model(x), targets), x, create_graph=create_graph)
    return gradient


def _clip(x: Tensor, bounds: Bounds | None) -> Tensor:
    return x.detach() if bounds is None else x.detach().clamp(*bounds)

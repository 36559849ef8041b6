"""Noise on the inputs, on the weights, and on the targets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from .._arguments import check_not_negative
from .._shapes import Float, Int


def input_noise(
    x: Float[Tensor, "*shape"], std: float, training: bool = True, *, generator: Generator | None = None
) -> Float[Tensor, "*shape"]:
    r"""Adds Gaussian noise, in training only.

    With :math:`x` = ``x`` and :math:`\sigma` = ``std``,

    .. math:: y = x + \sigma\xi, \qquad \xi_i \sim \mathcal N(0, 1).

    Args:
        x: A tensor of any shape: inputs, or what a layer computed.
        std: The standard deviation of the noise.
        training: Whether to add it at all; without it the input is returned as it is.
        generator: Where the noise is drawn from.

    Returns:
        A tensor of the same shape.

    Raises:
        ValueError: If ``std`` is negative.

    Example:
        >>> input_noise(torch.zeros(3), std=0.1, generator=torch.Generator().manual_seed(0))
        tensor([ 0.1541, -0.0293, -0.2179])

    Reference:
        Bishop, *Training with Noise is Equivalent to Tikhonov Regularization*, 1995.
    """
    check_not_negative("std", std)
    if not training or std == 0:
        return x
    return x + torch.empty_like(x).normal_(0, std, generator=generator)


class InputNoise(nn.Module):
    """:func:`input_noise` as a layer: active in training mode, nothing in evaluation mode.

    Args:
        std: The standard deviation of the noise.
        generator: Where the noise is drawn from.

    Example:
        >>> InputNoise(std=0.1)
        InputNoise(std=0.1)
    """

    def __init__(self, std: float, *, generator: Generator | None = None) -> None:
        super().__init__()
        check_not_negative("std", std)
        self.std, self.generator = std, generator

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return input_noise(x, self.std, self.training, generator=self.generator)

    def extra_repr(self) -> str:
        return f"std={self.std}"


@contextmanager
def weight_noise(module: nn.Module, std: float, *, generator: Generator | None = None) -> Iterator[None]:
    r"""Adds Gaussian noise to every weight for a while, and puts the weights back.

    Inside the ``with`` block each parameter :math:`w` of ``module`` is, with :math:`\sigma` = ``std``,

    .. math:: w + \sigma\xi, \qquad \xi_i \sim \mathcal N(0, 1).

    Compute the loss and call ``backward`` inside the block: the gradient is that of the noisy weights. Step the
    optimizer after it: the step is made from the clean ones.

    Args:
        module: Its parameters are changed, and restored bit for bit, also after an error.
        std: The standard deviation of the noise.
        generator: Where the noise is drawn from.

    Raises:
        ValueError: If ``std`` is negative.

    Example:
        >>> layer = nn.Linear(2, 1)
        >>> clean = layer.weight.clone()
        >>> with weight_noise(layer, std=0.1):
        ...     torch.equal(layer.weight, clean)
        False
        >>> torch.equal(layer.weight, clean)
        True

    Reference:
        Graves, *Practical Variational Inference for Neural Networks*, 2011; Murray and Edwards, *Enhanced MLP
        Performance and Fault Tolerance Resulting from Synaptic Weight Noise during Training*, 1994.
    """
    check_not_negative("std", std)
    kept = [(w, w.detach().clone()) for w in module.parameters()]
    try:
        with torch.no_grad():
            for w, _ in kept:
                w.add_(torch.empty_like(w).normal_(0, std, generator=generator))
        yield
    finally:
        with torch.no_grad():
            for w, clean in kept:
                w.copy_(clean)


def noisy_targets(
    targets: Int[Tensor, "*shape"], num_classes: int, std: float, *, generator: Generator | None = None
) -> Float[Tensor, "*shape classes"]:
    r"""Class numbers as one-hot labels with noise, made probabilities again.

    With :math:`K` = ``num_classes``, :math:`\sigma` = ``std`` and :math:`y` a class number of ``targets``,

    .. math:: q_k = \frac{r_k}{\sum_j r_j}, \qquad r_k = \bigl|[k=y] + \sigma\xi_k\bigr|, \quad
        \xi_k \sim \mathcal N(0, 1).

    Args:
        targets: Class numbers from 0, of any shape.
        num_classes: The number of classes.
        std: The standard deviation of the noise before it is normalised.
        generator: Where the noise is drawn from.

    Returns:
        Probabilities of the default floating dtype, the classes in a last dimension; for
        :func:`torch.nn.functional.cross_entropy`.

    Raises:
        ValueError: If ``std`` is negative.

    Example:
        >>> q = noisy_targets(torch.tensor([1]), num_classes=3, std=0.1, generator=torch.Generator().manual_seed(0))
        >>> q, q.sum()
        (tensor([[0.1148, 0.7229, 0.1623]]), tensor(1.))

    Reference:
        Goodfellow, Bengio and Courville, *Deep Learning*, 2016, section 7.5.1.

    Note:
        Absolute value and division keep the labels probabilities. Plain Gaussian noise on one-hot targets would
        leave the mean of a cross-entropy, which is linear in them, unchanged; the mean of these is a smoothed
        label (:func:`~trainwell.regularization.smooth_labels`).
    """
    check_not_negative("std", std)
    one_hot = F.one_hot(targets.long(), num_classes).to(torch.get_default_dtype())
    noisy = input_noise(one_hot, std, generator=generator).abs()
    return noisy / noisy.sum(-1, keepdim=True)

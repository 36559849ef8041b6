"""A network of two layers without autograd: forward pass and gradients by hand."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from .._arguments import check_not_negative
from .._shapes import Float, Int


def init_two_layer_model(
    input_size: int, hidden_size: int, output_size: int, *, std: float = 1e-4, generator: Generator | None = None
) -> dict[str, Tensor]:
    r"""First weights of a two-layer network: small and random, with biases of zero.

    With :math:`s` = ``std``,

    .. math:: W_{ij} \sim \mathcal{N}(0, s^2), \qquad b_j = 0.

    Args:
        input_size: The number of inputs.
        hidden_size: The number of hidden units.
        output_size: The number of classes.
        std: The standard deviation of the weights.
        generator: Where they are drawn from.

    Returns:
        ``W1`` (inputs × hidden), ``b1``, ``W2`` (hidden × classes) and ``b2``.

    Example:
        >>> model = init_two_layer_model(3, 5, 2)
        >>> {name: tuple(values.shape) for name, values in model.items()}
        {'W1': (3, 5), 'b1': (5,), 'W2': (5, 2), 'b2': (2,)}

    Reference:
        Li, Johnson and Yeung, *CS231n: Convolutional Neural Networks for Visual Recognition*, 2017, lecture 6.

    Note:
        Weights this small suit two layers; deeper networks need ``trainwell.initialization``.
    """
    return {
        "W1": std * torch.randn(input_size, hidden_size, generator=generator),
        "b1": torch.zeros(hidden_size),
        "W2": std * torch.randn(hidden_size, output_size, generator=generator),
        "b2": torch.zeros(output_size),
    }


def two_layer_net(
    X: Float[Tensor, "n inputs"], model: dict[str, Tensor], y: Int[Tensor, " n"], strength: float = 0.0
) -> tuple[Float[Tensor, ""], dict[str, Tensor]]:
    r"""The loss of a two-layer network and its gradient, derived by hand.

    With :math:`X` = ``X``, one row an example, classes :math:`y_i` in ``y``, :math:`\lambda` = ``strength`` and
    :math:`Y` the one-hot rows of ``y``,

    .. math::

        A = X W_1 + b_1, \quad H = \max(0, A), \quad S = H W_2 + b_2, \quad P = \mathrm{softmax}(S), \\
        L = -\frac1n \sum_i \log P_{i y_i} + \frac\lambda2 \bigl(\lVert W_1 \rVert^2 + \lVert W_2 \rVert^2\bigr).

    Backwards, each line takes the gradient of the one before and multiplies it by its local gradient:

    .. math::

        \frac{\partial L}{\partial S} = \frac{P - Y}n, \quad
        \frac{\partial L}{\partial W_2} = H^\top \frac{\partial L}{\partial S} + \lambda W_2, \quad
        \frac{\partial L}{\partial H} = \frac{\partial L}{\partial S} W_2^\top, \\
        \frac{\partial L}{\partial A} = \frac{\partial L}{\partial H} \odot [A > 0], \quad
        \frac{\partial L}{\partial W_1} = X^\top \frac{\partial L}{\partial A} + \lambda W_1;

    a bias, added to every row, gets the sum over the rows.

    Args:
        X: Inputs.
        model: ``W1``, ``b1``, ``W2`` and ``b2``, as from :func:`init_two_layer_model`.
        y: Class numbers.
        strength: How strongly large weights are penalised.

    Returns:
        The loss, and the gradients by the names of ``model``.

    Raises:
        ValueError: If ``strength`` is negative.

    Example:
        >>> model = init_two_layer_model(3, 5, 10)
        >>> loss, gradients = two_layer_net(torch.randn(8, 3), model, torch.arange(8))
        >>> loss  # near log 10: nothing is known yet
        tensor(2.3026)

    Reference:
        Rumelhart, Hinton and Williams, *Learning Representations by Back-propagating Errors*, 1986.

    Note:
        The biases are not penalised, and the penalty has the factor 1/2, as in the lecture's numbers.
    """
    check_not_negative("strength", strength)
    W1, b1, W2, b2 = (model[name] for name in ("W1", "b1", "W2", "b2"))
    A = X @ W1 + b1
    H = A.clamp(min=0)
    log_P = (H @ W2 + b2).log_softmax(dim=1)
    loss = -log_P.gather(1, y.unsqueeze(1)).mean() + strength / 2 * (W1.square().sum() + W2.square().sum())

    Y = torch.zeros_like(log_P).scatter(1, y.unsqueeze(1), 1)
    dS = (log_P.exp() - Y) / len(X)
    dA = (dS @ W2.T) * (A > 0)
    gradients = {"W1": X.T @ dA + strength * W1, "b1": dA.sum(0), "W2": H.T @ dS + strength * W2, "b2": dS.sum(0)}
    return loss, gradients

"""Gains: by what factor an activation function's weights must be larger, computed for any function."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from .._shapes import Float

Activation = Callable[[Tensor], Tensor]

REACH = 12  # standard deviations; beyond them lies a share of 1e-33 of a normal distribution
PANEL = 0.25  # the width of a panel: its ends meet the kinks of the usual functions, 0, 1, 3 and 6


def _normal_mean(f: Activation) -> float:
    """The mean of f(z) for a standard normal z, by Gauss-Legendre quadrature on short panels."""
    nodes, weights = (torch.from_numpy(values) for values in np.polynomial.legendre.leggauss(10))
    middles = torch.arange(-REACH + PANEL / 2, REACH, PANEL, dtype=torch.float64)
    z = middles[:, None] + PANEL / 2 * nodes
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    parts = (PANEL / 2 * weights * density * f(z)).sum(1)
    mean = float(parts.sum())
    if float(parts[0] + parts[-1]) > 1e-6 * mean:
        raise ValueError(f"f must not grow so fast that its mean comes from beyond {REACH} standard deviations")
    return mean


def _slope(f: Activation, z: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        (slope,) = torch.autograd.grad(f(z).sum(), z)
    return slope


def _inverse_root(moment: float, what: str) -> float:
    if not (0 < moment < math.inf):
        raise ValueError(f"f must have {what} that is positive and finite, got {moment}")
    return 1 / math.sqrt(moment)


def gain(f: Activation) -> float:
    r"""The gain of an activation function: what keeps the second moment of the signal, by quadrature.

    With :math:`z` standard normal,

    .. math:: g = \frac{1}{\sqrt{\mathbb{E}[f(z)^2]}}, \qquad
              \mathbb{E}[f(z)^2] = \int f(z)^2\,\frac{e^{-z^2/2}}{\sqrt{2\pi}}\,dz.

    Weights of variance :math:`g^2/d` behind :math:`f` then give outputs of variance 1 again.

    Args:
        f: The function, entry by entry, in float64.

    Returns:
        The gain, :math:`\sqrt2` for the ReLU and about 1.59 for tanh.

    Raises:
        ValueError: If the second moment is zero or not finite, or comes from beyond 12 standard deviations.

    Example:
        >>> round(gain(torch.relu) ** 2, 10)
        2.0
        >>> round(gain(torch.tanh), 4)
        1.5925

    Reference:
        He, Zhang, Ren and Sun, *Delving Deep into Rectifiers*, 2015, section 2.2, for the ReLU; Klambauer,
        Unterthiner, Mayr and Hochreiter, *Self-Normalizing Neural Networks*, 2017, for moments of any function.

    Note:
        ``torch.nn.init.calculate_gain`` agrees for linear, ReLU and leaky ReLU. Its 5/3 for tanh, 3/4 for SELU
        and 1 for the sigmoid are other conventions. Over many layers tanh and ELU pull a variance that is off back
        to 1, the ReLU leaves it, GELU and SiLU drive it away (by a factor of 1.14 and 1.17 a layer, near 1).
    """
    return _inverse_root(_normal_mean(lambda z: f(z).detach().square()), "a second moment")


def backward_gain(f: Activation) -> float:
    r"""The gain that keeps the second moment of the gradient instead of the signal's, by quadrature.

    With :math:`z` standard normal and the derivative :math:`f'`,

    .. math:: g = \frac{1}{\sqrt{\mathbb{E}[f'(z)^2]}}.

    Weights of variance :math:`g^2/d_\text{out}` behind :math:`f` keep the gradient. For the ReLU family it
    equals :func:`gain`, for other functions no choice of weights keeps both.

    Args:
        f: The function, entry by entry, in float64; autograd takes its derivative.

    Returns:
        The gain, :math:`\sqrt2` for the ReLU and about 1.47 for tanh.

    Raises:
        ValueError: If the second moment of the derivative is zero or not finite, or comes from beyond 12 standard
            deviations.

    Example:
        >>> round(backward_gain(torch.relu) ** 2, 10)
        2.0
        >>> round(backward_gain(torch.tanh), 2)
        1.47

    Reference:
        Glorot and Bengio, *Understanding the Difficulty of Training Deep Feedforward Neural Networks*, 2010,
        section 4.2, and He et al., *Delving Deep into Rectifiers*, 2015, for the ReLU.
    """
    return _inverse_root(_normal_mean(lambda z: _slope(f, z).square()), "a derivative with a second moment")


def slope_gain(f: Activation) -> float:
    r"""The gain of an activation function near zero, where it is a straight line: 4 for the sigmoid.

    A small :math:`a` gives :math:`f(a) \approx f(0) + f'(0)\,a`, of which the varying part has the standard
    deviation :math:`|f'(0)|` times that of :math:`a`. What makes good for it is

    .. math:: g = \frac{1}{|f'(0)|}.

    Glorot and Bengio take tanh, where :math:`g = 1`; the sigmoid has :math:`\sigma'(0) = 1/4`, hence the
    :math:`4\sqrt{6/(d_\text{in}+d_\text{out})}` of its uniform bounds. It is exact in another sense, too: since
    :math:`\tanh(a) = 2\sigma(2a) - 1`, a network of sigmoids with the weights :math:`4W` and the biases
    :math:`2b - 2W\mathbf{1}` behind its first layer computes what a tanh network with :math:`W` and :math:`b` does.

    Args:
        f: The function; autograd takes its derivative at zero.

    Returns:
        The gain, 1 for tanh and 4 for the sigmoid.

    Raises:
        ValueError: If the derivative at zero is zero or not finite.

    Example:
        >>> slope_gain(torch.sigmoid), slope_gain(torch.tanh)
        (4.0, 1.0)

    Reference:
        Glorot and Bengio, *Understanding the Difficulty of Training Deep Feedforward Neural Networks*, 2010; the
        factor for the sigmoid is that of the Deep Learning Tutorials that followed it.

    Note:
        ``torch.nn.init.calculate_gain("sigmoid")`` is 1. Not for a function with a kink at zero, such as the ReLU.
    """
    slope = _slope(f, torch.zeros((), dtype=torch.float64))
    return _inverse_root(slope.item() ** 2, "a derivative at zero")

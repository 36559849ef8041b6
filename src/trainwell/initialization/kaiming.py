"""Kaiming (He) initialisation: Xavier's idea for the ReLU family, which loses half of the second moment."""

from __future__ import annotations

import math

from torch import Generator, Tensor

from .._arguments import check_one_of
from .._shapes import Float
from .plain import normal_, uniform_
from .scaled import _fan


def _std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    check_one_of("nonlinearity", nonlinearity, ("linear", "relu", "leaky_relu"))
    slope = {"linear": 1.0, "relu": 0.0, "leaky_relu": a}[nonlinearity]
    return math.sqrt(2 / (1 + slope**2)) / math.sqrt(_fan(tensor, mode))


def kaiming_normal_(
    tensor: Float[Tensor, "*shape"],
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Float[Tensor, "*shape"]:
    r"""Kaiming (He) initialisation, normal: 2/d, because a ReLU halves the second moment of the signal.

    A rectifier with the negative slope :math:`s` turns a symmetric :math:`z` into :math:`x`, of which

    .. math:: \mathbb{E}[x^2] = \frac{1+s^2}{2}\,\mathbb{E}[z^2], \qquad\text{so}\qquad
              w \sim \mathcal{N}\!\left(0, \frac{2}{(1+s^2)\,d}\right).

    Args:
        tensor: The weight to fill, in place.
        a: The negative slope :math:`s` of a leaky ReLU; 0 is the ReLU.
        mode: ``"fan_in"`` keeps the signal, ``"fan_out"`` keeps the gradient: which fan :math:`d` is.
        nonlinearity: ``"relu"``, ``"leaky_relu"``, or ``"linear"`` for none (:math:`s = 1`).
        generator: Where the numbers are drawn from.

    Returns:
        The same tensor.

    Raises:
        ValueError: If ``mode`` or ``nonlinearity`` is unknown, or the weight has fewer than two dimensions.

    Example:
        >>> w = kaiming_normal_(torch.empty(200, 10_000), generator=torch.Generator().manual_seed(0))
        >>> round(10_000 * w.var().item(), 2)
        2.0

    Reference:
        He, Zhang, Ren and Sun, *Delving Deep into Rectifiers*, 2015.

    Note:
        One of the lectures writes the variance as 1/fan-in; the paper, torch and we have 2/fan-in. For other
        activation functions torch has gains of its own (5/3 for tanh); here they are refused:
        :func:`variance_preserving_` takes the gain of any function from :func:`gain`.
    """
    return normal_(tensor, 0.0, _std(tensor, a, mode, nonlinearity), generator)


def kaiming_uniform_(
    tensor: Float[Tensor, "*shape"],
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Float[Tensor, "*shape"]:
    r"""Kaiming (He) initialisation, uniform: the variance of :func:`kaiming_normal_`.

    With the negative slope :math:`s` and the fan :math:`d`,

    .. math:: w \sim U[-b, b), \qquad b = \sqrt{\frac{6}{(1+s^2)\,d}}.

    Args:
        tensor: The weight to fill, in place.
        a: The negative slope :math:`s` of a leaky ReLU; 0 is the ReLU.
        mode: ``"fan_in"`` keeps the signal, ``"fan_out"`` keeps the gradient: which fan :math:`d` is.
        nonlinearity: ``"relu"``, ``"leaky_relu"``, or ``"linear"`` for none (:math:`s = 1`).
        generator: Where the numbers are drawn from.

    Returns:
        The same tensor.

    Raises:
        ValueError: If ``mode`` or ``nonlinearity`` is unknown, or the weight has fewer than two dimensions.

    Example:
        >>> w = kaiming_uniform_(torch.empty(400, 600), generator=torch.Generator().manual_seed(0))
        >>> round(w.max().item(), 3), round((6 / 600) ** 0.5, 3)
        (0.1, 0.1)

    Reference:
        He, Zhang, Ren and Sun, *Delving Deep into Rectifiers*, 2015.

    Note:
        ``nn.Linear`` and ``nn.Conv2d`` start with ``a=5**0.5`` in torch: the variance is then 1/(3 fan-in).
    """
    bound = math.sqrt(3) * _std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)

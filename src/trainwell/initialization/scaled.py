"""Weights scaled to the size of their layer, so that the signal keeps its variance: preserving, Xavier, Kaiming."""

from __future__ import annotations

import math

from torch import Generator, Tensor

from .._arguments import check_not_negative, check_one_of
from .._shapes import Float
from .plain import normal_, uniform_


def fans(tensor: Float[Tensor, "*shape"]) -> tuple[int, int]:
    r"""How many inputs one output of a layer sums over, and how many outputs one input goes to.

    A weight of shape (out, in, \*kernel), as linear and convolutional layers have it, with :math:`k` entries in
    the kernel has

    .. math:: d_\text{in} = \text{in}\cdot k, \qquad d_\text{out} = \text{out}\cdot k.

    Args:
        tensor: The weight of a layer.

    Returns:
        The fan-in and the fan-out.

    Raises:
        ValueError: If the weight has fewer than two dimensions, or no entries.

    Example:
        >>> fans(torch.empty(64, 3, 7, 7))
        (147, 3136)

    Reference:
        He, Zhang, Ren and Sun, *Delving Deep into Rectifiers*, 2015, section 2.2.

    Note:
        torch counts in the same way. It is not exact for strides above 1 (the fan-out is smaller), nor for
        transposed convolutions, whose weight has its input first.
    """
    if tensor.ndim < 2 or tensor.numel() == 0:
        raise ValueError(
            f"tensor must have two or more dimensions, none of them empty, got the shape {tuple(tensor.shape)}"
        )
    kernel = math.prod(tensor.shape[2:])
    return tensor.shape[1] * kernel, tensor.shape[0] * kernel


def _fan(tensor: Tensor, mode: str) -> int:
    check_one_of("mode", mode, ("fan_in", "fan_out"))
    return fans(tensor)[mode == "fan_out"]


def variance_preserving_(
    tensor: Float[Tensor, "*shape"], gain: float = 1.0, mode: str = "fan_in", generator: Generator | None = None
) -> Float[Tensor, "*shape"]:
    r"""Normal weights with the variance 1/d, which keep the variance of a signal through a layer.

    For independent weights of mean zero, :math:`a = \sum_{i=1}^{d} w_i x_i` has the variance

    .. math:: \operatorname{var}(a) = d\,\operatorname{var}(w)\,\mathbb{E}[x^2],

    which is :math:`\mathbb{E}[x^2]` when

    .. math:: w \sim \mathcal{N}\!\left(0, \frac{g^2}{d}\right), \qquad g = 1.

    An activation function :math:`f` in between turns a standard normal :math:`a` into :math:`x = f(a)`: the
    ``gain`` :math:`g = \mathbb{E}[f(a)^2]^{-1/2}` makes good for it. Backward, the gradient of an input sums
    over the layer's outputs, so there :math:`d` is the fan-out.

    Args:
        tensor: The weight to fill, in place.
        gain: What the activation function in front asks for, see :func:`gain`; 1 for none.
        mode: ``"fan_in"`` keeps the signal, ``"fan_out"`` keeps the gradient.
        generator: Where the numbers are drawn from.

    Returns:
        The same tensor.

    Raises:
        ValueError: If ``mode`` is unknown, ``gain`` is negative, or the weight has fewer than two dimensions.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> w = variance_preserving_(torch.empty(200, 10_000), generator=g)
        >>> round(10_000 * w.var().item(), 2)
        1.0

    Reference:
        LeCun, Bottou, Orr and Müller, *Efficient BackProp*, 1998, section 4.6.

    Note:
        Also known as LeCun normal. It takes any gain, :func:`kaiming_normal_` only that of the ReLU family.
    """
    check_not_negative("gain", gain)
    return normal_(tensor, 0.0, gain / math.sqrt(_fan(tensor, mode)), generator)


def _xavier_std(tensor: Tensor, gain: float) -> float:
    check_not_negative("gain", gain)
    return gain * math.sqrt(2 / sum(fans(tensor)))


def xavier_normal_(
    tensor: Float[Tensor, "*shape"], gain: float = 1.0, generator: Generator | None = None
) -> Float[Tensor, "*shape"]:
    r"""Xavier (Glorot) initialisation, normal: between what the signal and what the gradient asks for.

    With the fans :math:`d_\text{in}` and :math:`d_\text{out}` and :math:`g` = ``gain``,

    .. math:: w \sim \mathcal{N}\!\left(0, \frac{2g^2}{d_\text{in}+d_\text{out}}\right).

    Args:
        tensor: The weight to fill, in place.
        gain: A factor for the activation function: 1 for tanh, 4 for the sigmoid, see :func:`slope_gain`.
        generator: Where the numbers are drawn from.

    Returns:
        The same tensor.

    Raises:
        ValueError: If ``gain`` is negative, or the weight has fewer than two dimensions.

    Example:
        >>> w = xavier_normal_(torch.empty(1500, 500), generator=torch.Generator().manual_seed(0))
        >>> round(1000 * w.var().item(), 2)
        1.0

    Reference:
        Glorot and Bengio, *Understanding the Difficulty of Training Deep Feedforward Neural Networks*, 2010.
    """
    return normal_(tensor, 0.0, _xavier_std(tensor, gain), generator)


def xavier_uniform_(
    tensor: Float[Tensor, "*shape"], gain: float = 1.0, generator: Generator | None = None
) -> Float[Tensor, "*shape"]:
    r"""Xavier (Glorot) initialisation, uniform: the variance of :func:`xavier_normal_`.

    With the fans :math:`d_\text{in}` and :math:`d_\text{out}` and :math:`g` = ``gain``,

    .. math:: w \sim U[-b, b), \qquad b = g\sqrt{\frac{6}{d_\text{in}+d_\text{out}}}.

    Args:
        tensor: The weight to fill, in place.
        gain: A factor for the activation function: 1 for tanh, 4 for the sigmoid, see :func:`slope_gain`.
        generator: Where the numbers are drawn from.

    Returns:
        The same tensor.

    Raises:
        ValueError: If ``gain`` is negative, or the weight has fewer than two dimensions.

    Example:
        >>> w = xavier_uniform_(torch.empty(400, 200), generator=torch.Generator().manual_seed(0))
        >>> round(w.max().item(), 3), round((6 / 600) ** 0.5, 3)
        (0.1, 0.1)

    Reference:
        Glorot and Bengio, *Understanding the Difficulty of Training Deep Feedforward Neural Networks*, 2010.
    """
    bound = math.sqrt(3) * _xavier_std(tensor, gain)
    return uniform_(tensor, -bound, bound, generator)

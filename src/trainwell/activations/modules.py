"""Activations as layers, with the names and arguments of :mod:`torch.nn`."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .._arguments import check_at_least
from .._shapes import Float
from .pieces import maxout
from .rectifiers import leaky_relu, prelu, relu
from .sigmoids import arctan, sigmoid, tanh
from .simple import identity, step
from .smooth import elu, gelu, softplus


class _Plain(nn.Module):
    """A layer that takes no arguments, and says so."""

    def __init__(self) -> None:
        super().__init__()


class Identity(_Plain):
    """:func:`identity` as a layer.

    Example:
        >>> Identity()(torch.tensor([-1.0, 2.0]))
        tensor([-1.,  2.])
    """

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return identity(x)


class Step(_Plain):
    """:func:`step` as a layer.

    Example:
        >>> Step()(torch.tensor([-1.0, 2.0]))
        tensor([0., 1.])
    """

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return step(x)


class Sigmoid(_Plain):
    """:func:`sigmoid` as a layer.

    Example:
        >>> Sigmoid()(torch.tensor([-1000.0, 0.0]))
        tensor([0.0000, 0.5000])
    """

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return sigmoid(x)


class Tanh(_Plain):
    """:func:`tanh` as a layer.

    Example:
        >>> Tanh()(torch.tensor([-1000.0, 0.0]))
        tensor([-1.,  0.])
    """

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return tanh(x)


class Arctan(_Plain):
    """:func:`arctan` as a layer.

    Example:
        >>> Arctan()(torch.tensor([0.0, 1.0]))
        tensor([0.0000, 0.7854])
    """

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return arctan(x)


class ReLU(_Plain):
    """:func:`relu` as a layer.

    Example:
        >>> ReLU()(torch.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return relu(x)


class LeakyReLU(nn.Module):
    """:func:`leaky_relu` as a layer.

    Args:
        negative_slope: The slope below zero.

    Example:
        >>> LeakyReLU(0.1)(torch.tensor([-1.0, 2.0]))
        tensor([-0.1000,  2.0000])
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class PReLU(nn.Module):
    """:func:`prelu` as a layer, which learns its slope.

    Args:
        num_parameters: 1, or the number of channels.
        init: The slope at first.

    Attributes:
        weight: The slope below zero.

    Raises:
        ValueError: If ``num_parameters`` is less than 1.

    Example:
        >>> PReLU()(torch.tensor([-1.0, 2.0])).detach()
        tensor([-0.2500,  2.0000])

    Note:
        Leave weight decay off it: it would pull the slope to zero, towards ReLU.
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25) -> None:
        super().__init__()
        check_at_least("num_parameters", num_parameters, 1)
        self.weight = nn.Parameter(torch.full((num_parameters,), init))

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return prelu(x, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.weight.numel()}"


class ELU(nn.Module):
    """:func:`elu` as a layer.

    Args:
        alpha: Minus the value far below zero.

    Example:
        >>> ELU()(torch.tensor([-1.0, 2.0]))
        tensor([-0.6321,  2.0000])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        super().__init__()
        self.alpha = alpha

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return elu(x, self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"


class Softplus(_Plain):
    """:func:`softplus` as a layer.

    Example:
        >>> Softplus()(torch.tensor([0.0, 1000.0]))
        tensor([6.9315e-01, 1.0000e+03])
    """

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return softplus(x)


class GELU(_Plain):
    """:func:`gelu` as a layer.

    Example:
        >>> GELU()(torch.tensor([-1.0, 2.0]))
        tensor([-0.1587,  1.9545])
    """

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return gelu(x)


class Maxout(nn.Module):
    """:func:`maxout` as a layer, in place of a linear layer and its activation.

    Args:
        in_features: The number of inputs.
        out_features: The number of outputs.
        pieces: How many lines each output is the largest of.

    Attributes:
        weight: A matrix for each piece.
        bias: A vector for each piece.

    Raises:
        ValueError: If a number is less than 1.

    Example:
        >>> Maxout(4, 3)(torch.ones(5, 4)).shape
        torch.Size([5, 3])

    Note:
        The first weights are those of :class:`torch.nn.Linear`: uniform, up to one over the root of the inputs.
    """

    def __init__(self, in_features: int, out_features: int, pieces: int = 2) -> None:
        super().__init__()
        for name, value in {"in_features": in_features, "out_features": out_features, "pieces": pieces}.items():
            check_at_least(name, value, 1)
        bound = in_features**-0.5
        self.weight = nn.Parameter(torch.empty(pieces, out_features, in_features).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(pieces, out_features).uniform_(-bound, bound))

    def forward(self, x: Float[Tensor, "*n inputs"]) -> Float[Tensor, "*n outputs"]:
        return maxout(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        pieces, out_features, in_features = self.weight.shape
        return f"in_features={in_features}, out_features={out_features}, pieces={pieces}"

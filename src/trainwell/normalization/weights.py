"""Normalised weights instead of normalised activations: weight norm and weight standardisation."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from .._shapes import Float
from .axes import normalize


class WeightNorm(nn.Module):
    r"""A weight as a length and a direction, as a parametrization for :func:`torch.nn.utils.parametrize`.

    With :math:`g` = ``length`` and :math:`v` = ``direction``, for each index of dimension ``dim`` (the outputs),

    .. math::

        w = g \frac{v}{\|v\|}, \qquad \frac{\partial L}{\partial g} = \frac{v^\top}{\|v\|} \nabla_w L, \quad
        \nabla_v L = \frac{g}{\|v\|}\Bigl(I - \frac{v v^\top}{\|v\|^2}\Bigr) \nabla_w L:

    the gradient of the direction is at right angles to it, so that :math:`\|v\|` can only grow.

    Args:
        dim: The dimension that has a length for each index; None for one length in all.

    Example:
        >>> WeightNorm()(torch.tensor([[10.0]]), torch.tensor([[3.0, 4.0]]))
        tensor([[6., 8.]])

    Reference:
        Salimans and Kingma, *Weight Normalization: A Simple Reparameterization to Accelerate Training of Deep Neural
        Networks*, 2016.
    """

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, length: Float[Tensor, "*lengths"], direction: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return length * direction / self._norm(direction)

    def right_inverse(
        self, weight: Float[Tensor, "*shape"]
    ) -> tuple[Float[Tensor, "*lengths"], Float[Tensor, "*shape"]]:
        """The length and the direction that make ``weight``."""
        return self._norm(weight), weight

    def _norm(self, v: Tensor) -> Tensor:
        if self.dim is None:
            return torch.linalg.vector_norm(v)
        others = [axis for axis in range(v.ndim) if axis != self.dim % v.ndim]
        return torch.linalg.vector_norm(v, dim=others, keepdim=True) if others else v.abs()

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


def weight_norm(module: nn.Module, name: str = "weight", dim: int | None = 0) -> nn.Module:
    """Gives a layer weights that are learned as length and direction: :class:`WeightNorm` on one of its parameters.

    Args:
        module: The layer, changed in place.
        name: Which of its parameters.
        dim: The dimension that has a length for each index; None for one length in all.

    Returns:
        The layer, with ``parametrizations.weight.original0`` (the length) and ``original1`` (the direction) in the
        place of ``weight``. :func:`torch.nn.utils.parametrize.remove_parametrizations` puts the weight back.

    Raises:
        ValueError: If the layer has no such parameter.

    Example:
        >>> layer = weight_norm(torch.nn.Linear(3, 2))
        >>> {name: tuple(w.shape) for name, w in layer.named_parameters()}
        {'bias': (2,), 'parametrizations.weight.original0': (2, 1), 'parametrizations.weight.original1': (2, 3)}

    Reference:
        Salimans and Kingma, *Weight Normalization*, 2016.

    Note:
        This is :func:`torch.nn.utils.parametrizations.weight_norm`, where ``dim=-1`` means None. The paper also sets
        the lengths and biases from a first batch, which is left to the initialisation.
    """
    if name not in dict(module.named_parameters(recurse=False)):
        raise ValueError(f"name must be a parameter of {type(module).__name__}, got {name!r}")
    parametrize.register_parametrization(module, name, WeightNorm(dim))
    return module


def standardize_weight(weight: Float[Tensor, "outputs ..."], eps: float = 1e-6) -> Float[Tensor, "outputs ..."]:
    r"""Weight standardisation: every output's weights get zero mean and unit variance.

    With the mean :math:`\mu_o` and the biased variance :math:`\sigma_o^2` of the weights of output :math:`o` in
    ``weight`` and :math:`\varepsilon` = ``eps``,

    .. math:: \hat w_o = \frac{w_o - \mu_o}{\sqrt{\sigma_o^2 + \varepsilon}}.

    Args:
        weight: A weight with its outputs first, of a convolution for instance.
        eps: Added to the variance.

    Returns:
        A tensor of the same shape.

    Example:
        >>> standardize_weight(torch.tensor([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]))
        tensor([[-1.2247,  0.0000,  1.2247],
                [-1.2247,  0.0000,  1.2247]])

    Reference:
        Qiao, Wang, Liu, Shen and Yuille, *Micro-Batch Training with Batch-Channel Normalization and Weight
        Standardization*, 2019.

    Note:
        It is :func:`normalize` once more, of the weights. The paper's code adds ``eps`` to the unbiased deviation;
        here it is added to the biased variance, as in Big Transfer (Kolesnikov et al., 2020) and in timm.
    """
    return normalize(weight, range(1, weight.ndim), eps)


class StdConv2d(nn.Conv2d):
    """:func:`standardize_weight` in a convolution: the weight is standardised anew at every call.

    Args:
        in_channels: The number of channels that come in.
        out_channels: The number of channels that go out.
        kernel_size: The sides of the kernel.
        stride: The step from place to place.
        padding: How much is added around the map, or ``"same"``.
        dilation: The step within the kernel.
        groups: In how many groups the channels are split.
        bias: Whether to add a bias, which is not standardised.
        padding_mode: What is added around the map.
        device: Where the parameters live.
        dtype: What they are.
        eps: Added to the variance of the weights.

    Example:
        >>> StdConv2d(3, 8, kernel_size=3)(torch.rand(1, 3, 5, 5)).shape
        torch.Size([1, 8, 3, 3])

    Note:
        The arguments are those of :class:`torch.nn.Conv2d`; timm's layer of this name has no bias unless asked.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: str | int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros",
        device: Any = None,
        dtype: Any = None,
        *,
        eps: float = 1e-6,
    ) -> None:
        sizes = (in_channels, out_channels, kernel_size, stride, padding, dilation, groups)
        super().__init__(*sizes, bias, padding_mode, device, dtype)
        self.eps = eps

    def forward(self, x: Float[Tensor, "*n channels height width"]) -> Float[Tensor, "*n outputs rows columns"]:
        return self._conv_forward(x, standardize_weight(self.weight, self.eps), self.bias)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, eps={self.eps}"

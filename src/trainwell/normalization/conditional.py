"""Norms whose affine part depends on something: another image, a class, the image as a whole."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding

from .._arguments import check_labels, check_same_length
from .._shapes import Float, Int
from ._parts import check_channels, widened
from .axes import instance_norm
from .batch import BatchNorm2d
from .layers import InstanceNorm2d


def adaptive_instance_norm(
    content: Float[Tensor, "n channels height width"],
    style: Float[Tensor, "n channels rows columns"],
    eps: float = 1e-5,
) -> Float[Tensor, "n channels height width"]:
    r"""Adaptive instance norm: the affine part comes from the features of another image.

    With the mean :math:`\mu` and the variance :math:`\sigma^2` over the places of a channel,
    :math:`x` = ``content``, :math:`s` = ``style`` and :math:`\varepsilon` = ``eps``,

    .. math::

        y = \sqrt{\sigma^2(s) + \varepsilon} \; \frac{x - \mu(x)}{\sqrt{\sigma^2(x) + \varepsilon}} + \mu(s).

    Args:
        content: Feature maps that keep their arrangement.
        style: Feature maps that give their means and deviations; of any height and width.
        eps: Added to both variances.

    Returns:
        A tensor of the shape of ``content``.

    Raises:
        ValueError: If a channel of ``content`` has fewer than two places, or the two differ in examples or channels.

    Example:
        >>> content, style = torch.tensor([[[[1.0, 3.0]]]]), torch.tensor([[[[10.0, 30.0, 10.0, 30.0]]]])
        >>> adaptive_instance_norm(content, style)
        tensor([[[[10.0000, 30.0000]]]])

    Reference:
        Huang and Belongie, *Arbitrary Style Transfer in Real-Time with Adaptive Instance Normalization*, 2017.

    Note:
        Variances are biased, as in every other norm; unbiased ones, which some implementations take, give nearly
        the same.
    """
    if content.shape[:2] != style.shape[:2]:
        shapes = f"{tuple(content.shape)}, got {tuple(style.shape)}"
        raise ValueError(f"style must have the examples and the channels of content, {shapes}")
    wide = widened(style)
    mean = wide.mean((2, 3), keepdim=True)
    variance = (wide - mean).square().mean((2, 3), keepdim=True)
    y = instance_norm(widened(content), eps=eps) * (variance + eps).sqrt() + mean
    return y.to(content.dtype)


class _Conditional(nn.Module):
    """A norm without an affine part, then a scale and a shift that are looked up by the class."""

    def __init__(self, norm: nn.Module, num_features: int, num_classes: int, device: Any, dtype: Any) -> None:
        super().__init__()
        self.norm = norm
        self.weight = nn.Parameter(torch.ones(num_classes, num_features, device=device, dtype=dtype))
        self.bias = nn.Parameter(torch.zeros(num_classes, num_features, device=device, dtype=dtype))

    def forward(
        self, x: Float[Tensor, "n channels height width"], labels: Int[Tensor, " n"]
    ) -> Float[Tensor, "n channels height width"]:
        check_channels(x, weight=self.weight[0])
        check_same_length(x=x, labels=labels)
        check_labels(labels, len(self.weight))
        weight, bias = (embedding(labels, values)[:, :, None, None] for values in (self.weight, self.bias))
        return (self.norm(x) * weight + bias).to(x.dtype)

    def extra_repr(self) -> str:
        return f"num_features={self.weight.shape[1]}, num_classes={self.weight.shape[0]}"


class ConditionalBatchNorm2d(_Conditional):
    r"""Conditional batch norm: the affine part depends on the class.

    With :math:`\hat x` the batch norm of ``x`` without affine part and :math:`k_n` = ``labels[n]``,

    .. math:: y_{nc} = \gamma_{k_n c}\, \hat x_{nc} + \beta_{k_n c}.

    The layer is called with ``x``, (n, channels, height, width), and ``labels``, the n numbers of the classes.

    Args:
        num_features: The number of channels.
        num_classes: The number of classes; each has a weight, from 1, and a bias, from 0, for every channel.
        eps: Added to the variance.
        momentum: How much a batch counts in the running statistics; None lets all batches count alike.
        device: Where parameters and buffers live.
        dtype: What they are.

    Raises:
        ValueError: In a call, if ``x`` has another number of channels, or there is not one label from 0 to
            ``num_classes`` - 1 for each example. The labels' range is not looked at on a GPU, which then stops.

    Example:
        >>> layer = ConditionalBatchNorm2d(1, num_classes=10)
        >>> layer(torch.tensor([[[[1.0]]], [[[3.0]]]]), torch.tensor([7, 0])).flatten().detach()
        tensor([-1.0000,  1.0000])

    Reference:
        De Vries et al., *Modulating Early Visual Processing by Language*, 2017.

    Note:
        The paper computes the weights from a sentence; a row for each class is the case of Miyato and Koyama, *cGANs
        with Projection Discriminator*, 2018.
    """

    def __init__(
        self,
        num_features: int,
        num_classes: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        norm = BatchNorm2d(num_features, eps, momentum, affine=False, device=device, dtype=dtype)
        super().__init__(norm, num_features, num_classes, device, dtype)


class ConditionalInstanceNorm2d(_Conditional):
    r"""Conditional instance norm: the affine part depends on the class, a style for instance.

    With :math:`\hat x` the instance norm of ``x`` and :math:`k_n` = ``labels[n]``,

    .. math:: y_{nc} = \gamma_{k_n c}\, \hat x_{nc} + \beta_{k_n c}.

    The layer is called with ``x``, (n, channels, height, width), and ``labels``, the n numbers of the classes.

    Args:
        num_features: The number of channels.
        num_classes: The number of classes; each has a weight, from 1, and a bias, from 0, for every channel.
        eps: Added to the variance.
        device: Where the parameters live.
        dtype: What they are.

    Raises:
        ValueError: In a call, if ``x`` has another number of channels, or there is not one label from 0 to
            ``num_classes`` - 1 for each example. The labels' range is not looked at on a GPU, which then stops.

    Example:
        >>> layer = ConditionalInstanceNorm2d(1, num_classes=10)
        >>> layer(torch.tensor([[[[1.0, 3.0]]]]), torch.tensor([7])).flatten().detach()
        tensor([-1.0000,  1.0000])

    Reference:
        Dumoulin, Shlens and Kudlur, *A Learned Representation for Artistic Style*, 2017.
    """

    def __init__(
        self, num_features: int, num_classes: int, eps: float = 1e-5, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(InstanceNorm2d(num_features, eps), num_features, num_classes, device, dtype)

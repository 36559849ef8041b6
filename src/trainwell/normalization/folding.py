"""Batch norm at test time is a fixed affine map: fold it into the layer before it."""

from __future__ import annotations

import copy

import torch
from torch import nn

Layer = nn.Linear | nn.modules.conv._ConvNd
KINDS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def fold_batch_norm(layer: Layer, norm: nn.modules.batchnorm._BatchNorm) -> Layer:
    r"""One layer that does what a linear layer or a convolution and the batch norm after it do at test time.

    With the weight :math:`W` and the bias :math:`b` of ``layer`` and :math:`\gamma, \beta, \mu, \sigma^2,
    \varepsilon` of ``norm``, for each output :math:`o`

    .. math::

        s_o = \frac{\gamma_o}{\sqrt{\sigma_o^2 + \varepsilon}}, \qquad W'_o = s_o W_o, \qquad
        b'_o = s_o (b_o - \mu_o) + \beta_o.

    Args:
        layer: In evaluation mode; not changed.
        norm: In evaluation mode, with running statistics, for as many channels as ``layer`` puts out.

    Returns:
        A new layer of the same kind, with a bias.

    Raises:
        ValueError: If one of the two is in training mode, ``layer`` is neither linear nor a convolution, or ``norm``
            is no batch norm, has no running statistics or another number of channels.

    Example:
        >>> layer, norm = nn.Linear(3, 2).eval(), nn.BatchNorm1d(2).eval()
        >>> x = torch.rand(4, 3)
        >>> torch.allclose(fold_batch_norm(layer, norm)(x), norm(layer(x)))
        True

    Reference:
        Jacob et al., *Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference*,
        2018, section 3.2.
    """
    _check(layer, norm)
    mean, variance = norm.get_buffer("running_mean"), norm.get_buffer("running_var")
    weight = torch.ones_like(mean) if norm.weight is None else norm.weight
    shift = torch.zeros_like(mean) if norm.bias is None else norm.bias
    folded = copy.deepcopy(layer)
    with torch.no_grad():
        bias = torch.zeros_like(mean) if layer.bias is None else layer.bias
        scale = weight * (variance + norm.eps).rsqrt()
        folded.weight.mul_(scale.view(-1, *[1] * (layer.weight.ndim - 1)))
        folded.bias = nn.Parameter((scale * (bias - mean) + shift).to(layer.weight.dtype))
    return folded


def _check(layer: Layer, norm: nn.modules.batchnorm._BatchNorm) -> None:
    if not isinstance(layer, KINDS):
        raise ValueError(f"layer must be linear or a convolution, got {type(layer).__name__}")
    if not isinstance(norm, nn.modules.batchnorm._BatchNorm):
        raise ValueError(f"norm must be a batch norm, got {type(norm).__name__}")
    if layer.training or norm.training:
        raise ValueError("layer and norm must be in evaluation mode, got one in training mode")
    if norm.running_mean is None:
        raise ValueError("norm must have running statistics, got none")
    if len(layer.weight) != norm.num_features:
        raise ValueError(f"norm must have {len(layer.weight)} channels, as layer puts out, got {norm.num_features}")

"""Norms whose affine part is computed: from a map, place by place, or from a summary of the image itself."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .._shapes import Float
from ._parts import check_channels
from .batch import BatchNorm1d, BatchNorm2d


class SPADE(nn.Module):
    r"""Spatially adaptive norm: the affine part depends on a map, and differs from place to place.

    With :math:`\hat x` the batch norm of ``x`` without affine part and two small convolutional networks
    :math:`\gamma, \beta` of ``segmentation`` :math:`s`, brought to the size of ``x``,

    .. math:: y_{ncij} = \bigl(1 + \gamma_{cij}(s_n)\bigr)\, \hat x_{ncij} + \beta_{cij}(s_n).

    The two share their first layer: a convolution to ``hidden`` channels and a ReLU.

    Args:
        num_features: The number of channels of ``x``.
        label_channels: The number of channels of the map: as many as there are classes, in one-hot form.
        hidden: The number of channels between the two convolutions.
        kernel_size: The side of the convolutions, odd.

    Raises:
        ValueError: If ``kernel_size`` is even.

    Example:
        >>> layer = SPADE(num_features=4, label_channels=2, hidden=8)
        >>> layer(torch.rand(3, 4, 5, 5), segmentation=torch.rand(3, 2, 20, 20)).shape
        torch.Size([3, 4, 5, 5])

    Reference:
        Park, Liu, Wang and Zhu, *Semantic Image Synthesis with Spatially-Adaptive Normalization*, 2019.

    Note:
        The 1 + is that of the authors' code, so that small networks leave the normalised map nearly as it is.
    """

    def __init__(self, num_features: int, label_channels: int, hidden: int = 128, kernel_size: int = 3) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f"kernel_size must be odd, got {kernel_size}")
        padding = kernel_size // 2
        self.param_free_norm = BatchNorm2d(num_features, affine=False)
        self.mlp_shared = nn.Sequential(nn.Conv2d(label_channels, hidden, kernel_size, padding=padding), nn.ReLU())
        self.mlp_gamma = nn.Conv2d(hidden, num_features, kernel_size, padding=padding)
        self.mlp_beta = nn.Conv2d(hidden, num_features, kernel_size, padding=padding)

    def forward(
        self, x: Float[Tensor, "n channels height width"], segmentation: Float[Tensor, "n labels rows columns"]
    ) -> Float[Tensor, "n channels height width"]:
        shared = self.mlp_shared(F.interpolate(segmentation, x.shape[2:]))  # the nearest pixel
        return self.param_free_norm(x) * (1 + self.mlp_gamma(shared)) + self.mlp_beta(shared)


class ContextEncoding(nn.Module):
    r"""Context encoding: every channel is scaled by what the whole image holds.

    The places of an example are features :math:`x_1, \dots, x_N \in \mathbb R^C`. With the ``codewords``
    :math:`d_k` and their ``smoothing`` :math:`s_k`, both learned, the residuals of all places are summed softly,

    .. math::

        e_k = \sum_{i=1}^N \frac{\exp(-s_k \|x_i - d_k\|^2)}{\sum_j \exp(-s_j \|x_i - d_j\|^2)} (x_i - d_k),

    and with :math:`\varphi` a batch norm and a ReLU the channels are scaled by

    .. math:: y = \gamma \odot x, \qquad \gamma = \operatorname{sigmoid}\Bigl(W \sum_k \varphi(e_k) + b\Bigr).

    Args:
        num_features: The number of channels.
        num_codewords: How many codewords are learned.

    Example:
        >>> ContextEncoding(num_features=4, num_codewords=3)(torch.rand(2, 4, 5, 5)).shape
        torch.Size([2, 4, 5, 5])

    Reference:
        Zhang et al., *Context Encoding for Semantic Segmentation*, 2018.

    Note:
        The authors' code averages over the codewords where the paper sums, and adds ``x`` to the result.
    """

    def __init__(self, num_features: int, num_codewords: int = 32) -> None:
        super().__init__()
        bound = (num_features * num_codewords) ** -0.5
        self.codewords = nn.Parameter(torch.empty(num_codewords, num_features).uniform_(-bound, bound))
        self.smoothing = nn.Parameter(torch.empty(num_codewords).uniform_(0, 1))
        self.norm = BatchNorm1d(num_codewords)
        self.linear = nn.Linear(num_features, num_features)

    def encode(self, x: Float[Tensor, "n channels height width"]) -> Float[Tensor, "n codewords channels"]:
        """The softly summed residuals :math:`e_k`."""
        check_channels(x, codeword=self.codewords[0])
        residuals = x.flatten(2).transpose(1, 2).unsqueeze(2) - self.codewords  # n, place, codeword, channel
        shares = (-self.smoothing * residuals.square().sum(-1)).softmax(-1)
        return (shares.unsqueeze(-1) * residuals).sum(1)

    def forward(self, x: Float[Tensor, "n channels height width"]) -> Float[Tensor, "n channels height width"]:
        summary = self.norm(self.encode(x)).relu().sum(1)
        return x * self.linear(summary).sigmoid()[:, :, None, None]

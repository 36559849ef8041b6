"""Layer, group and instance norm as layers: torch's classes, with our functions inside."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from .._shapes import Float
from .axes import group_norm, instance_norm, layer_norm


class LayerNorm(nn.LayerNorm):
    """:func:`layer_norm` as a layer: the same in training and in evaluation mode.

    Args:
        normalized_shape: The sizes of the last dimensions, or the size of the last.
        eps: Added to the variance.
        elementwise_affine: Whether to learn a weight, from 1, for every entry.
        bias: Whether to learn a bias, from 0, too.
        device: Where they live.
        dtype: What they are.

    Example:
        >>> LayerNorm(3)(torch.tensor([[1.0, 2.0, 3.0]])).detach()
        tensor([[-1.2247,  0.0000,  1.2247]])
    """

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)


class GroupNorm(nn.GroupNorm):
    """:func:`group_norm` as a layer: the same in training and in evaluation mode.

    Args:
        num_groups: In how many groups the channels are split.
        num_channels: The number of channels.
        eps: Added to the variance.
        affine: Whether to learn a weight, from 1, and a bias, from 0, for every channel.
        device: Where they live.
        dtype: What they are.
        bias: Whether there is a bias beside the weight.

    Raises:
        ValueError: If ``num_groups`` does not divide ``num_channels``.

    Example:
        >>> GroupNorm(2, 4)(torch.tensor([[1.0, 3.0, 10.0, 30.0]])).detach()
        tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """

    def forward(self, x: Float[Tensor, "n channels *places"]) -> Float[Tensor, "n channels *places"]:
        return group_norm(x, self.num_groups, self.weight, self.bias, self.eps)


class _InstanceNorm(nn.modules.instancenorm._InstanceNorm):
    """What instance norm does in any number of dimensions."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        **more: Any,
    ) -> None:
        if track_running_stats:
            raise ValueError("track_running_stats must be False: an instance has its own statistics, got True")
        super().__init__(num_features, eps, momentum, affine, device=device, dtype=dtype, **more)

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        self._check_input_dim(x)
        if x.ndim == self._get_no_batch_dim():  # one example alone
            return instance_norm(x.unsqueeze(0), self.weight, self.bias, self.eps).squeeze(0)
        return instance_norm(x, self.weight, self.bias, self.eps)


class InstanceNorm1d(_InstanceNorm, nn.InstanceNorm1d):
    """:func:`instance_norm` of sequences as a layer: the same in training and in evaluation mode.

    Args:
        num_features: The number of channels.
        eps: Added to the variance.
        momentum: Not used: there are no running statistics.
        affine: Whether to learn a weight, from 1, and a bias, from 0, for every channel.
        track_running_stats: Must be False.
        device: Where the parameters live.
        dtype: What they are.
        more: ``bias=False`` for a weight alone, where torch's layer knows it.

    Raises:
        ValueError: If ``track_running_stats`` is asked for.

    Example:
        >>> InstanceNorm1d(2)(torch.tensor([[[1.0, 3.0], [10.0, 30.0]]]))
        tensor([[[-1.0000,  1.0000],
                 [-1.0000,  1.0000]]])
    """


class InstanceNorm2d(_InstanceNorm, nn.InstanceNorm2d):
    """:func:`instance_norm` of images as a layer: the same in training and in evaluation mode.

    Args:
        num_features: The number of channels.
        eps: Added to the variance.
        momentum: Not used: there are no running statistics.
        affine: Whether to learn a weight, from 1, and a bias, from 0, for every channel.
        track_running_stats: Must be False.
        device: Where the parameters live.
        dtype: What they are.
        more: ``bias=False`` for a weight alone, where torch's layer knows it.

    Raises:
        ValueError: If ``track_running_stats`` is asked for.

    Example:
        >>> InstanceNorm2d(1)(torch.tensor([[[[1.0, 3.0]]]]))
        tensor([[[[-1.0000,  1.0000]]]])
    """

"""Batch norm over the batches of all processes together."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed, nn

from .._shapes import Float
from ._parts import check_channels, per_channel, scale_centred, update_running, widened
from .batch import _BatchNorm


def sync_batch_norm(
    x: Float[Tensor, "n channels *places"],
    running_mean: Float[Tensor, " channels"] | None = None,
    running_var: Float[Tensor, " channels"] | None = None,
    weight: Float[Tensor, " channels"] | None = None,
    bias: Float[Tensor, " channels"] | None = None,
    momentum: float | Float[Tensor, ""] = 0.1,
    eps: float = 1e-5,
    group: Any = None,
) -> Float[Tensor, "n channels *places"]:
    r"""Batch norm in training, with the mean and the variance of the joined batch of all processes.

    With the shard :math:`x^{(k)}` of process :math:`k`, which has :math:`m_k` values a channel, every process
    normalises its own shard by

    .. math::

        m = \sum_k m_k, \qquad \mu_c = \frac1m \sum_k \sum_i x^{(k)}_{ci}, \qquad
        \sigma_c^2 = \frac1m \sum_k \sum_i \bigl(x^{(k)}_{ci} - \mu_c\bigr)^2,

    and all move their running statistics alike. The rest is :func:`batch_norm`.

    Args:
        x: This process's examples, channels, and any number of dimensions of places.
        running_mean: The running means; none to keep none.
        running_var: The running variances, which are unbiased.
        weight: One scale a channel, or none.
        bias: One shift a channel, or none.
        momentum: How much the joined batch counts in the running statistics.
        eps: Added to the variance.
        group: The processes whose batches are joined; None for all.

    Returns:
        A tensor of the same shape.

    Raises:
        ValueError: If ``x`` is not floating, or a vector is for another number of channels.

    Example:
        >>> distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
        >>> sync_batch_norm(torch.tensor([[1.0], [3.0]]))
        tensor([[-1.0000],
                [ 1.0000]])
        >>> distributed.destroy_process_group()

    Reference:
        Zhang et al., *Context Encoding for Semantic Segmentation*, 2018, section 3.2.

    Note:
        The gradient, too, is that of the joined batch for ``x``; for ``weight`` and ``bias`` it is this shard's
        share, which DistributedDataParallel joins. torch's layer refuses tensors on the CPU.
    """
    check_channels(x, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    wide = widened(x)
    axes = (0, *range(2, x.ndim))
    count = _Sum.apply(wide.new_tensor(x.numel() // x.shape[1]), group)
    mean = _Sum.apply(wide.sum(axes), group) / count
    centred = wide - per_channel(mean, x)
    variance = _Sum.apply(centred.square().sum(axes), group) / count
    if running_mean is not None and running_var is not None:
        update_running(running_mean, running_var, mean, variance, count, momentum)
    return scale_centred(centred, variance, weight, bias, eps).to(x.dtype)


class _Sum(torch.autograd.Function):
    """The sum over the processes; everybody's loss depends on it, so the gradient is a sum over them as well."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, group: Any) -> Tensor:
        ctx.group = group
        x = x.clone()
        distributed.all_reduce(x, group=group)
        return x

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        return _Sum.apply(grad, ctx.group), None


class SyncBatchNorm(_BatchNorm):
    """:func:`sync_batch_norm` as a layer; in evaluation mode, and where there is one process, :func:`batch_norm`.

    Args:
        num_features: The number of channels.
        eps: Added to the variance.
        momentum: How much a batch counts in the running statistics; None lets all batches count alike.
        affine: Whether to learn a weight, from 1, and a bias, from 0, for every channel.
        track_running_stats: Whether to keep running statistics; without them every batch uses its own.
        process_group: The processes whose batches are joined; None for all.
        device: Where parameters and buffers live.
        dtype: What they are.
        more: ``bias=False`` for a weight alone, where torch's layer knows it.

    Example:
        >>> SyncBatchNorm(1, affine=False)(torch.tensor([[1.0], [3.0]]))
        tensor([[-1.0000],
                [ 1.0000]])

    Note:
        It is no subclass of torch's: DistributedDataParallel refuses those on the CPU.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        process_group: Any = None,
        device: Any = None,
        dtype: Any = None,
        **more: Any,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, **more)
        self.process_group = process_group

    def _check_input_dim(self, x: Tensor) -> None:
        check_channels(x)

    def _normalize(self, x: Tensor, mean: Tensor | None, variance: Tensor | None, **how: Any) -> Tensor:
        if not (self.training and distributed.is_available() and distributed.is_initialized()):
            return super()._normalize(x, mean, variance, **how)
        del how["training"]
        group = self.process_group
        return sync_batch_norm(x, mean, variance, self.weight, self.bias, eps=self.eps, group=group, **how)

    @classmethod
    def convert_sync_batchnorm(cls, module: nn.Module, process_group: Any = None) -> nn.Module:
        """``module`` with every batch norm in it made synchronised, the parameters and buffers shared."""
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            settings = module.num_features, module.eps, module.momentum, module.affine, module.track_running_stats
            converted = cls(*settings, process_group).train(module.training)
            for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
                setattr(converted, name, getattr(module, name))
            return converted
        for name, child in module.named_children():
            setattr(module, name, cls.convert_sync_batchnorm(child, process_group))
        return module

"""Batch norm: every channel over the whole batch, with running statistics for the test."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from .._shapes import Float
from ._parts import check_channels, per_channel, scale_centred, update_running, widened


def batch_norm(
    x: Float[Tensor, "n channels *places"],
    running_mean: Float[Tensor, " channels"] | None = None,
    running_var: Float[Tensor, " channels"] | None = None,
    weight: Float[Tensor, " channels"] | None = None,
    bias: Float[Tensor, " channels"] | None = None,
    training: bool = False,
    momentum: float | Float[Tensor, ""] = 0.1,
    eps: float = 1e-5,
) -> Float[Tensor, "n channels *places"]:
    r"""Batch norm: every channel over all examples and places; at test time by the running statistics.

    For channel :math:`c` with :math:`\gamma_c` = ``weight[c]``, :math:`\beta_c` = ``bias[c]`` and
    :math:`\varepsilon` = ``eps``,

    .. math:: y_c = \gamma_c \frac{x_c - \mu_c}{\sqrt{\sigma_c^2 + \varepsilon}} + \beta_c.

    In training :math:`\mu_c` and :math:`\sigma_c^2` are the mean and the biased variance of the :math:`m` values
    of the channel in ``x``, and with :math:`\alpha` = ``momentum`` the running statistics move, in place:

    .. math::

        \mu^\text{run}_c \leftarrow (1-\alpha)\,\mu^\text{run}_c + \alpha\,\mu_c, \qquad
        v^\text{run}_c \leftarrow (1-\alpha)\,v^\text{run}_c + \alpha\,\tfrac{m}{m-1}\sigma_c^2.

    At test time :math:`\mu_c` = ``running_mean[c]`` and :math:`\sigma_c^2` = ``running_var[c]``.

    Args:
        x: Examples, channels, and any number of dimensions of places.
        running_mean: The running means; none to keep none.
        running_var: The running variances, which are unbiased.
        weight: One scale a channel, or none.
        bias: One shift a channel, or none.
        training: Whether to use, and to note, the statistics of this batch.
        momentum: How much the batch counts in the running statistics.
        eps: Added to the variance.

    Returns:
        A tensor of the same shape.

    Raises:
        ValueError: If in training a channel has fewer than two values, or at test time there are no running
            statistics; if ``x`` is not floating, or a vector is for another number of channels.

    Example:
        >>> x, running_mean, running_var = torch.tensor([[1.0], [3.0]]), torch.zeros(1), torch.ones(1)
        >>> batch_norm(x, running_mean, running_var, training=True)
        tensor([[-1.0000],
                [ 1.0000]])
        >>> running_mean, running_var
        (tensor([0.2000]), tensor([1.1000]))

    Reference:
        Ioffe and Szegedy, *Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
        Shift*, 2015.

    Note:
        The paper averages the statistics of many batches after training; running averages are what everybody uses.
        A lecture's formulas show the batch's statistics at test time, too. One example alone, for which it has
        :math:`\sigma = 0`, is refused in training, unless channels have several places, as in convolutions.
        With the weight :math:`\sqrt{\sigma^2+\varepsilon}` and the bias :math:`\mu` the layer is the identity.
    """
    check_channels(x, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    wide = widened(x)
    if training:
        count, axes = x.numel() // x.shape[1], (0, *range(2, x.ndim))
        if count < 2:
            raise ValueError(f"x must have two values a channel or more in training, got the shape {tuple(x.shape)}")
        mean = wide.mean(axes)
        centred = wide - per_channel(mean, x)
        variance = centred.square().mean(axes)
        if running_mean is not None and running_var is not None:
            update_running(running_mean, running_var, mean, variance, count, momentum)
    elif running_mean is None or running_var is None:
        raise ValueError("running_mean and running_var must be given at test time, got None")
    else:
        centred, variance = wide - per_channel(running_mean, x), running_var
    return scale_centred(centred, variance, weight, bias, eps).to(x.dtype)


class _BatchNorm(nn.modules.batchnorm._BatchNorm):
    """What batch norm does in any number of dimensions; parameters and buffers are torch's."""

    def forward(self, x: Float[Tensor, "n channels *places"]) -> Float[Tensor, "n channels *places"]:
        self._check_input_dim(x)
        mean, variance, batches = self.running_mean, self.running_var, self.num_batches_tracked
        if not self.training and mean is not None:
            return self._normalize(x, mean, variance, training=False)
        if not (self.training and self.track_running_stats) or mean is None or batches is None:
            return self._normalize(x, None, None, training=True)
        batches.add_(1)
        momentum = 1 / batches.to(mean) if self.momentum is None else self.momentum  # None: all batches count alike
        return self._normalize(x, mean, variance, training=True, momentum=momentum)

    def _normalize(self, x: Tensor, mean: Tensor | None, variance: Tensor | None, **how: Any) -> Tensor:
        return batch_norm(x, mean, variance, self.weight, self.bias, eps=self.eps, **how)


class BatchNorm1d(_BatchNorm, nn.BatchNorm1d):
    """:func:`batch_norm` of features or sequences as a layer: the batch's statistics in training mode, the running
    ones in evaluation mode.

    Args:
        num_features: The number of channels.
        eps: Added to the variance.
        momentum: How much a batch counts in the running statistics; None lets all batches count alike.
        affine: Whether to learn a weight, from 1, and a bias, from 0, for every channel.
        track_running_stats: Whether to keep running statistics; without them every batch uses its own.
        device: Where parameters and buffers live.
        dtype: What they are.
        bias: Whether there is a bias beside the weight.

    Example:
        >>> layer = BatchNorm1d(1)
        >>> layer(torch.tensor([[1.0], [3.0]])).detach()
        tensor([[-1.0000],
                [ 1.0000]])
        >>> layer.running_mean
        tensor([0.2000])
    """


class BatchNorm2d(_BatchNorm, nn.BatchNorm2d):
    """:func:`batch_norm` of images as a layer: the batch's statistics in training mode, the running ones in
    evaluation mode.

    Args:
        num_features: The number of channels.
        eps: Added to the variance.
        momentum: How much a batch counts in the running statistics; None lets all batches count alike.
        affine: Whether to learn a weight, from 1, and a bias, from 0, for every channel.
        track_running_stats: Whether to keep running statistics; without them every batch uses its own.
        device: Where parameters and buffers live.
        dtype: What they are.
        bias: Whether there is a bias beside the weight.

    Example:
        >>> BatchNorm2d(1, affine=False)(torch.tensor([[[[1.0, 3.0]]]]))
        tensor([[[[-1.0000,  1.0000]]]])
    """

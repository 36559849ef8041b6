"""Inputs of zero mean and unit variance: statistics from the training set, applied to every set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .._arguments import check_floating
from .._shapes import Float

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # red, green, blue, of pixels between 0 and 1
IMAGENET_STD = (0.229, 0.224, 0.225)  # a lecture has 0.226 for green


def input_statistics(
    loader: Iterable[Any], dim: int = -3
) -> tuple[Float[Tensor, " channels"], Float[Tensor, " channels"]]:
    r"""The mean and the standard deviation of every channel, in one pass over a loader.

    A batch with :math:`m` values a channel, their mean :math:`\mu_B` and the sum :math:`S_B` of their squared
    deviations joins the :math:`n` values before it, of mean :math:`\mu` and sum :math:`S`, by

    .. math::

        \delta = \mu_B - \mu, \qquad \mu \leftarrow \mu + \frac{m}{n+m}\,\delta, \qquad
        S \leftarrow S + S_B + \frac{nm}{n+m}\,\delta^2, \qquad n \leftarrow n + m,

    which loses no digits where the mean is large. In the end the deviation is :math:`\sqrt{S/n}`.

    Args:
        loader: Gives batches, or tuples that begin with one. The training set's: a statistic of the test set tells
            about the test set.
        dim: Where the channels are: -3 in images, -1 in rows of features.

    Returns:
        The means and the deviations, in float64.

    Raises:
        ValueError: If ``loader`` gives nothing.

    Example:
        >>> input_statistics([torch.tensor([[1.0, 10.0]]), torch.tensor([[3.0, 30.0]])], dim=-1)
        (tensor([ 2., 20.], dtype=torch.float64), tensor([ 1., 10.], dtype=torch.float64))

    Reference:
        Chan, Golub and LeVeque, *Updating Formulae and a Pairwise Algorithm for Computing Sample Variances*, 1982.
    """
    n = 0
    mean = squares = torch.zeros((), dtype=torch.float64)
    for batch in loader:
        x = batch[0] if isinstance(batch, (tuple, list)) else batch
        values = x.double().movedim(dim, 0).flatten(1)
        m = values.shape[1]
        batch_mean = values.mean(1, keepdim=True)
        delta = batch_mean.squeeze(1) - mean
        mean = mean + m / (n + m) * delta
        squares = squares + (values - batch_mean).square().sum(1) + n * m / (n + m) * delta.square()
        n += m
    if n == 0:
        raise ValueError("loader must give at least one batch, got none")
    return mean, (squares / n).sqrt()


class Normalize(nn.Module):
    r"""Inputs of zero mean and unit variance by given statistics, and back: the result of :func:`input_statistics`.

    With :math:`\mu` = ``mean`` and :math:`\sigma` = ``std`` of each channel,

    .. math:: z = \frac{x - \mu}{\sigma}, \qquad x = \sigma z + \mu.

    Args:
        mean: One mean a channel, ``IMAGENET_MEAN`` for instance.
        std: One deviation a channel; where it is 0 the channel is only centred.
        dim: Where the channels are: -3 in images, -1 in rows of features.

    Raises:
        ValueError: If ``std`` is negative, or of another length than ``mean``; in a call, if ``x`` is not floating or
            has another number of channels (a single mean is for any).

    Example:
        >>> to_network = Normalize(IMAGENET_MEAN, IMAGENET_STD)
        >>> image = torch.rand(3, 4, 4)
        >>> torch.allclose(to_network.inverse(to_network(image)), image)
        True

    Reference:
        LeCun, Bottou, Orr and Müller, *Efficient BackProp*, 1998, section 4.3.

    Note:
        For pictures this is :class:`torchvision.transforms.v2.Normalize` with a way back; as a module with buffers it
        is saved with the model that it belongs to.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float] | Tensor, std: Sequence[float] | Tensor, *, dim: int = -3) -> None:
        super().__init__()
        self.register_buffer("mean", torch.as_tensor(mean).clone())
        self.register_buffer("std", torch.as_tensor(std).clone())
        self.dim = dim
        if self.mean.shape != self.std.shape:
            raise ValueError(f"std must be as long as mean, {len(self.mean)}, got {len(self.std)}")
        if (self.std < 0).any():
            raise ValueError(f"std must not be negative, got {self.std.tolist()}")

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        check_floating("x", x)
        mean, std = self._statistics(x)
        return (x - mean) / std

    def inverse(self, z: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """The inputs again, to look at them."""
        mean, std = self._statistics(z)
        return z * std + mean

    def _statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        channels = self.mean.numel()
        if x.ndim < -self.dim or channels not in (1, x.shape[self.dim]):
            raise ValueError(f"x must have {channels} channels in dimension {self.dim}, got the shape {tuple(x.shape)}")
        std = torch.where(self.std == 0, 1, self.std)  # a constant channel has no scale to divide by
        shape = (-1, *[1] * (-1 - self.dim))
        return self.mean.to(x.dtype).view(shape), std.to(x.dtype).view(shape)

    def extra_repr(self) -> str:
        return f"mean={self.mean.tolist()}, std={self.std.tolist()}, dim={self.dim}"


def condition_number(x: Float[Tensor, "n features"], centred: bool = True) -> Float[Tensor, ""]:
    r"""How much steeper the steepest direction of the inputs is than the flattest.

    With :math:`\lambda_\text{max}` and :math:`\lambda_\text{min}` the largest and the smallest eigenvalue of the
    covariance of the rows of ``x``,

    .. math:: \kappa = \frac{\lambda_\text{max}}{\lambda_\text{min}}.

    Gradient descent on least squares with the best rate shrinks the error each step by the factor
    :math:`(\kappa-1)/(\kappa+1)`, with :math:`\kappa` of its Hessian, which is :math:`\frac1n \sum_n x_n x_n^\top`:
    the covariance where the inputs have zero mean, and far worse where they have not.

    Args:
        x: Rows of features.
        centred: Whether to subtract the mean first; without it, this is about the Hessian of ``x`` as it is.

    Returns:
        A scalar, 1 at best and infinite, or as good as, where features depend on one another.

    Example:
        >>> x = torch.tensor([[3.0, 1.0], [3.0, -1.0], [-3.0, 1.0], [-3.0, -1.0]])
        >>> condition_number(x), condition_number(x + 10, centred=False)
        (tensor(9.), tensor(41.6826))

    Reference:
        LeCun, Bottou, Orr and Müller, *Efficient BackProp*, 1998, section 5.
    """
    x = x - x.mean(0) if centred else x
    return torch.linalg.cond(x.mT @ x)

"""What the normalisations share: enough precision, one number a channel, the affine part, running statistics."""

from __future__ import annotations

import torch
from torch import Tensor

from .._arguments import check_floating


def check_channels(x: Tensor, **vectors: Tensor | None) -> None:
    """Raises ValueError unless ``x`` has channels, and each vector that is given has one value for each of them."""
    if x.ndim < 2:
        raise ValueError(f"x must have examples and channels, got the shape {tuple(x.shape)}")
    for name, vector in vectors.items():
        if vector is not None and vector.shape != x.shape[1:2]:
            expected = f"as many channels as {name} has values, {vector.numel()}"
            raise ValueError(f"x must have {expected}, got the shape {tuple(x.shape)}")


def widened(x: Tensor) -> Tensor:
    """``x`` in float32 at least: half precision is too coarse for means and variances."""
    check_floating("x", x)
    return x.to(torch.promote_types(x.dtype, torch.float32))


def per_channel(values: Tensor, x: Tensor) -> Tensor:
    """One value a channel, shaped to meet the channels of ``x``, which stand in dimension 1."""
    return values.view(-1, *[1] * (x.ndim - 2))


def scale_and_shift(x_hat: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """The affine part, as far as there is one."""
    if weight is not None:
        x_hat = x_hat * weight
    return x_hat if bias is None else x_hat + bias


def scale_and_shift_channels(x_hat: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """The affine part with one weight and one bias a channel."""
    weight, bias = (None if v is None else per_channel(v, x_hat) for v in (weight, bias))
    return scale_and_shift(x_hat, weight, bias)


def scale_centred(centred: Tensor, variance: Tensor, weight: Tensor | None, bias: Tensor | None, eps: float) -> Tensor:
    """What is left to do with centred channels: one pass for the deviation and the weight together."""
    inverse_std = (variance + eps).rsqrt()
    return scale_and_shift_channels(centred, inverse_std if weight is None else weight * inverse_std, bias)


@torch.no_grad()
def update_running(
    running_mean: Tensor,
    running_var: Tensor,
    mean: Tensor,
    variance: Tensor,
    count: int | Tensor,
    momentum: float | Tensor,
) -> None:
    """Moves the running statistics, in place, towards a batch with ``count`` values a channel."""
    unbiased = variance * (count / (count - 1))
    for running, new in ((running_mean, mean), (running_var, unbiased)):
        running.mul_(1 - momentum).add_(momentum * new)

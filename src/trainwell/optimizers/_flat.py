"""All parameters as one vector, for the methods that need a matrix between them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor


def flatten(tensors: Iterable[Tensor]) -> Tensor:
    """One vector out of many tensors."""
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def flat_gradient(params: Sequence[Tensor]) -> Tensor:
    """The gradients as one vector, zeros where there is none."""
    return flatten(torch.zeros_like(theta) if theta.grad is None else theta.grad for theta in params)


@torch.no_grad()
def move(params: Sequence[Tensor], direction: Tensor, length: float) -> None:
    """Adds ``length`` times the vector to the parameters."""
    parts = direction.split([theta.numel() for theta in params])
    for theta, part in zip(params, parts, strict=True):
        theta.add_(part.view_as(theta), alpha=length)

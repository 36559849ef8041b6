"""What all losses do: full precision under autocast, and one number in the end."""

from __future__ import annotations

import torch
from torch import Tensor

from ._arguments import check_one_of


def full_precision(x: Tensor) -> Tensor:
    """A half-precision tensor in float32 where autocast is on, as torch casts what its losses take."""
    device = x.device.type
    cast = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
    return x.float() if cast and x.dtype in (torch.float16, torch.bfloat16) else x


def reduce(losses: Tensor, reduction: str) -> Tensor:
    """The ``"mean"`` or the ``"sum"`` of the losses, or with ``"none"`` the losses themselves."""
    check_one_of("reduction", reduction, ("mean", "sum", "none"))
    return losses if reduction == "none" else getattr(losses, reduction)()

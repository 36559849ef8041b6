"""The first weights of the deep networks."""

from __future__ import annotations

from torch import nn


def kaiming_convolutions_(model: nn.Module) -> None:
    """Draws the weights of every convolution so that ReLUs keep the gradient's variance, and zeroes its bias."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

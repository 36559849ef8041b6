"""Layers that no package has, written once more from their papers: example by example, in plain loops.

Each takes the layer under test, for its parameters, and the inputs. What is drawn is drawn in one piece, so that the
same seed gives the same draws.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def standardized(values: Tensor, eps: float = 1e-5) -> Tensor:
    """Zero mean and unit variance over all of ``values``, by the definition."""
    mean = sum(values.flatten()) / values.numel()
    variance = sum((v - mean) ** 2 for v in values.flatten()) / values.numel()
    return (values - mean) / (variance + eps) ** 0.5


def batch_normed(x: Tensor) -> Tensor:
    return torch.stack([standardized(x[:, c]) for c in range(x.shape[1])], 1)


def vanilla_dropout(layer: nn.Module, x: Tensor) -> Tensor:
    if not layer.training:
        return (1 - layer.p) * x
    return torch.where(torch.empty_like(x).bernoulli_(1 - layer.p) == 1, x, 0)


def dropconnect(layer: nn.Module, x: Tensor) -> Tensor:
    shape = (*x.shape, len(layer.weight))
    keep = torch.ones(shape).mT
    if layer.training:
        keep = torch.empty_like(layer.weight).expand(len(x), -1, -1).clone().bernoulli_(1 - layer.p) / (1 - layer.p)
    rows = [
        sum(k * w * e for k, w, e in zip(kept.T, layer.weight.T, example, strict=True))
        for kept, example in zip(keep, x, strict=True)
    ]
    return torch.stack(rows) + layer.bias


def input_noise(layer: nn.Module, x: Tensor) -> Tensor:
    return x + layer.std * torch.empty_like(x).normal_() if layer.training else x


def ensemble(layer: nn.Module, x: Tensor) -> Tensor:
    return (sum(model(x).softmax(1) for model in layer.models) / len(layer.models)).log()


def conditional_batch_norm(layer: nn.Module, x: Tensor, classes: Tensor) -> Tensor:
    mean, variance = layer.norm.running_mean, layer.norm.running_var
    x_hat = batch_normed(x) if layer.training else by_running(x, mean, variance)
    return by_class(layer, x_hat, classes)


def by_running(x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    channels = [(x[:, c] - mean[c]) / (variance[c] + 1e-5) ** 0.5 for c in range(x.shape[1])]
    return torch.stack(channels, 1)


def conditional_instance_norm(layer: nn.Module, x: Tensor, classes: Tensor) -> Tensor:
    x_hat = torch.stack([torch.stack([standardized(channel) for channel in example]) for example in x])
    return by_class(layer, x_hat, classes)


def by_class(layer: nn.Module, x_hat: Tensor, classes: Tensor) -> Tensor:
    rows = []
    for example, k in zip(x_hat, classes.tolist(), strict=True):
        rows.append(torch.stack([layer.weight[k, c] * channel + layer.bias[k, c] for c, channel in enumerate(example)]))
    return torch.stack(rows)


def spade(layer: nn.Module, x: Tensor, segmentation: Tensor) -> Tensor:
    norm = layer.param_free_norm
    x_hat = batch_normed(x) if layer.training else by_running(x, norm.running_mean, norm.running_var)
    height, width = x.shape[2:]
    rows = [i * segmentation.shape[2] // height for i in range(height)]
    columns = [j * segmentation.shape[3] // width for j in range(width)]
    shared = convolved(layer.mlp_shared[0], segmentation[:, :, rows][:, :, :, columns]).clamp(min=0)
    return x_hat + x_hat * convolved(layer.mlp_gamma, shared) + convolved(layer.mlp_beta, shared)


def convolved(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """A convolution that keeps the size of the map, as a sum of shifted maps."""
    k, (height, width) = layer.weight.shape[-1], x.shape[2:]
    padded = nn.functional.pad(x, [k // 2] * 4)
    y = layer.bias.view(1, -1, 1, 1)
    for i in range(k):
        for j in range(k):
            y = y + torch.einsum("oc,nchw->nohw", layer.weight[:, :, i, j], padded[:, :, i : i + height, j : j + width])
    return y


def context_encoding(layer: nn.Module, x: Tensor) -> Tensor:
    codes = []
    for example in x:
        encoded = torch.zeros_like(layer.codewords)
        for place in example.flatten(1).T:
            r = [place - d for d in layer.codewords]
            distances = [s * (v**2).sum() for s, v in zip(layer.smoothing, r, strict=True)]
            e = [math.e ** (min(distances) - d) for d in distances]  # the least distance cancels in the shares
            encoded = encoded + torch.stack([share / sum(e) * v for share, v in zip(e, r, strict=True)])
        codes.append(encoded)
    e = torch.stack(codes)
    norm = layer.norm
    e_hat = batch_normed(e) if layer.training else by_running(e, norm.running_mean, norm.running_var)
    phi = (e_hat * norm.weight.view(1, -1, 1) + norm.bias.view(1, -1, 1)).clamp(min=0)
    scale = 1 / (1 + torch.exp(-(phi.sum(1) @ layer.linear.weight.T + layer.linear.bias)))
    return x * scale.unsqueeze(2).unsqueeze(3)


def whitening(layer: nn.Module, x: Tensor) -> Tensor:
    return torch.stack([layer.matrix.to(x.dtype) @ (row - layer.mean) for row in x])


def padded_shortcut(layer: nn.Module, x: Tensor) -> Tensor:
    """Every second pixel of six channels, and two channels of zeros."""
    n, _, height, width = x.shape
    y = x.new_zeros(n, 8, (height + 1) // 2, (width + 1) // 2)
    for i in range(0, height, 2):
        for j in range(0, width, 2):
            y[:, :6, i // 2, j // 2] = x[:, :, i, j]
    return y

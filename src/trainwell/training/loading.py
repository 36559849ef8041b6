"""Batches of inputs and targets, on the device."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from typing import Any, cast

import torch
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset

from .._arguments import check_at_least

Batches = Iterator[tuple[Tensor, Tensor]]


def batches(
    data: Dataset[Any] | DataLoader[Any],
    batch_size: int | None,
    device: torch.device | str,
    *,
    shuffle: bool = False,
    generator: Generator | None = None,
) -> Batches:
    """Batches of inputs and targets on the device, from a data set or a loader.

    Data that is already tensors is cut by index, which is many times faster than gathering examples
    one by one; anything else goes through a :class:`~torch.utils.data.DataLoader`.

    Args:
        data: A data set of inputs and targets, or a loader, whose own batches are used.
        batch_size: Examples a batch: 1 for one example, None for all of them in one batch.
        device: Where the batches go.
        shuffle: Whether to draw an order anew.
        generator: Where the order is drawn from.

    Raises:
        ValueError: If ``batch_size`` is less than 1, or ``data`` is a tuple: (x, y) is no data set yet.
    """
    if isinstance(data, tuple):  # its two entries would be taken for two examples
        raise ValueError("data must be a data set or a loader, got a tuple; of tensors, TensorDataset(x, y) makes one")
    if isinstance(data, DataLoader):
        yield from ((x.to(device), y.to(device)) for x, y in data)
        return
    if batch_size is None:
        batch_size = max(len(cast(Sized, data)), 1)
    check_at_least("batch_size", batch_size, 1)
    if isinstance(data, TensorDataset):
        yield from _cut(data, batch_size, device, shuffle, generator)
    else:
        loader = DataLoader(data, batch_size, shuffle=shuffle, generator=generator)
        yield from batches(loader, None, device)


def _cut(
    data: TensorDataset, batch_size: int, device: torch.device | str, shuffle: bool, generator: Generator | None
) -> Batches:
    x, y = (tensor.to(device) for tensor in data.tensors)
    order = torch.randperm(len(y), generator=generator) if shuffle else torch.arange(len(y))
    for start in range(0, len(y), batch_size):
        part = order[start : start + batch_size].to(device)
        yield x[part], y[part]

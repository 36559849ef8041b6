"""A network as a table: what each layer puts out, how many parameters it has, what its output takes to keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ..training import evaluating


class LayerRow(NamedTuple):
    """One row of a :class:`LayerTable`.

    Args:
        name: The layer's type and its place in the order of running, ``Conv2d-1``.
        output_shape: The shape of its output, the number of examples left open as -1.
        parameters: How many parameters it holds that no row before it held.
        memory: The bytes of its output for one example, which training keeps for the backward pass.

    Example:
        >>> LayerRow("Linear-1", (-1, 10), parameters=850, memory=40).parameters
        850
    """

    name: str
    output_shape: tuple[int, ...]
    parameters: int
    memory: int


@dataclass(frozen=True)
class LayerTable:
    """The table that :func:`layer_table` makes; printed, it looks like the lectures'.

    Args:
        rows: A row a layer, in the order of running.

    Example:
        >>> table = LayerTable([LayerRow("Linear-1", (-1, 10), parameters=850, memory=40)])
        >>> table.parameters, table.memory
        (850, 40)
    """

    rows: Sequence[LayerRow]

    @property
    def parameters(self) -> int:
        """How many parameters all layers hold."""
        return sum(row.parameters for row in self.rows)

    @property
    def memory(self) -> int:
        """The bytes of all outputs for one example."""
        return sum(row.memory for row in self.rows)

    def __str__(self) -> str:
        cells = [("Layer (type)", "Output Shape", "Param #", "Memory (KiB)"), *map(_cells, self.rows)]
        a, b, c, d = (max(map(len, column)) for column in zip(*cells, strict=True))
        text = [f"{name:<{a}}  {shape:<{b}}  {count:>{c}}  {memory:>{d}}" for name, shape, count, memory in cells]
        rule = "-" * len(text[0])
        totals = f"Total params: {self.parameters:,}; memory of one example: {self.memory / 2**20:,.2f} MiB"
        return "\n".join([text[0], rule, *text[1:], rule, totals])


def _cells(row: LayerRow) -> tuple[str, str, str, str]:
    return row.name, str(list(row.output_shape)), f"{row.parameters:,}", f"{row.memory / 1024:,.1f}"


def layer_table(model: nn.Module, input_shape: Sequence[int], *, dtype: torch.dtype | None = None) -> LayerTable:
    r"""Each layer's output shape, parameters and memory, as in the lectures' tables of LeNet-5 and VGG-16.

    A row is a module that has no modules inside, or parameters of its own, each time that it runs. With
    :math:`k` the side of the kernel, :math:`C` the channels in and :math:`M` the maps out, the parameters
    of the two common layers are

    .. math:: \text{Conv2d: } (k^2 C + 1)\,M, \qquad \text{Linear: } (\text{in} + 1)\,\text{out}.

    Args:
        model: Any network that takes one tensor; it is neither run on numbers nor changed, wherever it lies.
        input_shape: The shape of one example.
        dtype: The type of the input; the model's own unless given (``torch.long`` for token numbers).

    Returns:
        The table; ``print`` it, or read its rows.

    Example:
        >>> print(layer_table(nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)), (1, 32, 32)))
        Layer (type)  Output Shape     Param #  Memory (KiB)
        ----------------------------------------------------
        Conv2d-1      [-1, 6, 28, 28]      156          18.4
        ReLU-2        [-1, 6, 28, 28]        0          18.4
        MaxPool2d-3   [-1, 6, 14, 14]        0           4.6
        ----------------------------------------------------
        Total params: 156; memory of one example: 0.04 MiB

    Reference:
        The form is that of the package *torchsummary*; LeCun, Bottou, Bengio and Haffner, *Gradient-Based Learning
        Applied to Document Recognition*, 1998, count a network's layers this way in their section II.

    Note:
        The network runs on the meta device, which knows shapes and no numbers, so that a large one costs nothing.
        The memory counts every output once; layers that work in place need less, and some keep more.
    """
    tensors = dict(chain(model.named_parameters(), model.named_buffers()))
    shadows = {name: tensor.detach().to("meta") for name, tensor in tensors.items()}
    own = next((tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()), None)
    x = torch.empty(1, *input_shape, dtype=dtype or own, device="meta")
    with evaluating(model), _recording(model) as rows:
        functional_call(model, shadows, (x,))
    return LayerTable(rows)


@contextmanager
def _recording(model: nn.Module) -> Iterator[list[LayerRow]]:
    """A list to which each layer adds a row as it runs."""
    rows: list[LayerRow] = []
    own = _own_parameters(model)

    def add(module: nn.Module, inputs: Any, output: Any) -> None:
        y = output if isinstance(output, Tensor) else output[0]
        name = f"{type(module).__name__}-{len(rows) + 1}"
        memory = y.numel() * y.element_size()
        rows.append(LayerRow(name, (-1, *y.shape[1:]), own.pop(module, 0), memory))  # a second run adds none

    with ExitStack() as hooks:
        for module in [m for m in model.modules() if m in own or not list(m.children())]:
            handle = module.register_forward_hook(add)
            hooks.callback(handle.remove)
        yield rows


def _own_parameters(model: nn.Module) -> dict[nn.Module, int]:
    """How many parameters each module holds itself, one that is shared counted where it comes first."""
    counts: dict[nn.Module, int] = {}
    seen: set[int] = set()
    for module in model.modules():
        own = [w for w in module.parameters(recurse=False) if id(w) not in seen]
        seen.update(map(id, own))
        if own:
            counts[module] = sum(w.numel() for w in own)
    return counts

"""A computational graph: gates that feed each other, run forward and backward."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import TopologicalSorter

import torch
from torch import Tensor

from .gates import Gate

Node = tuple[type[Gate], *tuple[str, ...]]  # the gate and the names of what it takes


class Graph:
    r"""Gates put together by name.

    ``forward`` computes each gate after all that it depends on. ``backward`` goes through the same order from
    its end: with :math:`L` the output, and a value :math:`x` that feeds the gates :math:`z_1, \dots, z_m`,

    .. math::

        \frac{\partial L}{\partial x} = \sum_{j=1}^m \frac{\partial z_j}{\partial x}\,\frac{\partial L}{\partial z_j},

    so that a gate is reached when the gradients of all that it feeds are known.

    Args:
        nodes: For each gate its name, its class and the names of what it takes, in any order. Names that no
            gate has are the graph's inputs.

    Attributes:
        order: The names of the gates in topological order.
        inputs: The names of the inputs.
        values: What each name stood for in the last forward pass.

    Raises:
        ValueError: If the gates depend on each other in a circle.

    Example:
        >>> from trainwell.backpropagation import Add, Multiply
        >>> graph = Graph({"f": (Multiply, "q", "z"), "q": (Add, "x", "y")})  # f = (x + y) z
        >>> graph.forward(x=-2.0, y=5.0, z=-4.0)["f"]
        tensor(-12.)
        >>> gradients = graph.backward("f")
        >>> {name: gradients[name].item() for name in "xyzqf"}
        {'x': -4.0, 'y': -4.0, 'z': 3.0, 'q': -4.0, 'f': 1.0}

    Reference:
        Rumelhart, Hinton and Williams, *Learning Representations by Back-propagating Errors*, 1986.
    """

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self.sources = {name: sources for name, (_, *sources) in nodes.items()}
        self.gates = {name: gate() for name, (gate, *_) in nodes.items()}  # one for each node: it keeps values
        everything = tuple(TopologicalSorter(self.sources).static_order())
        self.order = [name for name in everything if name in nodes]
        self.inputs = [name for name in everything if name not in nodes]
        self.values: dict[str, Tensor] = {}

    def forward(self, **inputs: Tensor | float) -> dict[str, Tensor]:
        """The value of every name.

        Args:
            inputs: A tensor or a number for each input.

        Raises:
            ValueError: If the inputs are not those of the graph.
        """
        if inputs.keys() != set(self.inputs):
            raise ValueError(f"inputs must be {sorted(self.inputs)}, got {sorted(inputs)}")
        self.values = {name: torch.as_tensor(value) for name, value in inputs.items()}
        for name in self.order:
            self.values[name] = self.gates[name].forward(*(self.values[source] for source in self.sources[name]))
        return self.values

    def backward(self, output: str) -> dict[str, Tensor]:
        """The gradient of an output with respect to every name that it depends on.

        Args:
            output: The name of a gate. If it holds several numbers, their sum is what is differentiated.

        Raises:
            ValueError: If no gate has this name, or nothing was run forward.
        """
        if output not in self.order or output not in self.values:
            raise ValueError(f"output must be a gate that was run forward, one of {self.order}, got {output!r}")
        gradients = {output: torch.ones_like(self.values[output])}
        for name in reversed(self.order):
            if name in gradients:
                local = self.gates[name].backward(gradients[name])
                for source, gradient in zip(self.sources[name], local, strict=True):
                    gradients[source] = gradients.get(source, 0) + gradient
        return gradients

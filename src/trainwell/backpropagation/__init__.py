"""Backpropagation: local times upstream gradient, gate by gate, from the loss to the inputs.

- ``gates``: forward and backward of add, multiply, max, exp, reciprocal and sigmoid.
- ``graph``: gates put together, run forward in topological order and backward in the reverse.
- ``two_layer``: a network of two layers, with gradients derived by hand.
- ``checking``: gradients against centred differences.
"""

from .checking import check_gradient, numerical_gradient
from .gates import Add, Exp, Gate, Max, Multiply, Reciprocal, Sigmoid
from .graph import Graph
from .two_layer import init_two_layer_model, two_layer_net

__all__ = [
    "Add",
    "Exp",
    "Gate",
    "Graph",
    "Max",
    "Multiply",
    "Reciprocal",
    "Sigmoid",
    "check_gradient",
    "init_two_layer_model",
    "numerical_gradient",
    "two_layer_net",
]

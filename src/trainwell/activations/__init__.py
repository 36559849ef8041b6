"""Activations: what makes a network more than one linear layer. Each has its value and its derivative, by hand.

- ``simple``: identity and binary step; ``sigmoids``: logistic, tanh and arctan, flat at both ends.
- ``rectifiers``: ReLU, leaky and parametric; ``smooth``: ELU, softplus and GELU, flat on the left.
- ``pieces``: maxout; ``modules``: all of them as layers.
- ``activity``: which units of a running network are dead, and how much of it is saturated.
"""

from .activity import Activity, saturated, watch_activations
from .modules import (
    ELU,
    GELU,
    Arctan,
    Identity,
    LeakyReLU,
    Maxout,
    PReLU,
    ReLU,
    Sigmoid,
    Softplus,
    Step,
    Tanh,
)
from .pieces import maxout, maxout_derivative
from .rectifiers import leaky_relu, leaky_relu_derivative, prelu, prelu_derivative, relu, relu_derivative
from .sigmoids import arctan, arctan_derivative, sigmoid, sigmoid_derivative, tanh, tanh_derivative
from .simple import identity, identity_derivative, step, step_derivative
from .smooth import elu, elu_derivative, gelu, gelu_derivative, softplus, softplus_derivative

__all__ = [
    "ELU",
    "GELU",
    "Activity",
    "Arctan",
    "Identity",
    "LeakyReLU",
    "Maxout",
    "PReLU",
    "ReLU",
    "Sigmoid",
    "Softplus",
    "Step",
    "Tanh",
    "arctan",
    "arctan_derivative",
    "elu",
    "elu_derivative",
    "gelu",
    "gelu_derivative",
    "identity",
    "identity_derivative",
    "leaky_relu",
    "leaky_relu_derivative",
    "maxout",
    "maxout_derivative",
    "prelu",
    "prelu_derivative",
    "relu",
    "relu_derivative",
    "saturated",
    "sigmoid",
    "sigmoid_derivative",
    "softplus",
    "softplus_derivative",
    "step",
    "step_derivative",
    "tanh",
    "tanh_derivative",
    "watch_activations",
]

"""The activations: the oracle is torch's function, or SciPy's where ours calls torch's.

- ``torch``: a layer of this name is in torch, and takes and saves the same.
- ``left``, ``right``: the end at which it saturates; ``elsewhere``: it is flat everywhere.
- ``gradient``: autograd passes; ``any-shape``: works entry by entry.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trainwell import activations as A

from . import Entry, abilities


@dataclass(frozen=True)
class Activation(Entry):
    """An activation with its derivative, its layer, and torch's layer."""

    derivative: Callable[..., Tensor] | None = None
    layer: type[nn.Module] | None = None
    twin: type[nn.Module] | None = None

    def slope(self, *inputs: Any) -> Tensor:
        return self.derivative(*inputs, **self.arguments)


def scipys(function: Callable[..., Any]) -> Callable[[Tensor], Tensor]:
    """A function of SciPy or NumPy, computed in float64 and returned in the type of the input."""
    return lambda x: torch.as_tensor(np.asarray(function(x.detach().double().numpy()))).to(x.dtype)


def entry(name, words, oracle, layer, twin=None, **arguments):
    function, derivative = getattr(A, name), getattr(A, f"{name}_derivative")
    title = " ".join([name, *map(str, arguments.values())])
    return Activation(title, function, arguments, oracle, abilities(words), derivative, layer, twin)


BOTH = "gradient any-shape left right"
LEFT = "gradient any-shape left"
ACTIVATIONS = [
    entry("identity", "gradient any-shape torch", lambda x: 1 * x, A.Identity, nn.Identity),
    entry("step", "any-shape left right", lambda x: torch.heaviside(x, torch.ones_like(x)), A.Step),
    entry("sigmoid", BOTH + " torch", scipys(scipy.special.expit), A.Sigmoid, nn.Sigmoid),
    entry("tanh", BOTH + " torch", scipys(np.tanh), A.Tanh, nn.Tanh),
    entry("arctan", BOTH, scipys(np.arctan), A.Arctan),
    entry("relu", LEFT + " torch", F.relu, A.ReLU, nn.ReLU),
    entry("leaky_relu", "gradient any-shape torch", F.leaky_relu, A.LeakyReLU, nn.LeakyReLU),
    entry(
        "leaky_relu",
        "gradient any-shape torch",
        lambda x: F.leaky_relu(x, 0.1),
        A.LeakyReLU,
        nn.LeakyReLU,
        negative_slope=0.1,
    ),
    entry("elu", LEFT + " torch", F.elu, A.ELU, nn.ELU),
    entry("elu", LEFT + " torch", lambda x: F.elu(x, 0.5), A.ELU, nn.ELU, alpha=0.5),
    entry("softplus", LEFT + " torch", F.softplus, A.Softplus, nn.Softplus),
    entry("gelu", LEFT + " torch", F.gelu, A.GELU, nn.GELU),
]
LEARNED = {"prelu", "maxout"}  # they have weights, and tests of their own

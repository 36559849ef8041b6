"""One initialiser for a whole model."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import Generator, Tensor, nn
from torch.nn.modules.conv import _ConvNd

Initialiser = Callable[..., Tensor]  # one of this topic, or of torch.nn.init


def _weighted_layers(model: nn.Module) -> Iterator[tuple[str, nn.Linear | _ConvNd]]:
    """The linear and convolutional layers by name: the layers that sum over inputs."""
    return ((name, module) for name, module in model.named_modules() if isinstance(module, (nn.Linear, _ConvNd)))


def initialise_(model: nn.Module, initialiser: Initialiser, *, generator: Generator | None = None) -> nn.Module:
    """Initialises every linear and convolutional layer of a model: the weights as asked, the biases to zero.

    Args:
        model: The model, changed in place. Its other layers (normalisation, embeddings) stay as they are.
        initialiser: Called as ``initialiser(weight, generator=generator)``: :func:`kaiming_normal_` for
            instance, or ``partial(normal_, std=0.01)``; those of :mod:`torch.nn.init` will do as well.
        generator: Where the weights are drawn from, layer by layer.

    Returns:
        The same model.

    Example:
        >>> from functools import partial
        >>> model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
        >>> model = initialise_(model, partial(nn.init.normal_, std=0.01), generator=torch.Generator().manual_seed(0))
        >>> model[2].bias
        Parameter containing:
        tensor([0., 0.], requires_grad=True)

    Reference:
        He, Zhang, Ren and Sun, *Delving Deep into Rectifiers*, 2015, who start with biases of zero.

    Note:
        ``model.apply(f)`` of torch leaves the choice of layers and the biases to ``f``.
    """
    for _, layer in _weighted_layers(model):
        initialiser(layer.weight, generator=generator)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    return model

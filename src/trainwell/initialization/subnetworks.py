"""Edge-popup: train which weights are used, and leave the weights as they were drawn."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor, nn
from torch.nn.utils import parametrize

from .._arguments import check_probability
from .._shapes import Float
from .kaiming import kaiming_uniform_
from .models import _weighted_layers
from .scaled import fans


def top_k_mask(scores: Float[Tensor, "*shape"], k: float) -> Float[Tensor, "*shape"]:
    r"""Ones for the share k of the largest scores, zeros for the others; gradients go straight through.

    With the scores :math:`s` of one layer's :math:`n` weights and :math:`k` = ``k``,

    .. math:: h(s_i) = \begin{cases} 1 & s_i \text{ is among the } kn \text{ largest} \\ 0 & \text{else,}\end{cases}
              \qquad \frac{\partial h(s_i)}{\partial s_i} := 1.

    Args:
        scores: One score a weight.
        k: The share that is kept, in [0, 1]; of n weights, kn rounded.

    Returns:
        A mask of the same shape; on the way back it hands its gradient on to the scores.

    Raises:
        ValueError: If ``k`` does not lie in [0, 1].

    Example:
        >>> top_k_mask(torch.tensor([0.1, 0.9, 0.5, 0.3]), k=0.5)
        tensor([0., 1., 1., 0.])

    Reference:
        Ramanujan, Wortsman, Kembhavi, Farhadi and Rastegari, *What's Hidden in a Randomly Weighted Neural
        Network?*, 2020; Bengio, Léonard and Courville, *Estimating or Propagating Gradients Through Stochastic
        Neurons*, 2013, for the straight-through step.
    """
    check_probability("k", k)
    best = scores.flatten().topk(round(k * scores.numel())).indices
    mask = torch.zeros_like(scores).flatten().scatter(0, best, 1.0).view_as(scores)
    return mask + (scores - scores.detach())  # zero, with the gradient one


@torch.no_grad()
def signed_constant_(
    tensor: Float[Tensor, "*shape"], gain: float = math.sqrt(2), generator: Generator | None = None
) -> Float[Tensor, "*shape"]:
    r"""Fills a weight, in place, with one number and random signs.

    With the fan-in :math:`d` and :math:`g` = ``gain``,

    .. math:: w \sim U\left\{-\frac{g}{\sqrt d}, +\frac{g}{\sqrt d}\right\}.

    It has Kaiming's variance, and all its weights are equally large, so that a subnetwork is told by signs alone.

    Args:
        tensor: The weight to fill.
        gain: A factor: :math:`\sqrt2` for the ReLU, :math:`\sqrt{2/k}` for a subnetwork that keeps the share k.
        generator: Where the signs are drawn from.

    Returns:
        The same tensor.

    Raises:
        ValueError: If the weight has fewer than two dimensions, or no entries.

    Example:
        >>> signed_constant_(torch.empty(500, 8), generator=torch.Generator().manual_seed(0)).unique()
        tensor([-0.5000,  0.5000])

    Reference:
        Ramanujan et al., *What's Hidden in a Randomly Weighted Neural Network?*, 2020, section 4: the signed
        Kaiming constant and its scaled version.
    """
    size = gain / math.sqrt(fans(tensor)[0])
    return tensor.bernoulli_(0.5, generator=generator).mul_(2).sub_(1).mul_(size)


class TopK(nn.Module):
    r"""A weight seen through :func:`top_k_mask`: a parametrization that holds one score a weight.

    With the frozen weight :math:`w` and the scores :math:`s`, the layer uses

    .. math:: w \odot h(|s|), \qquad \frac{\partial L}{\partial s}
              = \frac{\partial L}{\partial (w \odot h)} \odot w \odot \operatorname{sign}(s).

    Args:
        weight: The weight that the scores are for.
        k: The share of weights that is kept.
        generator: Where the first scores are drawn from, by :func:`kaiming_uniform_`.

    Attributes:
        scores: A parameter of the weight's shape.

    Raises:
        ValueError: If ``k`` does not lie in [0, 1].

    Example:
        >>> w = torch.ones(4, 5)
        >>> TopK(w, k=0.3)(w).sum().item()
        6.0

    Reference:
        Ramanujan et al., *What's Hidden in a Randomly Weighted Neural Network?*, 2020, section 3.

    Note:
        The absolute value lies outside the straight-through step, so its derivative sign(s) counts, as in the
        authors' code; the paper's formula leaves the absolute value out.
    """

    def __init__(self, weight: Float[Tensor, "*shape"], k: float = 0.5, *, generator: Generator | None = None) -> None:
        super().__init__()
        check_probability("k", k)
        self.k = k
        self.scores = nn.Parameter(kaiming_uniform_(torch.empty_like(weight), a=math.sqrt(5), generator=generator))

    def forward(self, weight: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return weight * top_k_mask(self.scores.abs(), self.k)

    def extra_repr(self) -> str:
        return f"k={self.k}"


def edge_popup(model: nn.Module, k: float = 0.5, *, generator: Generator | None = None) -> nn.Module:
    """Makes a model train which of its weights to use: all parameters freeze, scores decide (:class:`TopK`).

    Train it as any model; give the optimizer the parameters that require a gradient, which are the scores.

    Args:
        model: The model, changed in place; its linear and convolutional layers get scores.
        k: The share of each layer's weights that is kept.
        generator: Where the first scores are drawn from.

    Returns:
        The same model.

    Raises:
        ValueError: If ``k`` does not lie in [0, 1].

    Example:
        >>> model = edge_popup(nn.Sequential(nn.Linear(4, 10, bias=False), nn.ReLU(), nn.Linear(10, 2, bias=False)))
        >>> [name for name, p in model.named_parameters() if p.requires_grad]
        ['0.parametrizations.weight.0.scores', '2.parametrizations.weight.0.scores']
        >>> (model[0].weight == 0).sum().item()
        20

    Reference:
        Ramanujan et al., *What's Hidden in a Randomly Weighted Neural Network?*, 2020.

    Note:
        Biases and normalisation parameters stay as they are, too; the paper's networks have none.
        ``torch.nn.utils.parametrize.remove_parametrizations(layer, "weight")`` leaves the subnetwork's weights.
    """
    model.requires_grad_(False)
    for _, layer in list(_weighted_layers(model)):
        parametrize.register_parametrization(layer, "weight", TopK(layer.weight, k, generator=generator))
    return model

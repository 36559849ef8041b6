"""The error of a way of fitting in three parts: bias squared, variance and noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from .._arguments import check_at_least, check_not_negative, check_same_length
from .._shapes import Float, Shaped
from ._fits import Fit


@dataclass(frozen=True)
class Decomposition:
    """What :func:`decompose` found at each point; take ``.mean()`` for one number over all of them.

    Args:
        bias_squared: How far the mean prediction is from the truth, squared.
        variance: How much predictions differ from one training set to the next.
        noise: The variance of the targets, which no model can predict.

    Example:
        >>> d = Decomposition(torch.tensor([0.5]), torch.tensor([0.25]), torch.tensor([0.125]))
        >>> d.error
        tensor([0.8750])
    """

    bias_squared: Float[Tensor, "*points"]
    variance: Float[Tensor, "*points"]
    noise: Float[Tensor, "*points"]

    @property
    def error(self) -> Float[Tensor, "*points"]:
        """The expected squared error on a new target, which is the three parts together."""
        return self.bias_squared + self.variance + self.noise


def decompose(
    predictions: Float[Tensor, " models *points"], truth: Float[Tensor, "*points"], noise: float = 0.0
) -> Decomposition:
    r"""Splits the squared error of models that were fitted to different training sets.

    With :math:`\hat f_1, \dots, \hat f_R` the rows of ``predictions``, :math:`\bar f` their mean, :math:`f` =
    ``truth`` and targets :math:`y = f + \varepsilon` whose noise has the variance :math:`\sigma^2` = ``noise``,

    .. math::

        \underbrace{\frac1R \sum_r \mathbb{E}_\varepsilon (\hat f_r - y)^2}_{\text{error}}
        = \underbrace{(\bar f - f)^2}_{\text{bias squared}}
        + \underbrace{\frac1R \sum_r (\hat f_r - \bar f)^2}_{\text{variance}}
        + \underbrace{\sigma^2}_{\text{noise}}.

    Args:
        predictions: A row for each model, :func:`resample` makes them.
        truth: What is to be predicted, without noise. Where it is not known, targets take its place, and their
            noise is counted as bias.
        noise: The variance of the targets around the truth.

    Returns:
        The three parts at each point.

    Raises:
        ValueError: If ``noise`` is negative, or a row of ``predictions`` has not the shape of ``truth``.

    Example:
        >>> d = decompose(torch.tensor([[1.0, 2.0], [3.0, 2.0]]), truth=torch.tensor([2.0, 5.0]), noise=0.5)
        >>> d.bias_squared, d.variance, d.error
        (tensor([0., 9.]), tensor([1., 0.]), tensor([1.5000, 9.5000]))

    Reference:
        Geman, Bienenstock and Doursat, *Neural Networks and the Bias/Variance Dilemma*, 1992.

    Note:
        The equation is exact for the models given. As an estimate of all possible training sets, the mean of
        R models still varies: bias squared is too large, and variance too small, by the variance over R.
    """
    check_not_negative("noise", noise)
    if predictions.shape[1:] != truth.shape:
        expected, got = tuple(truth.shape), tuple(predictions.shape)
        raise ValueError(f"predictions must hold a row of the truth's shape {expected} for each model, got {got}")
    mean = predictions.mean(0)
    return Decomposition(
        bias_squared=(mean - truth).square(),
        variance=(predictions - mean).square().mean(0),
        noise=torch.full_like(truth, noise),
    )


def resample(
    fit: Fit, sample: Callable[[], tuple[Tensor, Tensor]], x: Float[Tensor, "n ..."], *, models: int = 200
) -> Float[Tensor, "models n ..."]:
    r"""Fits a model to each of many training sets, and asks all of them about the same points.

    With training sets :math:`D_r` from ``sample``, and :math:`\hat f_D` what ``fit`` makes of one,

    .. math:: \hat f_{D_1}(x), \dots, \hat f_{D_R}(x).

    Args:
        fit: A function of inputs and targets that returns a predictor.
        sample: Draws a training set: a new one where the source is known, else by :func:`bootstrap`.
        x: The points.
        models: How many training sets.

    Returns:
        The predictions, a row for each model.

    Raises:
        ValueError: If ``models`` is less than 2.

    Example:
        >>> def fit(x, y):
        ...     return lambda points: y.mean().expand(len(points))
        >>> g = torch.Generator().manual_seed(0)
        >>> x, y = torch.zeros(8), torch.arange(8.0)
        >>> resample(fit, lambda: bootstrap(x, y, generator=g), torch.zeros(3), models=2)
        tensor([[4.0000, 4.0000, 4.0000],
                [3.5000, 3.5000, 3.5000]])

    Reference:
        Geman, Bienenstock and Doursat, *Neural Networks and the Bias/Variance Dilemma*, 1992.
    """
    check_at_least("models", models, 2)
    return torch.stack([fit(*sample())(x) for _ in range(models)])


def bootstrap(
    x: Shaped[Tensor, "n ..."], y: Shaped[Tensor, "n ..."], *, generator: Generator | None = None
) -> tuple[Shaped[Tensor, "n ..."], Shaped[Tensor, "n ..."]]:
    r"""A training set as large as the one given, drawn from it with replacement.

    With :math:`i_1, \dots, i_n` independent and uniform over the ``n`` examples,

    .. math:: (x_{i_1}, y_{i_1}), \dots, (x_{i_n}, y_{i_n}).

    Args:
        x: Inputs.
        y: Targets.
        generator: Where the examples are drawn from.

    Returns:
        Inputs and targets, about 63% of the examples in them, some several times.

    Raises:
        ValueError: If there are not as many targets as inputs.

    Example:
        >>> bootstrap(torch.arange(4), torch.arange(4) * 10, generator=torch.Generator().manual_seed(0))
        (tensor([0, 3, 1, 0]), tensor([ 0, 30, 10,  0]))

    Reference:
        Efron, *Bootstrap Methods: Another Look at the Jackknife*, 1979.
    """
    check_same_length(x=x, y=y)
    chosen = torch.randint(len(x), (len(x),), generator=generator).to(x.device)
    return x[chosen], y[chosen]

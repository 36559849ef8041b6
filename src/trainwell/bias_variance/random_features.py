"""Regression on random features: a linear model of any width, where double descent can be computed exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from .._arguments import check_at_least, check_dimensions
from .._shapes import Float
from ..scores import mean_squared_error
from ._fits import Predict, Score
from .least_squares import least_squares


class RandomFeatures(nn.Module):
    r"""The hidden layer of a two-layer network, drawn once and never trained.

    With rows :math:`v_k \sim \mathcal N(0, I/d)` for inputs of length :math:`d` = ``in_features`` and :math:`p` =
    ``width``,

    .. math:: \varphi_k(x) = \frac{1}{\sqrt p} \max(0, v_k \cdot x), \qquad k = 1, \dots, p.

    Args:
        in_features: The length of an input.
        width: The number of features.
        generator: Where they are drawn from.

    Raises:
        ValueError: If ``width`` is less than 1.

    Example:
        >>> RandomFeatures(4, 7)(torch.randn(2, 4)).shape
        torch.Size([2, 7])

    Reference:
        Rahimi and Recht, *Random Features for Large-Scale Kernel Machines*, 2007; Mei and Montanari, *The
        Generalization Error of Random Features Regression*, 2022.
    """

    weight: Float[Tensor, "width in_features"]

    def __init__(self, in_features: int, width: int, *, generator: Generator | None = None) -> None:
        super().__init__()
        check_at_least("width", width, 1)
        self.register_buffer("weight", torch.randn(width, in_features, generator=generator) / in_features**0.5)

    def forward(self, x: Float[Tensor, "n in_features"]) -> Float[Tensor, "n width"]:
        return (x @ self.weight.T).relu() / len(self.weight) ** 0.5


def fit_random_features(
    x: Float[Tensor, "n in_features"],
    y: Float[Tensor, " n *outputs"],
    width: int,
    strength: float = 0.0,
    *,
    generator: Generator | None = None,
) -> Predict:
    r"""Fits a linear model to random features of the inputs.

    With :math:`\varphi` the :class:`RandomFeatures` and :math:`w` from :func:`least_squares` over them,

    .. math:: \hat f(x) = \sum_k w_k\, \varphi_k(x).

    Args:
        x: Inputs, a row an example.
        y: Targets, a number or a row an example.
        width: The number of features, which is the number of weights for each output.
        strength: The penalty on the squared weights.
        generator: Where the features are drawn from.

    Returns:
        A predictor, which is a function of inputs.

    Raises:
        ValueError: If ``width`` is less than 1, ``strength`` is negative, ``x`` is no matrix, or there are not as many
            targets as inputs.

    Example:
        >>> x = torch.randn(5, 3)
        >>> predict = fit_random_features(x, x.sum(1), width=100)
        >>> torch.allclose(predict(x), x.sum(1), atol=1e-3)  # more weights than examples: all are fitted
        True

    Reference:
        Rahimi and Recht, *Random Features for Large-Scale Kernel Machines*, 2007.
    """
    check_dimensions("x", x, 2)
    features = RandomFeatures(x.shape[1], width, generator=generator).to(x)
    weights = least_squares(features(x), y, strength)
    return lambda x: features(x) @ weights


@dataclass(frozen=True)
class WidthCurve:
    """What :func:`width_curve` measured, a number a width.

    Args:
        widths: The numbers of features.
        train: The training error.
        test: The test error.

    Example:
        >>> WidthCurve([1, 5, 50], train=[0.9, 0.0, 0.0], test=[1.0, 7.0, 0.5]).peak
        5
    """

    widths: Sequence[int]
    train: Sequence[float]
    test: Sequence[float]

    @property
    def peak(self) -> int:
        """The width of the largest test error."""
        return max(zip(self.test, self.widths, strict=True))[1]


def width_curve(
    train: tuple[Tensor, Tensor],
    test: tuple[Tensor, Tensor],
    widths: Sequence[int],
    *,
    strength: float = 0.0,
    error: Score = mean_squared_error,
    generator: Generator | None = None,
) -> WidthCurve:
    r"""The errors of random-feature regression over its width: down, up to a peak, and down again.

    With :math:`n` examples and :math:`p` features, the test error falls, rises to a peak at :math:`p = n`, where one
    solution is left that fits every example and its norm is huge, and falls again for :math:`p > n`, where the
    least norm can be chosen among many. A penalty (``strength``) flattens the peak.

    Args:
        train: Inputs, a row an example, and targets.
        test: The same, to measure with.
        widths: The numbers of features to try, each with features of its own.
        strength: The penalty on the squared weights.
        error: ``error(predictions, targets)``, a number that is smaller for better predictions.
        generator: Where the features are drawn from.

    Returns:
        Training and test errors.

    Raises:
        ValueError: If a width is less than 1, ``strength`` is negative, or inputs, targets and predictions do not fit
            together.

    Example:
        >>> g = torch.Generator().manual_seed(0)
        >>> x = torch.randn(220, 10, generator=g, dtype=torch.float64)
        >>> y = x[:, 0] + torch.randn(220, generator=g, dtype=torch.float64) / 2
        >>> width_curve((x[:20], y[:20]), (x[20:], y[20:]), [5, 20, 200], generator=g).peak
        20

    Reference:
        Belkin, Hsu, Ma and Mandal, *Reconciling Modern Machine-Learning Practice and the Classical Bias-Variance
        Trade-Off*, 2019.
    """
    train_errors, test_errors = [], []
    for width in widths:
        predict = fit_random_features(*train, width, strength, generator=generator)
        train_errors.append(error(predict(train[0]), train[1]))
        test_errors.append(error(predict(test[0]), test[1]))
    return WidthCurve(widths, train_errors, test_errors)

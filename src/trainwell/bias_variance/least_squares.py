"""Linear least squares in closed form, by the solution of least norm; polynomials fitted with it."""

from __future__ import annotations

import torch
from torch import Tensor

from .._arguments import check_dimensions, check_not_negative, check_same_length, check_same_shape
from .._shapes import Float
from ._fits import Predict


def least_squares(
    x: Float[Tensor, "n features"], y: Float[Tensor, " n *outputs"], strength: float = 0.0
) -> Float[Tensor, " features *outputs"]:
    r"""The weights of least squared error and, among all that reach it, of least norm; or ridge regression.

    With the singular value decomposition :math:`X = U \operatorname{diag}(s) V^\top` of ``x``, :math:`y` = ``y`` and
    :math:`\lambda` = ``strength``,

    .. math::

        w = V \operatorname{diag}\!\left(\frac{s}{s^2 + \lambda}\right) U^\top y, \qquad
        \text{which minimises } \lVert Xw - y \rVert^2 + \lambda \lVert w \rVert^2;

    :math:`\lambda = 0` gives :math:`w = X^+ y`, where :math:`s_i = 0` counts as :math:`1/s_i = 0`. With more
    features than examples that solution fits every example, and gradient descent from zero would find it.

    Args:
        x: Inputs, a row an example.
        y: Targets, a number or a row an example.
        strength: The penalty on the squared weights.

    Returns:
        The weights, with which ``x @ weights`` predicts.

    Raises:
        ValueError: If ``strength`` is negative, ``x`` is no matrix, or there are not as many targets as inputs.

    Example:
        >>> w = least_squares(torch.tensor([[3.0, 4.0]]), torch.tensor([25.0]))
        >>> w.round(decimals=3)  # of all with 3a + 4b = 25
        tensor([3., 4.])

    Reference:
        Penrose, *On Best Approximate Solutions of Linear Matrix Equations*, 1956; Hoerl and Kennard, *Ridge
        Regression*, 1970.

    Note:
        Singular values below the largest times the rounding error times the larger side count as zero, as in
        :func:`numpy.linalg.lstsq`. The penalty has no half and goes with a sum of squares, as in scikit-learn.
    """
    check_not_negative("strength", strength)
    check_dimensions("x", x, 2)
    check_same_length(x=x, y=y)
    u, s, vt = torch.linalg.svd(x, full_matrices=False)
    zero = s <= s.max() * torch.finfo(x.dtype).eps * max(x.shape)
    shrunk = torch.where(zero, 0, s / (s.square() + strength))
    return (vt.T * shrunk) @ (u.T @ y)


def polynomial_features(x: Float[Tensor, " n"], degree: int) -> Float[Tensor, "n powers"]:
    r"""The powers of a number, for a linear model of them.

    With :math:`d` = ``degree``, row by row

    .. math:: (1, x, x^2, \dots, x^d).

    Args:
        x: Numbers; keep them within [-1, 1], or high powers explode.
        degree: The highest power.

    Returns:
        A row a number, a column a power.

    Raises:
        ValueError: If ``degree`` is negative, or ``x`` has more than one dimension.

    Example:
        >>> polynomial_features(torch.tensor([2.0, 3.0]), degree=2)
        tensor([[1., 2., 4.],
                [1., 3., 9.]])

    Reference:
        Bishop, *Pattern Recognition and Machine Learning*, 2006, section 1.1.
    """
    check_not_negative("degree", degree)
    check_dimensions("x", x, 1)
    return x.unsqueeze(-1) ** torch.arange(degree + 1, device=x.device)


def fit_polynomial(x: Float[Tensor, " n"], y: Float[Tensor, " n"], degree: int, strength: float = 0.0) -> Predict:
    r"""Fits a polynomial: of a low degree it is too stiff for the data, of a high degree it follows the noise.

    With :math:`d` = ``degree`` and :math:`w` from :func:`least_squares` over :func:`polynomial_features`,

    .. math:: \hat f(x) = \sum_{k=0}^{d} w_k x^k.

    Args:
        x: Numbers.
        y: Targets.
        degree: The highest power.
        strength: The penalty on the squared weights.

    Returns:
        A predictor, which is a function of numbers.

    Raises:
        ValueError: If ``degree`` or ``strength`` is negative, or ``x`` and ``y`` are not equally many numbers.

    Example:
        >>> predict = fit_polynomial(torch.tensor([-1.0, 0.0, 1.0]), torch.tensor([1.0, 0.0, 1.0]), degree=2)
        >>> round(predict(torch.tensor([0.5])).item(), 4)
        0.25

    Reference:
        Bishop, *Pattern Recognition and Machine Learning*, 2006, section 1.1, whose example this is.
    """
    features = polynomial_features(x, degree)
    check_same_shape(x=x, y=y)
    weights = least_squares(features, y, strength)
    return lambda x: polynomial_features(x, degree) @ weights

"""Inputs without correlations: whitening along the principal axes, or back in the inputs' own."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .._arguments import check_not_negative
from .._shapes import Float


class Whitening(nn.Module):
    r"""An affine map that whitens inputs, and back: the result of :func:`pca_whitening` and :func:`zca_whitening`.

    With :math:`\mu` = ``mean`` and :math:`W` = ``matrix``,

    .. math:: z = W(x - \mu), \qquad x = W^{-1} z + \mu.

    Args:
        mean: The mean of the training set.
        matrix: What whitens it; invertible.

    Raises:
        ValueError: In a call, if ``x`` has another number of features.

    Example:
        >>> whiten = Whitening(torch.tensor([1.0, 1.0]), torch.tensor([[0.5, 0.0], [0.0, 2.0]]))
        >>> whiten(torch.tensor([[3.0, 2.0]])), whiten.inverse(torch.tensor([[1.0, 2.0]]))
        (tensor([[1., 2.]]), tensor([[3., 2.]]))
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, mean: Float[Tensor, " features"], matrix: Float[Tensor, "features features"]) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("matrix", matrix)

    def forward(self, x: Float[Tensor, "*n features"]) -> Float[Tensor, "*n features"]:
        if x.shape[-1:] != self.mean.shape:
            raise ValueError(f"x must have {len(self.mean)} features, got the shape {tuple(x.shape)}")
        return (x - self.mean.to(x.dtype)) @ self.matrix.mT.to(x.dtype)

    def inverse(self, z: Float[Tensor, "*n features"]) -> Float[Tensor, "*n features"]:
        """The inputs again."""
        return z @ self.matrix.inverse().mT.to(z.dtype) + self.mean.to(z.dtype)


def pca_whitening(x: Float[Tensor, "n features"], eps: float = 0.0) -> Whitening:
    r"""PCA whitening: the coordinates along the principal axes, each divided by its deviation.

    With the covariance :math:`\frac{1}{n-1}\sum_n (x_n-\mu)(x_n-\mu)^\top = U \Lambda U^\top` of the rows of
    ``x``, its eigenvalues falling, and :math:`\varepsilon` = ``eps``,

    .. math:: z = (\Lambda + \varepsilon)^{-1/2}\, U^\top (x - \mu),

    so that with :math:`\varepsilon = 0` the covariance of :math:`z` is the identity.

    Args:
        x: The training set, in rows.
        eps: Added to the eigenvalues: where one is nearly 0 there is nothing but noise to blow up.

    Returns:
        The map, for every set.

    Raises:
        ValueError: If ``eps`` is negative, or zero where an eigenvalue is zero: with no more rows than features, or
            features that depend on one another.

    Example:
        >>> x = torch.tensor([[2.0, 2.0], [-2.0, -2.0], [1.0, -1.0], [-1.0, 1.0]])
        >>> torch.allclose(pca_whitening(x)(x).T.cov(), torch.eye(2), atol=1e-6)
        True

    Reference:
        Kessy, Lewin and Strimmer, *Optimal Whitening and Decorrelation*, 2018.
    """
    mean, eigenvalues, axes = _principal_axes(x, eps)
    return Whitening(mean, eigenvalues.rsqrt().diag() @ axes.mT)


def zca_whitening(x: Float[Tensor, "n features"], eps: float = 0.0) -> Whitening:
    r"""ZCA whitening: PCA whitening turned back, so that a whitened image still looks like itself.

    With :math:`U, \Lambda` and :math:`\varepsilon` as in :func:`pca_whitening`,

    .. math:: z = U (\Lambda + \varepsilon)^{-1/2}\, U^\top (x - \mu):

    of all maps that whiten the one that changes ``x`` least.

    Args:
        x: The training set, in rows.
        eps: Added to the eigenvalues.

    Returns:
        The map, for every set.

    Raises:
        ValueError: If ``eps`` is negative, or zero where an eigenvalue is zero: with no more rows than features, or
            features that depend on one another.

    Example:
        >>> x = torch.tensor([[2.0, 2.0], [-2.0, -2.0], [1.0, -1.0], [-1.0, 1.0]])
        >>> zca_whitening(x)(x)[0]
        tensor([0.8660, 0.8660])

    Reference:
        Bell and Sejnowski, *The "Independent Components" of Natural Scenes are Edge Filters*, 1997.
    """
    mean, eigenvalues, axes = _principal_axes(x, eps)
    return Whitening(mean, axes @ eigenvalues.rsqrt().diag() @ axes.mT)


def _principal_axes(x: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """The mean, the eigenvalues with ``eps``, and the eigenvectors in columns, the largest first."""
    check_not_negative("eps", eps)
    eigenvalues, axes = torch.linalg.eigh(x.mT.cov())
    eigenvalues = eigenvalues.clamp(min=0)  # below it only by rounding
    rounding = torch.finfo(x.dtype).eps * len(eigenvalues) * eigenvalues[-1]
    if eps == 0 and not eigenvalues[0] > rounding:
        expected = "positive where x has no more rows than features, or features that depend on one another"
        raise ValueError(f"eps must be {expected}, got 0 for {len(x)} rows of {x.shape[1]} features")
    return x.mean(0), eigenvalues.flip(0) + eps, axes.flip(1)

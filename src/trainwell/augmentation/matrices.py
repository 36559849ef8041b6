"""The 2 x 3 matrices behind rotating, scaling, stretching, shearing, shifting and flipping: (x, y, 1) to a new (x, y).

x points right and y points down, as in images, and the origin is the middle of the image.
"""

from __future__ import annotations

from functools import reduce
from math import cos, radians, sin, tan

import torch
from torch import Tensor

from .._shapes import Float


def _matrix(*rows: list[float]) -> Float[Tensor, "2 3"]:
    return torch.tensor(rows, dtype=torch.float64)


def rotation(angle: float) -> Float[Tensor, "2 3"]:
    r"""Turns clockwise, as one sees it.

    With :math:`\theta` = ``angle``, in degrees:

    .. math:: \begin{pmatrix} \cos\theta & -\sin\theta & 0 \\ \sin\theta & \cos\theta & 0 \end{pmatrix}

    Args:
        angle: The angle, in degrees.

    Returns:
        The matrix, in float64.

    Example:
        >>> rotation(90).round()
        tensor([[ 0., -1.,  0.],
                [ 1.,  0.,  0.]], dtype=torch.float64)

    Reference:
        Simard, Steinkraus and Platt, *Best Practices for Convolutional Neural Networks Applied to Visual Document
        Analysis*, 2003.

    Note:
        :func:`torchvision.transforms.v2.functional.affine` turns the same way, ``rotate`` the other.
    """
    theta = radians(angle)
    return _matrix([cos(theta), -sin(theta), 0.0], [sin(theta), cos(theta), 0.0])


def scaling(x: float, y: float | None = None) -> Float[Tensor, "2 3"]:
    r"""Enlarges, stretches when the two factors differ, and mirrors where one is negative.

    With :math:`s_x` = ``x`` and :math:`s_y` = ``y``:

    .. math:: \begin{pmatrix} s_x & 0 & 0 \\ 0 & s_y & 0 \end{pmatrix}

    Args:
        x: The factor from left to right.
        y: The factor from top to bottom; the same as x where it is not given.

    Returns:
        The matrix, in float64.

    Raises:
        ValueError: If a factor is 0, which would leave nothing to see.

    Example:
        >>> scaling(2, 0.5)
        tensor([[2.0000, 0.0000, 0.0000],
                [0.0000, 0.5000, 0.0000]], dtype=torch.float64)

    Reference:
        Simard, Steinkraus and Platt, *Best Practices for Convolutional Neural Networks Applied to Visual Document
        Analysis*, 2003.
    """
    y = x if y is None else y
    if x == 0 or y == 0:
        raise ValueError(f"x and y must not be 0, got {x} and {y}")
    return _matrix([x, 0.0, 0.0], [0.0, y, 0.0])


def translation(x: float, y: float) -> Float[Tensor, "2 3"]:
    r"""Shifts.

    With :math:`t_x` = ``x`` and :math:`t_y` = ``y``, in pixels:

    .. math:: \begin{pmatrix} 1 & 0 & t_x \\ 0 & 1 & t_y \end{pmatrix}

    Args:
        x: How far to the right.
        y: How far down.

    Returns:
        The matrix, in float64.

    Example:
        >>> translation(3, -1)
        tensor([[ 1.,  0.,  3.],
                [ 0.,  1., -1.]], dtype=torch.float64)

    Reference:
        Simard, Steinkraus and Platt, *Best Practices for Convolutional Neural Networks Applied to Visual Document
        Analysis*, 2003.
    """
    return _matrix([1.0, 0.0, x], [0.0, 1.0, y])


def shearing(x: float, y: float = 0.0) -> Float[Tensor, "2 3"]:
    r"""Slides the rows over each other, and then the columns.

    With :math:`\phi` = ``x`` and :math:`\psi` = ``y``, in degrees:

    .. math::

        \begin{pmatrix} 1 & 0 & 0 \\ -\tan\psi & 1 & 0 \end{pmatrix}
        \begin{pmatrix} 1 & -\tan\phi & 0 \\ 0 & 1 & 0 \\ 0 & 0 & 1 \end{pmatrix}

    Args:
        x: The angle by which upright lines lean to the right, in degrees.
        y: The angle by which level lines rise to the right, in degrees.

    Returns:
        The matrix, in float64.

    Example:
        >>> shearing(45)
        tensor([[ 1.0000, -1.0000,  0.0000],
                [ 0.0000,  1.0000,  0.0000]], dtype=torch.float64)

    Reference:
        Simard, Steinkraus and Platt, *Best Practices for Convolutional Neural Networks Applied to Visual Document
        Analysis*, 2003.

    Note:
        The signs are those of :func:`torchvision.transforms.v2.functional.affine`.
    """
    slide_x, slide_y = -tan(radians(x)), -tan(radians(y))
    return compose(_matrix([1.0, 0.0, 0.0], [slide_y, 1.0, 0.0]), _matrix([1.0, slide_x, 0.0], [0.0, 1.0, 0.0]))


def compose(*matrices: Float[Tensor, "2 3"]) -> Float[Tensor, "2 3"]:
    r"""One matrix for all: the last acts first, as in a product.

    With :math:`A_1, \dots, A_k` = ``matrices``, each extended by the row (0, 0, 1): :math:`A_1 A_2 \cdots A_k`.

    Args:
        matrices: The matrices.

    Returns:
        Their product, in the form of two rows.

    Example:
        >>> compose(translation(3, 0), scaling(2))  # first twice as large, then three to the right
        tensor([[2., 0., 3.],
                [0., 2., 0.]], dtype=torch.float64)

    Reference:
        Simard, Steinkraus and Platt, *Best Practices for Convolutional Neural Networks Applied to Visual Document
        Analysis*, 2003.
    """
    return reduce(lambda first, second: first @ torch.cat([second, second.new_tensor([[0.0, 0.0, 1.0]])]), matrices)


def inverse(matrix: Float[Tensor, "2 3"]) -> Float[Tensor, "2 3"]:
    r"""The way back.

    With :math:`(A \mid t)` = ``matrix``: :math:`(A^{-1} \mid -A^{-1} t)`.

    Args:
        matrix: The matrix.

    Returns:
        The matrix that takes every point back to where it came from.

    Example:
        >>> inverse(compose(translation(3, 1), scaling(2)))
        tensor([[ 0.5000,  0.0000, -1.5000],
                [ 0.0000,  0.5000, -0.5000]], dtype=torch.float64)

    Reference:
        Simard, Steinkraus and Platt, *Best Practices for Convolutional Neural Networks Applied to Visual Document
        Analysis*, 2003.
    """
    linear, shift = matrix.split([2, 1], dim=1)
    back = torch.linalg.inv(linear)
    return torch.cat([back, -back @ shift], dim=1)

"""Gradients against centred differences, in float64."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor

from .._shapes import Float


def numerical_gradient(
    f: Callable[[Tensor], Tensor], x: Float[Tensor, "*shape"], *, eps: float = 1e-6
) -> Float[Tensor, "*shape"]:
    r"""The gradient of a function by centred differences, one entry after another, in float64.

    With :math:`f` = ``f``, :math:`x` = ``x``, :math:`h` = ``eps`` and :math:`e_i` one at entry :math:`i` and zero
    elsewhere,

    .. math:: \frac{\partial f}{\partial x_i} \approx \frac{f(x + h e_i) - f(x - h e_i)}{2h},

    which is wrong by :math:`O(h^2)`, where the one-sided difference is wrong by :math:`O(h)`.

    Args:
        f: Takes a tensor like ``x`` in float64 and returns a scalar in float64.
        x: Where to differentiate.
        eps: Half the distance between the two points.

    Returns:
        A float64 tensor of the shape of ``x``.

    Raises:
        ValueError: If ``eps`` is not positive, or ``f`` does not return a scalar in float64.

    Example:
        >>> numerical_gradient(lambda x: (x**3).sum(), torch.tensor([1.0, 2.0]))
        tensor([ 3.0000, 12.0000], dtype=torch.float64)

    Reference:
        Nocedal and Wright, *Numerical Optimization*, 2006, section 8.1.
    """
    if not eps > 0:
        raise ValueError(f"eps must be positive, got {eps}")
    x = x.detach().double().clone()
    gradient = torch.empty_like(x)
    for i in itertools.product(*map(range, x.shape)):
        old = x[i].item()
        x[i] = old + eps
        above = _value(f, x)
        x[i] = old - eps
        below = _value(f, x)
        x[i] = old
        gradient[i] = (above - below) / (2 * eps)
    return gradient


def check_gradient(
    f: Callable[[Tensor], Tensor],
    x: Float[Tensor, "*shape"],
    gradient: Float[Tensor, "*shape"],
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
) -> float:
    r"""Checks a gradient against :func:`numerical_gradient`, and says which entry is wrong.

    With :math:`g` = ``gradient`` and :math:`\hat g` the centred differences, every entry has to satisfy

    .. math:: |g_i - \hat g_i| \le \mathtt{atol} + \mathtt{rtol}\,|\hat g_i|.

    Args:
        f: Takes a tensor like ``x`` in float64 and returns a scalar in float64.
        x: Where to check.
        gradient: What the gradient of ``f`` at ``x`` is said to be.
        eps: Half the distance between the points of the differences.
        atol: Absolute tolerance.
        rtol: Relative tolerance.

    Returns:
        The largest difference between an entry and its centred difference.

    Raises:
        ValueError: If an entry is wrong; the message names the worst of them and counts them all.

    Example:
        >>> x = torch.tensor([1.0, 2.0], dtype=torch.float64)
        >>> check_gradient(lambda x: (x**2).sum(), x, 2 * x) < 1e-8
        True
        >>> check_gradient(lambda x: (x**2).sum(), x, torch.tensor([2.0, 5.0]))
        Traceback (most recent call last):
        ValueError: gradient is wrong in 1 of 2 entries, worst in (1,): got 5, expected 4

    Reference:
        Karpathy and Johnson, lecture notes of Stanford's course CS231n, 2016, on gradient checks.

    Note:
        The names and values of the tolerances are those of :func:`torch.autograd.gradcheck`. Within ``eps`` of a
        kink, such as ReLU's at zero, differences are no derivative: a right gradient may be called wrong there.
    """
    expected = numerical_gradient(f, x, eps=eps)
    gap = (gradient.to(expected) - expected).abs()
    wrong = ~(gap <= atol + rtol * expected.abs())  # NaN is wrong, too
    if wrong.any():
        worst = torch.unravel_index(torch.where(wrong, gap, -1).nan_to_num(nan=torch.inf).argmax(), gap.shape)
        entry = tuple(int(i) for i in worst)
        raise ValueError(
            f"gradient is wrong in {int(wrong.sum())} of {wrong.numel()} entries, worst in {entry}: "
            f"got {gradient[entry].item():.6g}, expected {expected[entry].item():.6g}"
        )
    return gap.max().item()


def _value(f: Callable[[Tensor], Tensor], x: Tensor) -> float:
    value = f(x)
    if value.dtype != torch.float64 or value.dim() > 0:
        raise ValueError(f"f must return a float64 scalar, got {value.dtype} of shape {tuple(value.shape)}")
    return value.item()

"""Down along a curve, once or again and again."""

from __future__ import annotations

import math

from .._arguments import check_at_least, check_not_negative
from ._kind import Schedule


def linear(steps: int, start: float = 1.0, end: float = 0.0) -> Schedule:
    r"""Straight from one factor to another.

    With :math:`T` = ``steps``, :math:`a` = ``start`` and :math:`b` = ``end``,

    .. math:: f(t) = a + (b - a)\, t / T \text{ up to } T,\text{ then } b.

    Args:
        steps: How many steps the way takes.
        start: The factor at step 0.
        end: The factor from step ``steps`` on.

    Returns:
        The schedule.

    Raises:
        ValueError: If ``steps`` is less than 1, or ``start`` or ``end`` is negative.

    Example:
        >>> [linear(steps=4)(t) for t in (0, 1, 4, 9)]
        [1.0, 0.75, 0.0, 0.0]

    Reference:
        Devlin, Chang, Lee and Toutanova, *BERT: Pre-training of Deep Bidirectional Transformers for Language
        Understanding*, 2019.
    """
    check_at_least("steps", steps, 1)
    check_not_negative("start", start)
    check_not_negative("end", end)
    return lambda t: start + (end - start) * min(t, steps) / steps


def inverse_sqrt(shift: int = 1) -> Schedule:
    r"""Down with the root of the step.

    With :math:`s` = ``shift``,

    .. math:: f(t) = \sqrt{\frac{s}{t + s}}, \qquad \text{and with } s = 1 \quad f(t) = \frac{1}{\sqrt{t + 1}}.

    Args:
        shift: After how many steps the factor has fallen to :math:`1/\sqrt2`.

    Returns:
        The schedule.

    Raises:
        ValueError: If ``shift`` is less than 1.

    Example:
        >>> [inverse_sqrt()(t) for t in (0, 3, 99)]
        [1.0, 0.5, 0.1]

    Reference:
        Vaswani et al., *Attention Is All You Need*, 2017, where it follows a :func:`warmup`.

    Note:
        Lectures also name :math:`1/\sqrt{t+1}` "1/t decay". Counted from 1, it is :math:`1/\sqrt t`.
    """
    check_at_least("shift", shift, 1)
    return lambda t: math.sqrt(shift / (t + shift))


def cosine(steps: int, least: float = 0.0) -> Schedule:
    r"""Down along half a wave of the cosine, flat at both ends.

    With :math:`T` = ``steps`` and :math:`c` = ``least``,

    .. math:: f(t) = c + (1 - c)\,\tfrac12 \bigl(1 + \cos(\pi\, t / T)\bigr) \text{ up to } T,\text{ then } c.

    Args:
        steps: How many steps the way down takes.
        least: The factor at its end.

    Returns:
        The schedule.

    Raises:
        ValueError: If ``steps`` is less than 1, or ``least`` is negative.

    Example:
        >>> f = cosine(steps=100)
        >>> [round(f(t), 3) for t in (0, 50, 100, 150)]
        [1.0, 0.5, 0.0, 0.0]
        >>> optimizer = torch.optim.SGD([torch.zeros(3, requires_grad=True)], lr=0.1)
        >>> schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, f)  # schedule.step() after each optimizer.step()

    Reference:
        Loshchilov and Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*, 2017.

    Note:
        torch's ``CosineAnnealingLR`` rises again after ``T_max``; here the end is the end.
    """
    check_at_least("steps", steps, 1)
    check_not_negative("least", least)
    return lambda t: least + (1 - least) * (1 + math.cos(math.pi * min(t, steps) / steps)) / 2


def restarts(first: int, growth: int = 1, least: float = 0.0) -> Schedule:
    r"""Cosine again and again: at the end of each period the rate jumps back up.

    With periods of :math:`T_i = T_0\, m^i` steps, :math:`T_0` = ``first``, :math:`m` = ``growth``, and :math:`s` the
    steps since the period began, the factor is that of :func:`cosine` with :math:`t = s` and :math:`T = T_i`.

    Args:
        first: How many steps the first period takes.
        growth: How many times longer each period is than the one before.
        least: The factor towards which a period falls.

    Returns:
        The schedule.

    Raises:
        ValueError: If ``first`` or ``growth`` is less than 1, or ``least`` is negative.

    Example:
        >>> f = restarts(first=10, growth=2)
        >>> [round(f(t), 3) for t in (0, 5, 10, 20, 30)]
        [1.0, 0.5, 1.0, 0.5, 1.0]

    Reference:
        Loshchilov and Hutter, *SGDR: Stochastic Gradient Descent with Warm Restarts*, 2017.
    """
    check_at_least("first", first, 1)
    check_at_least("growth", growth, 1)
    check_not_negative("least", least)

    def factor(t: int) -> float:
        length = first
        while t >= length:
            t, length = t - length, length * growth
        return cosine(length, least)(t)

    return factor

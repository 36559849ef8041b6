"""Learning-rate schedules: functions from the step to what the learning rate is multiplied with.

Give one to :class:`torch.optim.lr_scheduler.LambdaLR`; its step 0 is the first step of the optimizer. Steps are
whatever it is stepped by: batches in :func:`trainwell.training.fit`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from ._arguments import check_at_least, check_not_negative

__all__ = [
    "constant",
    "cosine",
    "exponential",
    "inverse_sqrt",
    "linear",
    "multi_step",
    "restarts",
    "step",
    "warmup",
]

Schedule = Callable[[int], float]


def constant(factor: float = 1.0) -> Schedule:
    r"""The same factor at every step: 1 is no schedule at all.

    .. math:: f(t) = c

    Args:
        factor: The factor :math:`c`.

    Returns:
        The schedule.

    Raises:
        ValueError: If ``factor`` is negative.

    Example:
        >>> warmup(constant(), steps=4)(1)
        0.25

    Reference:
        Robbins and Monro, *A Stochastic Approximation Method*, 1951, for why it should fall instead.
    """
    check_not_negative("factor", factor)
    return lambda t: factor


def step(size: int, gamma: float = 0.1) -> Schedule:
    r"""Down by a factor every so many steps.

    .. math:: f(t) = \gamma^{\lfloor t / s \rfloor}

    Args:
        size: How many steps :math:`s` lie between two drops.
        gamma: The factor :math:`\gamma` of a drop.

    Returns:
        The schedule.

    Raises:
        ValueError: If ``size`` is less than 1, or ``gamma`` is negative.

    Example:
        >>> f = step(size=30, gamma=0.5)
        >>> [f(t) for t in (0, 29, 30, 60)]
        [1.0, 1.0, 0.5, 0.25]

    Reference:
        Krizhevsky, Sutskever and Hinton, *ImageNet Classification with Deep Convolutional Neural Networks*, 2012.
    """
    check_at_least("size", size, 1)
    check_not_negative("gamma", gamma)
    return lambda t: gamma ** (t // size)


def multi_step(milestones: Sequence[int], gamma: float = 0.1) -> Schedule:
    r"""Down by a factor at given steps.

    .. math:: f(t) = \gamma^{\#\{m \in M :\; m \le t\}}

    Args:
        milestones: The steps :math:`M` of the drops, the first with the lower rate.
        gamma: The factor :math:`\gamma` of a drop.

    Returns:
        The schedule.

    Raises:
        ValueError: If ``gamma`` is negative.

    Example:
        >>> f = multi_step([30, 60, 90], gamma=0.5)
        >>> [f(t) for t in (29, 30, 60, 100)]
        [1.0, 0.5, 0.25, 0.125]

    Reference:
        He, Zhang, Ren and Sun, *Deep Residual Learning for Image Recognition*, 2016.
    """
    check_not_negative("gamma", gamma)
    return lambda t: gamma ** sum(m <= t for m in milestones)


def exponential(gamma: float) -> Schedule:
    r"""Down by the same factor at every step.

    .. math:: f(t) = \gamma^t

    Args:
        gamma: The factor :math:`\gamma`.

    Returns:
        The schedule.

    Raises:
        ValueError: If ``gamma`` is negative.

    Example:
        >>> [exponential(0.5)(t) for t in (0, 1, 2)]
        [1.0, 0.5, 0.25]

    Reference:
        Szegedy et al., *Going Deeper with Convolutions*, 2015, who fall by 4% every 8 epochs.
    """
    check_not_negative("gamma", gamma)
    return lambda t: gamma**t


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


def warmup(schedule: Schedule, steps: int, start: float = 0.0) -> Schedule:
    r"""A straight way up, then any schedule.

    With :math:`w` = ``steps``, :math:`a` = ``start`` and :math:`f` the ``schedule``,

    .. math:: \bigl(a + (1 - a)\, t / w\bigr)\, f(0) \text{ before } w, \text{ then } f(t - w).

    Args:
        schedule: What comes after.
        steps: How many steps the way up takes; 0 is none.
        start: The share of the rate at step 0.

    Returns:
        The schedule.

    Raises:
        ValueError: If ``steps`` or ``start`` is negative.

    Example:
        >>> f = warmup(cosine(steps=100), steps=4)
        >>> [round(f(t), 3) for t in (0, 2, 4, 54, 104)]
        [0.0, 0.5, 1.0, 0.5, 0.0]

    Reference:
        Goyal et al., *Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour*, 2017.

    Note:
        From 0 the very first step does not move; ``start=1 / steps`` spares it.
    """
    check_not_negative("steps", steps)
    check_not_negative("start", start)
    return lambda t: (start + (1 - start) * t / steps) * schedule(0) if t < steps else schedule(t - steps)

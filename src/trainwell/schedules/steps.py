"""The same factor for a while, then a lower one."""

from __future__ import annotations

from collections.abc import Sequence

from .._arguments import check_at_least, check_not_negative
from ._kind import Schedule


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
        >>> [constant()(t) for t in (0, 1000)]
        [1.0, 1.0]

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
